//! The functions of the state machine `lake-reconcile`.

mod begin;
mod compare;
mod record;
mod summarise;

use std::path::PathBuf;
use std::sync::Arc;

use stepwell_pipeline::HandlerError;

pub use begin::Begin;
pub use compare::Compare;
pub use record::{Record, history};
pub use summarise::Summarise;

use super::lake::Lake;
use super::settings::Settings;

/// What the functions share.
pub struct Proving {
    /// The lake.
    pub lake: Arc<dyn Lake>,
    /// How it is proven.
    pub settings: Settings,
    /// Where proofs are kept, and the files that they need: `.stepwell/lake`.
    pub state: PathBuf,
}

impl Proving {
    /// The files of all proofs that are being made.
    fn spools(&self) -> PathBuf {
        self.state.join("proving")
    }

    /// The files of one run.
    fn spool(&self, run: &str) -> Result<PathBuf, HandlerError> {
        Ok(self.spools().join(checked(run)?))
    }
}

/// A name that can be a folder's.
fn checked(name: &str) -> Result<&str, HandlerError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(HandlerError::Config(format!("`{name}` cannot name a proof")));
    }
    Ok(name)
}
