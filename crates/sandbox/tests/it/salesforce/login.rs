//! Tokens, sessions, and the day's calls.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use stepwell_sandbox::salesforce::{Options, Sandbox};

use super::support::{Fixture, answer};

fn sign(sandbox: &Sandbox, claims: &Value) -> String {
    let pem = sandbox.private_key_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).unwrap()).unwrap();
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "RS256"})), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn an_assertion_is_held_against_its_signature_and_every_claim() {
    let fixture = Fixture::start(Options::default()).await;
    let (sandbox, now) = (&fixture.sandbox, jiff::Timestamp::now().as_second());
    let good = json!({
        "iss": sandbox.client_id(), "sub": sandbox.username(),
        "aud": "https://login.salesforce.com", "exp": now + 180,
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(sandbox, &claims)
    };
    let ask = async |assertion: String| {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned();
        fixture.log_in(&[("grant_type", grant), ("assertion", assertion)]).await
    };
    let granted = ask(with("exp", json!((now + 180).to_string()))).await.expect(StatusCode::OK);
    assert_eq!(granted["instance_url"], sandbox.base_url());
    assert_eq!(granted["token_type"], "Bearer");
    assert!(granted["issued_at"].is_string() && granted.get("expires_in").is_none());
    let forged = sign(sandbox, &good).replace("ey", "ez");
    for (assertion, error) in [
        (forged, "invalid_grant"),
        ("no.assertion".to_owned(), "invalid_grant"),
        (with("iss", json!("somebody")), "invalid_client_id"),
        (with("sub", json!("somebody")), "invalid_grant"),
        (with("aud", json!("https://example.com")), "invalid_grant"),
        (with("exp", json!(now - 1)), "invalid_grant"),
        (with("exp", json!(now + 3_600)), "invalid_grant"),
    ] {
        let refused = ask(assertion).await.expect(StatusCode::BAD_REQUEST);
        assert_eq!(refused["error"], error, "{refused}");
    }
}

#[tokio::test]
async fn the_other_flows_want_all_their_secrets() {
    let fixture =
        Fixture::start(Options { rotate_refresh_tokens: true, ..Options::default() }).await;
    let mut form = fixture.client_form("password");
    form.push(("username", fixture.sandbox.username().to_owned()));
    form.push(("password", fixture.sandbox.password()));
    fixture.log_in(&form).await.expect(StatusCode::OK);
    form.last_mut().unwrap().1 = fixture.sandbox.options().password.clone();
    let refused = fixture.log_in(&form).await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(refused["error_description"], "authentication failure");

    let mut form = fixture.client_form("refresh_token");
    form.push(("refresh_token", fixture.sandbox.options().refresh_token.clone()));
    let granted = fixture.log_in(&form).await.expect(StatusCode::OK);
    assert!(granted["refresh_token"].is_string());
    fixture.log_in(&form).await.expect(StatusCode::BAD_REQUEST);

    let mut form = fixture.client_form("client_credentials");
    form[2].1 = "wrong".to_owned();
    let refused = fixture.log_in(&form).await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(refused["error"], "invalid_client");
    let refused = fixture.log_in(&[]).await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(refused["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_on_demand() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.sandbox.move_clock(Duration::from_mins(90));
    fixture.get("limits").await.expect(StatusCode::OK);
    fixture.sandbox.move_clock(Duration::from_mins(90));
    fixture.get("limits").await.expect(StatusCode::OK);
    fixture.sandbox.move_clock(Duration::from_mins(121));
    let refused = fixture.get("limits").await;
    assert_eq!(refused.code(), "INVALID_SESSION_ID");
    refused.expect(StatusCode::UNAUTHORIZED);
    let url = format!("{}/services/data", fixture.sandbox.base_url());
    answer(reqwest::Client::new().get(url)).await.expect(StatusCode::OK);
    answer(fixture.request(Method::GET, "../v9.0/limits")).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_days_calls_are_told_and_used_up() {
    let fixture = Fixture::start(Options { daily_requests: 2, ..Options::default() }).await;
    let first = fixture.get("limits").await;
    assert_eq!(first.headers["Sforce-Limit-Info"], "api-usage=1/2");
    assert_eq!(first.expect(StatusCode::OK)["DailyApiRequests"], json!({"Max": 2, "Remaining": 1}));
    fixture.get("limits").await.expect(StatusCode::OK);
    let refused = fixture.get("limits").await;
    assert_eq!(refused.code(), "REQUEST_LIMIT_EXCEEDED");
    refused.expect(StatusCode::FORBIDDEN);
    // Another day; sessions live two hours only.
    fixture.sandbox.move_clock(Duration::from_hours(24));
    let answer = fixture.log_in(&fixture.client_form("client_credentials")).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    let fixture = Fixture { token, ..fixture };
    fixture.get("limits").await.expect(StatusCode::OK);
}
