//! Replicas in PostgreSQL.
//!
//! A table of namespace `canvas` is `canvas.<table>`. stepwell's own tables, and the rows that are being
//! staged, live in the schema `stepwell`. Each load has a connection of its own; the number of loads that run
//! at once is for the caller to limit.

use async_trait::async_trait;
use stepwell_pipeline::postgres::Connector;

use super::Layout;
use super::quote::quote;
use super::{
    LoadRequest, OpenedLoad, Proving, Slice, TableName, TableState, Target, TargetError,
    check_fits, keys_may_repeat,
};
use load::{Job, PostgresLoad};
use session::Session;
use table::Table;

mod binary;
mod defaults;
mod enums;
mod error;
mod instructure;
mod load;
mod merge;
mod prepare;
mod prove;
mod publish;
mod session;
mod shape;
mod staging;
mod state;
mod table;
mod values;
mod views;

pub(super) use defaults::holds_default;
pub use prepare::{Preparation, Role};

/// A PostgreSQL database that holds replicas.
pub struct PostgresTarget {
    connector: Connector,
    layout: Layout,
}

impl PostgresTarget {
    /// Reads a connection string; connects with the first use.
    ///
    /// # Errors
    /// [`TargetError::Config`] if the connection string cannot be read.
    pub fn new(connection: &str, layout: Layout) -> Result<Self, TargetError> {
        Ok(Self { connector: Connector::new(connection)?, layout })
    }

    async fn prepared_session(&self) -> Result<Session, TargetError> {
        let session = Session::open(&self.connector).await?;
        state::prepare(&session, self.layout).await?;
        Ok(session)
    }
}

#[async_trait]
impl Target for PostgresTarget {
    async fn check(&self) -> Result<(), TargetError> {
        self.prepared_session().await.map(|_| ())
    }

    async fn state(&self, table: &TableName) -> Result<Option<TableState>, TargetError> {
        let session = Session::open(&self.connector).await?;
        Ok(state::read(&session, table, self.layout).await?.map(|row| row.state))
    }

    async fn open_load(&self, request: LoadRequest) -> Result<OpenedLoad, TargetError> {
        let session = self.prepared_session().await?;
        let table = Table::new(&request.schema, self.layout);
        session.lock(&table.name).await?;
        let before = state::read(&session, &table.name, self.layout).await?;
        if let Some(receipt) = before.as_ref().and_then(|row| row.receipt.as_ref())
            && receipt.job_id == request.job_id
        {
            return Ok(OpenedLoad::Published(receipt.published.clone()));
        }
        let first = before.is_none();
        check_fits(&request, &table.name, before.map(|row| row.state))?;
        if first {
            state::prepare_namespace(&session, &quote(&table.name.namespace)).await?;
            refuse_occupied(&session, &table).await?;
        }
        // The types of layout `instructure` are made when it is published; until then rows are text.
        let direct = first && self.layout == Layout::Stepwell && !keys_may_repeat(&request.schema);
        let job = Job { request, table, first };
        let staged = match state::read_staged(&session, &job.request, direct).await? {
            Some(staged) if session.exists(&job.table.staging()).await? => staged,
            _ => staging::begin(&session, &job, direct).await?,
        };
        Ok(OpenedLoad::Staging(Box::new(PostgresLoad::new(session, job, staged))))
    }

    async fn prove_within(
        &self,
        slice: &Slice,
        table: &TableName,
        job: Option<&str>,
    ) -> Result<Proving, TargetError> {
        prove::prove(&self.connector, self.layout, table, slice, job).await
    }
}

async fn refuse_occupied(session: &Session, table: &Table) -> Result<(), TargetError> {
    if !session.exists(&table.target()).await? {
        return Ok(());
    }
    let (found, next_step) = match table.layout {
        Layout::Stepwell if instructure::read(session, &table.name).await?.is_some() => (
            "it is a replica of the official client",
            "set `layout = \"instructure\"` to take it over, or rename it",
        ),
        Layout::Instructure if state::read_own(session, &table.name).await?.is_some() => (
            "it is a replica in layout `stepwell`",
            "set `layout = \"stepwell\"` to go on with it, or rename it",
        ),
        Layout::Stepwell | Layout::Instructure => (
            "nothing is known of where it comes from, it may be what an interrupted `dap initdb` left behind",
            "rename or drop it, or choose another database",
        ),
    };
    Err(TargetError::Occupied {
        table: table.name.clone(),
        found: found.to_owned(),
        next_step: next_step.to_owned(),
    })
}
