//! The verdict, as a table and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::clients::Run;
use super::workload::Case;

/// Executions of one state machine whose differences are printed; the others differ in the same way most likely.
const SHOWN_MAX: usize = 2;

/// Characters of a difference that are printed. All of it is in the report as JSON.
const CHARACTERS_MAX: usize = 240;

/// What the comparison found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// History events read.
    pub(super) events: usize,
    /// Effects that came more than once.
    pub(super) redelivered: u64,
    /// Attempts at an activity that were lost with a connection, and repeated.
    pub(super) lost_attempts: usize,
    /// Messages that queues acknowledged, and how many receives were repeated.
    pub(super) messages: u64,
    pub(super) messages_again: u64,
    /// Writes of registers that were acknowledged.
    pub(super) writes: u64,
    /// Express executions: how many were started, and how many of them told their end.
    pub(super) express: (usize, usize),
    /// What is wrong and belongs to no one execution.
    pub(super) findings: Vec<String>,
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
    lost_attempts: usize,
    messages: u64,
    messages_again: u64,
    writes: u64,
    express: (usize, usize),
    findings: Vec<String>,
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
            lost_attempts: verdict.lost_attempts,
            messages: verdict.messages,
            messages_again: verdict.messages_again,
            writes: verdict.writes,
            express: verdict.express,
            findings: verdict.findings,
            machines,
            differing: verdict.differing,
        }
    }

    /// True if nothing differs, and something was compared.
    pub(super) fn is_clean(&self) -> bool {
        self.differing.is_empty() && self.findings.is_empty() && self.executions > 0
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
        for machine in self.machines.keys() {
            self.print_differing(machine);
        }
        for finding in &self.findings {
            println!("{}", shortened(finding));
        }
        self.print_counts();
        if !self.is_clean() {
            println!(
                "again, with the same load and the same lives of the server: cargo xtask torture --kills {} --seed {}",
                self.kills, self.seed
            );
        }
    }

    fn print_counts(&self) {
        println!(
            "seed {}: {} kills in {:.0} s, {} executions acknowledged, {} history events, {} effects delivered again, \
             {} attempts at activities lost and repeated",
            self.seed,
            self.kills,
            self.seconds,
            self.executions,
            self.events,
            self.redelivered_tasks,
            self.lost_attempts
        );
        println!(
            "{} messages acknowledged by queues, {} received again; {} writes acknowledged by other services",
            self.messages, self.messages_again, self.writes
        );
        let (started, ended) = self.express;
        println!("{started} Express executions started, {ended} of them waited for to their end");
        println!("torture: {} differences", self.differing.len() + self.findings.len());
    }

    fn print_differing(&self, machine: &str) {
        let all: Vec<_> = self.differing.iter().filter(|it| it.machine == machine).collect();
        for differing in all.iter().take(SHOWN_MAX) {
            println!("{} ({})", differing.execution, shortened(&differing.case));
            for problem in &differing.problems {
                println!("    {}", shortened(problem));
            }
        }
        if all.len() > SHOWN_MAX {
            println!("... and {} more of `{machine}`; --json has them all", all.len() - SHOWN_MAX);
        }
    }
}

/// Cut in the middle: both ends of a difference tell something.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= CHARACTERS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(CHARACTERS_MAX / 2).collect();
    let tail: String = text.chars().skip(count - CHARACTERS_MAX / 2).collect();
    format!("{head} [...] {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_difference_keeps_both_ends() {
        let text = format!("begin{}end", "\u{fc}".repeat(1_000));
        let short = shortened(&text);
        assert!(short.starts_with("begin") && short.ends_with("end"), "{short}");
        assert_eq!(short.chars().count(), CHARACTERS_MAX + " [...] ".len());
        assert_eq!(shortened("short"), "short");
    }
}
