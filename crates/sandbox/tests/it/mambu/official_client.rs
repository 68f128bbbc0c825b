//! The proof that the sandbox is close enough: tap-mambu (PyPI), unmodified but for where `*.mambu.com` is.
//!
//! `STEPWELL_SAAS_PYTHON` is an interpreter that has it; `cargo xtask test` provides one.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_sandbox::mambu::{Endpoint, FaultRule, HttpFault, Options, Sandbox, TimeSource};
use tokio::process::Command;

use crate::support::provided;

/// Streams whose defects the tap is known for: messages are searched in an empty span; instalments lose their number.
const STREAMS: [&str; 13] = [
    "branches",
    "centres",
    "clients",
    "credit_arrangements",
    "custom_field_sets",
    "deposit_products",
    "gl_accounts",
    "groups",
    "index_rate_sources",
    "loan_products",
    "tasks",
    "audit_trail",
    "users",
];

/// The records of each stream that the tap emits; none if there is no tap.
async fn tap(sandbox: &Sandbox, streams: &[&str]) -> Option<Value> {
    let python = provided("STEPWELL_SAAS_PYTHON")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mambu/official_client.py");
    let config = json!({
        "apikey": sandbox.api_key(), "apikey_audit": sandbox.audit_key(), "subdomain": "acme",
        "start_date": "2026-02-20T00:00:00Z", "user_agent": "test", "page_size": "40", "window_size": "400",
    });
    let output = Command::new(python)
        .arg(script)
        .args([sandbox.base_url(), &config.to_string(), &streams.join(",")])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn options() -> Options {
    // The tap's days are the machine's.
    Options { time: TimeSource::System, records: 60, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tap_reads_what_there_is() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    let Some(found) = tap(&sandbox, &STREAMS).await else { return };
    for stream in STREAMS {
        let expected = sandbox.records(stream);
        let found = found[stream].as_array().unwrap_or_else(|| panic!("{stream}: {found}"));
        assert_eq!(found.len(), expected.len(), "{stream}");
        let keys = |records: &[Value], name: &str| -> BTreeSet<String> {
            records.iter().map(|it| it[name].to_string()).collect()
        };
        assert_eq!(keys(found, "encoded_key"), keys(&expected, "encodedKey"), "{stream}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tap_lives_through_what_it_retries() {
    let sandbox = Sandbox::start(options()).await.unwrap();
    sandbox
        .add_fault(FaultRule::new(Endpoint::List, HttpFault::status(503)).about("/centres").once());
    let Some(found) = tap(&sandbox, &["centres"]).await else { return };
    assert_eq!(found["centres"].as_array().unwrap().len(), sandbox.records("centres").len());
}
