//! The proof that the statement protocol is close enough: Trino's own Python client (PyPI `trino`), unmodified.
//!
//! `STEPWELL_PYTHON` is an interpreter that has it; `cargo xtask test` provides one.

use std::path::Path;

use serde_json::{Value, json};
use stepwell_sandbox::starburst::{
    ClusterStart, ClusterState, Endpoint, FaultRule, HttpFault, Options, Sandbox, StartBy,
    StatementOutcome,
};
use tokio::process::Command;

use super::support::options;
use crate::support::provided;

/// Runs a scenario of `official_client.py`; none if there is no client.
async fn play(scenario: &str, sandbox: &Sandbox) -> Option<Value> {
    let python = provided("STEPWELL_PYTHON")?;
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/starburst/official_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(scenario)
        .arg(sandbox.trino_url())
        .args([&sandbox.options().sql_user, &sandbox.options().sql_password])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_creates_schemas_and_views_and_reads_their_columns() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = play("ddl", &sandbox).await else { return };
    assert_eq!(found["rows"], json!([]));
    let columns = json!([
        ["id", "bigint", null],
        ["amount", "decimal(10,2)", 10],
        ["at", "timestamp(3) with time zone", 3],
    ]);
    assert_eq!(found["columns"], columns);
    assert_eq!(found["tables"], json!([["a \"view\""], ["source"]]));
    assert!(found["definition"].as_str().unwrap().contains("COMMENT 'it''s'"));
    let view = sandbox.galaxy_view("hive_dp", "official", "a \"view\"").unwrap();
    assert_eq!(view.columns[0].comment.as_deref(), Some("the id"));
    assert!(sandbox.statements().iter().all(|it| it.outcome == StatementOutcome::Finished));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_fetches_rows_page_by_page() {
    let sandbox = Sandbox::start(Options { rows_per_page: 3, ..options() }).await.unwrap();
    let Some(found) = play("rows", &sandbox).await else { return };
    assert!(found["rows"].as_u64().unwrap() > 6, "{found}");
    assert_eq!(found["state"], "FINISHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_raises_the_errors_by_name_and_type() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = play("errors", &sandbox).await else { return };
    let found: Vec<Value> = serde_json::from_value(found).unwrap();
    let names: Vec<&Value> = found.iter().map(|error| &error[0]).collect();
    assert_eq!(names, ["TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "SYNTAX_ERROR", "TABLE_NOT_FOUND"]);
    assert!(found.iter().all(|error| error[1] == "USER_ERROR"));
    assert_eq!(found[0][2], "line 1:15: Table 'hive_dp.handmade.none' does not exist");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_refused_with_a_wrong_password() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = play("wrong_password", &sandbox).await else { return };
    assert!(found.as_str().unwrap().contains("401"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_cancels() {
    let sandbox = Sandbox::start(Options { rows_per_page: 1, ..options() }).await.unwrap();
    let Some(_) = play("cancel", &sandbox).await else { return };
    assert_eq!(sandbox.statements().last().unwrap().outcome, StatementOutcome::Canceled);
    assert_eq!(sandbox.requests()[&Endpoint::Cancel], 1);
    assert!(sandbox.galaxy_schema("hive_dp", "kept").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_prepares_statements_both_ways() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = play("prepared", &sandbox).await else { return };
    let once = [json!([[7, "it's"]]), json!([["handmade"]])];
    assert_eq!(found, json!([once[0], once[1], once[0], once[1]]));
    let sent: Vec<String> = sandbox.statements().into_iter().map(|it| it.sql).collect();
    assert!(sent.iter().any(|sql| sql.starts_with("EXECUTE IMMEDIATE")), "{sent:?}");
    assert!(sent.iter().any(|sql| sql.starts_with("PREPARE")), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_schema_that_it_uses() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = play("use", &sandbox).await else { return };
    assert_eq!(found, json!([["here"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lives_through_what_it_retries_and_waits_for_a_cluster() {
    let cluster_start =
        ClusterStart { answers: 3, by: StartBy::Waiting, ..ClusterStart::default() };
    let stopped = Options { cluster: ClusterState::Stopped, cluster_start, ..options() };
    let sandbox = Sandbox::start(stopped).await.unwrap();
    sandbox.add_fault(FaultRule::new(Endpoint::Statement, HttpFault::status(503)).once());
    sandbox.add_fault(FaultRule::new(Endpoint::NextPage, HttpFault::status(502)).once());
    sandbox.add_fault(FaultRule::new(Endpoint::NextPage, HttpFault::EmptyBody).after(2).once());
    let Some(found) = play("use", &sandbox).await else { return };
    assert_eq!(found, json!([["here"]]));
    assert!(sandbox.statements().iter().all(|it| it.outcome == StatementOutcome::Finished));
}
