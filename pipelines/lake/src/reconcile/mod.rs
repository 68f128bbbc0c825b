//! The proof: what the source has against what the lake has, dataset by dataset and day by day.
//!
//! ```text
//! Begin -> Map { Compare (slices) } -> Record -> Summarise -> Notify
//! Compare   pins what is published, reads the source into files, reads the lake into files, compares them, and where
//!           they differ looks again: what has gone by then was on its way
//! ```
//!
//! Both sides are cut at the same instant: the settle time before now, and not later than the lake says that it is
//! in step. "Could not be compared" is a status of its own and never `equal`.
//!
//! Left to others: the comparison of two sides (`stepwell-reconcile`), reading a source ([`crate::source`]), what is
//! published and how.

mod checkpoint;
mod children;
pub mod columns;
mod comparing;
mod counts;
mod current;
pub mod handlers;
pub mod in_lake;
mod kept;
pub mod lake;
mod looks;
pub mod proof;
mod reading;
mod results;
pub mod settings;
mod sheet;
mod spool;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_pipeline::AnyFunction;

use crate::service::Service;
use handlers::{Begin, Compare, Proving, Record, Summarise};
use in_lake::InLake;

/// The functions of the state machine.
pub(crate) fn functions(service: &Arc<Service>) -> Vec<Arc<dyn AnyFunction>> {
    let proving = Arc::new(Proving {
        settings: service.config.proof.clone(),
        state: state(&service.world.surroundings.state),
        lake: Arc::new(InLake::new(service)),
    });
    let with = || Arc::clone(&proving);
    vec![
        Arc::new(Begin { proving: with() }),
        Arc::new(Compare { proving: with() }),
        Arc::new(Record { proving: with() }),
        Arc::new(Summarise),
    ]
}

/// Where proofs are kept, in the folder for what is remembered.
pub fn state(folder: &Path) -> PathBuf {
    folder.join("lake")
}
