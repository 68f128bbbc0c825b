//! The settings of the pipeline: as they are written, and what they mean. What is wrong with datasets is found in
//! [`table`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use stepwell_pipeline::notify::Channel;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Problem, Variables, check};
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Surroundings};
use stepwell_tabular::Location;

mod table;

pub use table::TableSettings;

use crate::athena;
use crate::dataset::Dataset;
use crate::reconcile::settings as proof;
use crate::source::{SourceTable, dynamodb, mambu, postgres, salesforce};
use crate::target::Target;

const TARGET: &str = "lake";
const DATABASE: &str = "datalake_raw";
const GRACE_SECONDS: u64 = 86_400;
const COMPACT_FILES: usize = 16;
const MAX_CONCURRENCY: u32 = 2;
const PARALLEL_SPLITS: usize = 2;
const SLICE_SECONDS: u64 = 600;
const SILENCE_SECONDS: u64 = 60;
const QUERY_MEBIBYTES: usize = 512;

/// The settings as they are written.
///
/// ```toml
/// [pipelines.lake]
/// target = "s3://acme-lake/raw"
/// database = "datalake_raw"
/// datasets = "datasets"                       # a folder of files like the table below, named after it
///
/// [pipelines.lake.tables.orders]
/// source = "files"
/// path = "incoming/orders-*.csv.gz"
/// columns = ["id bigint not null", "amount decimal(18,2)", "modified timestamp"]
/// key = ["id"]
/// mode = "append"
/// event_time = "modified"
/// partition_by = ["day(modified)"]
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder or the S3 prefix of the lake.
    pub target: Option<Location>,
    /// The folder below it that has the tables; in Glue, the database.
    pub database: Option<String>,
    /// A folder of datasets, one TOML file each.
    pub datasets: Option<PathBuf>,
    /// The datasets, by the name of their table.
    pub tables: BTreeMap<String, TableSettings>,
    /// How change streams of DynamoDB are read.
    pub dynamodb: dynamodb::Settings,
    /// How the databases of datasets with `source = "postgres"` are reached.
    pub postgres: postgres::Settings,
    /// How Athena is asked, where it serves.
    pub athena: athena::Settings,
    /// How datasets are compared with their sources.
    pub proof: proof::Settings,
    /// How the tenant of datasets with `source = "mambu"` is reached.
    pub mambu: mambu::Settings,
    /// How the organization of datasets with `source = "salesforce"` is reached.
    pub salesforce: salesforce::Settings,
    /// How long files that were replaced stay, for who reads them now.
    pub grace_seconds: Option<u64>,
    /// A partition with so many small files is written anew.
    pub compact_files: Option<usize>,
    /// How many datasets are worked on at the same time.
    pub max_concurrency: Option<u32>,
    /// How many parts of a dataset are read at the same time.
    pub parallel_splits: Option<usize>,
    /// How long one invocation may work.
    pub slice_seconds: Option<u64>,
    /// After how long a silent connection counts as lost.
    pub silence_seconds: Option<u64>,
    /// The memory of a query, in MiB; beyond it, it goes to disk or fails.
    pub query_mebibytes: Option<usize>,
    /// Where the summary of a run is told.
    pub notify: Option<Vec<Channel>>,
}

/// What the settings mean.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the lake is.
    pub target: Target,
    /// By name.
    pub datasets: BTreeMap<String, Dataset>,
    pub(crate) dynamodb: dynamodb::Settings,
    pub(crate) postgres: postgres::Settings,
    pub(crate) athena: athena::Settings,
    pub(crate) proof: proof::Settings,
    pub(crate) mambu: mambu::Settings,
    pub(crate) salesforce: salesforce::Settings,
    pub(crate) grace: Duration,
    pub(crate) compact_files: usize,
    pub(crate) max_concurrency: u32,
    pub(crate) parallel_splits: usize,
    pub(crate) slice: Duration,
    pub(crate) silence: Duration,
    pub(crate) query_bytes: usize,
    pub(crate) notify: Vec<Channel>,
}

impl Config {
    pub(crate) fn new(mut settings: Settings, project: &Path) -> Result<Self, HandlerError> {
        if let Some(folder) = settings.datasets.take() {
            for (name, table) in in_folder(&project.join(folder))? {
                if settings.tables.insert(name.clone(), table).is_some() {
                    return Err(HandlerError::Config(format!(
                        "the dataset `{name}` is in stepwell.toml and in the folder `datasets`; keep one of them"
                    )));
                }
            }
        }
        check(&settings.found_problems())?;
        let mut datasets = BTreeMap::new();
        for (name, table) in settings.tables {
            let mut dataset = table.dataset(&name).map_err(|problems| {
                HandlerError::Config(format!("the dataset `{name}`: {}", problems.join("; ")))
            })?;
            if let SourceTable::Sql(sql) = &mut dataset.source {
                sql.within(project);
            }
            datasets.insert(name, dataset);
        }
        let seconds =
            |setting: Option<u64>, default| Duration::from_secs(setting.unwrap_or(default));
        Ok(Self {
            target: Target {
                root: settings.target.unwrap_or_else(|| Location::Path(TARGET.into())),
                database: settings.database.unwrap_or_else(|| DATABASE.to_owned()),
                elsewhere: datasets.values().flat_map(elsewhere).collect(),
            },
            datasets,
            dynamodb: settings.dynamodb,
            postgres: settings.postgres,
            athena: settings.athena,
            proof: settings.proof,
            mambu: settings.mambu,
            salesforce: settings.salesforce,
            grace: seconds(settings.grace_seconds, GRACE_SECONDS),
            compact_files: settings.compact_files.unwrap_or(COMPACT_FILES),
            max_concurrency: settings.max_concurrency.unwrap_or(MAX_CONCURRENCY),
            parallel_splits: settings.parallel_splits.unwrap_or(PARALLEL_SPLITS),
            slice: seconds(settings.slice_seconds, SLICE_SECONDS),
            silence: seconds(settings.silence_seconds, SILENCE_SECONDS),
            query_bytes: settings.query_mebibytes.unwrap_or(QUERY_MEBIBYTES) << 20,
            notify: settings.notify.unwrap_or_else(|| vec![Channel::Log]),
        })
    }
}

impl Config {
    /// In which wave of a run a dataset comes: a curated one behind those that it reads. One that is not known comes in the
    /// first, and fails there.
    pub(crate) fn wave(&self, dataset: &str) -> usize {
        self.wave_within(dataset, self.datasets.len())
    }

    /// Datasets that read each other in a circle come last; there are no more waves than datasets.
    fn wave_within(&self, dataset: &str, depth: usize) -> usize {
        let Some(SourceTable::Sql(sql)) = self.datasets.get(dataset).map(|it| &it.source) else {
            return 0;
        };
        let reads = sql.reads(crate::views::LATEST);
        let own = reads.iter().filter_map(|name| self.dataset_of(name));
        let below = own.filter(|name| *name != dataset && depth > 0);
        below.map(|name| self.wave_within(name, depth - 1) + 1).max().unwrap_or(0)
    }

    /// The dataset that a table belongs to.
    fn dataset_of(&self, table: &str) -> Option<&str> {
        self.datasets
            .values()
            .find(|it| it.tables().iter().any(|name| name == table))
            .map(|it| it.name.as_str())
    }
}

/// The tables of a dataset that has a target of its own.
fn elsewhere(dataset: &Dataset) -> Vec<(String, Location)> {
    let Some(target) = &dataset.target else { return Vec::new() };
    dataset.tables().into_iter().map(|table| (table, target.clone())).collect()
}

/// The datasets of a folder, by the names of their files.
fn in_folder(folder: &Path) -> Result<Vec<(String, TableSettings)>, HandlerError> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        HandlerError::Config(format!("{}: {error}; check the setting `datasets`", path.display()))
    };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let table =
            toml::from_str(&text).map_err(|error| unreadable(&path, &placed(&text, &error)))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.push((name, table));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// An error without the line that it is in: there may be a secret in it.
fn placed(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
    format!("{}{}", line.unwrap_or_default(), error.message())
}

impl Settings {
    /// Whether a dataset has such a source.
    fn uses(&self, is_it: fn(&SourceTable) -> bool) -> bool {
        self.tables.values().any(|table| is_it(&table.source))
    }

    fn found_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(Location::Http(_)) = self.target {
            problems.push(Problem::wrong(
                "target",
                "a web server cannot be written to",
                "write a folder, or `s3://bucket/prefix`",
            ));
        }
        if self.database.as_ref().is_some_and(|name| !table::is_name(name)) {
            problems.push(Problem::wrong(
                "database",
                "`database` is no name",
                "use small letters, digits and `_`, a letter first",
            ));
        }
        let zero = "write a number above zero";
        for (key, value) in [
            ("max_concurrency", self.max_concurrency.map(u64::from)),
            ("parallel_splits", self.parallel_splits.map(|it| it as u64)),
            ("slice_seconds", self.slice_seconds),
            ("silence_seconds", self.silence_seconds),
            ("query_mebibytes", self.query_mebibytes.map(|it| it as u64)),
        ] {
            if value == Some(0) {
                problems.push(Problem::wrong(key, format!("`{key}` is zero"), zero));
            }
        }
        if self.compact_files.is_some_and(|files| files < 2) {
            problems.push(Problem::wrong(
                "compact_files",
                "`compact_files` is below two",
                "write 2 or more",
            ));
        }
        problems.extend(self.dynamodb.problems());
        let of_dynamodb = self.tables.values().filter_map(|table| table.source.dynamodb());
        problems.extend(dynamodb::stream_problems(of_dynamodb));
        problems.extend(self.postgres.problems());
        problems.extend(self.athena.problems());
        problems.extend(self.proof.problems());
        if self.uses(|it| matches!(it, SourceTable::Mambu(_))) {
            problems.extend(self.mambu.problems());
        }
        if self.uses(|it| matches!(it, SourceTable::Salesforce(_))) {
            problems.extend(self.salesforce.problems());
        }
        let mut datasets = Vec::new();
        for (name, table) in &self.tables {
            let found = table.clone().dataset(name).map(|dataset| datasets.push(dataset));
            for problem in found.err().unwrap_or_default() {
                problems.push(Problem::wrong(
                    "tables",
                    format!("the dataset `{name}`: {problem}"),
                    "see docs/reference/lake.md",
                ));
            }
        }
        // Those of a folder are not among the tables yet; and of a wrong one the columns are not known.
        if self.datasets.is_none() && datasets.len() == self.tables.len() {
            problems.extend(self.proof.tolerance_problems(&datasets));
        }
        problems
    }
}

impl stepwell_pipeline::Settings for Settings {
    const PIPELINE: &'static str = crate::NAME;
    const MACHINES: &'static [Machine] = crate::MACHINES;
    const TEMPLATE: &'static str = include_str!("../../settings.toml");

    fn problems(&self, _variables: Variables<'_>) -> Vec<Problem> {
        let mut problems = self.found_problems();
        if self.tables.is_empty() && self.datasets.is_none() {
            problems.push(Problem::missing(
                "tables",
                "add a dataset, `[pipelines.lake.tables.NAME]`, or name a folder of them with `datasets`",
            ));
        }
        problems
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        let is_literal = matches!(self.postgres.url, Some(SecretRef::Literal(_)));
        let postgres = is_literal.then_some(("postgres.url", "lake/postgres"));
        let others = [self.mambu.literal_secrets(), self.salesforce.literal_secrets()];
        postgres.into_iter().chain(others.into_iter().flatten()).collect()
    }

    fn build(
        &self,
        _variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        crate::pipeline(self, surroundings, Arc::new(Timestamp::now))
    }
}
