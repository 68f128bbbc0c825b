//! `--plan`: what would change, and nothing changes.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use stepwell_integrations::iam::RolePolicies;
use stepwell_sandbox::dmm::{Awkward, Options};

use crate::support::{Bench, an_active};

fn actions(summary: &Value) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in summary["plan"].as_array().unwrap() {
        assert!(line["subject"].is_string() && line["detail"].is_string(), "{line:#}");
        *found.entry(line["action"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    found
}

#[tokio::test]
async fn a_plan_before_the_first_start_shows_everything_and_changes_nothing() {
    let awkward = [Awkward::MissingRoleName].into();
    let bench = Bench::new(Options { awkward, ..Options::default() }).await;
    for machine in ["data-mesh", "data-mesh-reconcile"] {
        let summary = bench.succeed(machine, json!({"plan": true})).await;
        let expected = BTreeMap::from([("grant".to_owned(), 14), ("refuse".to_owned(), 1)]);
        assert_eq!(actions(&summary), expected, "{summary:#}");
    }
    assert!(bench.policies().await.is_empty());
    assert_eq!(bench.sandbox.writes(), 0);
    assert!(!bench.folder().join("policies").exists());
    // It did not count as the first start.
    let summary = bench.follow().await;
    assert_eq!(
        (&summary["granted"], &summary["poll"]["reason"]),
        (&json!(14), &json!("the first start"))
    );
}

#[tokio::test]
async fn a_plan_shows_what_pending_events_would_change() {
    let bench = Bench::settled(Options::default()).await;
    let (access, role) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    let before = bench.policies().await;
    bench.sandbox.forget_requests();
    for _ in 0..2 {
        let summary = bench.succeed("data-mesh", json!({"plan": true})).await;
        let plan = summary["plan"].as_array().unwrap();
        assert_eq!(plan.len(), 1, "{summary:#}");
        assert_eq!((&plan[0]["action"], &plan[0]["subject"]), (&json!("revoke"), &json!(access)));
        assert!(plan[0]["detail"].as_str().unwrap().starts_with(&role), "{summary:#}");
    }
    assert_eq!((bench.policies().await, bench.sandbox.writes()), (before, 0));
    assert_eq!(bench.follow().await["revoked"], 1, "the cursor was where it was");
}

#[tokio::test]
async fn a_plan_of_a_reconcile_shows_the_drift() {
    let bench = Bench::settled(Options::default()).await;
    let policies = bench.policies().await;
    let (role, policy) = policies.keys().next().unwrap();
    bench.iam().delete_role_policy(role, policy).await.unwrap();
    let stray = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::x/*"]}]}"#;
    bench.iam().put_role_policy(role, "DMM_DataUsageAgreement_stray", stray).await.unwrap();
    let before = bench.policies().await;
    let summary = bench.succeed("data-mesh-reconcile", json!({"plan": true})).await;
    let expected = BTreeMap::from([("repair".to_owned(), 1), ("revoke".to_owned(), 1)]);
    assert_eq!(actions(&summary), expected, "{summary:#}");
    assert_eq!(bench.policies().await, before);
}

#[tokio::test]
async fn a_plan_of_nothing_says_so() {
    let bench = Bench::settled(Options::default()).await;
    let summary = bench.succeed("data-mesh", json!({"plan": true})).await;
    assert_eq!(
        (&summary["plan"], &summary["message"]),
        (&json!([]), &json!("plan: nothing to do"))
    );
    let exported = fs::read_dir(bench.folder().join("policies/roles")).unwrap().count();
    assert!(exported > 0, "the runs before exported their policies");
}
