//! Faults, one by one, as a client sees them.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{StatusCode, header};
use serde_json::json;
use stepwell_sandbox::dap::{AccountProblem, Endpoint, Fault, FaultRule};

use super::support::{Fixture, answer, gunzip};

const SCHEMA: &str = "/dap/query/canvas/table/users/schema";

async fn struck(fault: Fault) -> Fixture {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(FaultRule::new(Endpoint::Schema, fault).once());
    fixture
}

#[tokio::test]
async fn too_many_requests_with_and_without_a_time() {
    let fixture = struck(Fault::TooManyRequests { seconds: Some(7) }).await;
    fixture.sandbox.add_fault(
        FaultRule::new(Endpoint::Schema, Fault::TooManyRequests { seconds: None }).once(),
    );
    let first = fixture.get(SCHEMA).await;
    assert_eq!(
        (first.status, &first.headers[header::RETRY_AFTER]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
    );
    let second = fixture.get(SCHEMA).await;
    assert!(
        second.status == StatusCode::TOO_MANY_REQUESTS
            && !second.headers.contains_key(header::RETRY_AFTER)
    );
    fixture.get(SCHEMA).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn server_errors_have_an_empty_message_and_a_timeout_has_nothing_else() {
    let fixture = struck(Fault::ServerError { status: 500 }).await;
    let error = fixture.get(SCHEMA).await.expect_error(StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(error["message"], "");
    assert!(
        error["uuid"].is_string() && error["type"].as_str().unwrap().contains("ProcessingError")
    );

    let fixture = struck(Fault::ServerError { status: 504 }).await;
    let error = fixture.get(SCHEMA).await.expect_error(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(error.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_gateway_answers_in_html() {
    let fixture = struck(Fault::GatewayPage { status: 200 }).await;
    let page = fixture.get(SCHEMA).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn a_good_token_is_refused() {
    let fixture = struck(Fault::Unauthorized).await;
    fixture.get(SCHEMA).await.expect_error(StatusCode::UNAUTHORIZED);
    fixture.get(SCHEMA).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_account_may_not_use_the_service() {
    let fixture = struck(Fault::Account { problem: AccountProblem::AccountNotOnboarded }).await;
    let error = fixture.get(SCHEMA).await.expect_error(StatusCode::FORBIDDEN);
    assert_eq!(error["type"], "AccountNotOnboarded");
}

#[tokio::test]
async fn a_connection_closes_without_an_answer() {
    let fixture = struck(Fault::DropConnection).await;
    let url = format!("{}{SCHEMA}", fixture.sandbox.base_url());
    let error = fixture.http.get(url).bearer_auth(&fixture.token).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    fixture.get(SCHEMA).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_fault_can_be_for_one_table_and_for_later() {
    let fixture = Fixture::small().await;
    let rule =
        FaultRule::new(Endpoint::Schema, Fault::NotFound).about("canvas.courses").after(1).once();
    fixture.sandbox.add_fault(rule);
    let courses = "/dap/query/canvas/table/courses/schema";
    fixture.get(SCHEMA).await.expect(StatusCode::OK);
    fixture.get(courses).await.expect(StatusCode::OK);
    fixture.get(courses).await.expect_error(StatusCode::NOT_FOUND);
    fixture.get(courses).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn faults_can_be_cleared() {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(FaultRule::new(Endpoint::Login, Fault::ServerError { status: 503 }));
    let secret = fixture.sandbox.client_secret().to_owned();
    let login = || fixture.login("grant_type=client_credentials", &secret);
    login().await.expect_error(StatusCode::SERVICE_UNAVAILABLE);
    fixture.sandbox.clear_faults();
    login().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_job_fails() {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(
        FaultRule::new(Endpoint::CreateJob, Fault::FailJob { message: String::new() }).once(),
    );
    let job =
        fixture.create_job("canvas.users", json!({"format": "tsv"})).await.expect(StatusCode::OK);
    assert_eq!((&job["status"], &job["error"]["message"]), (&json!("failed"), &json!("")));
    assert!(job["error"]["uuid"].is_string() && job["error"]["type"].is_string());
}

#[tokio::test]
async fn a_job_is_stuck_and_then_fails() {
    let fixture = Fixture::small().await;
    fixture
        .sandbox
        .add_fault(FaultRule::new(Endpoint::CreateJob, Fault::StickJob { polls: Some(3) }).once());
    let job = fixture
        .create_job("canvas.users", json!({"format": "tsv"}))
        .await
        .expect(StatusCode::ACCEPTED);
    let path = format!("/dap/job/{}", job["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(fixture.get(&path).await.expect(StatusCode::ACCEPTED)["status"], "running");
    }
    assert_eq!(fixture.get(&path).await.expect(StatusCode::OK)["status"], "failed");
}

#[tokio::test]
async fn the_schema_changes_between_schema_and_job() {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(FaultRule::new(Endpoint::CreateJob, Fault::BumpSchema).once());
    let before = fixture.get(SCHEMA).await.expect(StatusCode::OK)["version"].clone();
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    assert_eq!((before, &job["schema_version"]), (json!(1), &json!(2)));
    assert!(fixture.texts(&job).await[0].lines().next().unwrap().contains("value.surprise_1"));
}

/// A fixture whose next download is struck, the link to download, and the file as it ought to be.
async fn struck_download(fault: Fault) -> (Fixture, String, Vec<u8>) {
    let fixture = Fixture::small().await;
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    let file = fixture.files(&job).await.remove(0);
    let link = fixture.link(&job["objects"][0]).await;
    fixture.sandbox.add_fault(FaultRule::new(Endpoint::Download, fault).once());
    (fixture, link, file)
}

#[tokio::test]
async fn a_fresh_link_is_called_expired() {
    let (fixture, link, _) = struck_download(Fault::ExpiredLink).await;
    let refused = answer(fixture.http.get(&link)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.as_str().unwrap().contains("Request has expired"));
}

#[tokio::test]
async fn a_body_breaks_off() {
    let (fixture, link, file) = struck_download(Fault::BreakBody).await;
    let response = fixture.http.get(&link).send().await.unwrap();
    assert_eq!(response.content_length(), Some(file.len() as u64));
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_body_ends_too_early_and_says_so_in_its_length() {
    let (fixture, link, file) = struck_download(Fault::TruncateBody).await;
    let body = fixture.http.get(&link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(body, file[..file.len() / 2]);
    assert!(GzDecoder::new(&body[..]).read_to_end(&mut Vec::new()).is_err());
}

#[tokio::test]
async fn a_checksum_is_wrong() {
    let (fixture, link, file) = struck_download(Fault::CorruptChecksum).await;
    let body = fixture.http.get(&link).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(body.len(), file.len());
    let mut text = Vec::new();
    assert!(GzDecoder::new(&body[..]).read_to_end(&mut text).is_err());
    assert_eq!(text, gunzip(&file).into_bytes());
}

#[tokio::test]
async fn a_body_comes_slowly_but_whole() {
    let (fixture, link, file) = struck_download(Fault::Dribble { bytes_per_second: 40_000 }).await;
    let mut response = fixture.http.get(&link).send().await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        pieces.push(piece);
    }
    assert!(pieces.len() > 1);
    assert_eq!(pieces.concat(), file);
}
