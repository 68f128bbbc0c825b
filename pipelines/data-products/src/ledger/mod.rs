//! What this installation has made in Galaxy, and how far it got: one row for each product.
//!
//! Nothing in Galaxy is created before the row that claims it is on disk, so that whatever a crash leaves behind is
//! known to be ours. Ownership of what is finished stands in Galaxy too (tag and source link): a ledger that is lost
//! is made anew from there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::HandlerError;

mod sqlite;

pub(crate) use sqlite::SqliteLedger;

/// Where rows are kept. A source is the address of a SEP.
#[async_trait]
pub(crate) trait Ledger: Send + Sync {
    /// The rows of a source, by id.
    async fn rows(&self, source: &str) -> Result<Rows, HandlerError>;

    /// Keeps rows in the place of those with their ids, and of the one with the id in `instead_of`; all or none.
    async fn save(
        &self,
        source: &str,
        rows: &[Row],
        instead_of: Option<&str>,
    ) -> Result<(), HandlerError>;

    /// Forgets a row.
    async fn remove(&self, source: &str, id: &str) -> Result<(), HandlerError>;
}

/// Rows by the id of the product in SEP.
pub(crate) type Rows = BTreeMap<String, Row>;

/// What is known of one product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// In SEP.
    pub(crate) id: String,
    pub(crate) name: String,
    /// In Galaxy, once it is there.
    pub(crate) galaxy_id: Option<String>,
    pub(crate) catalog: String,
    pub(crate) schema: String,
    /// The hash of what was wanted when it was last in step.
    pub(crate) hash: Option<String>,
    /// The views that we made, by name.
    pub(crate) views: BTreeMap<String, Part>,
    /// Whether its business context in Galaxy is ours.
    #[serde(default)]
    pub(crate) has_business_context: bool,
    /// Schemas that the product has left.
    pub(crate) left_behind: Vec<LeftBehind>,
}

/// A view that we made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The hash of what was sent.
    pub(crate) sent: String,
    /// The hash of the text that Galaxy then told: it has its own layout.
    pub(crate) read: Option<String>,
    /// The hash of the text that Galaxy told before.
    pub(crate) replaced: Option<String>,
}

/// A schema that a product has left, with the views of ours in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftBehind {
    pub(crate) catalog: String,
    pub(crate) schema: String,
    pub(crate) views: Vec<String>,
}
