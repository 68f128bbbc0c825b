//! Faults, latency, and what is written down of requests.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::json;
use stepwell_sandbox::dmm::{Endpoint, FaultRule, HttpFault, Options};

use super::support::Fixture;

#[tokio::test]
async fn an_endpoint_fails_once_in_the_services_own_words() {
    let fixture = Fixture::start(Options::default()).await;
    fixture
        .sandbox
        .add_fault(FaultRule::new(Endpoint::Events, HttpFault::too_many_requests(Some(7))).once());
    let refused = fixture.get("/api/events").await;
    assert_eq!(refused.headers[header::RETRY_AFTER], "7");
    assert_eq!(refused.headers[header::CONTENT_TYPE], "application/problem+json");
    refused.expect(StatusCode::TOO_MANY_REQUESTS);
    fixture.get("/api/events").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_fault_may_be_about_one_access_and_leave_its_work_done() {
    let fixture = Fixture::start(Options::default()).await;
    let fault = HttpFault::FailAfter { status: 502 };
    fixture
        .sandbox
        .add_fault(FaultRule::new(Endpoint::ReportProvisioning, fault).about("acc-0001"));
    let report = |id: &str| format!("/api/access/{id}/provisioning/provisioning-started");
    fixture.post(&report("acc-0000")).await.expect(StatusCode::OK);
    fixture.post(&report("acc-0001")).await.expect(StatusCode::BAD_GATEWAY);
    assert_eq!(fixture.sandbox.provisioning("acc-0001").unwrap()["status"], "provisioning");
    fixture.sandbox.clear_faults();
    fixture.post(&report("acc-0001")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn requests_are_counted_and_written_down_with_their_bodies() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.get("/api/access/acc-0000").await.expect(StatusCode::OK);
    fixture.get("/api/access/nobody").await.expect(StatusCode::NOT_FOUND);
    fixture.put("/api/teams/a", &json!({"id": "a"})).await.expect(StatusCode::OK);
    fixture.put("/api/teams/a", &json!({"id": "b"})).await.expect(StatusCode::BAD_REQUEST);
    let sandbox = &fixture.sandbox;
    assert_eq!(sandbox.requests(), [(Endpoint::GetAccess, 2), (Endpoint::PutTeam, 2)].into());
    assert_eq!(sandbox.writes(), 1);
    let log = sandbox.log();
    assert_eq!((log[1].path.as_str(), log[1].status), ("/api/access/nobody", Some(404)));
    assert_eq!(log[2].body, r#"{"id":"a"}"#);
    sandbox.forget_requests();
    assert_eq!((sandbox.writes(), sandbox.log().len()), (0, 0));
}

#[tokio::test]
async fn every_request_takes_its_time() {
    let fixture =
        Fixture::start(Options { latency: Duration::from_millis(50), ..Options::default() }).await;
    let started = tokio::time::Instant::now();
    fixture.get("/api/events").await.expect(StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(50));
    fixture.sandbox.set_latency(Duration::ZERO);
    fixture.get("/api/events").await.expect(StatusCode::OK);
}
