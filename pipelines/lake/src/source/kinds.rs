//! The kinds of sources: what a dataset says of its own, and how that becomes a source. One arm for each kind.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_pipeline::{AnyFunction, HandlerError};

use super::{Source, dynamodb, files, mambu, postgres, salesforce, sql};
use crate::config::Config;
use crate::dataset::{Dataset, Mode};
use crate::query::Lake;
use crate::reconcile::lake::Against;
use crate::world::World;

/// The keys of a dataset that belong to its source.
#[derive(Debug, Clone)]
pub enum SourceTable {
    /// `source = "dynamodb"`
    Dynamodb(dynamodb::Table),
    /// `source = "files"`
    Files(files::Table),
    /// `source = "mambu"`
    Mambu(mambu::Table),
    /// `source = "postgres"`
    Postgres(postgres::Table),
    /// `source = "salesforce"`
    Salesforce(salesforce::Table),
    /// `source = "sql"`: a curated dataset
    Sql(sql::Table),
}

impl SourceTable {
    /// The values of `source`.
    pub const KINDS: &'static [&'static str] =
        &["dynamodb", "files", "mambu", "postgres", "salesforce", "sql"];

    /// Reads the keys that are not the lake's.
    pub(crate) fn of(kind: &str, keys: Value) -> Result<Self, String> {
        match kind {
            "dynamodb" => read(keys).map(Self::Dynamodb),
            "files" => read(keys).map(Self::Files),
            "mambu" => read(keys).map(Self::Mambu),
            "postgres" => read(keys).map(Self::Postgres),
            "salesforce" => read(keys).map(Self::Salesforce),
            "sql" => read(keys).map(Self::Sql),
            _ => {
                let meant = stepwell_pipeline::suggest::closest(kind, Self::KINDS.iter().copied());
                let help =
                    meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
                Err(format!("`{kind}` is no source{help} (there are {})", Self::KINDS.join(", ")))
            }
        }
    }

    /// Whether rows tell of deletions too.
    pub(crate) fn has_deletes(&self, mode: Mode) -> bool {
        match self {
            Self::Dynamodb(table) => table.has_deletes(),
            Self::Files(_) | Self::Postgres(_) | Self::Sql(_) => false,
            // Other modes hold what there is.
            Self::Mambu(table) => table.has_deletes() && mode == Mode::Append,
            Self::Salesforce(table) => table.has_deletes() && mode == Mode::Append,
        }
    }

    /// The keys of a dataset of DynamoDB.
    pub(crate) fn dynamodb(&self) -> Option<&dynamodb::Table> {
        match self {
            Self::Dynamodb(table) => Some(table),
            _ => None,
        }
    }

    /// What a proof compares the lake with.
    pub(crate) fn proven_against(&self, dataset: &Dataset) -> Against {
        match self {
            Self::Dynamodb(table) => table.proven_against(),
            // A window takes the files that were written in it.
            Self::Files(_) if dataset.mode == Mode::Append && dataset.event_time.is_none() => {
                Against::Arrivals
            }
            Self::Files(_)
            | Self::Mambu(_)
            | Self::Postgres(_)
            | Self::Salesforce(_)
            | Self::Sql(_) => Against::Source,
        }
    }

    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        match self {
            Self::Dynamodb(table) => table.problems(dataset),
            Self::Files(table) => table.problems(dataset),
            Self::Mambu(table) => table.problems(dataset),
            Self::Postgres(table) => table.problems(dataset),
            Self::Salesforce(table) => table.problems(dataset),
            Self::Sql(table) => table.problems(dataset),
        }
    }
}

fn read<T: DeserializeOwned>(keys: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(keys).map_err(|error| error.to_string())
}

/// Opens sources. One client of each kind serves all datasets.
pub struct Sources {
    world: Arc<World>,
    dynamodb: Arc<dynamodb::Client>,
    postgres: postgres::Settings,
    mambu: Option<Arc<mambu::Client>>,
    salesforce: Option<Arc<salesforce::Client>>,
    lake: Lake,
}

impl Sources {
    pub(crate) fn new(config: &Config, world: &Arc<World>) -> Result<Self, HandlerError> {
        let uses =
            |is_it: fn(&SourceTable) -> bool| config.datasets.values().any(|it| is_it(&it.source));
        let mambu = uses(|it| matches!(it, SourceTable::Mambu(_)))
            .then(|| mambu::Client::new(&config.mambu, world));
        let salesforce = uses(|it| matches!(it, SourceTable::Salesforce(_)))
            .then(|| salesforce::Client::new(&config.salesforce, world));
        Ok(Self {
            world: Arc::clone(world),
            dynamodb: Arc::new(dynamodb::Client::new(&config.dynamodb, world)),
            postgres: config.postgres.clone(),
            lake: Lake::new(config, world),
            mambu: mambu.transpose()?,
            salesforce: salesforce.transpose()?,
        })
    }

    /// The source of a dataset.
    ///
    /// # Errors
    /// [`HandlerError::Config`]; what a secret's resolution brings.
    pub async fn open(&self, dataset: &Dataset) -> Result<Arc<dyn Source>, HandlerError> {
        Ok(match &dataset.source {
            SourceTable::Dynamodb(table) => dynamodb::open(&self.dynamodb, table, dataset),
            SourceTable::Sql(table) => Arc::new(sql::Curated::new(table, dataset, &self.lake)?),
            SourceTable::Files(table) => Arc::new(files::Files::new(table, dataset, &self.world)),
            SourceTable::Mambu(table) => {
                Arc::new(mambu::Mambu::new(client(self.mambu.as_ref())?, table, dataset))
            }
            SourceTable::Salesforce(table) => Arc::new(salesforce::Salesforce::new(
                client(self.salesforce.as_ref())?,
                table,
                dataset,
            )),
            SourceTable::Postgres(table) => Arc::new(
                postgres::Postgres::new(table, dataset, &self.postgres, &self.world).await?,
            ),
        })
    }

    /// What a dataset is proven against, where that is not its source itself.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_for_proof(&self, dataset: &Dataset) -> Result<Arc<dyn Source>, HandlerError> {
        match &dataset.source {
            SourceTable::Dynamodb(table) => {
                Ok(dynamodb::open_for_proof(&self.dynamodb, table, dataset))
            }
            _ => self.open(dataset).await,
        }
    }

    /// The functions that take changes of DynamoDB in, for those datasets that read them.
    pub(crate) fn stream_functions<'d>(
        &self,
        datasets: impl Iterator<Item = &'d Dataset>,
    ) -> Vec<Arc<dyn AnyFunction>> {
        dynamodb::functions(&self.dynamodb, datasets.filter_map(|it| it.source.dynamodb()))
    }
}

/// Clients are made for the kinds that the datasets of the settings have.
fn client<T>(client: Option<&Arc<T>>) -> Result<&Arc<T>, HandlerError> {
    client.ok_or_else(|| HandlerError::Fatal("the dataset is not one of the settings".to_owned()))
}
