//! `stepwell-lake-record`: keeps the results, as datasets of the lake and beside the pipeline's state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use super::{Proving, file_name, kept};
use crate::reconcile::kept::{load, prune, remove, save};
use crate::reconcile::proof::{Counted, Counts, DatasetProof, DayProof, Found, Level, Status};

/// The dataset with a row for each dataset, day and proof.
pub(crate) const DAILY: &str = "reconciliation_daily";
/// The dataset with the rows that differ.
pub(crate) const DIFFERENCES: &str = "reconciliation_differences";

/// Keeps the results of a run.
pub struct Record {
    /// What the functions share.
    pub proving: Arc<Proving>,
}

/// What the Map gave: `{"run":"monday","results":[{"dataset":"orders"},{"dataset":"users","failure":{...}}]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    run: String,
    results: Vec<Proven>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proven {
    dataset: String,
    failure: Option<Caught>,
}

/// One line for each dataset.
///
/// ```json
/// {"datasets":[{"dataset":"orders","status":"equal","cutoff":"2026-03-02T05:50:00Z","source_rows":5021,...}]}
/// ```
#[derive(Debug, Serialize)]
pub struct Recorded {
    datasets: Vec<Line>,
}

/// A proof without its days and differences.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) dataset: String,
    pub(super) status: Status,
    pub(super) cutoff: Option<Timestamp>,
    #[serde(flatten)]
    pub(super) counts: Counts,
    #[serde(default)]
    pub(super) level: Level,
    #[serde(default)]
    pub(super) counted: Counted,
    pub(super) note: Option<String>,
}

/// The proofs of a run of this project, as [`Record`] kept them; none if there was no such run.
///
/// # Errors
/// [`HandlerError::Fatal`] if the file cannot be read.
pub fn history(state: &Path, run: &str) -> Result<Option<Vec<DatasetProof>>, HandlerError> {
    load(&kept(state, run))
}

/// The proofs of all runs of this project.
///
/// # Errors
/// [`HandlerError::Fatal`] if a file cannot be read.
pub fn proofs(state: &Path) -> Result<Vec<DatasetProof>, HandlerError> {
    let Ok(files) = std::fs::read_dir(super::proofs_folder(state)) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for path in files.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|end| end == "json") {
            all.extend(load::<Vec<DatasetProof>>(&path)?.unwrap_or_default());
        }
    }
    Ok(all)
}

#[async_trait]
impl Function for Record {
    type Input = Results;
    type Output = Recorded;

    fn name(&self) -> &'static str {
        "stepwell-lake-record"
    }

    async fn call(&self, results: Results, _ctx: &Context) -> Result<Recorded, HandlerError> {
        let Results { run, results } = results;
        let spool = self.proving.spool(&run);
        let kept = self.proving.kept(&run);
        // A repeat finds what the first call kept: the files that it came from may be gone.
        let proofs = if let Some(proofs) = load::<Vec<DatasetProof>>(&kept)? {
            proofs
        } else {
            let proofs: Result<Vec<_>, _> =
                results.into_iter().map(|proven| proven.proofs(&spool)).collect();
            let proofs = proofs?.concat();
            save(&kept, &proofs)?;
            proofs
        };
        let lake = &self.proving.lake;
        let name = file_name(&run);
        lake.append(DAILY, &name, daily(&proofs)?).await?;
        lake.append(DIFFERENCES, &name, differences(&proofs)?).await?;
        remove(&spool)?;
        let kept_for = self.proving.settings.kept_for();
        prune(&super::proofs_folder(&self.proving.state), kept_for, Timestamp::now())?;
        Ok(Recorded { datasets: proofs.into_iter().map(Line::from).collect() })
    }
}

impl From<DatasetProof> for Line {
    fn from(proof: DatasetProof) -> Self {
        let DatasetProof { dataset, status, cutoff, counts, level, counted, note, .. } = proof;
        Self { dataset, status, cutoff, counts, level, counted, note }
    }
}

impl Proven {
    /// Of the dataset, and of the tables of its arrays.
    fn proofs(self, spool: &Path) -> Result<Vec<DatasetProof>, HandlerError> {
        let Some(failure) = self.failure else {
            let path = spool.join(&self.dataset).join("proof.json");
            return load(&path)?.ok_or_else(|| {
                HandlerError::Fatal(format!(
                    "{} is gone: the proof has to be repeated",
                    path.display()
                ))
            });
        };
        let status = Status::of_failure(&failure.error);
        let why = format!("{}: {}", failure.error, failure.message());
        let unknown = DatasetProof::unknown(&self.dataset, status, why);
        Ok(vec![DatasetProof { checked_at: Timestamp::now(), ..unknown }])
    }
}

/// A row for each day, and one without a day where nothing could be compared.
fn daily(proofs: &[DatasetProof]) -> Result<RecordBatch, HandlerError> {
    let rows: Vec<(&DatasetProof, Option<&DayProof>)> = proofs
        .iter()
        .flat_map(|proof| {
            let unknown = proof.days.is_empty().then_some((proof, None));
            proof.days.iter().map(move |day| (proof, Some(day))).chain(unknown)
        })
        .collect();
    let texts = |of: &dyn Fn(&DatasetProof, Option<&DayProof>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(proof, day)| of(proof, *day)).collect::<StringArray>())
    };
    let numbers =
        |is_known: &dyn Fn(&DatasetProof) -> bool, of: &dyn Fn(&Counts) -> u64| -> ArrayRef {
            let count = |(proof, day): &(&DatasetProof, Option<&DayProof>)| {
                let is_known = is_known(proof);
                let counts = day.map_or(&proof.counts, |day| &day.counts);
                is_known.then(|| of(counts) as i64)
            };
            Arc::new(rows.iter().map(count).collect::<Int64Array>())
        };
    let counts = |of: &dyn Fn(&Counts) -> u64| numbers(&|proof| proof.status.is_known(), of);
    let compared = |of: &dyn Fn(&Counts) -> u64| numbers(&DatasetProof::compares_rows, of);
    let late = |day: Option<&DayProof>| json(&day?.late_by_days);
    let columns = |day: Option<&DayProof>| json(&day?.columns);
    batch([
        ("dataset", texts(&|proof, _| Some(proof.dataset.clone()))),
        ("day", dates(rows.iter().map(|(_, day)| day.and_then(|day| day.day)))),
        ("partition", texts(&|_, day| day?.partition.clone())),
        ("checked_at", instants(rows.iter().map(|(proof, _)| Some(proof.checked_at)))),
        ("cutoff", instants(rows.iter().map(|(proof, _)| proof.cutoff))),
        ("source_rows", counts(&|counts| counts.source_rows)),
        ("lake_rows", counts(&|counts| counts.lake_rows)),
        ("missing", compared(&|counts| counts.missing)),
        ("extra", compared(&|counts| counts.extra)),
        ("different", compared(&|counts| counts.different)),
        ("late", compared(&|counts| counts.late)),
        ("duplicate", compared(&|counts| counts.duplicate)),
        (
            "status",
            texts(&|proof, day| Some(day.map_or(proof.status, |day| day.status).text().to_owned())),
        ),
        ("note", texts(&|proof, _| proof.note.clone())),
        ("late_by_days", texts(&|_, day| late(day))),
        ("level", texts(&|proof, _| Some(proof.level.text().to_owned()))),
        ("source_counted", counted(&rows, |it| it.source)),
        ("lake_counted", counted(&rows, |it| it.lake)),
        ("columns", texts(&|_, day| columns(day))),
    ])
}

/// A text for a map that has something.
fn json<K: Serialize + Ord, V: Serialize>(map: &BTreeMap<K, V>) -> Option<String> {
    (!map.is_empty()).then(|| serde_json::to_string(map).expect("it is plain data"))
}

/// What a whole dataset counts, beside each of its days.
fn counted(
    rows: &[(&DatasetProof, Option<&DayProof>)],
    of: impl Fn(&Counted) -> Option<u64>,
) -> ArrayRef {
    let count = rows.iter().map(|(proof, _)| of(&proof.counted).map(|it| it as i64));
    Arc::new(count.collect::<Int64Array>())
}

/// A row for each differing row.
fn differences(proofs: &[DatasetProof]) -> Result<RecordBatch, HandlerError> {
    let rows: Vec<(&DatasetProof, &Found)> = proofs
        .iter()
        .flat_map(|proof| proof.differences.iter().map(move |it| (proof, it)))
        .collect();
    let texts = |of: &dyn Fn(&DatasetProof, &Found) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|(proof, found)| Some(of(proof, found))).collect::<StringArray>())
    };
    let json = |value: &dyn Fn(&Found) -> serde_json::Result<String>, found: &Found| {
        value(found).expect("keys are texts")
    };
    let omitted: ArrayRef =
        Arc::new(rows.iter().map(|(proof, _)| Some(proof.omitted as i64)).collect::<Int64Array>());
    let partitions: ArrayRef =
        Arc::new(rows.iter().map(|(_, found)| found.partition.clone()).collect::<StringArray>());
    batch([
        ("dataset", texts(&|proof, _| proof.dataset.clone())),
        ("day", dates(rows.iter().map(|(_, found)| found.day))),
        ("checked_at", instants(rows.iter().map(|(proof, _)| Some(proof.checked_at)))),
        ("kind", texts(&|_, found| found.kind.text().to_owned())),
        ("key", texts(&|_, found| json(&|it| serde_json::to_string(&it.key), found))),
        ("columns", texts(&|_, found| json(&|it| serde_json::to_string(&it.columns), found))),
        ("omitted", omitted),
        ("partition", partitions),
    ])
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch, HandlerError> {
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays)
        .map_err(|error| HandlerError::Fatal(format!("the results fit no table: {error}")))
}

fn instants(values: impl Iterator<Item = Option<Timestamp>>) -> ArrayRef {
    let micros = values.map(|it| it.map(Timestamp::as_microsecond));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn dates(values: impl Iterator<Item = Option<Date>>) -> ArrayRef {
    let epoch = Date::constant(1970, 1, 1);
    let number = |day: Date| epoch.until(day).map_or(0, |span| span.get_days());
    Arc::new(values.map(|day| day.map(number)).collect::<Date32Array>())
}
