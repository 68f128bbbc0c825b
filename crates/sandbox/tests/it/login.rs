//! `POST /ids/auth/login`, and what a token is good for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;

use super::support::{Fixture, NOW, answer};

const FORM: &str = "grant_type=client_credentials";

#[tokio::test]
async fn wrong_or_missing_credentials_are_forbidden() {
    let fixture = Fixture::small().await;
    let error = fixture.login(FORM, "wrong").await.expect_error(StatusCode::FORBIDDEN);
    assert_eq!(error["type"], "AuthenticationError");
    let bare = fixture.request(Method::POST, "/ids/auth/login").body(FORM);
    answer(bare).await.expect_error(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_grant_or_another_content_type_is_a_bad_request() {
    let fixture = Fixture::small().await;
    let secret = fixture.sandbox.client_secret();
    fixture.login("grant_type=password", secret).await.expect_error(StatusCode::BAD_REQUEST);
    let json = fixture
        .request(Method::POST, "/ids/auth/login")
        .basic_auth(fixture.sandbox.client_id(), Some(secret))
        .header(header::CONTENT_TYPE, "application/json")
        .body(FORM);
    answer(json).await.expect_error(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_token_is_a_jwt_that_says_when_it_expires() {
    let fixture = Fixture::small().await;
    let body = fixture.login(FORM, fixture.sandbox.client_secret()).await.expect(StatusCode::OK);
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["scope"].is_string());
    let claims = fixture.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let now: jiff::Timestamp = NOW.parse().unwrap();
    assert_eq!(claims["exp"], now.as_second() + 3600);
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let fixture = Fixture::small().await;
    for path in ["/dap/query/canvas/table", "/dap/query/canvas/table/users/schema", "/dap/job/1"] {
        let error =
            answer(fixture.request(Method::GET, path)).await.expect_error(StatusCode::UNAUTHORIZED);
        assert_eq!(error["type"], "AuthenticationError");
        let forged = fixture.request(Method::GET, path).bearer_auth("a.b.c");
        answer(forged).await.expect_error(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_expires() {
    let mut fixture = Fixture::small().await;
    fixture.move_clock(3_599);
    fixture.get("/dap/query/canvas/table").await.expect(StatusCode::OK);
    fixture.move_clock(1);
    fixture.get("/dap/query/canvas/table").await.expect_error(StatusCode::UNAUTHORIZED);
    fixture.log_in().await;
    fixture.get("/dap/query/canvas/table").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_deprecated_header_works_and_authorization_wins() {
    let fixture = Fixture::small().await;
    let path = "/dap/query/canvas/table";
    let legacy = || fixture.request(Method::GET, path).header("x-instauth", &fixture.token);
    answer(legacy()).await.expect(StatusCode::OK);
    answer(legacy().bearer_auth("a.b.c")).await.expect_error(StatusCode::UNAUTHORIZED);
}
