//! What one run has read, kept in memory for the functions that come after.
//!
//! Responsible for: that each thing is read once in a run. A new process, or another machine, has nothing here and
//! reads again: that is slower and comes to the same.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwell_pipeline::{Context, HandlerError};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Service;
use crate::actual::Actual;
use crate::clients::Clients;
use crate::config::Config;
use crate::desired::Desired;
use crate::ledger::Rows;

/// So many runs are kept: a process that serves several at once is rare.
const RUNS_MAX: usize = 4;

/// What was read longer ago counts no more, for instance when a run is redriven.
const FRESH: Duration = Duration::from_mins(15);

/// One run.
pub(super) struct Run {
    name: String,
    begun: Instant,
    clients: OnceCell<Clients>,
    desired: OnceCell<Desired>,
    observed: OnceCell<Observed>,
    /// The products that were worked on: what was read of them counts no more.
    touched: Mutex<BTreeSet<String>>,
}

/// The target and the ledger, as they were at one time.
pub(super) struct Observed {
    pub(super) actual: Actual,
    pub(super) rows: Rows,
}

impl Service {
    pub(crate) fn new(
        config: Config,
        secrets: Arc<dyn stepwell_pipeline::secret::Secrets>,
        http: reqwest::Client,
        ledger: Arc<dyn crate::ledger::Ledger>,
    ) -> Self {
        Self { config, secrets, http, ledger, runs: Mutex::default() }
    }

    /// The run with a name.
    pub(super) fn run(&self, name: &str) -> Arc<Run> {
        let mut runs = self.runs.lock().expect("no holder of this lock panics");
        runs.retain(|run| run.begun.elapsed() < FRESH);
        if let Some(run) = runs.iter().find(|run| run.name == name) {
            return Arc::clone(run);
        }
        let run = Arc::new(Run::new(name));
        runs.push(Arc::clone(&run));
        if runs.len() > RUNS_MAX {
            runs.remove(0);
        }
        run
    }

    /// The connections of a run. Secrets are resolved now, if they were not yet.
    pub(super) async fn clients<'r>(
        &self,
        run: &'r Run,
        ctx: &Context,
    ) -> Result<&'r Clients, HandlerError> {
        let Self { config, secrets, http, .. } = self;
        run.clients.get_or_try_init(|| Clients::open(config, secrets.as_ref(), http, ctx)).await
    }

    /// What the source says, read once.
    pub(super) async fn desired<'r>(
        &self,
        run: &'r Run,
        ctx: &Context,
    ) -> Result<&'r Desired, HandlerError> {
        let clients = self.clients(run, ctx).await?;
        let Config { selection, .. } = &self.config;
        run.desired.get_or_try_init(|| Desired::fetch(clients, selection, ctx)).await
    }

    /// The target as it was when it was first read in this run.
    pub(super) async fn observed<'r>(
        &self,
        run: &'r Run,
        may_write: bool,
        ctx: &Context,
    ) -> Result<&'r Observed, HandlerError> {
        run.observed.get_or_try_init(|| self.observe(run, may_write, ctx)).await
    }

    /// The target as it is now.
    pub(super) async fn observe(
        &self,
        run: &Run,
        may_write: bool,
        ctx: &Context,
    ) -> Result<Observed, HandlerError> {
        let clients = self.clients(run, ctx).await?;
        let rows = self.ledger.rows(clients.terms.host()).await?;
        let here = rows.values().filter(|row| row.catalog == clients.terms.catalog);
        let known = here.map(|row| (row.schema.clone(), row.views.keys().cloned().collect()));
        let known = known.collect();
        Ok(Observed { actual: Actual::fetch(clients, &known, may_write, ctx).await?, rows })
    }
}

impl Run {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            begun: Instant::now(),
            clients: OnceCell::new(),
            desired: OnceCell::new(),
            observed: OnceCell::new(),
            touched: Mutex::default(),
        }
    }

    /// Whether nobody has worked on the product since it was read. From now on somebody has.
    pub(super) fn touch(&self, id: &str) -> bool {
        self.touched.lock().expect("no holder of this lock panics").insert(id.to_owned())
    }
}
