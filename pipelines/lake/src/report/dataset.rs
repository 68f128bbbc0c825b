//! The page of one dataset.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use stepwell_report::{Axis, Cell, Element, Html, Layer, Page, Plot, Table, Tone, element};

use super::{Reported, age, badge, compared, instant, number};
use crate::reconcile::proof::{Counts, DatasetProof, Found, FoundKind, Status};

/// So many days and proofs are shown.
const SHOWN: usize = 30;

pub(super) fn page(dataset: &Reported, now: Timestamp) -> Page {
    let page = Page::new(&dataset.name).link("All datasets", "index.html").lead(lead(dataset, now));
    let page = match dataset.last() {
        Some(proof) => page
            .section("days", "Last 30 days", days(proof))
            .section("differences", "Differences", differences(proof))
            .section("late", "Late arrivals", late(proof)),
        None => page,
    };
    let page = page.section("trend", "Proofs", proofs(dataset));
    page.section("quarantine", "Quarantine", quarantine(dataset))
}

fn lead(dataset: &Reported, now: Timestamp) -> Html {
    let Some(proof) = dataset.last() else {
        return element("p").text("No proof yet: run `stepwell reconcile lake`.").into();
    };
    let checked =
        format!(" checked {} ({} ago)", instant(proof.checked_at), age(proof.checked_at, now));
    let mut lead = Html::join([element("p").child(badge(proof.status)).text(checked)]);
    let cutoff = proof.cutoff.map(|it| format!("Events before {} were compared.", instant(it)));
    let in_step =
        dataset.in_step_until.map(|it| format!("The lake is in step up to {}.", instant(it)));
    let counted = proof.counted.text();
    let counted = (!counted.is_empty()).then(|| format!("Counted, source / lake: {counted} rows."));
    let told = [cutoff, in_step, counted, proof.note.clone()];
    lead.push(Html::join(told.into_iter().flatten().map(|text| element("p").text(text))));
    lead
}

/// The counts of the last days, partitions added up.
fn by_day(proof: &DatasetProof) -> Vec<(Option<Date>, Counts)> {
    let mut days: BTreeMap<Option<Date>, Counts> = BTreeMap::new();
    proof.days.iter().for_each(|day| days.entry(day.day).or_default().add(&day.counts));
    let first = days.len().saturating_sub(SHOWN);
    days.into_iter().skip(first).collect()
}

fn days(proof: &DatasetProof) -> Html {
    let days = by_day(proof);
    if days.is_empty() {
        return element("p").class("quiet").text("There is nothing to compare.").into();
    }
    let name = |day: &Option<Date>| day.map_or_else(|| "no day".to_owned(), |day| day.to_string());
    let names: Vec<_> = days.iter().map(|(day, _)| name(day)).collect();
    let bars = |label: &str, tone, of: &dyn Fn(&Counts) -> u64| Layer::Bars {
        name: label.to_owned(),
        tone,
        points: days.iter().enumerate().map(|(at, (_, it))| (at as f64, of(it) as f64)).collect(),
    };
    let differing: u64 = days.iter().map(|(_, it)| it.differing()).sum();
    let rows = Plot {
        title: "Rows in source and lake".to_owned(),
        description: format!("{} days, {differing} rows differ", days.len()),
        x: Axis::Names(names.clone()),
        y: Axis::Number("rows".to_owned()),
        layers: vec![
            bars("source", Tone::Muted, &|it| it.source_rows),
            bars("lake", Tone::Accent, &|it| it.lake_rows),
        ],
    };
    let unequal = Plot {
        title: "Rows that differ".to_owned(),
        description: format!("{differing} rows differ in {} days", days.len()),
        x: Axis::Names(names),
        y: Axis::Number("rows".to_owned()),
        layers: vec![
            bars("missing", Tone::Bad, &|it| it.missing),
            bars("extra", Tone::Warn, &|it| it.extra + it.duplicate),
            bars("different", Tone::Accent, &|it| it.different),
        ],
    };
    let columns = ["Day", "Source", "Lake", "Missing", "Extra", "Different", "Late", "Duplicate"];
    let row = |(day, counts): &(Option<Date>, Counts)| {
        let numbers = [
            counts.source_rows,
            counts.lake_rows,
            counts.missing,
            counts.extra,
            counts.different,
            counts.late,
            counts.duplicate,
        ];
        let day: Cell = name(day).into();
        std::iter::once(day).chain(numbers.map(Cell::from)).collect()
    };
    let table = Table::new("By day of the event (UTC), the newest first", &columns)
        .rows(days.iter().rev().map(row));
    let plots = element("div").class("plots").children([rows, unequal]);
    let table = element("details")
        .child(element("summary").text("Numbers of every day"))
        .child(Html::from(table));
    Html::join([plots, table])
}

fn differences(proof: &DatasetProof) -> Html {
    if proof.differences.is_empty() {
        let text = match proof.status {
            Status::Equal => "None.",
            Status::CountsAgree => "Not looked for: only the numbers of rows were compared.",
            Status::Different
            | Status::SourceUnavailable
            | Status::LakeChanged
            | Status::NotComparable => "Unknown.",
        };
        return element("p").class("quiet").text(text).into();
    }
    let kinds = [FoundKind::Missing, FoundKind::Extra, FoundKind::Different, FoundKind::Duplicate];
    let of_kind = |kind: FoundKind| {
        let found: Vec<_> = proof.differences.iter().filter(|it| it.kind == kind).collect();
        (!found.is_empty()).then(|| drill_down(kind, &found))
    };
    let mut all = Html::join(kinds.into_iter().filter_map(of_kind));
    if proof.omitted > 0 {
        let more = format!("{} more were counted and not kept.", proof.omitted);
        all.push(element("p").class("warn").text(more));
    }
    all
}

fn drill_down(kind: FoundKind, found: &[&Found]) -> Element {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let row = |found: &&Found| {
        let key: Vec<_> =
            found.key.iter().map(|(name, value)| format!("{name} = {}", text(value))).collect();
        let columns: Vec<_> = found
            .columns
            .iter()
            .map(|it| match (&it.source, &it.lake) {
                (None, None) => it.name.clone(),
                (source, lake) => format!("{}: {} / {}", it.name, text(source), text(lake)),
            })
            .collect();
        let day = found.day.map(|day| day.to_string()).unwrap_or_default();
        vec![key.join(", ").into(), day.into(), columns.join(", ").into()]
    };
    let (title, what) = match kind {
        FoundKind::Missing => ("Missing", "in the source only"),
        FoundKind::Extra => ("Extra", "in the lake only"),
        FoundKind::Different => ("Different", "other values"),
        FoundKind::Duplicate => ("Duplicate", "in the lake more often than in the source"),
    };
    let table = Table::new(
        format!("Rows that are {what}; values are source / lake"),
        &["Key", "Day", "Columns"],
    )
    .rows(found.iter().map(row));
    let summary = format!("{title}: {} ({what})", found.len());
    element("details").child(element("summary").text(summary)).child(Html::from(table))
}

fn late(proof: &DatasetProof) -> Html {
    let mut lags: BTreeMap<i64, u64> = BTreeMap::new();
    for (lag, rows) in proof.days.iter().flat_map(|day| &day.late_by_days) {
        *lags.entry(*lag).or_default() += rows;
    }
    if lags.is_empty() {
        return element("p").class("quiet").text("None.").into();
    }
    let total: u64 = lags.values().sum();
    Plot {
        title: "Late rows by how late they came".to_owned(),
        description: format!("{total} rows came after their day had been read"),
        x: Axis::Names(lags.keys().map(|lag| format!("{lag} d")).collect()),
        y: Axis::Number("rows".to_owned()),
        layers: vec![Layer::Bars {
            name: "late rows".to_owned(),
            tone: Tone::Warn,
            points: lags.values().enumerate().map(|(at, rows)| (at as f64, *rows as f64)).collect(),
        }],
    }
    .into()
}

fn proofs(dataset: &Reported) -> Html {
    let shown = &dataset.proofs[dataset.proofs.len().saturating_sub(SHOWN)..];
    let plot = Plot {
        title: "Differing rows by proof, in percent of the source".to_owned(),
        description: format!("{} proofs", shown.len()),
        x: Axis::Time("checked at (UTC)".to_owned()),
        y: Axis::Number("%".to_owned()),
        layers: vec![Layer::Line {
            name: "differing".to_owned(),
            tone: Tone::Bad,
            points: shown.iter().map(mismatch).collect(),
        }],
    };
    let row = |proof: &DatasetProof| {
        let note = proof.note.clone().unwrap_or_default();
        vec![
            instant(proof.checked_at).into(),
            badge(proof.status).into(),
            Cell::Number(proof.counted.text()),
            number(proof, proof.counts.source_rows),
            number(proof, proof.counts.lake_rows),
            compared(proof, proof.counts.differing()),
            note.into(),
        ]
    };
    let columns = ["Checked", "Status", "Counted", "Source", "Lake", "Differing", "Note"];
    let table = Table::new("The newest first", &columns).rows(shown.iter().rev().map(row));
    Html::join([Html::from(plot), table.into()])
}

/// When a proof was made and how many percent of the source's rows differ; not a number where that is not known.
pub(super) fn mismatch(proof: &DatasetProof) -> (f64, f64) {
    let share = match proof.status {
        Status::Equal => 0.0,
        Status::Different if proof.compares_rows() => {
            100.0 * proof.counts.differing() as f64 / proof.counts.source_rows.max(1) as f64
        }
        _ => f64::NAN,
    };
    (proof.checked_at.as_second() as f64, share)
}

fn quarantine(dataset: &Reported) -> Html {
    let text = match dataset.quarantined {
        0 => "Empty.".to_owned(),
        1 => "1 record fits no row; it is kept with its reason.".to_owned(),
        many => format!("{many} records fit no row; they are kept with their reasons."),
    };
    element("p").text(text).into()
}
