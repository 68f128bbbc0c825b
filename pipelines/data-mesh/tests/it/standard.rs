//! What holds for every pipeline, and that no secret is left anywhere.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_pipeline::{Settings as _, testing};
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options};

use crate::support::Bench;

#[tokio::test]
async fn the_definitions_and_the_functions_fit() {
    let bench = Bench::new(Options::default()).await;
    testing::check(&bench.pipeline);
}

#[tokio::test]
async fn an_input_with_an_unknown_member_is_refused() {
    let bench = Bench::new(Options::default()).await;
    for machine in ["data-mesh", "data-mesh-reconcile"] {
        let summary = bench.fail(machine, json!({"paln": true}), "Config").await;
        assert!(summary["message"].as_str().unwrap().contains("paln"), "{summary:#}");
    }
    assert!(bench.policies().await.is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_told_without_the_key_and_changes_nothing() {
    let bench = Bench::with(Options::default(), json!({"api_key": "secret:wrong"})).await;
    let summary = bench.fail("data-mesh", json!({}), "Config").await;
    let message = summary["message"].as_str().unwrap();
    assert!(message.contains("api_key") && !message.contains("a-wrong-key"), "{message}");
    assert!(bench.policies().await.is_empty());
}

#[tokio::test]
async fn no_secret_is_left_in_any_file_or_output() {
    let bench = Bench::new(Options::default()).await;
    bench.sandbox.add_fault(FaultRule::new(Endpoint::GetAccess, HttpFault::status(500)).times(20));
    bench.follow().await;
    let summary = bench.reconcile().await;
    let key = bench.sandbox.api_key();
    testing::check_no_secret(&summary.to_string(), &[key]);
    let mut files = 0;
    each_file(bench.folder(), &mut |path| {
        files += 1;
        let bytes = fs::read(path).unwrap();
        testing::check_no_secret(&String::from_utf8_lossy(&bytes), &[key]);
    });
    assert!(files > 5, "{files} files: ledger, queue, access ledger, policies");
}

#[test]
fn the_template_has_every_setting() {
    let template = stepwell_data_mesh::Settings::TEMPLATE;
    for key in [
        "base_url",
        "api_key",
        "resource",
        "accounts",
        "partition",
        "role_patterns",
        "role_path_prefix",
        "require_permissions_boundary",
        "permissions_boundary",
        "resource_accounts",
        "regions",
        "buckets",
        "team_accounts",
        "users",
        "profile",
        "lake_formation",
        "queue",
        "dead_letter_queue",
        "visibility_seconds",
        "max_attempts",
        "max_revoked_percent",
        "export",
        "max_concurrency",
        "slice_seconds",
        "silence_seconds",
        "notify",
    ] {
        assert!(template.contains(key), "{key}");
        let unknown = json!({ key: Value::Null });
        let error = serde_json::from_value::<stepwell_data_mesh::Settings>(unknown);
        let is_known =
            error.map_or_else(|error| !error.to_string().contains("unknown field"), |_| true);
        assert!(is_known, "{key}");
    }
}

fn each_file(folder: &Path, seen: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, seen) } else { seen(&path) }
    }
}
