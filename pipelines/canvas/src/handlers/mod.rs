//! The functions that the state machine calls.
//!
//! ```text
//! list_tables     which tables the run is about
//! sync_table      brings a table in step by an increment; says INIT_NEEDED where a snapshot is due
//! init_table      brings a table in step by a snapshot
//! summarise       one summary of all results
//!
//! table           what sync_table and init_table share: one table's run, its checkpoint
//!   job           the DAP job: asked for, waited for, replaced when it fails or is stale
//!   load          the job's parts, staged and published
//!     part        one part: download, unpack, decode, stage
//! ```
//!
//! Every call may be repeated: what is durable lies in the target, together with how far it goes.

use std::sync::Arc;

use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::Secrets;

use crate::config::Config;
use crate::dap::Dap;
use crate::target::{self, Target};

mod init_table;
mod job;
mod list_tables;
mod load;
mod part;
mod suggest;
mod summarise;
mod sync_table;
mod table;

pub use init_table::InitTable;
pub use list_tables::ListTables;
pub use summarise::Summarise;
pub use sync_table::SyncTable;

/// What all functions of the pipeline work with.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) dap: Dap,
    pub(crate) secrets: Arc<dyn Secrets>,
}

impl Service {
    /// Opens the target: its connection string is resolved here, at the moment of use.
    fn target(&self) -> Result<Arc<dyn Target>, HandlerError> {
        let connection = self.config.target.reveal(self.secrets.as_ref())?;
        Ok(target::open(&connection, self.config.layout)?)
    }
}
