//! The pages: one that lists the streams, one for each of them.

use super::html::{escape, page, table};
use super::{Reported, plot, rates};
use crate::flag::Flag;
use crate::tables::details::Detail;
use crate::tables::summary::Recorded;
use crate::verdict::{Status, count_of};

/// Details of the newest run that are listed.
const DETAILS: usize = 200;

/// The list of streams.
pub(super) fn of_all(reported: &[Reported]) -> String {
    let count = |status| reported.iter().filter(|it| it.status() == Some(status)).count();
    let (passed, failed) = (count(Status::Passed), count(Status::Failed));
    let others = reported.len() - passed - failed;
    let row = |it: &Reported| {
        let last = it.history.first();
        vec![
            escape(&it.group),
            format!("<a href=\"{}\">{}</a>", it.file, escape(&it.stream)),
            last.map(verdict).unwrap_or_default(),
            last.map(started).unwrap_or_default(),
            last.map(good).unwrap_or_default(),
            passes(&it.history),
        ]
    };
    let header = ["Group", "Stream", "Last verdict", "Started", "Good", "Runs passed"];
    let body = format!(
        "<h1>Quality of {} streams</h1>\n<p>{passed} passed, {failed} failed, {others} could not be checked.</p>\n{}",
        reported.len(),
        table("Streams by group", &header, reported.iter().map(row))
    );
    page("Quality of streams", &body)
}

/// The page of a stream.
pub(super) fn of_stream(stream: &Reported) -> String {
    let title = format!("{} / {}", stream.group, stream.stream);
    let last = stream.history.first().map(verdict).unwrap_or_default();
    let header = [
        "Started", "Verdict", "1", "2", "3", "Points", "Good", "Suspect", "Fail", "Missing",
        "Unknown", "Cause",
    ];
    let body = format!(
        "<p><a href=\"index.html\">All streams</a></p>\n<h1>{}</h1>\n<p>Last verdict: {last}. Runs passed: {}.</p>\n\
         <h2>Series</h2>\n{}<p class=\"note\">The points that were kept of the last runs, and all that were flagged. Point at one to read it.</p>\n\
         <h2>Pass rates over time</h2>\n{}\
         <h2>Flags over time</h2>\n{}\
         <h2>Verdicts</h2>\n{}\
         <h2>Findings of the last run</h2>\n{}",
        escape(&title),
        passes(&stream.history),
        plot::series(&stream.drawn.dots),
        rates::plot(&stream.history),
        plot::shares(&stream.history),
        table(
            "Runs, the newest first; 1, 2 and 3 are the processes",
            &header,
            stream.history.iter().map(run)
        ),
        findings(&stream.drawn.details),
    );
    page(&title, &body)
}

impl Reported {
    fn status(&self) -> Option<Status> {
        self.history.first().map(|it| it.status)
    }
}

fn run(run: &Recorded) -> Vec<String> {
    let process = |pass: &Option<u64>| match pass {
        Some(1) => "pass",
        Some(_) => "no",
        None => "–",
    };
    let count = |flag: Flag| count_of(&run.counts, flag).to_string();
    let mut cells = vec![started(run), verdict(run)];
    cells.extend(run.passes.iter().map(|it| process(it).to_owned()));
    cells.push(run.rows.map(|it| it.to_string()).unwrap_or_default());
    let flags = [Flag::Good, Flag::Suspect, Flag::Fail, Flag::Missing, Flag::Unknown];
    cells.extend(flags.map(count));
    cells.push(run.error.as_deref().map(escape).unwrap_or_default());
    cells
}

fn findings(details: &[Detail]) -> String {
    if details.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let row = |it: &Detail| {
        let text = |text: &Option<String>| text.as_deref().map(escape).unwrap_or_default();
        let flag = Flag::of_value(it.flag).map(Flag::name).unwrap_or_default();
        vec![
            it.process.to_string(),
            escape(&it.test),
            flag.to_owned(),
            text(&it.time),
            text(&it.value),
            text(&it.threshold),
            escape(&it.message),
        ]
    };
    let shown = details.len().min(DETAILS);
    let caption = format!("{shown} of {} that the page has read", details.len());
    let header = ["Process", "Test", "Flag", "Time", "Value", "Threshold", "Message"];
    table(&caption, &header, details.iter().take(DETAILS).map(row))
}

fn verdict(run: &Recorded) -> String {
    let name = run.status.name();
    format!("<span class=\"verdict {name}\">{name}</span>")
}

fn started(run: &Recorded) -> String {
    escape(run.run.started_at().get(..19).unwrap_or_default()).replace('T', " ")
}

/// `98.6 %` of the points.
fn good(run: &Recorded) -> String {
    rates::good_share(run).map(rates::percent).unwrap_or_default()
}

/// `7 of 9`
fn passes(history: &[Recorded]) -> String {
    let ended = history.iter().filter(|it| it.status != Status::Running).count();
    let passed = history.iter().filter(|it| it.status == Status::Passed).count();
    format!("{passed} of {ended}")
}
