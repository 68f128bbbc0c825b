//! The order in which temporal checks of the mode `strict` see a series: sorted by time, one point per time stamp.
//!
//! Points without a time are left out, and so are later copies of a time stamp. Points that came after a later one
//! stand where they belong, as neighbours, but are not judged: the check of order reports them.

use crate::flag::Flag;
use crate::series::NAT;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: f64 = 1e9;

/// Where the points of a sorted series stand in the data.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// Nothing for a series that is sorted already: the usual case costs no copy.
    positions: Option<Vec<usize>>,
    /// The points that came late, by position in the data.
    late: Vec<usize>,
}

impl Sorted {
    pub(crate) fn of(times: &[i64]) -> Self {
        let is_rising = times.first().is_none_or(|first| *first != NAT)
            && times.windows(2).all(|pair| pair[0] < pair[1]);
        if is_rising {
            return Self::as_given();
        }
        let mut positions: Vec<_> = (0..times.len()).filter(|at| times[*at] != NAT).collect();
        positions.sort_by_key(|at| times[*at]);
        positions.dedup_by_key(|at| times[*at]);
        Self { positions: Some(positions), late: late(times) }
    }

    /// The order of the data, whatever the times say.
    pub(crate) fn as_given() -> Self {
        Self { positions: None, late: Vec::new() }
    }

    /// A column in the order of time.
    pub(crate) fn column<T: Copy>(&self, column: &[T]) -> Vec<T> {
        match &self.positions {
            None => column.to_vec(),
            Some(positions) => positions.iter().map(|at| column[*at]).collect(),
        }
    }

    /// Whether the series was in this order already.
    pub(crate) fn is_as_given(&self) -> bool {
        self.positions.is_none()
    }

    /// The flags of sorted points where these stand in the data; `otherwise` for those that were left out or late.
    pub(crate) fn in_order_of_data(
        &self,
        flags: Vec<Flag>,
        otherwise: impl Fn(usize) -> Flag,
        length: usize,
    ) -> Vec<Flag> {
        let Some(positions) = &self.positions else {
            return flags;
        };
        let mut placed: Vec<_> = (0..length).map(&otherwise).collect();
        for (at, flag) in positions.iter().zip(flags) {
            placed[*at] = flag;
        }
        for at in &self.late {
            placed[*at] = otherwise(*at);
        }
        placed
    }
}

/// The points that came after a later one.
fn late(times: &[i64]) -> Vec<usize> {
    let mut latest = NAT;
    let mut late = Vec::new();
    for (at, time) in times.iter().copied().enumerate().filter(|(_, time)| *time != NAT) {
        if time < latest {
            late.push(at);
        }
        latest = latest.max(time);
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_missing_times_are_left_out_and_late_points_are_not_judged() {
        let times = [10, NAT, 30, 20, 30, 40];
        let sorted = Sorted::of(&times);
        assert_eq!(sorted.column(&times), [10, 20, 30, 40]);
        let placed = sorted.in_order_of_data(vec![Flag::Good; 4], |_| Flag::Unknown, times.len());
        let values: Vec<_> = placed.iter().map(|flag| flag.value()).collect();
        assert_eq!(values, [1, 2, 1, 2, 2, 1]);
    }

    #[test]
    fn a_sorted_series_stays_as_it_is() {
        assert!(Sorted::of(&[1, 2, 3]).is_as_given());
        assert!(Sorted::of(&[]).is_as_given());
        assert!(!Sorted::of(&[1, 1]).is_as_given());
        assert!(!Sorted::of(&[NAT]).is_as_given());
    }
}
