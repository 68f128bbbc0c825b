//! `GET /api/events`.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::Value;
use stepwell_sandbox::dmm::{Generation, Options, UnknownCursor};

use super::support::{Fixture, access};

fn ids(events: &Value) -> Vec<String> {
    let events = events.as_array().unwrap().iter();
    events.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn events_are_cloud_events_in_order_and_the_cursor_goes_on() {
    let fixture = Fixture::empty().await;
    fixture.sandbox.put_access(access("acc-1")).unwrap();
    let answer = fixture.get("/api/events").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/cloudevents-batch+json");
    let events = answer.expect(StatusCode::OK);
    let event = events.as_array().unwrap().iter().find(|it| it["subject"] == "acc-1").unwrap();
    assert_eq!(event["type"], "com.datamesh-manager.events.AccessCreatedEvent");
    assert_eq!((&event["specversion"], &event["data"]["id"]), (&"1.0".into(), &"acc-1".into()));
    assert_eq!(
        (&event["time"], &event["data"]["timestamp"]),
        (&"2026-03-01T09:00:00.000Z".into(), &event["time"])
    );
    let last = ids(&events).pop().unwrap();
    assert_eq!(fixture.events_since(Some(&last)).await, [""; 0]);
    fixture.sandbox.approve("acc-1").unwrap();
    assert_eq!(
        fixture.events_since(Some(&last)).await,
        ["AccessApproved acc-1", "AccessActivated acc-1"]
    );
}

#[tokio::test]
async fn a_backlog_comes_in_pages_of_a_thousand_with_events_of_all_kinds() {
    let fixture = Fixture::start(Options { agreements: 200, ..Options::default() }).await;
    fixture.sandbox.forget_events(0);
    fixture.sandbox.add_backlog(10_000, 150);
    let mut all = Vec::new();
    let mut path = "/api/events".to_owned();
    loop {
        let page = fixture.get(&path).await.expect(StatusCode::OK);
        let page = page.as_array().unwrap().clone();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 1_000);
        path = format!("/api/events?lastEventId={}", last["id"].as_str().unwrap());
        all.extend(page);
    }
    assert_eq!(all.len(), 10_000);
    let has = |kind: &str| all.iter().any(|it| it["type"].as_str().unwrap().contains(kind));
    for kind in [
        "AccessActivated",
        "AccessDeactivated",
        "AccessUpdated",
        "OutputPortUpdated",
        "ContractNegotiated",
    ] {
        assert!(has(kind), "{kind}");
    }
    let about = |it: &&Value| it["type"].as_str().unwrap().contains(".Access");
    let mut subjects: Vec<_> =
        all.iter().filter(about).map(|it| it["subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    assert_eq!(subjects.len(), 150);
}

#[tokio::test]
async fn an_unknown_cursor_is_what_the_switch_says() {
    let fixture = Fixture::start(Options { agreements: 1, ..Options::default() }).await;
    let all = ids(&fixture.get("/api/events").await.expect(StatusCode::OK));
    let ask = || fixture.get("/api/events?lastEventId=of-nobody");
    let problem = ask().await;
    assert_eq!(problem.headers[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(problem.expect(StatusCode::BAD_REQUEST)["status"], 400);
    fixture.sandbox.set_unknown_cursor(UnknownCursor::NotFound);
    ask().await.expect(StatusCode::NOT_FOUND);
    fixture.sandbox.set_unknown_cursor(UnknownCursor::Replay);
    assert_eq!(ids(&ask().await.expect(StatusCode::OK)), all);
    fixture.sandbox.set_unknown_cursor(UnknownCursor::Empty);
    assert_eq!(ids(&ask().await.expect(StatusCode::OK)), [""; 0]);
}

#[tokio::test]
async fn a_forgotten_cursor_is_unknown() {
    let fixture = Fixture::start(Options { retention: Some(3), ..Options::default() }).await;
    let all = ids(&fixture.get("/api/events").await.expect(StatusCode::OK));
    assert_eq!(all.len(), 3);
    fixture.sandbox.deactivate("acc-0000").unwrap();
    let path = format!("/api/events?lastEventId={}", all[0]);
    fixture.get(&path).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn generations_are_mixed_and_events_repeated_on_request() {
    let options = Options {
        agreements: 1,
        generations: vec![
            Generation::Access,
            Generation::DataUsageAgreement,
            Generation::DataContract,
        ],
        repeat_events: true,
        ..Options::default()
    };
    let fixture = Fixture::start(options).await;
    let events = fixture.events_of(async |it| it.sandbox.deactivate("acc-0000").unwrap()).await;
    let twice = |name: &str| [format!("{name} acc-0000"), format!("{name} acc-0000")];
    let wanted = ["AccessDeactivated", "DataUsageAgreementDeactivated", "DataContractDeactivated"];
    assert_eq!(events, wanted.map(twice).concat());
    let canceled = fixture
        .events_of(async |it| it.sandbox.cancel("acc-0000", it.sandbox.today()).unwrap())
        .await;
    // The date of the end is today, so it is active again; older generations have no such event.
    assert_eq!(canceled[..2], twice("AccessCanceled"));
    assert_eq!(canceled[2..4], twice("AccessActivated"));
}

#[tokio::test]
async fn a_long_poll_ends_with_the_event_it_waits_for() {
    let fixture = Fixture::start(Options { agreements: 1, ..Options::default() }).await;
    let last = fixture.sandbox.last_event_id().unwrap();
    let path = format!("/api/events?longPolling=true&lastEventId={last}");
    let (answer, ()) = tokio::join!(fixture.get(&path), async {
        while fixture.sandbox.log().is_empty() {
            tokio::task::yield_now().await;
        }
        fixture.sandbox.deactivate("acc-0000").unwrap();
    });
    assert_eq!(ids(&answer.expect(StatusCode::OK)).len(), 1);
}

#[tokio::test]
async fn dates_come_and_the_platform_says_so() {
    let fixture = Fixture::empty().await;
    let mut document = access("acc-1");
    document["info"]["status"] = "approved".into();
    document["info"]["startDate"] = "2026-03-03".into();
    document["info"]["endDate"] = "2026-03-04".into();
    fixture.sandbox.put_access(document).unwrap();
    let active = || fixture.sandbox.access("acc-1").unwrap()["info"]["active"].clone();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let day = async |it: &Fixture| it.sandbox.move_clock(Duration::from_hours(24));
        let events = fixture.events_of(day).await;
        seen.push((events.concat(), active() == true));
    }
    let told = |text: &str, active: bool| (text.to_owned(), active);
    assert_eq!(
        seen,
        [
            told("", false),
            told("AccessActivated acc-1", true),
            told("", true),
            told("AccessDeactivated acc-1", false),
        ]
    );
    let last = fixture.sandbox.events().pop().unwrap();
    assert_eq!(last["principal"], "system");
}
