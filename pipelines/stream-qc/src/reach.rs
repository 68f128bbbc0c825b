//! How far from a point its checks look: what must be kept of a series that is judged stretch after stretch.

use crate::series::Series;

/// How far from a point a check looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// So many points back.
    points_before: usize,
    /// So many points ahead.
    points_behind: usize,
    /// So many nanoseconds back.
    time_before: Option<u64>,
    /// So many nanoseconds ahead.
    time_behind: Option<u64>,
    /// To the nearest points that have a value.
    bridges: bool,
    /// At all points.
    is_whole: bool,
}

impl Reach {
    /// The whole series.
    pub(crate) const WHOLE: Self = Self { is_whole: true, ..Self::points(0, 0) };

    /// The nearest points with a value.
    pub(crate) const BRIDGE: Self = Self { bridges: true, ..Self::points(1, 1) };

    /// So many points back and ahead.
    pub(crate) const fn points(points_before: usize, points_behind: usize) -> Self {
        Self {
            points_before,
            points_behind,
            time_before: None,
            time_behind: None,
            bridges: false,
            is_whole: false,
        }
    }

    /// So many nanoseconds back, and perhaps as many ahead.
    pub(crate) const fn time(nanoseconds: i64, is_ahead: bool) -> Self {
        let time = Some(nanoseconds.unsigned_abs());
        Self {
            time_before: time,
            time_behind: if is_ahead { time } else { None },
            ..Self::points(0, 0)
        }
    }

    /// As far as either of two.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            points_before: self.points_before.max(other.points_before),
            points_behind: self.points_behind.max(other.points_behind),
            time_before: self.time_before.max(other.time_before),
            time_behind: self.time_behind.max(other.time_behind),
            bridges: self.bridges || other.bridges,
            is_whole: self.is_whole || other.is_whole,
        }
    }

    pub(crate) const fn is_whole(self) -> bool {
        self.is_whole
    }

    /// Up to which point all that follows is there, from `first` on, if more points come.
    pub(crate) fn settled(self, series: &Series, first: usize) -> usize {
        if self.is_whole {
            return first;
        }
        let mut until = series.len().saturating_sub(self.points_behind);
        if self.bridges {
            let last = series.values().iter().rposition(|value| value.is_finite());
            until = until.min(last.unwrap_or_default());
        }
        if let (Some(time), Some(last)) = (self.time_behind, series.times().last()) {
            let is_near = |at: usize| last.abs_diff(series.times()[at]) <= time;
            while until > first && is_near(until - 1) {
                until -= 1;
            }
        }
        until.max(first)
    }

    /// From which point on the points before `until` are needed by those that follow.
    pub(crate) fn start(self, series: &Series, until: usize) -> usize {
        let mut start = until.saturating_sub(self.points_before);
        if self.bridges {
            let last = series.values()[..until].iter().rposition(|value| value.is_finite());
            start = start.min(last.unwrap_or(until));
        }
        if let (Some(time), Some(last)) = (self.time_before, until.checked_sub(1)) {
            let times = series.times();
            let is_near = |at: usize| times[last].abs_diff(times[at]) <= time;
            while start > 0 && is_near(start - 1) {
                start -= 1;
            }
            // One more: whether a window is complete is seen at the point before it.
            start = start.saturating_sub(1);
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn series(values: &[f64]) -> Series {
        Series::new((0..values.len() as i64).map(|at| at * 10).collect(), values.to_vec())
    }

    #[test]
    fn points_wait_for_those_behind_them() {
        let series = series(&[1.0; 6]);
        assert_eq!(Reach::points(1, 1).settled(&series, 2), 5);
        assert_eq!(Reach::points(0, 9).settled(&series, 2), 2);
        assert_eq!(Reach::time(20, true).settled(&series, 0), 3);
        assert_eq!(Reach::time(20, false).settled(&series, 0), 6);
        assert_eq!(Reach::WHOLE.settled(&series, 0), 0);
    }

    #[test]
    fn what_later_points_look_at_is_kept() {
        let series = series(&[1.0; 6]);
        assert_eq!(Reach::points(2, 0).start(&series, 4), 2);
        assert_eq!(Reach::time(20, false).start(&series, 5), 1);
        assert_eq!(Reach::default().start(&series, 4), 4);
        assert_eq!(Reach::points(0, 0).and(Reach::points(9, 0)).start(&series, 4), 0);
    }

    #[test]
    fn a_bridge_has_a_value_at_both_ends() {
        let series = series(&[1.0, NAN, NAN, 2.0, NAN]);
        assert_eq!(Reach::BRIDGE.settled(&series, 0), 3);
        assert_eq!(Reach::BRIDGE.start(&series, 3), 0);
        assert_eq!(Reach::BRIDGE.start(&series, 4), 3);
    }
}
