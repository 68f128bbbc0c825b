//! `{"plan": true}` shows what would be done, and does nothing.

use serde_json::json;
use stepwell_machine::Phase;
use stepwell_sandbox::starburst::{Advance, ClusterState, Options};

use crate::support::{Bench, few};

#[tokio::test]
async fn a_plan_writes_nothing_anywhere() {
    let bench = Bench::start(few()).await;
    let ended = bench.execute(json!({"plan": true})).await;
    assert_eq!(bench.sandbox.writes().total(), 0);
    assert!(!bench.ledger().exists(), "not even a ledger");
    let Phase::Succeeded { output } = &ended.phase else { panic!("{:?}", ended.phase) };
    let plan = output["plan"].as_array().unwrap();
    assert_eq!(plan.iter().filter(|step| step["action"] == "create").count(), 4, "{output:#}");
    assert!(plan.iter().all(|step| step["subject"].is_string() && step["detail"].is_string()));
    assert_eq!(ended.payloads("notify").len(), 0, "nobody is told that something happened");
}

#[tokio::test]
async fn a_plan_names_every_kind_of_change() {
    let bench = Bench::start(Options { products: 10, awkward: false, ..Options::default() }).await;
    bench.sync().await;
    bench.sandbox.forget_requests();
    let wanted =
        Advance { seed: 1, changed: 2, deleted: 1, added: 1, renamed: 1, moved: 1, refreshed: 0 };
    bench.sandbox.advance(&wanted);
    let ledger = std::fs::read(bench.ledger()).unwrap();
    let summary = bench.run(json!({"plan": true})).await;
    let plan = summary["plan"].as_array().unwrap();
    let count = |action: &str| plan.iter().filter(|step| step["action"] == action).count();
    assert_eq!(count("create"), 1, "{summary:#}");
    assert!((2..=4).contains(&count("modify")), "{summary:#}");
    assert_eq!(count("delete"), 2, "a product, and the schema of the one that moves: {summary:#}");
    assert_eq!(bench.sandbox.writes().total(), 0);
    assert_eq!(std::fs::read(bench.ledger()).unwrap(), ledger);
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn a_plan_enables_no_cluster() {
    let bench = Bench::start(Options { cluster: ClusterState::Disabled, ..few() }).await;
    let summary = bench.run(json!({"plan": true})).await;
    assert_eq!(summary["error"], "Config", "{summary:#}");
    assert_eq!(bench.sandbox.writes().total(), 0);
}

#[tokio::test]
async fn an_input_with_unknown_members_is_refused() {
    let bench = Bench::start(few()).await;
    let summary = bench.run(json!({"plan": true, "dry_run": true})).await;
    assert_eq!(summary["error"], "Config", "{summary:#}");
    assert!(summary["message"].as_str().unwrap().contains("dry_run"), "{summary:#}");
    assert_eq!(bench.sandbox.requests().len(), 0);
}
