//! The feed: the first start, the cursor, generations, duplicates, and what happens when the cursor is lost.

use serde_json::{Value, json};
use stepwell_sandbox::dmm::{
    Endpoint, FaultRule, Generation, HttpFault, Options, Sandbox, UnknownCursor,
};

use crate::driver::Driving;
use crate::support::{Bench, an_active, consumer_of, provider_of, result, set_custom};

#[tokio::test]
async fn the_first_start_grants_what_is_active_and_replays_nothing() {
    let bench = Bench::new(Options { agreements: 40, ..Options::default() }).await;
    bench.sandbox.add_backlog(2_500, 40);
    let ended = bench.drive("data-mesh", json!({}), Driving::default()).await;
    bench.assert_in_step().await;
    assert_eq!(ended.count("survey"), 1);
    assert_eq!(ended.summary["poll"]["reason"], "the first start");
    // Three thousand events were passed over, and no access was looked at twice.
    let looked = bench.sandbox.requests()[&Endpoint::GetAccess];
    assert_eq!(looked, 28, "one look at each active access");
    bench.sandbox.forget_requests();
    bench.follow().await;
    let asked: Vec<_> = bench.sandbox.log().iter().map(|it| it.endpoint).collect();
    assert_eq!(asked, [Endpoint::Events, Endpoint::Events], "our own reports, then nothing");
}

#[tokio::test]
async fn activation_and_deactivation_are_followed() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    bench.assert_in_step().await;
    bench.sandbox.activate(&access).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "granted");
    bench.assert_in_step().await;
}

#[tokio::test]
async fn dates_that_come_are_followed() {
    let bench = Bench::settled(Options::default()).await;
    let before = bench.granted().await.len();
    bench.sandbox.move_clock(std::time::Duration::from_hours(24 * 40));
    bench.follow().await;
    bench.assert_in_step().await;
    assert_ne!(bench.granted().await.len(), before);
}

#[tokio::test]
async fn all_generations_of_events_at_once_and_twice_do_the_work_once() {
    let generations =
        vec![Generation::DataContract, Generation::DataUsageAgreement, Generation::Access];
    let options = Options { generations, repeat_events: true, ..Options::default() };
    let bench = Bench::settled(options).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    bench.sandbox.forget_requests();
    let summary = bench.follow().await;
    assert_eq!(summary["revoked"], 1);
    assert_eq!(bench.sandbox.requests()[&Endpoint::GetAccess], 1);
    bench.assert_in_step().await;
}

/// A generation at a time, as an old service emits them.
#[tokio::test]
async fn each_generation_alone_is_understood() {
    for generation in [Generation::DataContract, Generation::DataUsageAgreement, Generation::Access]
    {
        let bench =
            Bench::settled(Options { generations: vec![generation], ..Options::default() }).await;
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        assert_eq!(bench.follow().await["revoked"], 1, "{generation:?}");
    }
}

#[tokio::test]
async fn an_old_collection_with_old_documents_is_read() {
    let options =
        Options { generations: vec![Generation::DataUsageAgreement], ..Options::default() };
    let bench = Bench::with(options, json!({"resource": "datausageagreements"})).await;
    bench.follow().await;
    bench.assert_in_step().await;
}

/// An event of activation that comes after the deactivation: the present state counts.
#[tokio::test]
async fn a_late_activation_grants_nothing() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    bench.sandbox.activate(&access).unwrap();
    bench.sandbox.deactivate(&access).unwrap();
    bench.follow().await;
    bench.sandbox.add_backlog(200, 20);
    bench.follow().await;
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_backlog_is_few_looks() {
    let bench = Bench::settled(Options { agreements: 30, ..Options::default() }).await;
    bench.sandbox.add_backlog(5_000, 30);
    bench.sandbox.forget_requests();
    let summary = bench.follow().await;
    assert_eq!(summary["poll"]["pages"], 6, "{:#}", summary["poll"]);
    assert!(summary["poll"]["skipped"].as_u64().unwrap() > 100, "{:#}", summary["poll"]);
    assert_eq!(summary["unchanged"], 21);
    let requests = bench.sandbox.requests();
    assert_eq!(requests[&Endpoint::GetAccess], 30, "each access once");
    assert!(!requests.contains_key(&Endpoint::ReportProvisioning), "nothing has changed");
    bench.assert_in_step().await;
}

#[tokio::test]
async fn an_unknown_cursor_leads_to_a_survey_and_to_the_newest_event() {
    for unknown in [UnknownCursor::BadRequest, UnknownCursor::NotFound] {
        let bench = Bench::settled(Options { unknown_cursor: unknown, ..Options::default() }).await;
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        bench.sandbox.add_backlog(50, 20);
        bench.sandbox.forget_events(3);
        let summary = bench.follow().await;
        let reason = summary["poll"]["reason"].as_str().unwrap();
        assert!(reason.contains("does not know the cursor"), "{reason}");
        assert_eq!(result(&summary, &access)["outcome"], "revoked");
        bench.assert_in_step().await;
        // And the feed goes on.
        bench.sandbox.activate(&access).unwrap();
        let summary = bench.follow().await;
        assert_eq!((&summary["granted"], &summary["survey"]), (&json!(1), &Value::Null));
    }
}

/// A service that says nothing about a cursor it does not know would keep us waiting for ever.
#[tokio::test]
async fn a_cursor_that_is_lost_in_silence_is_found_by_the_reconcile() {
    let bench =
        Bench::settled(Options { unknown_cursor: UnknownCursor::Empty, ..Options::default() })
            .await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    bench.sandbox.add_backlog(50, 20);
    bench.sandbox.forget_events(3);
    assert_eq!(bench.follow().await["accesses"], 0, "the feed is silent");
    let summary = bench.reconcile().await;
    assert_eq!(summary["survey"]["cursor_lost"], true);
    bench.assert_in_step().await;
    bench.sandbox.activate(&access).unwrap();
    assert_eq!(bench.follow().await["granted"], 1);
}

#[tokio::test]
async fn a_cursor_that_makes_the_service_replay_changes_nothing() {
    let bench =
        Bench::settled(Options { unknown_cursor: UnknownCursor::Replay, ..Options::default() })
            .await;
    bench.sandbox.add_backlog(50, 20);
    bench.sandbox.forget_events(20);
    bench.follow().await;
    bench.assert_in_step().await;
}

#[tokio::test]
async fn a_feed_that_fails_moves_no_cursor() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    bench.sandbox.add_fault(FaultRule::new(Endpoint::Events, HttpFault::status(503)));
    let summary = bench.fail("data-mesh", json!({}), "Retryable").await;
    assert!(summary["message"].as_str().unwrap().contains("503"), "{summary:#}");
    bench.sandbox.clear_faults();
    assert_eq!(bench.follow().await["revoked"], 1);
}

#[tokio::test]
async fn a_changed_port_and_a_changed_team_lead_to_their_accesses() {
    let bench = Bench::settled(Options {
        awkward: [stepwell_sandbox::dmm::Awkward::TeamConsumer].into(),
        ..Options::default()
    })
    .await;
    let (access, role) = an_active(&bench.sandbox);
    let (provider, _) = provider_of(&bench.sandbox, &access);
    change_ports(&bench.sandbox, &provider, "aws-s3-bucket-arn", "arn:aws:s3:::acme-moved");
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "granted");
    let policies = bench.policies().await;
    let policy = &policies[&(role, format!("DMM_DataUsageAgreement_{access}"))];
    assert!(policy.contains("arn:aws:s3:::acme-moved/*"), "{policy}");
    let mut team = bench.sandbox.team("team-team-consumer").unwrap();
    set_custom(&mut team, "aws-role-name", "team-renamed");
    bench.sandbox.put_team(team).unwrap();
    assert_eq!(bench.follow().await["granted"], 1);
    bench.assert_in_step().await;
}

/// The product of both ends, found by the ledger alone.
#[tokio::test]
async fn a_deleted_provider_takes_its_grants_along() {
    let bench = Bench::settled(Options::default()).await;
    let (access, _) = an_active(&bench.sandbox);
    let (provider, _) = provider_of(&bench.sandbox, &access);
    bench.sandbox.remove_data_product(&provider).unwrap();
    let summary = bench.follow().await;
    assert_eq!(result(&summary, &access)["outcome"], "revoked");
    let (access, _) = an_active_of_another(&bench, &provider);
    let consumer = consumer_of(&bench.sandbox, &access);
    bench.sandbox.remove_data_product(&consumer).unwrap();
    let summary = bench.follow().await;
    let found = result(&summary, &access);
    assert_eq!(found["outcome"], "refused", "the owner is told");
    assert!(found["warnings"][0].as_str().unwrap().contains("removed from the role"), "{found:#}");
}

fn an_active_of_another(bench: &Bench, provider: &str) -> (String, String) {
    let found = bench.sandbox.agreements().into_iter().find(|it| {
        let access = bench.sandbox.access(&it.id).unwrap();
        let product = access["provider"]["dataProductId"].as_str().unwrap();
        it.active && product != "unknown" && product != provider
    });
    let found = found.unwrap();
    (found.id, found.role.unwrap())
}

fn change_ports(sandbox: &Sandbox, product: &str, field: &str, value: &str) {
    sandbox
        .change_data_product(product, |document| {
            for port in document["outputPorts"].as_array_mut().unwrap() {
                set_custom(port, field, value);
            }
        })
        .unwrap();
}
