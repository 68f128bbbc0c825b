//! Who may ask, in which version, how often.

use reqwest::{Method, StatusCode, header};
use stepwell_sandbox::mambu::{Endpoint, FaultRule, HttpFault, Options};

use super::support::{ACCEPT, Fixture, answer};

#[tokio::test]
async fn a_key_or_a_user_is_asked_for() {
    let fixture = Fixture::start(Options::default()).await;
    let bare = || fixture.bare(Method::GET, "branches").header("Accept", ACCEPT);
    let refused = answer(bare()).await;
    assert_eq!(refused.error_code(), 2);
    refused.expect(StatusCode::UNAUTHORIZED);
    answer(bare().header("apiKey", "wrong")).await.expect(StatusCode::UNAUTHORIZED);
    answer(bare().basic_auth("lake", Some("wrong"))).await.expect(StatusCode::UNAUTHORIZED);
    answer(bare().basic_auth("lake", Some("sandbox-password"))).await.expect(StatusCode::OK);
    fixture.get("branches").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_version_has_to_be_named() {
    let fixture = Fixture::start(Options::default()).await;
    let ask =
        |path: &str| fixture.bare(Method::GET, path).header("apiKey", fixture.sandbox.api_key());
    answer(ask("branches")).await.expect(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let json = ask("branches").header("Accept", "application/json");
    answer(json).await.expect(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let days = "activities?from=2026-01-01&to=2026-03-01";
    answer(ask(days)).await.expect(StatusCode::OK);
    fixture.get(days).await.expect(StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_audit_trail_has_a_key_of_its_own() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.get("v2/events").await.expect(StatusCode::UNAUTHORIZED);
    let bare = || fixture.bare(Method::GET, "v2/events");
    answer(bare().basic_auth("lake", Some("sandbox-password")))
        .await
        .expect(StatusCode::UNAUTHORIZED);
    let found = answer(bare().header("apiKey", fixture.sandbox.audit_key())).await;
    assert_eq!(found.expect(StatusCode::OK)["events"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn too_many_requests_are_refused_for_a_while() {
    let fixture = Fixture::start(Options::default()).await;
    let fault = FaultRule::new(Endpoint::List, HttpFault::too_many_requests(Some(3)));
    fixture.sandbox.add_fault(fault.about("/users").once());
    fixture.get("branches").await.expect(StatusCode::OK);
    let refused = fixture.get("users").await;
    assert_eq!(refused.headers[header::RETRY_AFTER], "3");
    refused.expect(StatusCode::TOO_MANY_REQUESTS);
    fixture.get("users").await.expect(StatusCode::OK);
}
