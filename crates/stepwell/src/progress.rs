//! Progress: told by functions, shown to people as bars on a terminal and as lines elsewhere.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use serde::{Deserialize, Serialize};
use stepwell_pipeline::progress::{Progress, Update};
use tokio::sync::broadcast;

use crate::output;

/// Updates that a slow follower may lag behind; it then misses some, which only shows as a jump.
const LAG_MAX: usize = 256;

/// Between two lines about the same subject.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Hands updates to whoever follows.
#[derive(Debug, Clone)]
pub(crate) struct Hub(broadcast::Sender<Step>);

impl Hub {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(LAG_MAX))
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Step> {
        self.0.subscribe()
    }
}

impl Progress for Hub {
    fn update(&self, update: Update) {
        // Nobody may be following.
        let _ = self.0.send(update.into());
    }

    // Counted, not shown: see `functions.rs`.
    fn iterator_age(&self, _stream: &str, _age: Duration) {}
}

/// How far one piece of work has come; [`Update`] as it travels between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) subject: String,
    pub(crate) phase: String,
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    pub(crate) unit: String,
    pub(crate) finished: bool,
}

impl From<Update> for Step {
    fn from(update: Update) -> Self {
        Self {
            subject: update.subject,
            phase: update.phase.to_owned(),
            done: update.done,
            total: update.total,
            unit: update.unit.to_owned(),
            finished: update.finished,
        }
    }
}

/// Shows progress on stderr.
pub(crate) enum Display {
    /// One bar for each subject that is worked on.
    Bars { all: MultiProgress, bars: HashMap<String, ProgressBar> },
    /// A line now and then for each subject.
    Lines { told: HashMap<String, Instant> },
}

impl Display {
    /// What suits stderr.
    pub(crate) fn new() -> Self {
        if output::is_watched() {
            Self::Bars { all: MultiProgress::new(), bars: HashMap::new() }
        } else {
            Self::Lines { told: HashMap::new() }
        }
    }

    /// Shows one update.
    pub(crate) fn show(&mut self, step: &Step) {
        match self {
            Self::Bars { all, bars } => {
                let bar =
                    bars.entry(step.subject.clone()).or_insert_with(|| all.add(new_bar(step)));
                draw(bar, step);
                if step.finished {
                    bars.remove(&step.subject);
                }
            }
            Self::Lines { told } => {
                let now = Instant::now();
                let due = told
                    .get(&step.subject)
                    .is_none_or(|last| now.duration_since(*last) >= LINE_EVERY);
                if due || step.finished {
                    told.insert(step.subject.clone(), now);
                    output::note(line(step));
                }
            }
        }
    }

    /// Takes the bars away.
    pub(crate) fn clear(&mut self) {
        if let Self::Bars { all, bars } = self {
            bars.clear();
            let _ = all.clear();
        }
    }
}

fn new_bar(step: &Step) -> ProgressBar {
    // Fits into 80 columns.
    let template = match step.total {
        Some(_) => "{prefix:28!} {bar:10} {human_pos:>10}/{human_len:10} {rate:>9} {msg}",
        None => "{prefix:28!} {spinner} {human_pos:>10} {rate:>9} {msg}",
    };
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // Within the first second it would say nothing true.
        if let Some(rate) = state.pos().checked_div(state.elapsed().as_secs()) {
            let _ = write!(out, "{}/s", HumanCount(rate));
        }
    });
    let bar = step.total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.with_style(style).with_prefix(step.subject.clone())
}

fn draw(bar: &ProgressBar, step: &Step) {
    if let Some(total) = step.total {
        bar.set_length(total);
    }
    bar.set_position(step.done);
    bar.set_message(step.phase.clone());
    if step.finished {
        bar.finish_and_clear();
    }
}

/// `canvas.users: loading 120000 of 500000 rows`, or `canvas.users: waiting for the job` before anything is done
fn line(step: &Step) -> String {
    let Step { subject, phase, done, unit, .. } = step;
    match step.total {
        Some(total) => format!("{subject}: {phase} {done} of {total} {unit}"),
        None if *done == 0 => format!("{subject}: {phase}"),
        None => format!("{subject}: {phase} {done} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_only_what_there_is() {
        let step = |done, total| Step {
            subject: "canvas.users".into(),
            phase: "loading".into(),
            done,
            total,
            unit: "rows".into(),
            finished: false,
        };
        assert_eq!(line(&step(0, None)), "canvas.users: loading");
        assert_eq!(line(&step(7, None)), "canvas.users: loading 7 rows");
        assert_eq!(line(&step(0, Some(9))), "canvas.users: loading 0 of 9 rows");
    }
}
