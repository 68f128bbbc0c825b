//! Who reads, and how much they may.

use std::sync::Arc;

use serde_json::json;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::testing::{Keys, check_no_secret};
use stepwell_sandbox::salesforce::{Endpoint, FaultRule, HttpFault, Options, Sandbox};

use super::settings;
use crate::sources::{open, open_with, window};

const APPEND: &str = "mode = 'append'";

async fn sandbox() -> Sandbox {
    Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap()
}

/// Reads everything with these settings of the connection.
async fn read(sandbox: &Sandbox, connection: &str) -> Result<usize, HandlerError> {
    let opened = open(&settings(sandbox, connection, APPEND)).await?;
    Ok(opened.read(&window(None, "2026-03-01T09:00:00Z")).await?.rows.len())
}

#[tokio::test]
async fn every_flow_reads_everything() {
    let sandbox = sandbox().await;
    let pem = sandbox.private_key_pem();
    let total = sandbox.records("Account").len();
    let (user, password) = (sandbox.username(), sandbox.password());
    for connection in [
        String::new(),
        format!("flow = 'jwt-bearer'\nusername = '{user}'\nprivate_key = '''{pem}'''"),
        format!("flow = 'password'\nusername = '{user}'\npassword = '{password}'"),
        format!("flow = 'refresh-token'\nrefresh_token = '{}'", sandbox.options().refresh_token),
    ] {
        assert_eq!(read(&sandbox, &connection).await, Ok(total), "{connection}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_and_not_shown() {
    let sandbox = sandbox().await;
    let user = sandbox.username();
    for (connection, told) in [
        (
            format!("flow = 'password'\nusername = '{user}'\npassword = 'wr0ng-secret'"),
            "authentication failure",
        ),
        (
            format!("flow = 'jwt-bearer'\nusername = '{user}'\nprivate_key = 'wr0ng-secret'"),
            "`salesforce.private_key` is no usable key",
        ),
        ("flow = 'refresh-token'\nrefresh_token = 'wr0ng-secret'".to_owned(), "invalid_grant"),
    ] {
        let error = read(&sandbox, &connection).await.unwrap_err();
        assert!(
            matches!(&error, HandlerError::Config(message) if message.contains(told)),
            "{error}"
        );
        check_no_secret(&error.to_string(), &["wr0ng-secret", sandbox.client_secret()]);
    }
}

#[tokio::test]
async fn secrets_are_found_by_name_and_stand_in_no_checkpoint() {
    let sandbox = sandbox().await;
    let toml = settings(&sandbox, "rest_records_max = 0\nbulk_page_records = 10", APPEND)
        .replace(sandbox.client_secret(), "secret:salesforce/client-secret");
    let keys = Keys::from([("salesforce/client-secret", sandbox.client_secret())]);
    let opened = open_with(&toml, Arc::new(keys)).await.unwrap();
    let found = opened.read(&window(None, "2026-03-01T09:00:00Z")).await.unwrap();
    assert!(found.chunks.len() > 3);
    for chunk in found.chunks {
        check_no_secret(
            &chunk.checkpoint.to_string(),
            &[sandbox.client_secret(), "00D000000000001!"],
        );
    }
}

#[tokio::test]
async fn wrong_settings_are_told_by_name() {
    for (toml, told) in [
        (
            "flow = 'client-credential'\nlogin_url = 'https://a.my.salesforce.com'",
            "did you mean \"client-credentials\"?",
        ),
        ("login_url = 'https://login.salesforce.com'", "the organization's own host only"),
        ("login_url = 'acme'", "`acme` is no URL"),
        ("api_version = '47.0'\nlogin_url = 'https://a.b'", "the least is 50.0"),
        (
            "flow = 'jwt-bearer'\nlogin_url = 'https://a.b'",
            "the key `salesforce.private_key` is missing",
        ),
    ] {
        let toml = format!(
            "[salesforce]\n{toml}\n[tables.a]\nsource = 'salesforce'\nobject = 'Account'\ncolumns = ['id string']\nkey = ['id']\nmode = 'append'\n"
        );
        let Err(error) = open(&toml).await else { panic!("{toml}") };
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn an_expired_session_is_renewed_once_and_within_a_run() {
    let sandbox = sandbox().await;
    let opened = open(&settings(&sandbox, "", APPEND)).await.unwrap();
    let window = window(None, "2026-03-01T09:00:00Z");
    opened.read(&window).await.unwrap();
    sandbox.expire_sessions();
    let found = opened.read(&window).await.unwrap();
    assert_eq!(found.rows.len(), sandbox.records("Account").len());
    assert_eq!(sandbox.requests()[&Endpoint::Token], 2);
    sandbox.add_fault(FaultRule::new(Endpoint::Describe, HttpFault::status(401)));
    let Err(error) = opened.read(&window).await else { panic!() };
    assert!(error.to_string().contains("INVALID_SESSION_ID"), "{error}");
    assert_eq!(sandbox.requests()[&Endpoint::Token], 3, "once");
}

#[tokio::test]
async fn the_quota_of_the_organization_is_kept() {
    let sandbox = Sandbox::start(Options { records: 60, daily_requests: 10, ..Options::default() })
        .await
        .unwrap();
    let Err(error) = read(&sandbox, "daily_percent_max = 20").await else { panic!() };
    assert!(matches!(&error, HandlerError::Retryable(_)));
    assert!(error.to_string().contains("2 of the 10 calls of the day are used"), "{error}");
    assert_eq!(sandbox.used_today(), 2);
    let Err(error) = read(&sandbox, "own_percent_max = 10").await else { panic!() };
    assert!(error.to_string().contains("by this process"), "{error}");
    let body = json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]);
    let fault = HttpFault::Status { status: 403, retry_after: None, body: Some(body) };
    sandbox.add_fault(FaultRule::new(Endpoint::Describe, fault));
    let Err(error) = read(&sandbox, "").await else { panic!() };
    assert!(matches!(&error, HandlerError::Retryable(_)), "{error:?}");
    assert_eq!(sandbox.requests()[&Endpoint::Describe], 3, "no call is repeated");
}

#[tokio::test]
async fn an_api_that_is_switched_off_is_a_matter_of_settings() {
    let sandbox = sandbox().await;
    let body = json!([{"message": "The REST API is not enabled for this Organization.", "errorCode": "API_DISABLED_FOR_ORG"}]);
    let fault = HttpFault::Status { status: 403, retry_after: None, body: Some(body) };
    sandbox.add_fault(FaultRule::new(Endpoint::Describe, fault));
    let Err(error) = read(&sandbox, "").await else { panic!() };
    assert!(matches!(&error, HandlerError::Config(_)), "{error:?}");
}
