//! The proof that the sandbox is close enough: simple-salesforce (PyPI), unmodified but for where `*.salesforce.com` is.
//!
//! `STEPWELL_SAAS_PYTHON` is an interpreter that has it; `cargo xtask test` provides one.

use std::path::Path;

use serde_json::{Value, json};
use stepwell_sandbox::salesforce::{Endpoint, FaultRule, HttpFault, Options, Sandbox};
use tokio::process::Command;

use crate::support::provided;

/// Runs a scenario of `official_client.py`; none if there is no client.
async fn play(scenario: &str, sandbox: &Sandbox) -> Option<Value> {
    let python = provided("STEPWELL_SAAS_PYTHON")?;
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/salesforce/official_client.py");
    let credentials = json!({
        "client_id": sandbox.client_id(), "client_secret": sandbox.client_secret(),
        "username": sandbox.username(), "password": sandbox.password(), "private_key": sandbox.private_key_pem(),
    });
    let output = Command::new(python)
        .arg(script)
        .args([scenario, sandbox.base_url(), &credentials.to_string()])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn ids(sandbox: &Sandbox, object: &str, with_deleted: bool) -> Value {
    let records = sandbox.records(object).into_iter();
    records.filter(|it| with_deleted || !it.is_deleted).map(|it| it.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_logs_in_by_three_flows() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let Some(found) = play("flows", &sandbox).await else { return };
    assert_eq!(found, json!(["client-credentials", "jwt-bearer", "password"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_every_record_over_rest_page_by_page() {
    let sandbox = Sandbox::start(Options { records: 4_100, ..Options::default() }).await.unwrap();
    let Some(found) = play("query_all", &sandbox).await else { return };
    assert_eq!(found["live"], ids(&sandbox, "Account", false));
    assert_eq!(found["all"], ids(&sandbox, "Account", true));
    assert_eq!(found["decimal"], "True", "numbers keep their digits");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_every_record_with_a_job() {
    let sandbox =
        Sandbox::start(Options { records: 700, bulk_page_max: 300, ..Options::default() })
            .await
            .unwrap();
    let Some(found) = play("bulk", &sandbox).await else { return };
    assert_eq!(found["ids"], ids(&sandbox, "Account", false));
    assert_eq!(found["pages"], 3);
    assert_eq!(found["nul"], false, "the client takes it out");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_describes_lists_deletions_and_raises_errors_by_name() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    sandbox.add_fault(FaultRule::new(Endpoint::Limits, HttpFault::status(503)));
    let Some(found) = play("others", &sandbox).await else { return };
    assert_eq!(found["fields"], 31);
    assert!(found["deleted"].as_u64().unwrap() > 0);
    assert_eq!(found["usage"], json!({"used": 3, "total": 15_000}));
    let errors =
        json!(["SalesforceMalformedRequest", "SalesforceGeneralError", "SalesforceExpiredSession"]);
    assert_eq!(found["errors"], errors);
}
