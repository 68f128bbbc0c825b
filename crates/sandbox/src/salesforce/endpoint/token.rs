//! `POST /services/oauth2/token`: client credentials, JWT bearer, username and password, refresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::http::basic_credentials;
use crate::salesforce::problem::OAuthProblem;
use crate::salesforce::service::Service;

/// An assertion may be good for so many seconds from now.
const ASSERTION_SECONDS_MAX: i64 = 5 * 60;

type Form = BTreeMap<String, String>;

pub(super) async fn issue(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, OAuthProblem> {
    let form: Form = form_urlencoded::parse(&body).into_owned().collect();
    let rotated = match form.get("grant_type").map_or("", String::as_str) {
        "client_credentials" => client(&service, &form, &headers).map(|()| None),
        "password" => password(&service, &form, &headers).map(|()| None),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => assertion(&service, &form).map(|()| None),
        "refresh_token" => refresh(&service, &form, &headers),
        _ => Err(OAuthProblem::new("unsupported_grant_type", "grant type not supported")),
    }?;
    Ok(Json(answer(&service, rotated)))
}

fn answer(service: &Service, refresh_token: Option<String>) -> Value {
    let number = service.issue();
    let token = format!("00D000000000001!AQ{:06}.{number}", service.options.seed);
    let now = service.now();
    service.state().sessions.insert(token.clone(), now);
    let base_url = &service.base_url;
    let mut answer = json!({
        "access_token": token,
        "instance_url": base_url,
        "id": format!("{base_url}/id/00D000000000001AAA/005000000000001AAA"),
        "token_type": "Bearer",
        "issued_at": now.to_string(),
        "signature": "c2lnbmVk",
        "scope": "api refresh_token",
    });
    if let Some(refresh_token) = refresh_token {
        answer["refresh_token"] = json!(refresh_token);
    }
    answer
}

/// The client, in the form or as HTTP Basic.
fn client(service: &Service, form: &Form, headers: &HeaderMap) -> Result<(), OAuthProblem> {
    let in_form = form.get("client_id").cloned().zip(form.get("client_secret").cloned());
    let given = basic_credentials(headers).or(in_form);
    let (id, secret) =
        given.ok_or_else(|| OAuthProblem::new("invalid_client_id", "client identifier invalid"))?;
    if id != service.options.client_id {
        return Err(OAuthProblem::new("invalid_client_id", "client identifier invalid"));
    }
    if secret != service.options.client_secret {
        return Err(OAuthProblem::new("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

/// The password has the security token behind it.
fn password(service: &Service, form: &Form, headers: &HeaderMap) -> Result<(), OAuthProblem> {
    client(service, form, headers)?;
    let options = &service.options;
    let expected = format!("{}{}", options.password, options.security_token);
    let fits = form.get("username") == Some(&options.username)
        && form.get("password").is_some_and(|it| *it == expected);
    if fits { Ok(()) } else { Err(no_grant("authentication failure")) }
}

/// Each refresh gives another refresh token where they rotate; the one before is worth nothing then.
fn refresh(
    service: &Service,
    form: &Form,
    headers: &HeaderMap,
) -> Result<Option<String>, OAuthProblem> {
    client(service, form, headers)?;
    let number = service.issue();
    let mut state = service.state();
    if form.get("refresh_token") != Some(&state.refresh_token) {
        return Err(no_grant("expired access/refresh token"));
    }
    if !service.options.rotate_refresh_tokens {
        return Ok(None);
    }
    state.refresh_token = format!("{}.{number}", service.options.refresh_token);
    Ok(Some(state.refresh_token.clone()))
}

fn assertion(service: &Service, form: &Form) -> Result<(), OAuthProblem> {
    let text = form.get("assertion").map_or("", String::as_str);
    let claims = verified(service, text).ok_or_else(|| no_grant("invalid assertion"))?;
    let says = |name: &str| claims[name].as_str().unwrap_or_default();
    if says("iss") != service.options.client_id {
        let status = StatusCode::BAD_REQUEST;
        let description = "client identifier invalid";
        return Err(OAuthProblem { status, error: "invalid_client_id", description });
    }
    let audiences =
        ["https://login.salesforce.com", "https://test.salesforce.com", &service.base_url];
    if !audiences.contains(&says("aud")) {
        return Err(no_grant("audience is invalid"));
    }
    // The machine's clock, not the sandbox's: it is the signer's.
    let left = seconds(&claims["exp"]) - Timestamp::now().as_second();
    if !(1..=ASSERTION_SECONDS_MAX).contains(&left) {
        return Err(no_grant("expired authorization code"));
    }
    if says("sub") != service.options.username {
        return Err(no_grant("user hasn't approved this consumer"));
    }
    Ok(())
}

/// The claims of an assertion that is signed with RS256 by the right key.
fn verified(service: &Service, text: &str) -> Option<Value> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    if header["alg"] != "RS256" {
        return None;
    }
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &service.public_key);
    key.verify(signed.as_bytes(), &decode(signature)?).ok()?;
    serde_json::from_slice(&decode(claims)?).ok()
}

/// A number, also as text.
fn seconds(value: &Value) -> i64 {
    let text = || value.as_str().and_then(|text| text.parse().ok());
    value.as_i64().or_else(text).unwrap_or(0)
}

fn no_grant(description: &'static str) -> OAuthProblem {
    OAuthProblem::new("invalid_grant", description)
}
