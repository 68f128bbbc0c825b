//! Order: points that came after a later one. The reference library has no such check.

use crate::flag::Flag;
use crate::series::NAT;

/// A point earlier than one before it is FAIL; one at the same time is GOOD, as
/// [`duplicate_stamp`](super::duplicate_stamp) reports it. `latest` is that of all points before these, or [`NAT`].
pub fn flags(mut latest: i64, times: &[i64]) -> Vec<Flag> {
    times
        .iter()
        .map(|time| {
            let flag = match *time {
                NAT => Flag::Missing,
                time if time < latest => Flag::Fail,
                _ => Flag::Good,
            };
            latest = latest.max(*time);
            flag
        })
        .collect()
}
