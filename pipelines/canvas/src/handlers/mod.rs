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

use std::sync::{Arc, Mutex};

use secrecy::ExposeSecret;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::Secrets;
use xxhash_rust::xxh3::xxh3_128;

use crate::config::Config;
use crate::dap::Dap;
use crate::target::{self, Target};

mod init_table;
mod job;
mod list_tables;
mod load;
mod part;
mod passed_over;
mod summarise;
mod sync_table;
mod table;

pub use init_table::InitTable;
pub use list_tables::ListTables;
pub use summarise::Summarise;
pub use sync_table::SyncTable;

/// What all functions of the pipeline work with.
pub(crate) struct Service {
    config: Config,
    dap: Dap,
    secrets: Arc<dyn Secrets>,
    /// The target that was opened last, by the digest of its connection string.
    opened: Mutex<Option<(u128, Arc<dyn Target>)>>,
}

impl Service {
    pub(crate) fn new(config: Config, dap: Dap, secrets: Arc<dyn Secrets>) -> Self {
        Self { config, dap, secrets, opened: Mutex::new(None) }
    }

    /// The target. All tables share one, and with it its connections.
    ///
    /// Its connection string is resolved at each use and not kept: a changed password opens it anew.
    async fn target(&self) -> Result<Arc<dyn Target>, HandlerError> {
        let connection = self.config.target.reveal(self.secrets.as_ref()).await?;
        let digest = xxh3_128(connection.expose_secret().as_bytes());
        let mut opened = self.opened.lock().expect("no holder of this lock panics");
        if let Some((known, target)) = opened.as_ref()
            && *known == digest
        {
            return Ok(Arc::clone(target));
        }
        let target = target::open(&connection, self.config.layout)?;
        *opened = Some((digest, Arc::clone(&target)));
        Ok(target)
    }
}
