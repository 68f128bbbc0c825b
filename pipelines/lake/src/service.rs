//! What all functions work with.

use std::sync::Arc;

use stepwell_pipeline::{AnyFunction, HandlerError};
use tokio::sync::OnceCell;

use crate::config::Config;
use crate::dataset::Dataset;
use crate::ledger::Ledger;
use crate::query::Lake;
use crate::source::{Source, Sources};
use crate::world::World;

/// What all functions of the pipeline work with.
pub struct Service {
    /// What the settings mean.
    pub config: Config,
    /// Stores, HTTP, secrets.
    pub world: Arc<World>,
    sources: Sources,
    ledger: OnceCell<Ledger>,
}

impl Service {
    pub(crate) fn new(config: Config, world: Arc<World>) -> Result<Self, HandlerError> {
        let sources = Sources::new(&config, &world)?;
        Ok(Self { config, world, sources, ledger: OnceCell::new() })
    }

    /// The ledger, opened with its first use.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub async fn ledger(&self) -> Result<&Ledger, HandlerError> {
        self.ledger.get_or_try_init(async || Ledger::open(&self.world.file("lake.db")?)).await
    }

    /// SQL over the lake.
    pub fn lake(&self) -> Lake {
        Lake::new(&self.config, &self.world)
    }

    /// A dataset by name.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if there is none.
    pub fn dataset(&self, name: &str) -> Result<&Dataset, HandlerError> {
        self.config.datasets.get(name).ok_or_else(|| {
            let names = self.config.datasets.keys().map(String::as_str);
            let help = match stepwell_pipeline::suggest::closest(name, names) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "see `[pipelines.lake.tables]`".to_owned(),
            };
            HandlerError::Config(format!("there is no dataset `{name}`; {help}"))
        })
    }

    /// The functions that take changes of DynamoDB in.
    pub(crate) fn stream_functions(&self) -> Vec<Arc<dyn AnyFunction>> {
        self.sources.stream_functions(self.config.datasets.values())
    }

    /// The source of a dataset.
    ///
    /// # Errors
    /// As [`Sources::open`].
    pub async fn source(&self, dataset: &Dataset) -> Result<Arc<dyn Source>, HandlerError> {
        self.sources.open(dataset).await
    }

    /// What a dataset is proven against.
    ///
    /// # Errors
    /// As [`Sources::open`].
    pub async fn proof_source(&self, dataset: &Dataset) -> Result<Arc<dyn Source>, HandlerError> {
        self.sources.open_for_proof(dataset).await
    }
}
