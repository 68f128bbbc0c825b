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

/// A service of 2023 that gives single agreements and no list of them.
#[tokio::test]
async fn agreements_that_cannot_be_listed_are_found_through_their_events() {
    for (generation, resource) in [
        (Generation::DataUsageAgreement, "datausageagreements"),
        (Generation::DataContract, "datacontracts"),
    ] {
        let rule = FaultRule::new(Endpoint::ListAccess, HttpFault::status(404));
        let options = Options {
            generations: vec![generation],
            hide_access: true,
            faults: vec![rule],
            ..Options::default()
        };
        let bench = Bench::with(options, json!({"resource": resource})).await;
        bench.follow().await;
        bench.assert_in_step().await;
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        assert_eq!(bench.follow().await["revoked"], 1);
        let tags = &bench.sandbox.access(&access).unwrap()["tags"];
        assert_eq!(*tags, json!(["reviewed", "aws-integration", "aws-integration-inactive"]));
        let (deleted, _) = an_active(&bench.sandbox);
        bench.sandbox.delete_access(&deleted).unwrap();
        assert_eq!(bench.reconcile().await["revoked"], 1);
        bench.assert_in_step().await;
    }
}

/// Agreements of an older generation that the collection of today does not have.
#[tokio::test]
async fn agreements_of_an_older_collection_are_read_and_told_there() {
    let options =
        Options { generations: vec![Generation::DataUsageAgreement], ..Options::default() };
    let bench = Bench::new(options).await;
    let nothing = HttpFault::ReplaceBody { body: json!([]) };
    bench.sandbox.add_fault(FaultRule::new(Endpoint::ListAccess, nothing));
    for endpoint in [Endpoint::GetAccess, Endpoint::PutAccess, Endpoint::ReportProvisioning] {
        let rule = FaultRule::new(endpoint, HttpFault::status(404)).about("/api/access/");
        bench.sandbox.add_fault(rule);
    }
    bench.follow().await;
    bench.assert_in_step().await;
    let (access, _) = an_active(&bench.sandbox);
    let tags = &bench.sandbox.access(&access).unwrap()["tags"];
    assert_eq!(*tags, json!(["reviewed", "aws-integration", "aws-integration-active"]));
    // The listing lacks all of them, and that is no sign of deletion.
    let summary = bench.reconcile().await;
    assert_eq!((&summary["revoked"], &summary["survey"]["held_back"]), (&json!(0), &json!(0)));
    bench.sandbox.delete_access(&access).unwrap();
    assert_eq!(bench.follow().await["revoked"], 1);
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
    for unknown in [
        UnknownCursor::BadRequest,
        UnknownCursor::NotFound,
        UnknownCursor::Replay,
        UnknownCursor::Empty,
    ] {
        let bench = Bench::settled(Options { unknown_cursor: unknown, ..Options::default() }).await;
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        bench.sandbox.change_data_product(&consumer_of(&bench.sandbox, &access), |_| ()).unwrap();
        bench.sandbox.forget_events(1);
        let summary = bench.follow().await;
        let reason = summary["poll"]["reason"].as_str().unwrap();
        assert!(reason.contains("does not know the cursor"), "{unknown:?}: {reason}");
        assert_eq!(result(&summary, &access)["outcome"], "revoked", "{unknown:?}");
        bench.assert_in_step().await;
        // And the feed goes on.
        bench.sandbox.activate(&access).unwrap();
        let summary = bench.follow().await;
        assert_eq!((&summary["granted"], &summary["survey"]), (&json!(1), &Value::Null));
    }
}

/// The cursor is the oldest event that is kept: the one before it is unknown, and nothing is lost.
#[tokio::test]
async fn a_feed_that_keeps_only_its_newest_event_is_not_surveyed_again_and_again() {
    for unknown in [UnknownCursor::BadRequest, UnknownCursor::Replay, UnknownCursor::Empty] {
        let bench = Bench::settled(Options { unknown_cursor: unknown, ..Options::default() }).await;
        bench.follow().await;
        bench.sandbox.forget_events(1);
        for _ in 0..2 {
            let summary = bench.follow().await;
            assert_eq!(summary["survey"], Value::Null, "{unknown:?}: {summary:#}");
        }
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        let summary = bench.follow().await;
        assert_eq!((&summary["revoked"], &summary["survey"]), (&json!(1), &Value::Null));
    }
}

#[tokio::test]
async fn a_feed_of_one_event_is_followed_from_there() {
    let bench = Bench::new(Options { agreements: 0, ..Options::default() }).await;
    bench.follow().await;
    let team = json!({"id": "a", "name": "A", "custom": {}});
    bench.sandbox.put_team(team.clone()).unwrap();
    for _ in 0..2 {
        assert_eq!(bench.follow().await["survey"], Value::Null);
    }
    bench.sandbox.put_team(team).unwrap();
    let summary = bench.follow().await;
    assert_eq!((&summary["poll"]["events"], &summary["survey"]), (&json!(1), &Value::Null));
}

/// A service that says nothing about a cursor it does not know would keep us waiting for ever.
#[tokio::test]
async fn a_cursor_that_is_lost_is_found_by_the_reconcile_too() {
    let bench =
        Bench::settled(Options { unknown_cursor: UnknownCursor::Empty, ..Options::default() })
            .await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    bench.sandbox.add_backlog(50, 20);
    bench.sandbox.forget_events(3);
    let summary = bench.reconcile().await;
    assert_eq!(summary["survey"]["cursor_lost"], true);
    bench.assert_in_step().await;
    bench.sandbox.activate(&access).unwrap();
    assert_eq!(bench.follow().await["granted"], 1);
}

/// A cursor may mean the first place of an event that came twice: what comes behind it is the cursor itself.
#[tokio::test]
async fn events_that_come_again_stop_nothing_wherever_their_cursor_leads() {
    for cursor_means_first in [true, false] {
        let options = Options { repeat_events: true, cursor_means_first, ..Options::default() };
        let bench = Bench::settled(options).await;
        let (access, _) = an_active(&bench.sandbox);
        bench.sandbox.deactivate(&access).unwrap();
        assert_eq!(bench.follow().await["revoked"], 1, "{cursor_means_first}");
        bench.reconcile().await;
        bench.sandbox.activate(&access).unwrap();
        assert_eq!(bench.follow().await["granted"], 1);
        // An old one, at the end of the feed.
        let old = bench.sandbox.events()[3]["id"].as_str().unwrap().to_owned();
        assert!(bench.sandbox.send_again(&old));
        bench.follow().await;
        bench.follow().await;
        bench.sandbox.deactivate(&access).unwrap();
        let summary = bench.follow().await;
        assert_eq!((&summary["revoked"], &summary["survey"]), (&json!(1), &Value::Null));
        bench.assert_in_step().await;
    }
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
