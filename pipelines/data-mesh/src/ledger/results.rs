//! How the accesses of a run came through.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Error, Ledger, from_json, to_json};

/// The results of so many runs are kept: those that may still be going on, and some to look at.
const RUNS_KEPT: i64 = 20;

/// What became of one access.
///
/// ```json
/// {"access":"acc-17","outcome":"granted","role":"payments-consumer",
///  "policy":"DMM_DataUsageAgreement_acc-17","detail":"arn:aws:s3:::acme-orders","warnings":[]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemResult {
    /// The access.
    pub access: String,
    /// What was done.
    pub outcome: Outcome,
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why, or what.
    pub detail: String,
    /// What somebody should know though it is no failure.
    pub warnings: Vec<String>,
}

/// What was done about an access; a later one says more than an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not active, and nothing granted.
    Inactive,
    /// As it should be.
    Unchanged,
    /// A later look was acted on meanwhile.
    Superseded,
    /// The policy was as it should be; the ledger knows it now.
    Adopted,
    /// The catalogue or the configuration has to be mended first; the owner is told.
    Refused,
    /// The policy was missing or changed by hand, and is as it should be again.
    Repaired,
    /// The policy is removed.
    Revoked,
    /// The policy is written.
    Granted,
}

/// Why an access failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The access; nothing if the run itself broke off.
    pub access: Option<String>,
    /// The error name, for instance `Data`.
    pub error: String,
    /// What happened and what to do about it.
    pub cause: String,
    /// So many attempts failed.
    #[serde(default)]
    pub attempts: u32,
    /// Given up: it is among the dead letters.
    #[serde(default)]
    pub dead: bool,
}

/// What a run has to tell.
#[derive(Debug, Default)]
pub struct Told {
    /// What was done.
    pub results: Vec<ItemResult>,
    /// What failed, and was not done by a later attempt.
    pub failures: Vec<Failure>,
}

impl Ledger {
    /// Keeps what was done about an access, unless the run did more about it already.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn record(&self, run: &str, result: ItemResult) -> Result<(), Error> {
        let run = run.to_owned();
        self.change(move |connection| {
            let sql =
                "SELECT outcome FROM result WHERE run = ?1 AND access = ?2 AND outcome IS NOT NULL";
            let known: Option<String> = connection
                .query_row(sql, params![run, result.access], |row| row.get(0))
                .optional()?;
            let known: Option<ItemResult> = known.map(|it| from_json(&it)).transpose()?;
            if known.is_some_and(|known| known.outcome > result.outcome) {
                return Ok(());
            }
            let sql = "INSERT INTO result (run, access, outcome) VALUES (?1, ?2, ?3)
                       ON CONFLICT (run, access) DO UPDATE SET outcome = excluded.outcome";
            connection.execute(sql, params![run, result.access, to_json(&result)]).map(drop)
        })
        .await
    }

    /// Keeps which accesses of a batch failed and which came through.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn record_failures(
        &self,
        run: &str,
        came_through: Vec<String>,
        failures: Vec<Failure>,
    ) -> Result<(), Error> {
        let run = run.to_owned();
        self.change(move |connection| {
            let sql = "UPDATE result SET failure = NULL WHERE run = ?1 AND access = ?2";
            let mut clear = connection.prepare_cached(sql)?;
            for access in came_through {
                clear.execute(params![run, access])?;
            }
            let sql = "INSERT INTO result (run, access, failure) VALUES (?1, ?2, ?3)
                       ON CONFLICT (run, access) DO UPDATE SET failure = excluded.failure";
            let mut insert = connection.prepare_cached(sql)?;
            for failure in failures {
                // The run itself has no name.
                let access = failure.access.as_deref().unwrap_or_default();
                insert.execute(params![run, access, to_json(&failure)])?;
            }
            Ok(())
        })
        .await
    }

    /// What a run has to tell.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn told(&self, run: &str) -> Result<Told, Error> {
        let run = run.to_owned();
        self.change(move |connection| {
            remember_run(connection, &run)?;
            let sql = "SELECT outcome, failure FROM result WHERE run = ?1 ORDER BY access";
            let mut select = connection.prepare_cached(sql)?;
            let mut rows = select.query([&run])?;
            let mut told = Told::default();
            while let Some(row) = rows.next()? {
                let (outcome, failure): (Option<String>, Option<String>) =
                    (row.get(0)?, row.get(1)?);
                match failure {
                    Some(failure) => told.failures.push(from_json(&failure)?),
                    None => told.results.extend(outcome.map(|it| from_json(&it)).transpose()?),
                }
            }
            Ok(told)
        })
        .await
    }
}

/// Forgets the results of runs long ago.
fn remember_run(connection: &Connection, run: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO run (id) VALUES (?1)", [run])?;
    let old = "SELECT id FROM run WHERE position <= (SELECT max(position) FROM run) - ?1";
    connection.execute(&format!("DELETE FROM result WHERE run IN ({old})"), [RUNS_KEPT])?;
    let sql = "DELETE FROM run WHERE position <= (SELECT max(position) FROM run) - ?1";
    connection.execute(sql, [RUNS_KEPT]).map(drop)
}
