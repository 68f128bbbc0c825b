//! Duplicate stamp: several points of the same instant.

use std::collections::HashMap;

use crate::flag::Flag;
use crate::series::NAT;

/// All copies are SUSPECT: which of them is right is not known.
pub fn flags(times: &[i64]) -> Vec<Flag> {
    // Sorted series, the usual ones, have their copies side by side.
    if times.is_sorted() && times.first() != Some(&NAT) {
        return of_sorted(times);
    }
    let mut counts: HashMap<i64, u32> = HashMap::with_capacity(times.len());
    for time in times {
        *counts.entry(*time).or_default() += 1;
    }
    let flag = |time: &i64| match *time {
        NAT => Flag::Missing,
        time if counts[&time] > 1 => Flag::Suspect,
        _ => Flag::Good,
    };
    times.iter().map(flag).collect()
}

fn of_sorted(times: &[i64]) -> Vec<Flag> {
    let mut flags = vec![Flag::Good; times.len()];
    for (at, pair) in times.windows(2).enumerate() {
        if pair[0] == pair[1] {
            flags[at..=at + 1].fill(Flag::Suspect);
        }
    }
    flags
}
