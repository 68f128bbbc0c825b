//! Reconcile: drift both ways, what was there before us, and listings that cannot be believed.

use serde_json::json;
use stepwell_data_mesh::layout::policy_name;
use stepwell_integrations::iam::RolePolicies;
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options};

use crate::support::{Bench, an_active, expected, result};

const OTHER: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::other/*"]}]}"#;

#[tokio::test]
async fn without_drift_a_reconcile_writes_nothing() {
    let bench = Bench::settled(Options { agreements: 40, ..Options::default() }).await;
    let before = bench.policies().await;
    bench.sandbox.forget_requests();
    let summary = bench.reconcile().await;
    assert_eq!((&summary["unchanged"], &summary["survey"]["drifted"]), (&json!(28), &json!(0)));
    assert_eq!(bench.sandbox.writes(), 0);
    assert_eq!(bench.policies().await, before);
}

#[tokio::test]
async fn removed_and_edited_policies_are_written_again() {
    let bench = Bench::settled(Options { agreements: 40, ..Options::default() }).await;
    let before = bench.policies().await;
    let mut keys = before.keys();
    let (removed, edited) = (keys.next().unwrap(), keys.next().unwrap());
    let iam = bench.iam();
    iam.delete_role_policy(&removed.0, &removed.1).await.unwrap();
    iam.put_role_policy(&edited.0, &edited.1, OTHER).await.unwrap();
    let summary = bench.reconcile().await;
    assert_eq!((&summary["repaired"], &summary["survey"]["drifted"]), (&json!(2), &json!(2)));
    assert_eq!(bench.policies().await, before);
}

#[tokio::test]
async fn policies_that_no_active_agreement_asks_for_are_removed() {
    let bench = Bench::settled(Options::default()).await;
    let inactive = bench.sandbox.agreements().into_iter().find(|it| !it.active).unwrap();
    let iam = bench.iam();
    for policy in [
        policy_name("deleted-long-ago"),
        policy_name(&inactive.id),
        "DMM_Datacontract_old".to_owned(),
    ] {
        iam.put_role_policy("some-consumer", &policy, OTHER).await.unwrap();
    }
    let summary = bench.reconcile().await;
    assert_eq!((&summary["revoked"], &summary["survey"]["found"]), (&json!(3), &json!(3)));
    bench.assert_in_step().await;
}

/// What the reference installed: the same policies under the same or the older names.
#[tokio::test]
async fn an_existing_installation_carries_over_without_a_write() {
    let first = Bench::settled(Options::default()).await;
    let installed = first.policies().await;
    let second = Bench::new(Options::default()).await;
    let iam = second.iam();
    for ((role, policy), document) in &installed {
        let spaced = document.replace(',', ", ");
        iam.put_role_policy(role, policy, &spaced).await.unwrap();
    }
    let summary = second.follow().await;
    assert_eq!(summary["adopted"].as_u64().unwrap(), installed.len() as u64, "{summary:#}");
    assert_eq!(summary["granted"], 0);
    let kept = second.policies().await;
    assert!(kept.values().all(|it| it.contains(", ")), "the documents are those that were there");
    // And it is ours now: the end of an access takes its policy along.
    let (access, _) = an_active(&second.sandbox);
    second.sandbox.delete_access(&access).unwrap();
    assert_eq!(second.follow().await["revoked"], 1);
    second.assert_in_step().await;
}

#[tokio::test]
async fn older_names_are_recognised_and_kept_and_doubles_go() {
    let bench = Bench::new(Options::default()).await;
    let (access, role) = an_active(&bench.sandbox);
    let old = format!("DMM_Datacontract_{access}");
    let iam = bench.iam();
    iam.put_role_policy(&role, &old, OTHER).await.unwrap();
    iam.put_role_policy(&role, &policy_name(&access), OTHER).await.unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "repaired");
    let of_access: Vec<_> = bench
        .granted()
        .await
        .into_iter()
        .filter(|(_, it)| it.ends_with(&format!("_{access}")))
        .collect();
    assert_eq!(of_access.len(), 1, "{of_access:?}");
    bench.sandbox.deactivate(&access).unwrap();
    bench.follow().await;
    assert_eq!(bench.granted().await, expected(&bench.sandbox));
}

#[tokio::test]
async fn a_deleted_agreement_is_revoked_by_an_event_and_by_a_reconcile() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.delete_access(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["detail"], "the access is deleted");
    bench.assert_in_step().await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.delete_access(&access).unwrap();
    let summary = bench.reconcile().await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_role_that_is_gone_ends_its_grants_and_its_return_brings_them_back() {
    let bench = Bench::settled(Options::default()).await;
    let (access, role) = an_active(&bench.sandbox);
    bench.iam().delete_role(&role).await.unwrap();
    bench.sandbox.deactivate(&access).unwrap();
    assert_eq!(result(&bench.follow().await, &access)["outcome"], "revoked");
    // A role of the embedded ledger comes into being again with its first policy.
    let summary = bench.reconcile().await;
    assert!(summary["repaired"].as_u64().unwrap() > 0, "{summary:#}");
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_listing_that_fails_or_misses_most_revokes_nothing() {
    let bench = Bench::settled(Options { agreements: 60, ..Options::default() }).await;
    let before = bench.policies().await;
    let rule = |fault| FaultRule::new(Endpoint::ListAccess, fault);
    bench.sandbox.add_fault(rule(HttpFault::status(503)));
    bench.fail("data-mesh-reconcile", json!({}), "Retryable").await;
    bench.sandbox.clear_faults();
    bench.sandbox.add_fault(rule(HttpFault::ReplaceBody { body: json!([]) }));
    let summary = bench.fail("data-mesh-reconcile", json!({}), "AccessesFailed").await;
    let cause = summary["failures"][0]["cause"].as_str().unwrap();
    assert!(cause.contains("held back") && cause.contains("--allow-deletes"), "{summary:#}");
    assert_eq!(summary["survey"]["held_back"], 42);
    assert_eq!(bench.policies().await, before);
    // Even where that is allowed, each access is looked at before anything goes.
    bench.succeed("data-mesh-reconcile", json!({"allow_deletes": true})).await;
    assert_eq!(bench.policies().await, before);
}

/// What is held back holds nothing else up: after a lost cursor the feed goes on.
#[tokio::test]
async fn accesses_that_are_held_back_do_not_stop_the_feed() {
    let bench = Bench::settled(Options { agreements: 60, ..Options::default() }).await;
    let nothing = HttpFault::ReplaceBody { body: json!([]) };
    bench.sandbox.add_fault(FaultRule::new(Endpoint::ListAccess, nothing));
    bench.sandbox.add_backlog(50, 20);
    bench.sandbox.forget_events(3);
    let summary = bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    assert_eq!(summary["survey"]["held_back"], 42, "{summary:#}");
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    assert_eq!(bench.follow().await["revoked"], 1);
    bench.assert_in_step().await;
}

/// A wrong address answers 404 to everything: that is no deletion.
#[tokio::test]
async fn a_404_of_a_collection_that_is_not_there_revokes_nothing() {
    let bench = Bench::settled(Options::default()).await;
    let before = bench.policies().await;
    bench.sandbox.add_backlog(100, 20);
    for endpoint in [Endpoint::GetAccess, Endpoint::ListAccess] {
        bench.sandbox.add_fault(FaultRule::new(endpoint, HttpFault::status(404)));
    }
    bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    assert_eq!(bench.policies().await, before);
}

#[tokio::test]
async fn many_accesses_over_several_pages_are_all_surveyed() {
    let bench =
        Bench::new(Options { agreements: 1_100, consumers: Some(300), ..Options::default() }).await;
    let summary = bench.reconcile().await;
    assert_eq!((&summary["survey"]["accesses"], &summary["granted"]), (&json!(1_100), &json!(770)));
    bench.assert_in_step().await;
}
