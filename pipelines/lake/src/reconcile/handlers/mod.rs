//! The functions of the state machine `lake-reconcile`.

mod begin;
mod compare;
mod record;
mod summarise;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

pub use begin::Begin;
pub use compare::Compare;
pub(crate) use record::{DAILY, DIFFERENCES};
pub use record::{Record, history, proofs};
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
    fn spool(&self, run: &str) -> PathBuf {
        self.spools().join(file_name(run))
    }

    /// The results of one run.
    fn kept(&self, run: &str) -> PathBuf {
        kept(&self.state, run)
    }
}

fn kept(state: &Path, run: &str) -> PathBuf {
    proofs_folder(state).join(format!("{}.json", file_name(run)))
}

/// The results of all runs.
fn proofs_folder(state: &Path) -> PathBuf {
    state.join("proofs")
}

/// A name of a file or a folder for any name of an execution; another one for each.
fn file_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_plain) {
        return name.to_owned();
    }
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    format!("{plain}-{:016x}", xxh3_64(name.as_bytes()))
}
