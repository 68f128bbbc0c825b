//! The verdict, as a table and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::clients::Run;
use super::workload::Case;

/// Executions whose differences are printed.
const SHOWN_MAX: usize = 10;

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// History events read.
    pub(super) events: usize,
    /// Tasks that were delivered more than once.
    pub(super) redelivered: u64,
    /// The executions that differ from their twins.
    pub(super) differing: Vec<Differing>,
}

/// One execution that is not as its twin.
#[derive(Debug, Serialize)]
pub(super) struct Differing {
    machine: &'static str,
    case: String,
    execution: String,
    problems: Vec<String>,
}

impl Verdict {
    /// Notes what is wrong with one execution, if anything is.
    pub(super) fn record(&mut self, case: &Case, arn: &str, problems: Vec<String>) {
        if !problems.is_empty() {
            let (machine, case) = (case.machine, case.to_string());
            self.differing.push(Differing { machine, case, execution: arn.to_owned(), problems });
        }
    }
}

/// What is printed at the end.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seed: u64,
    kills: u64,
    seconds: f64,
    seconds_up: f64,
    executions: usize,
    events: usize,
    redelivered_tasks: u64,
    /// By state machine: executions, and how many of them differ.
    machines: BTreeMap<&'static str, (usize, usize)>,
    differing: Vec<Differing>,
}

impl Report {
    pub(super) fn new(
        seed: u64,
        kills: u64,
        took: Duration,
        seconds_up: f64,
        cases: &[Case],
        runs: &[Run],
        verdict: Verdict,
    ) -> Self {
        let mut machines = BTreeMap::<_, (usize, usize)>::new();
        for run in runs {
            machines.entry(cases[run.case].machine).or_default().0 += 1;
        }
        for differing in &verdict.differing {
            machines.entry(differing.machine).or_default().1 += 1;
        }
        Self {
            seed,
            kills,
            seconds: took.as_secs_f64(),
            seconds_up,
            executions: runs.len(),
            events: verdict.events,
            redelivered_tasks: verdict.redelivered,
            machines,
            differing: verdict.differing,
        }
    }

    /// True if nothing differs, and something was compared.
    pub(super) fn is_clean(&self) -> bool {
        self.differing.is_empty() && self.executions > 0
    }

    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            println!("{}", serde_json::to_string_pretty(self).expect("a report is JSON"));
        } else {
            self.print_table();
        }
    }

    fn print_table(&self) {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        table.set_header(["state machine", "executions", "equal to their twin", "differing"]);
        for (machine, (executions, differing)) in &self.machines {
            let numbers =
                [*executions, executions - differing, *differing].map(|number| number.to_string());
            table.add_row([(*machine).to_owned()].into_iter().chain(numbers));
        }
        println!("{table}\n");
        for differing in self.differing.iter().take(SHOWN_MAX) {
            println!("{} ({})", differing.execution, differing.case);
            for problem in &differing.problems {
                println!("    {problem}");
            }
        }
        println!(
            "seed {}: {} kills in {:.0} s, {} executions acknowledged, {} history events, {} tasks delivered again",
            self.seed,
            self.kills,
            self.seconds,
            self.executions,
            self.events,
            self.redelivered_tasks
        );
        println!("torture: {} differences", self.differing.len());
    }
}
