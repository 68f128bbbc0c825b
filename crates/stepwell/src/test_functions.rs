//! Functions for tests and benchmarks of the binary itself: `stepwell serve --test-functions FILE`, a hidden flag.
//!
//! `stepwell-test-append` leaves an effect that survives a kill of the process and that can be told from a second
//! delivery; `stepwell-test-noop` costs nothing, so that what is measured is the engine.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_pipeline::{Context, Function, HandlerError, Machine, Pipeline};

/// The functions as a pipeline. `effects` is the SQLite file that `stepwell-test-append` writes to.
///
/// # Errors
/// If the file cannot be opened or written.
pub(crate) fn pipeline(effects: &Path) -> rusqlite::Result<Pipeline> {
    Ok(Pipeline {
        name: "test",
        machines: MACHINES,
        functions: vec![Arc::new(Append::open(effects)?), Arc::new(Noop)],
        slice: Duration::from_mins(1),
    })
}

const MACHINES: &[Machine] = &[Machine {
    name: "test",
    definition: DEFINITION,
    default_input: r#"{"value":1}"#,
    switches: &[],
}];

const DEFINITION: &str = r#"{
    "StartAt": "Append",
    "States": {
        "Append": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "stepwell-test-append", "Payload.$": "$"},
            "Next": "Noop"
        },
        "Noop": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "stepwell-test-noop", "Payload.$": "$"},
            "End": true
        }
    }
}"#;

/// Writes one row per idempotency key, counts its deliveries, then works for a while and may fail.
struct Append {
    effects: Mutex<Connection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendInput {
    /// Written to the row, and returned.
    value: Value,
    /// How long the work takes once the row is written.
    #[serde(default)]
    millis: u64,
    /// The retry count of the state.
    #[serde(default)]
    attempt: u64,
    /// Attempts that fail.
    #[serde(default)]
    failures: u64,
}

#[derive(Serialize)]
struct AppendOutput {
    value: Value,
}

impl Append {
    fn open(effects: &Path) -> rusqlite::Result<Self> {
        let effects = Connection::open(effects)?;
        // Not synced: what is tested is the death of the process, which the page cache survives.
        effects.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = OFF;
             CREATE TABLE IF NOT EXISTS effects (
                 key TEXT PRIMARY KEY,
                 value TEXT NOT NULL,
                 deliveries INTEGER NOT NULL
             ) STRICT;",
        )?;
        Ok(Self { effects: Mutex::new(effects) })
    }

    fn write(&self, key: &str, value: &Value) -> rusqlite::Result<()> {
        let effects = self.effects.lock().expect("no holder of the lock panics");
        let mut statement = effects.prepare_cached(
            "INSERT INTO effects (key, value, deliveries) VALUES (?1, ?2, 1)
             ON CONFLICT (key) DO UPDATE SET deliveries = deliveries + 1",
        )?;
        statement.execute(params![key, value.to_string()])?;
        Ok(())
    }
}

#[async_trait]
impl Function for Append {
    type Input = AppendInput;
    type Output = AppendOutput;

    fn name(&self) -> &'static str {
        "stepwell-test-append"
    }

    async fn call(&self, input: AppendInput, ctx: &Context) -> Result<AppendOutput, HandlerError> {
        self.write(&ctx.idempotency_key, &input.value)
            .map_err(|error| HandlerError::Fatal(format!("cannot write the effect: {error}")))?;
        ctx.sleep(Duration::from_millis(input.millis))
            .await
            .map_err(|not_now| HandlerError::retryable(not_now.to_string()))?;
        if input.attempt < input.failures {
            return Err(HandlerError::retryable("failed on demand"));
        }
        Ok(AppendOutput { value: input.value })
    }
}

/// Returns at once.
struct Noop;

#[async_trait]
impl Function for Noop {
    type Input = Value;
    type Output = Value;

    fn name(&self) -> &'static str {
        "stepwell-test-noop"
    }

    async fn call(&self, _input: Value, _ctx: &Context) -> Result<Value, HandlerError> {
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(append: &Append, input: Value) -> Result<Value, HandlerError> {
        let ctx = Context::starting_now("arn#1", Duration::from_mins(1));
        let input = serde_json::from_value(input).unwrap();
        append.call(input, &ctx).await.map(|output| output.value)
    }

    #[test]
    fn it_is_a_pipeline_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        stepwell_pipeline::testing::check(&pipeline(&folder.path().join("effects.db")).unwrap());
    }

    #[tokio::test]
    async fn a_second_delivery_is_counted_on_the_row_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let append = Append::open(&folder.path().join("effects.db")).unwrap();
        for _ in 0..2 {
            assert_eq!(call(&append, json!({"value": 7})).await, Ok(json!(7)));
        }
        let effects = append.effects.lock().unwrap();
        let rows = "SELECT count(*), sum(deliveries) FROM effects";
        let counted = effects.query_row(rows, [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(counted, Ok((1, 2)));
    }

    #[tokio::test]
    async fn it_fails_on_demand_after_its_effect() {
        let folder = tempfile::tempdir().unwrap();
        let append = Append::open(&folder.path().join("effects.db")).unwrap();
        let input = |attempt| json!({"value": 7, "attempt": attempt, "failures": 1});
        assert_eq!(call(&append, input(0)).await.unwrap_err().name(), "Retryable");
        assert_eq!(call(&append, input(1)).await, Ok(json!(7)));
    }
}
