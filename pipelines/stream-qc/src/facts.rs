//! What must be known of a whole series before its points can be judged one stretch after the other.

use std::collections::BTreeMap;

use crate::checks::numpy;
use crate::series::{NAT, Series};

/// What is known of a whole series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// How many points there are.
    pub points: usize,
    /// The first time of the data, in nanoseconds since 1970, or [`NAT`].
    pub first: i64,
    /// The last time of the data, or [`NAT`].
    pub last: i64,
    /// The earliest time, if there is any.
    pub earliest: Option<i64>,
    /// How the times go on.
    pub order: Order,
    /// Whether a point has no time.
    pub has_missing_times: bool,
    /// Whether a point has a depth.
    pub has_depths: bool,
    /// The median of all steps in nanoseconds; [`NAT`] if a time is missing or there is no step.
    pub median_step: i64,
}

/// How times go on. A series without a step goes on in every way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Each later than the one before.
    pub is_rising: bool,
    /// None earlier than the one before.
    pub is_sorted: bool,
    /// None later than the one before.
    pub is_falling: bool,
}

impl Facts {
    /// The facts of a series that is in memory.
    pub fn of(times: &[i64], depths: Option<&[f64]>) -> Self {
        let mut survey = Survey::default();
        survey.add_times(times);
        survey.add_depths(depths);
        survey.facts(numpy::median(numpy::steps(times).collect()))
    }

    /// Whether times rise or fall without a hole.
    pub(crate) const fn is_monotonic(&self) -> bool {
        !self.has_missing_times && (self.order.is_sorted || self.order.is_falling)
    }

    /// Whether the last time lies before the first one.
    pub(crate) const fn runs_backwards(&self) -> bool {
        self.last < self.first
    }
}

/// The facts in the making: chunk after chunk.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    points: usize,
    first: i64,
    last: i64,
    earliest: Option<i64>,
    order: Order,
    has_missing_times: bool,
    has_depths: bool,
    pub(crate) steps: Steps,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            points: 0,
            first: NAT,
            last: NAT,
            earliest: None,
            order: Order { is_rising: true, is_sorted: true, is_falling: true },
            has_missing_times: false,
            has_depths: false,
            steps: Steps::default(),
        }
    }
}

impl Survey {
    /// Takes in the next points.
    pub(crate) fn add(&mut self, series: &Series) {
        self.add_times(series.times());
        self.add_depths(series.depth());
    }

    fn add_depths(&mut self, depths: Option<&[f64]>) {
        self.has_depths |= depths.is_some_and(|it| it.iter().any(|it| it.is_finite()));
    }

    fn add_times(&mut self, times: &[i64]) {
        let Some((&first, &last)) = times.first().zip(times.last()) else { return };
        if self.points == 0 {
            self.first = first;
        } else {
            self.step(self.last, first);
        }
        for pair in times.windows(2) {
            self.step(pair[0], pair[1]);
        }
        self.has_missing_times |= times.contains(&NAT);
        let earliest = times.iter().copied().filter(|time| *time != NAT).min();
        self.earliest = self.earliest.into_iter().chain(earliest).min();
        self.points += times.len();
        self.last = last;
    }

    fn step(&mut self, before: i64, time: i64) {
        self.order.is_rising &= before < time;
        self.order.is_sorted &= before <= time;
        self.order.is_falling &= before >= time;
        self.steps.add(numpy::difference(time, before));
    }

    /// The earliest time, if there is any.
    pub(crate) const fn earliest(&self) -> Option<i64> {
        self.earliest
    }

    /// How many points there are.
    pub(crate) const fn points(&self) -> usize {
        self.points
    }

    /// The survey of these points and, behind them, those of `later`.
    pub(crate) fn followed_by(mut self, later: &Self) -> Self {
        if later.points == 0 {
            return self;
        }
        if self.points == 0 {
            return later.clone();
        }
        self.step(self.last, later.first);
        self.steps.add_all(&later.steps);
        self.order.is_rising &= later.order.is_rising;
        self.order.is_sorted &= later.order.is_sorted;
        self.order.is_falling &= later.order.is_falling;
        self.has_missing_times |= later.has_missing_times;
        self.has_depths |= later.has_depths;
        self.earliest = self.earliest.into_iter().chain(later.earliest).min();
        self.points += later.points;
        self.last = later.last;
        self
    }

    /// The facts, with the median that [`Steps`] or a search gave.
    pub(crate) const fn facts(&self, median_step: i64) -> Facts {
        // A series that is sorted and begins with a time has a time everywhere.
        let is_timed = !self.has_missing_times;
        let Order { is_rising, is_sorted, is_falling } = self.order;
        Facts {
            points: self.points,
            first: self.first,
            last: self.last,
            earliest: self.earliest,
            order: Order {
                is_rising: is_rising && is_timed,
                is_sorted: is_sorted && is_timed,
                is_falling: is_falling && is_timed,
            },
            has_missing_times: self.has_missing_times,
            has_depths: self.has_depths,
            median_step,
        }
    }
}

/// So many different steps are counted. A sensor has few; one whose clock trembles by nanoseconds has as many as points.
const DIFFERENT_MAX: usize = 65_536;

/// How often each step between two times occurs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps {
    counts: BTreeMap<i64, u64>,
    /// The step that is being repeated, and how often.
    repeated: (i64, u64),
    total: u64,
    is_missing: bool,
    /// The smallest and the largest step.
    range: Option<(i64, i64)>,
    is_overflowing: bool,
}

impl Steps {
    fn add(&mut self, step: i64) {
        self.total += 1;
        if step == self.repeated.0 {
            self.repeated.1 += 1;
            return;
        }
        let (before, count) = std::mem::replace(&mut self.repeated, (step, 1));
        self.count(before, count);
    }

    fn count(&mut self, step: i64, count: u64) {
        if count == 0 {
            return;
        }
        self.is_missing |= step == NAT;
        let (min, max) = self.range.unwrap_or((step, step));
        self.range = Some((min.min(step), max.max(step)));
        if !self.is_overflowing {
            *self.counts.entry(step).or_default() += count;
            self.is_overflowing = self.counts.len() > DIFFERENT_MAX;
        }
        if self.is_overflowing {
            self.counts.clear();
        }
    }

    fn add_all(&mut self, other: &Self) {
        let other = other.complete();
        self.total += other.total;
        self.is_overflowing |= other.is_overflowing;
        self.is_missing |= other.is_missing;
        for (step, count) in &other.counts {
            self.count(*step, *count);
        }
        if let Some((min, max)) = other.range {
            let (low, high) = self.range.unwrap_or((min, max));
            self.range = Some((low.min(min), high.max(max)));
        }
    }

    /// With the step that is being repeated among the counts.
    fn complete(&self) -> Self {
        let mut all = self.clone();
        let (step, count) = std::mem::take(&mut all.repeated);
        all.count(step, count);
        all
    }

    /// The median as numpy has it, or how to search for it.
    pub(crate) fn median(&self) -> Result<i64, Search> {
        let all = self.complete();
        let Some(range) = all.range.filter(|_| !all.is_missing) else { return Ok(NAT) };
        let ranks = ((all.total - 1) / 2, all.total / 2);
        if all.is_overflowing {
            return Err(Search { range, ranks });
        }
        let at = |rank: u64| {
            let mut behind = 0;
            let found = all.counts.iter().find(|(_, count)| {
                behind += **count;
                behind > rank
            });
            found.map_or(NAT, |(step, _)| *step)
        };
        Ok(middle(at(ranks.0), at(ranks.1), ranks))
    }
}

fn middle(below: i64, at: i64, ranks: (u64, u64)) -> i64 {
    if ranks.0 == ranks.1 { at } else { below.wrapping_add(at) / 2 }
}

/// A median that is searched by counting the steps several times, each time in narrower bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    range: (i64, i64),
    ranks: (u64, u64),
}

/// Steps of one search are counted in so many classes.
const CLASSES: u64 = 65_536;

impl Search {
    /// The median; `visit` gives all steps every time it is called.
    pub(crate) fn median<E>(
        self,
        mut visit: impl FnMut(&mut dyn FnMut(i64)) -> Result<(), E>,
    ) -> Result<i64, E> {
        let below = self.at(self.ranks.0, &mut visit)?;
        let at =
            if self.ranks.1 == self.ranks.0 { below } else { self.at(self.ranks.1, &mut visit)? };
        Ok(middle(below, at, self.ranks))
    }

    fn at<E>(
        self,
        mut rank: u64,
        visit: &mut impl FnMut(&mut dyn FnMut(i64)) -> Result<(), E>,
    ) -> Result<i64, E> {
        let (mut low, mut high) = self.range;
        while low < high {
            let width = high.abs_diff(low) / CLASSES + 1;
            let mut counts = vec![0_u64; CLASSES as usize];
            visit(&mut |step| {
                if (low..=high).contains(&step) {
                    counts[(step.abs_diff(low) / width) as usize] += 1;
                }
            })?;
            let mut class = 0;
            while class + 1 < counts.len() && rank >= counts[class] {
                rank -= counts[class];
                class += 1;
            }
            low = low.saturating_add_unsigned(class as u64 * width);
            high = high.min(low.saturating_add_unsigned(width - 1));
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn surveyed(times: &[i64], chunk: usize) -> Survey {
        let mut survey = Survey::default();
        times.chunks(chunk).for_each(|times| survey.add_times(times));
        survey
    }

    fn times() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::vec(prop_oneof![9 => 0_i64..50, 1 => Just(NAT)], 0..40)
    }

    proptest! {
        #[test]
        fn a_survey_in_chunks_finds_the_facts_of_the_whole(times in times(), chunk in 1_usize..9) {
            let survey = surveyed(&times, chunk);
            let median = survey.steps.median().expect("the steps are few");
            prop_assert_eq!(survey.facts(median), Facts::of(&times, None));
        }

        #[test]
        fn two_surveys_are_one_of_both(times in times(), at in 0_usize..40) {
            let (before, behind) = times.split_at(at.min(times.len()));
            let both = surveyed(before, 3).followed_by(&surveyed(behind, 5));
            let median = both.steps.median().expect("the steps are few");
            prop_assert_eq!(both.facts(median), Facts::of(&times, None));
        }

        #[test]
        fn a_search_finds_the_median(steps in prop::collection::vec(any::<i64>().prop_filter("no step", |it| *it != NAT), 1..60)) {
            let (min, max) = (*steps.iter().min().expect("some"), *steps.iter().max().expect("some"));
            let ranks = ((steps.len() as u64 - 1) / 2, steps.len() as u64 / 2);
            let search = Search { range: (min, max), ranks };
            let found = search.median(|count| {
                for step in &steps {
                    count(*step);
                }
                Ok::<_, std::convert::Infallible>(())
            });
            prop_assert_eq!(found, Ok(numpy::median(steps)));
        }
    }

    #[test]
    fn steps_that_all_differ_are_searched() {
        let times: Vec<_> = (0..100_000_i64).map(|at| at * (at + 1)).collect();
        let steps = surveyed(&times, 1000).steps;
        let search = steps.median().expect_err("they are too many to be counted");
        let found = search.median(|count| {
            numpy::steps(&times).for_each(count);
            Ok::<_, std::convert::Infallible>(())
        });
        assert_eq!(found, Ok(Facts::of(&times, None).median_step));
    }
}
