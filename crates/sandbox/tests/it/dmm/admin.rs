//! `/_sandbox/...`, for tests in other processes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::dmm::Options;

use super::support::{Answer, Fixture, answer};

async fn admin(fixture: &Fixture, method: Method, path: &str, body: &Value) -> Answer {
    answer(fixture.without_key(method, &format!("/_sandbox/{path}")).json(body)).await
}

#[tokio::test]
async fn accesses_change_and_the_truth_is_told() {
    let fixture = Fixture::start(Options::default()).await;
    let events = fixture
        .events_of(async |it| {
            for action in ["deactivate", "activate", "reject", "approve", "delete"] {
                let path = format!("access/acc-0000/{action}");
                admin(it, Method::POST, &path, &Value::Null).await.expect(StatusCode::NO_CONTENT);
            }
        })
        .await;
    assert_eq!(events.first().unwrap(), "AccessDeactivated acc-0000");
    assert_eq!(events.last().unwrap(), "AccessDeleted acc-0000");
    let agreements =
        admin(&fixture, Method::GET, "agreements", &Value::Null).await.expect(StatusCode::OK);
    assert_eq!(agreements, json!(fixture.sandbox.agreements()));
    let path = "access/acc-0001/doubt";
    admin(&fixture, Method::POST, path, &Value::Null).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn clock_feed_switches_faults_and_latency_are_set() {
    let fixture = Fixture::start(Options::default()).await;
    let clock = json!({"seconds": 86_400});
    let now = admin(&fixture, Method::POST, "clock", &clock).await.expect(StatusCode::OK);
    assert_eq!(now, json!({"now": "2026-03-02T09:00:00.000Z"}));
    for (method, path, body) in [
        (Method::POST, "forget-events", json!({"keep": 0})),
        (Method::POST, "backlog", json!({"events": 30, "accesses": 3})),
        (
            Method::PUT,
            "switches",
            json!({"unknown_cursor": "not_found", "provisioning": "method_not_allowed"}),
        ),
        (Method::PUT, "latency", json!({"millis": 1})),
        (
            Method::POST,
            "faults",
            json!([{"on": "list_access", "fault": {"kind": "status", "status": 503}}]),
        ),
    ] {
        admin(&fixture, method, path, &body).await.expect(StatusCode::NO_CONTENT);
    }
    let events = admin(&fixture, Method::GET, "events", &Value::Null).await.expect(StatusCode::OK);
    assert_eq!(events.as_array().unwrap().len(), 30);
    fixture.get("/api/events?lastEventId=x").await.expect(StatusCode::NOT_FOUND);
    fixture.get("/api/access/acc-0000/provisioning").await.expect(StatusCode::METHOD_NOT_ALLOWED);
    fixture.get("/api/access").await.expect(StatusCode::SERVICE_UNAVAILABLE);
    admin(&fixture, Method::DELETE, "faults", &Value::Null).await.expect(StatusCode::NO_CONTENT);
    fixture.get("/api/access").await.expect(StatusCode::OK);
    let counts =
        admin(&fixture, Method::GET, "requests", &Value::Null).await.expect(StatusCode::OK);
    assert_eq!(counts, json!({"events": 1, "get_provisioning": 1, "list_access": 2}));
    let log = admin(&fixture, Method::GET, "log", &Value::Null).await.expect(StatusCode::OK);
    assert_eq!(log[0]["path"], "/api/events?lastEventId=x");
    admin(&fixture, Method::DELETE, "requests", &Value::Null).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(fixture.sandbox.log().len(), 0);
}
