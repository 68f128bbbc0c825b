//! The functions that the state machine calls.
//!
//! ```text
//! list_datasets   which datasets the run is about, in waves: what is curated comes behind what it is made from
//! plan            the next window of a dataset, or the one that an interrupted run was at
//! extract         reads it into files, in slices
//! publish         verifies the files, switches the table, moves the cursor
//! catalog         brings the catalog in step with what is published
//! summarise       one summary of all results
//! ```

use serde::{Deserialize, Serialize};

pub(crate) mod catalog;
mod extract;
mod hold;
mod list_datasets;
mod plan;
mod publish;
mod summarise;

pub use catalog::UpdateCatalog;
pub use extract::Extract;
pub use list_datasets::ListDatasets;
pub use plan::Plan;
pub use publish::{Publish, Published};
pub use summarise::Summarise;

/// One dataset's run, as the state carries it.
///
/// ```json
/// {"dataset":"orders","execution":"arn:aws:states:us-east-1:000000000000:execution:lake:x",
///  "plan":{"run":"20260301T100000Z-1a2b3c4d"}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The dataset.
    pub(crate) dataset: String,
    /// Who works on it.
    pub(crate) execution: String,
    /// What is to be done.
    pub(crate) plan: PlannedRun,
}

/// The run that was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRun {
    pub(crate) run: String,
}
