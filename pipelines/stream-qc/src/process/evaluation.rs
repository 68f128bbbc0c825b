//! The processes over a series that comes in chunks: memory by chunks and by how far the checks look, not by points.
//!
//! ```text
//!   behind (judged, looked at)    pending (to be judged)
//! ──────────────────────────────┬─────────────────────────┬────────────────────
//!              what is judged next, up to where all is there that its checks need
//! ```
//!
//! A check that looks at the whole series has everything wait for the end.

use std::io;

use arrow::datatypes::Schema;

use crate::config::{Limits, StreamConfig};
use crate::facts::Facts;
use crate::flag::{Counts, roll_up};
use crate::reach::Reach;
use crate::series::{NAT, Series};
use crate::spool::Error;

use super::judge::{self, Sums};
use super::run::{Carried, Run, Stretch, Surroundings};
use super::{Input, Judged, Process, ProcessResult, nanoseconds, one, reach, three, two};

/// So many points are judged at once: enough for the work of a stretch to count for nothing, few enough for its columns
/// to stay in the processor's cache.
const CHUNK: usize = 16_384;

/// The processes in the middle of a series.
pub struct Evaluation<'a> {
    about: Surroundings<'a>,
    processes: Vec<State>,
    reach: Reach,
    chunk: usize,
    /// The last points that were judged, as far back as the checks look.
    behind: Series,
    /// Where the first one of `behind` stands in the series, the points before the data included.
    position: usize,
    /// How many points come before the data.
    context: usize,
    /// The latest time before `behind`.
    latest: i64,
    pending: Vec<Series>,
    pending_points: usize,
    /// With so many pending points it goes on.
    enough: usize,
    judged: usize,
}

/// One process in the middle of a series.
struct State {
    process: Process,
    limits: Limits,
    carried: Carried,
    sums: Sums,
}

impl<'a> Evaluation<'a> {
    /// Before the first point. `schema` has the columns of the data, `facts` are those of the data with the points
    /// before.
    pub fn new(
        processes: &[Process],
        input: &Input<'_>,
        schema: &'a Schema,
        facts: Facts,
        config: &'a StreamConfig,
    ) -> Self {
        let state = |process: &Process| State {
            process: *process,
            limits: process.limits(config),
            carried: Carried::new(config),
            sums: Sums::default(),
        };
        let reaches = processes.iter().map(|it| reach::of(*it, config, &facts));
        let window = input.window.map(|(from, to)| (nanoseconds(from), nanoseconds(to)));
        Self {
            reach: reaches.fold(Reach::default(), Reach::and),
            processes: processes.iter().map(state).collect(),
            about: Surroundings { config, schema, facts, window, now: nanoseconds(input.now) },
            chunk: CHUNK,
            behind: input.context.cloned().unwrap_or_else(Series::empty),
            position: 0,
            context: input.context.map_or(0, Series::len),
            latest: NAT,
            pending: Vec::new(),
            pending_points: 0,
            enough: CHUNK,
            judged: 0,
        }
    }

    /// The same, with so many points at once.
    #[must_use]
    pub fn in_chunks_of(self, points: usize) -> Self {
        Self { chunk: points, enough: points, ..self }
    }

    /// Takes in the next points; `sink` gets the flags of those that can be judged.
    ///
    /// # Errors
    /// If `sink` fails, or the points do not have the columns of those before.
    pub fn push(
        &mut self,
        series: Series,
        sink: &mut dyn FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<(), Error> {
        if series.is_empty() && self.pending.is_empty() {
            // Its columns are known, even if it has no point.
            self.pending.push(series);
            return Ok(());
        }
        for start in (0..series.len()).step_by(self.chunk) {
            let part = series.slice(start, self.chunk.min(series.len() - start));
            self.pending_points += part.len();
            self.pending.push(part);
            if self.pending_points >= self.enough && !self.reach.is_whole() {
                self.go_on(false, sink)?;
            }
        }
        Ok(())
    }

    /// Judges what is left, and the batch as a whole.
    ///
    /// # Errors
    /// If `sink` fails.
    pub fn finish(
        mut self,
        sink: &mut dyn FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<Vec<ProcessResult>, Error> {
        self.go_on(true, sink)?;
        let points = self.judged;
        let result = |state: State| {
            let tests = state.carried.tallies.into_iter().map(|it| it.result(state.limits));
            judge::process(state.process, points, state.sums, tests.collect(), state.limits)
        };
        Ok(self.processes.into_iter().map(result).collect())
    }

    fn go_on(
        &mut self,
        is_last: bool,
        sink: &mut dyn FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<(), Error> {
        let pending = Series::joined(&std::mem::take(&mut self.pending))?;
        let before = self.behind.len();
        let all = if before == 0 { pending.clone() } else { pending.behind(&self.behind) };
        let until = if is_last { all.len() } else { self.reach.settled(&all, before) };
        let settled = until - before;
        if settled > 0 || is_last {
            let judged = pending.slice(0, settled);
            self.judge(&judged, &all, is_last, sink)?;
            self.forget(&all, until);
            self.judged += settled;
        }
        let left = pending.len() - settled;
        self.pending = vec![pending.slice(settled, left)];
        self.pending_points = left;
        self.enough = left + self.chunk.max(left).max(self.behind.len());
        Ok(())
    }

    fn judge(
        &mut self,
        judged: &Series,
        all: &Series,
        is_last: bool,
        sink: &mut dyn FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<(), Error> {
        let before = self.behind.len();
        let stretch = Stretch {
            judged,
            all,
            before,
            position: self.position,
            context: self.context.saturating_sub(self.position),
            latest: self.latest,
            first: self.judged,
            is_last,
        };
        let (mut tests, mut roll_ups) = (Vec::new(), Vec::new());
        for state in &mut self.processes {
            let until = if is_last { usize::MAX } else { before + judged.len() };
            state.carried.rolling.go_on(self.position, until);
            let mut run = Run::new(state.process, &self.about, &stretch, &mut state.carried);
            match state.process {
                Process::One => one::run(&mut run, &self.about.config.process1),
                Process::Two => two::run(&mut run, &self.about.config.process2),
                Process::Three => three::run(&mut run, &self.about.config.process3),
            }
            let found = run.flags;
            let flags = found.iter().map(|test| &test.flags[..]);
            let rolled = roll_up(self.about.config.roll_up, judged.len(), flags);
            state.sums.add(state.process, &stretch, &found, Counts::of(&rolled));
            roll_ups.push((state.process, rolled));
            tests.extend(found);
        }
        let judged =
            Judged { first: self.judged, series: judged, tests: &tests, roll_ups: &roll_ups };
        Ok(sink(&judged)?)
    }

    fn forget(&mut self, all: &Series, until: usize) {
        let start = self.reach.start(all, until);
        self.latest = all.times()[..start].iter().copied().fold(self.latest, i64::max);
        self.position += start;
        self.behind = all.detached(start..until);
    }
}
