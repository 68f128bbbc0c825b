//! The page of all datasets.

use jiff::Timestamp;
use stepwell_report::{Axis, Cell, Html, Layer, Page, Plot, Table, Tone, element};

use super::{Reported, age, badge, compared, instant, number};
use crate::reconcile::proof::Status;

pub(super) fn page(datasets: &[Reported], now: Timestamp) -> Page {
    let page = Page::new("Data lake: proofs").lead(element("p").text(format!(
        "As of {}. {}",
        instant(now),
        verdict(datasets)
    )));
    let page = page.section("datasets", "Datasets", table(datasets, now));
    page.section("trend", "Trend", trend(datasets))
}

fn verdict(datasets: &[Reported]) -> String {
    let equal = datasets
        .iter()
        .filter(|it| it.last().is_some_and(|proof| proof.status == Status::Equal))
        .count();
    let counted = datasets
        .iter()
        .filter(|it| it.last().is_some_and(|proof| proof.status == Status::CountsAgree))
        .count();
    let told =
        format!("{equal} of {} datasets are proven to be equal to their source.", datasets.len());
    match counted {
        0 => told,
        _ => {
            format!("{told} Of {counted} more only the numbers of rows were compared; they agree.")
        }
    }
}

fn table(datasets: &[Reported], now: Timestamp) -> Table {
    let columns = [
        "Dataset",
        "Last proof",
        "Checked",
        "Last equal",
        "Behind",
        "Counted",
        "Source",
        "Lake",
        "Missing",
        "Extra",
        "Different",
        "Late",
        "Duplicate",
        "Quarantine",
    ];
    Table::new("The last proof of every dataset", &columns)
        .rows(datasets.iter().map(|dataset| row(dataset, now)))
}

fn row(dataset: &Reported, now: Timestamp) -> Vec<Cell> {
    let name = element("a").attribute("href", dataset.page()).text(&dataset.name);
    let behind =
        dataset.in_step_until.map_or_else(|| "never published".to_owned(), |it| age(it, now));
    let last_equal = dataset.last_equal().map(|proof| instant(proof.checked_at));
    let mut cells: Vec<Cell> = vec![name.into()];
    let Some(proof) = dataset.last() else {
        cells.extend([element("span").class("badge muted").text("never proven").into()]);
        cells.extend(["".into(), "".into(), behind.into()]);
        cells.extend(std::iter::repeat_n("".into(), 8));
        cells.push(dataset.quarantined.into());
        return cells;
    };
    cells.extend([
        badge(proof.status).into(),
        instant(proof.checked_at).into(),
        last_equal.unwrap_or_else(|| "never".to_owned()).into(),
        behind.into(),
        Cell::Number(proof.counted.text()),
    ]);
    let counts = &proof.counts;
    cells.extend([counts.source_rows, counts.lake_rows].map(|it| number(proof, it)));
    let matters = [counts.missing, counts.extra, counts.different, counts.late, counts.duplicate];
    cells.extend(matters.map(|it| compared(proof, it)));
    cells.push(dataset.quarantined.into());
    cells
}

/// Rows that differ, proof by proof; a proof that could not be made breaks the line.
fn trend(datasets: &[Reported]) -> Html {
    let tones = [Tone::Accent, Tone::Bad, Tone::Good, Tone::Warn, Tone::Muted];
    let line = |(dataset, tone): (&Reported, Tone)| Layer::Line {
        name: dataset.name.clone(),
        tone,
        points: dataset.proofs.iter().map(super::dataset::mismatch).collect(),
    };
    let plots = datasets.chunks(tones.len()).map(|some| Plot {
        title: "Differing rows by proof, in percent of the source".to_owned(),
        description: described(some),
        x: Axis::Time("checked at (UTC)".to_owned()),
        y: Axis::Number("%".to_owned()),
        layers: some.iter().zip(tones).map(line).collect(),
    });
    element("div").class("plots").children(plots).into()
}

fn described(datasets: &[Reported]) -> String {
    let last = datasets.iter().filter_map(|it| it.last().map(|proof| (it, proof)));
    let told =
        last.map(|(it, proof)| format!("{}: {} rows differ", it.name, proof.counts.differing()));
    told.collect::<Vec<_>>().join(", ")
}
