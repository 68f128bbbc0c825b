//! `stepwell-lake-list-datasets`: which datasets the run is about.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use crate::service::Service;

/// Lists the datasets of the run, in waves.
///
/// A dataset that is not known becomes an item that fails by name: it hides no other.
pub struct ListDatasets {
    pub(crate) service: Arc<Service>,
}

/// The input of an execution.
///
/// ```json
/// {"datasets":["orders","customers"]}
/// ```
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunInput {
    /// By default all.
    datasets: Option<Vec<String>>,
}

/// ```json
/// {"waves":[[{"dataset":"orders"}],[{"dataset":"revenue"}]],"max_concurrency":2}
/// ```
#[derive(Debug, Serialize)]
pub struct Listing {
    waves: Vec<Vec<Item>>,
    max_concurrency: u32,
}

#[derive(Debug, Serialize)]
struct Item {
    dataset: String,
}

#[async_trait]
impl Function for ListDatasets {
    type Input = RunInput;
    type Output = Listing;

    fn name(&self) -> &'static str {
        "stepwell-lake-list-datasets"
    }

    async fn call(&self, input: RunInput, _ctx: &Context) -> Result<Listing, HandlerError> {
        // A ledger that cannot be opened is told once and at once, not by every dataset.
        self.service.ledger().await?;
        let config = &self.service.config;
        let mut names = input.datasets.unwrap_or_else(|| config.datasets.keys().cloned().collect());
        names.sort();
        names.dedup();
        let mut waves: Vec<Vec<Item>> = Vec::new();
        for dataset in names {
            let wave = config.wave(&dataset);
            waves.resize_with(waves.len().max(wave + 1), Vec::new);
            waves[wave].push(Item { dataset });
        }
        waves.retain(|wave| !wave.is_empty());
        Ok(Listing { waves, max_concurrency: config.max_concurrency })
    }
}
