//! Salesforce, Mambu and a table of DynamoDB into a lake, and its proof: equal first, then with one row lost on purpose.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use stepwell_integrations::dynamodb::{EmbeddedTables, Item, KeyAttribute, Table, Tables};
use stepwell_lake::published;
use stepwell_lake::reconcile::handlers::history;
use stepwell_lake::reconcile::proof::DatasetProof;
use stepwell_pipeline::HandlerError;
use stepwell_sandbox::{mambu, salesforce};
use stepwell_tabular::{Kind, ReadOptions, WriteOptions, Writer};

use super::stage::{Ended, Stage};
use crate::config::Section;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;
use crate::wiring;

const ITEMS: usize = 2_000;

/// The dataset that loses a row.
const LOSING: &str = "orders";

/// What a run did, or found.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names in `--json`")]
pub(super) struct Datasets {
    datasets: Vec<Dataset>,
    /// Rows that differ: dataset and key.
    differences: Vec<String>,
    /// Those that were planted; nothing where nothing was compared.
    planted: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names in `--json`")]
struct Dataset {
    dataset: String,
    rows: u64,
    /// What came of it.
    status: String,
}

impl Datasets {
    /// Whether what was planted is found, and nothing else.
    pub(super) fn agree(&self) -> bool {
        let is_checked = |it: &Dataset| {
            ["equal", "different", "published", "unchanged"].contains(&it.status.as_str())
        };
        self.planted.as_ref().is_none_or(|planted| self.differences == *planted)
            && self.datasets.iter().all(is_checked)
    }

    pub(super) fn moved(&self) -> String {
        format!("{} rows", self.datasets.iter().map(|it| it.rows).sum::<u64>())
    }

    pub(super) fn table(&self) -> comfy_table::Table {
        let row = |it: &Dataset| [it.dataset.clone(), it.rows.to_string(), it.status.clone()];
        output::table(["DATASET", "ROWS", "STATUS"], self.datasets.iter().map(row))
    }

    pub(super) fn verdict(&self) -> Option<String> {
        let (planted, found) = (self.planted.as_ref()?, &self.differences);
        Some(if planted.is_empty() && found.is_empty() {
            "source and lake agree".to_owned()
        } else {
            format!("{} planted, {} found: {}", planted.len(), found.len(), found.join("; "))
        })
    }

    /// Of a run of the lake.
    fn published(summary: &Value) -> Self {
        let of = |result: &Value| Dataset {
            dataset: result["dataset"].as_str().unwrap_or_default().to_owned(),
            rows: result["rows"].as_u64().unwrap_or_default(),
            status: result["status"].as_str().unwrap_or_default().to_owned(),
        };
        let results = summary["datasets"].as_array().into_iter().flatten();
        Self { datasets: results.map(of).collect(), differences: Vec::new(), planted: None }
    }

    /// Of a proof.
    fn proven(proofs: &[DatasetProof], planted: Vec<String>) -> Self {
        let of = |proof: &DatasetProof| Dataset {
            dataset: proof.dataset.clone(),
            rows: proof.counts.lake_rows,
            status: proof.status.text().to_owned(),
        };
        let differences = proofs.iter().flat_map(|proof| {
            proof.differences.iter().map(|found| {
                let key: Vec<_> =
                    found.key.values().map(|it| it.as_deref().unwrap_or("null")).collect();
                format!("{} {}", proof.dataset, key.join(", "))
            })
        });
        Self {
            datasets: proofs.iter().map(of).collect(),
            differences: differences.collect(),
            planted: Some(planted),
        }
    }
}

pub(super) async fn perform(project: &Project) -> Outcome<Vec<Ended<Datasets>>> {
    output::note(format_args!(
        "lake: starting Salesforce and Mambu on this machine, and a table with {ITEMS} items"
    ));
    let crm = salesforce::Sandbox::start(salesforce::Options::default()).await?;
    let core = mambu::Sandbox::start(mambu::Options::default()).await?;
    fill(&project.state()).await?;
    let settings = settings(&crm, &core)?;
    let stage = Stage::open(project, "lake", Section::of(settings.clone())).await?;
    let first = stage.run("lake", "first run").await?.map(|summary| Datasets::published(&summary));
    let prove = async |title, planted| {
        let ended = stage.run_to_any_end("lake-reconcile", title).await?;
        let proofs = history(&project.state().join("lake"), &ended.execution).map_err(unusable)?;
        Ok::<_, Failure>(ended.map(|_| Datasets::proven(&proofs.unwrap_or_default(), planted)))
    };
    let second = prove("proof", Vec::new()).await?;
    let lost = lose_a_row(project, &settings).await?;
    let third = prove("proof after one row was lost in the lake", vec![lost]).await?;
    stage.close().await?;
    Ok(vec![first, second, third])
}

/// The settings that a user would write, with the keys of the sandboxes.
fn settings(crm: &salesforce::Sandbox, core: &mambu::Sandbox) -> Outcome<stepwell_lake::Settings> {
    let text = include_str!("lake.toml")
        .replace("{salesforce}", crm.base_url())
        .replace("{client_id}", crm.client_id())
        .replace("{client_secret}", crm.client_secret())
        .replace("{mambu}", core.base_url())
        .replace("{api_key}", core.api_key());
    toml::from_str(&text).map_err(|error| Failure::message(Exit::Unavailable, error.to_string()))
}

/// Puts items into the table that the embedded DynamoDB has.
async fn fill(state: &Path) -> Outcome {
    std::fs::create_dir_all(state)?;
    let failed = |error: stepwell_integrations::dynamodb::Error| {
        Failure::message(Exit::Unavailable, error.to_string())
    };
    let tables = EmbeddedTables::open(&state.join("dynamodb.db")).map_err(failed)?;
    let table = Table { name: LOSING.to_owned(), hash: KeyAttribute::text("id"), range: None };
    tables.ensure_table(&table).await.map_err(failed)?;
    let item = |index: usize| -> Item {
        let item = serde_json::json!({
            "id": {"S": format!("order-{index:05}")},
            "amount": {"N": format!("{}.{:02}", index * 7 % 1000, index % 100)},
            "modified": {"S": format!("2026-02-{:02}T{:02}:00:00Z", index % 28 + 1, index % 24)},
        });
        serde_json::from_value(item).expect("it is an item")
    };
    let items: Vec<_> = (0..ITEMS).map(item).collect();
    tables.batch_put(LOSING, &items).await.map_err(failed)
}

/// Takes one row out of a published file, as a damaged disk or a careless script would, and names it.
async fn lose_a_row(project: &Project, settings: &stepwell_lake::Settings) -> Outcome<String> {
    let surroundings = wiring::surroundings(project, &crate::config::Config::default());
    let lake =
        stepwell_lake::open(settings, &surroundings, Arc::new(Timestamp::now)).map_err(unusable)?;
    let (stores, target) = (&lake.world.stores, &lake.config.target);
    let table = published::table(stores, target, LOSING).await.map_err(unusable)?;
    let table = table.expect("it was published");
    let partition = table.partitions.values().next().expect("it has rows");
    let file = table.files(partition).next().expect("it has a file");
    let at = target.table(LOSING).join(&file);
    let broken =
        |error: stepwell_tabular::Error| Failure::message(Exit::Unavailable, error.to_string());
    let columns = table.file_columns();
    let batches = stepwell_tabular::read(stores, &at, ReadOptions::of(columns.clone()))
        .await
        .map_err(broken)?;
    let rows: Vec<RecordBatch> =
        batches.map_ok(|batch| batch.rows).try_collect().await.map_err(broken)?;
    let kind = Kind::of(at.name()).expect("the lake names its files by kind");
    let mut writer = Writer::new(Vec::new(), &columns, &WriteOptions::of(kind)).map_err(broken)?;
    for (index, rows) in rows.iter().enumerate() {
        let lost = usize::from(index == 0);
        writer.write(&rows.slice(lost, rows.num_rows() - lost)).map_err(broken)?;
    }
    let bytes = writer.finish().map_err(broken)?;
    stores.put(&at, bytes.into()).await.map_err(broken)?;
    let keys = rows.first().and_then(|rows| rows.column_by_name("id")).expect("it has a key");
    Ok(format!("{LOSING} {}", keys.as_string::<i32>().value(0)))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unusable(error: HandlerError) -> Failure {
    Failure::message(Exit::Unavailable, error.to_string())
}
