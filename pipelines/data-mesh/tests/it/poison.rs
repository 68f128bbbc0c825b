//! What fails again and again: alone, boundedly, with its reason, and back on demand.

use serde_json::json;
use stepwell_integrations::sqs::{Entry, Queue};
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options};

use crate::support::{Bench, an_active, result};

fn poisoned(access: &str) -> FaultRule {
    let body = json!({"id": access, "info": {"purpose": "no word on whether it is active"}});
    FaultRule::new(Endpoint::GetAccess, HttpFault::ReplaceBody { body }).about(format!("/{access}"))
}

#[tokio::test]
async fn one_bad_access_goes_to_the_dead_letters_and_holds_nobody_up() {
    let bench = Bench::settled(Options { agreements: 40, ..Options::default() }).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.add_fault(poisoned(&access));
    for agreement in bench.sandbox.agreements().iter().filter(|it| it.active) {
        bench.sandbox.deactivate(&agreement.id).unwrap();
    }
    let summary = bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    assert_eq!((&summary["revoked"], &summary["dead_lettered"]), (&json!(27), &json!(1)));
    let failure = &summary["failures"][0];
    assert_eq!((&failure["access"], &failure["attempts"]), (&json!(access), &json!(3)));
    let dead = bench.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert!(
        dead[0].reason.contains("info.active") && dead[0].body.contains(&access),
        "{:?}",
        dead[0]
    );
    // The next run has nothing to do with it.
    assert_eq!(bench.follow().await["failed"], 0);
}

#[tokio::test]
async fn dead_letters_are_worked_off_on_demand() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.add_fault(poisoned(&access));
    bench.sandbox.deactivate(&access).unwrap();
    bench.fail("data-mesh", json!({}), "AccessesFailed").await;
    // As long as it is bad, it comes back with a count that begins anew.
    let summary = bench.fail("data-mesh", json!({"redrive": true}), "AccessesFailed").await;
    assert_eq!(
        (&summary["poll"]["redriven"], &summary["failures"][0]["attempts"]),
        (&json!(1), &json!(3))
    );
    bench.sandbox.clear_faults();
    let summary = bench.succeed("data-mesh", json!({"redrive": true})).await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    assert!(bench.dead_letters().await.is_empty());
    bench.assert_in_step().await;
}

#[tokio::test]
async fn an_access_that_fails_once_comes_through_in_the_same_run() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.add_fault(poisoned(&access).once());
    bench.sandbox.deactivate(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    assert!(bench.dead_letters().await.is_empty());
}

#[tokio::test]
async fn a_message_that_nobody_understands_is_dead_at_once() {
    let bench = Bench::settled(Options::default()).await;
    let entry = |body: &str| Entry {
        group: "1".into(),
        deduplication_id: body.len().to_string(),
        body: body.into(),
    };
    bench.queue().send_batch(&[entry("nonsense"), entry(r#"{"accesses":[]}"#)]).await.unwrap();
    bench.follow().await;
    let dead = bench.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert!(dead[0].reason.contains("not understood"), "{}", dead[0].reason);
}

#[tokio::test]
async fn a_message_of_the_reference_is_worked_off() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    // The feed forgets the event; only the old queue knows.
    bench.sandbox.deactivate(&access).unwrap();
    bench.follow().await;
    bench.sandbox.activate(&access).unwrap();
    let event = bench.sandbox.events().pop().unwrap();
    let entry = Entry { group: "1".into(), deduplication_id: "1".into(), body: event.to_string() };
    bench.sandbox.forget_events(0);
    bench.queue().send_batch(&[entry]).await.unwrap();
    bench.follow().await;
    bench.assert_in_step().await;
}

/// While the service is down nothing counts as an attempt, and nothing is lost.
#[tokio::test]
async fn an_outage_in_the_middle_gives_nothing_up() {
    let bench = Bench::settled(Options::default()).await;
    for agreement in bench.sandbox.agreements().iter().filter(|it| it.active) {
        bench.sandbox.deactivate(&agreement.id).unwrap();
    }
    for endpoint in [Endpoint::GetAccess, Endpoint::ListAccess] {
        bench.sandbox.add_fault(FaultRule::new(endpoint, HttpFault::status(503)));
    }
    for _ in 0..4 {
        let summary = bench.fail("data-mesh", json!({}), "AccessesFailed").await;
        assert!(
            summary["message"].as_str().unwrap().contains("the next run goes on"),
            "{summary:#}"
        );
    }
    assert!(bench.dead_letters().await.is_empty());
    bench.sandbox.clear_faults();
    assert_eq!(bench.follow().await["revoked"], 14);
    bench.assert_in_step().await;
}
