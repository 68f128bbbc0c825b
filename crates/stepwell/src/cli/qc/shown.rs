//! What people see of a check: counts, the first points that were flagged, and whether the processes pass.

use stepwell_stream_qc::config::StreamConfig;
use stepwell_stream_qc::flag::{Counts, Flag, RollUp, roll_up};
use stepwell_stream_qc::process::{Judged, ProcessResult, TestResult};
use stepwell_stream_qc::series::instant;

use crate::failure::Outcome;
use crate::output;

/// How many flagged points people are shown.
const SHOWN_MAX: usize = 50;

/// The name under which the roll-up is shown beside the tests.
const ROLL_UP: &str = "roll-up";

/// What is shown, in the making.
pub(super) struct Shown {
    order: RollUp,
    roll_up: Counts,
    /// The first points that are SUSPECT or FAIL.
    flagged: Vec<[String; 5]>,
}

impl Shown {
    pub(super) fn new(stream: &StreamConfig) -> Self {
        Self { order: stream.roll_up, roll_up: Counts::default(), flagged: Vec::new() }
    }

    /// Takes in the flags of the next points.
    pub(super) fn add(&mut self, judged: &Judged<'_>) {
        let rolled = rolled(self.order, judged);
        self.roll_up += Counts::of(&rolled);
        let is_flagged = |at: &usize| matches!(rolled[*at], Flag::Suspect | Flag::Fail);
        let room = SHOWN_MAX - self.flagged.len();
        let found = (0..rolled.len()).filter(is_flagged).take(room);
        self.flagged.extend(found.map(|at| row(judged, at, rolled[at])));
    }

    /// Prints everything; gives whether all processes pass.
    pub(super) fn tell(&self, processes: &[ProcessResult]) -> Outcome<bool> {
        let rows = processes.iter().flat_map(|process| {
            process.tests.iter().map(|test| summary(&process.process.number().to_string(), test))
        });
        let roll_up = counted(["", ROLL_UP], self.roll_up, String::new());
        let header =
            ["PROCESS", "TEST", "GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING", "PASS", "LIMITS"];
        output::line(output::table(header, rows.chain([roll_up])))?;
        self.tell_flagged()?;
        for process in processes {
            let word = if process.pass { "passes" } else { "does not pass" };
            output::line(format_args!("{} {word}", process.process.name()))?;
            for reason in &process.reasons {
                output::line(format_args!("  {reason}"))?;
            }
        }
        Ok(processes.iter().all(|process| process.pass))
    }

    fn tell_flagged(&self) -> Outcome {
        let all = self.roll_up.suspect + self.roll_up.fail;
        if all == 0 {
            return Ok(());
        }
        output::line("")?;
        let header = ["POINT", "TIME", "VALUE", "FLAG", "BY"];
        output::line(output::table(header, self.flagged.iter().cloned()))?;
        let more = all - self.flagged.len() as u64;
        if more > 0 {
            output::note(format_args!("and {more} more; `--json` has all"));
        }
        Ok(output::line("")?)
    }
}

/// One flag for each point, from the roll-ups of all processes.
pub(super) fn rolled(order: RollUp, judged: &Judged<'_>) -> Vec<Flag> {
    let processes = judged.roll_ups.iter().map(|(_, flags)| &flags[..]);
    roll_up(order, judged.series.len(), processes)
}

fn row(judged: &Judged<'_>, at: usize, flag: Flag) -> [String; 5] {
    let time = instant(judged.series.times()[at]).map(|time| time.to_string());
    let found_by = judged
        .tests
        .iter()
        .filter(|test| matches!(test.flags[at], Flag::Suspect | Flag::Fail))
        .map(|test| test.name.as_str());
    [
        (judged.first + at).to_string(),
        time.unwrap_or_default(),
        judged.series.values()[at].to_string(),
        flag.to_string(),
        found_by.collect::<Vec<_>>().join(", "),
    ]
}

fn summary(process: &str, test: &TestResult) -> [String; 9] {
    let mut row = counted([process, &test.name], test.counts, test.limits.clone());
    if test.pass { "yes" } else { "no" }.clone_into(&mut row[7]);
    row
}

fn counted([process, name]: [&str; 2], counts: Counts, limits: String) -> [String; 9] {
    let [good, unknown, suspect, fail, missing] =
        Flag::ALL.map(|flag| counts.get(flag).to_string());
    [
        process.to_owned(),
        name.to_owned(),
        good,
        unknown,
        suspect,
        fail,
        missing,
        String::new(),
        limits,
    ]
}
