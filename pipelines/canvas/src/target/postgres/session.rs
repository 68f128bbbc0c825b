//! A connection that explains its errors, and the lock that keeps two processes off one table.

use bytes::Bytes;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Error, Row};

use super::error::explain;
use crate::target::{TableName, TargetError};
use stepwell_pipeline::postgres::Connector;

/// How long a load waits for another one on the same table: long enough for the session of a load that was
/// just dropped to end.
const LOCK_TIMEOUT: &str = "BEGIN; SET LOCAL lock_timeout = '5s'";

/// A parameter.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection.
pub(super) struct Session {
    client: Client,
    place: String,
}

impl Session {
    pub(super) async fn open(connector: &Connector) -> Result<Self, TargetError> {
        Ok(Self { client: connector.connect().await?, place: connector.place() })
    }

    /// Statements without parameters.
    pub(super) async fn batch(&self, doing: &str, sql: &str) -> Result<(), TargetError> {
        self.client.batch_execute(sql).await.map_err(|error| self.explain(doing, &error))
    }

    /// Statements whose errors the caller looks at.
    pub(super) async fn try_batch(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    /// A statement; gives the number of rows it touched.
    pub(super) async fn execute(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, TargetError> {
        self.client.execute(sql, parameters).await.map_err(|error| self.explain(doing, &error))
    }

    pub(super) async fn query(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, TargetError> {
        self.client.query(sql, parameters).await.map_err(|error| self.explain(doing, &error))
    }

    pub(super) async fn query_one(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, TargetError> {
        self.client.query_one(sql, parameters).await.map_err(|error| self.explain(doing, &error))
    }

    pub(super) async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, TargetError> {
        self.client.copy_in(sql).await.map_err(|error| self.explain("staging rows", &error))
    }

    pub(super) async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, TargetError> {
        self.client.copy_out(sql).await.map_err(|error| self.explain("reading rows", &error))
    }

    /// The types of what a statement gives.
    pub(super) async fn column_types(
        &self,
        doing: &str,
        sql: &str,
    ) -> Result<Vec<Type>, TargetError> {
        let statement =
            self.client.prepare(sql).await.map_err(|error| self.explain(doing, &error))?;
        Ok(statement.columns().iter().map(|column| column.type_().clone()).collect())
    }

    pub(super) fn explain(&self, doing: &str, error: &Error) -> TargetError {
        explain(&self.place, doing, error)
    }

    /// Literals for statements that take no parameters, such as `COMMENT`. The server itself quotes them.
    pub(super) async fn literals(&self, texts: &[&str]) -> Result<Vec<String>, TargetError> {
        let sql = "SELECT quote_literal(text) FROM unnest($1::text[]) WITH ORDINALITY AS t (text, n) ORDER BY n";
        let rows = self.query("quoting", sql, &[&texts]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Takes the lock of a table, for as long as the session lives.
    pub(super) async fn lock(&self, table: &TableName) -> Result<(), TargetError> {
        self.batch("locking", LOCK_TIMEOUT).await?;
        let sql = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
        let name = format!("stepwell load of {table}");
        if let Err(error) = self.client.execute(sql, &[&name]).await {
            let timed_out =
                error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE);
            let locked = || TargetError::Locked(table.clone());
            return Err(if timed_out { locked() } else { self.explain("locking", &error) });
        }
        self.batch("locking", "COMMIT").await
    }

    /// True if a relation exists, whatever its kind.
    pub(super) async fn exists(&self, quoted: &str) -> Result<bool, TargetError> {
        let row = self
            .query_one("looking for a table", "SELECT to_regclass($1) IS NOT NULL", &[&quoted])
            .await?;
        Ok(row.get(0))
    }

    /// Creates a schema where it is missing. `CREATE SCHEMA IF NOT EXISTS` would ask for the right even
    /// where nothing is to be created.
    pub(super) async fn ensure_schema(&self, quoted: &str) -> Result<(), TargetError> {
        let sql = "SELECT to_regnamespace($1) IS NOT NULL";
        if self.query_one("looking for a schema", sql, &[&quoted]).await?.get(0) {
            return Ok(());
        }
        self.batch("creating a schema", &format!("CREATE SCHEMA IF NOT EXISTS {quoted}")).await
    }
}
