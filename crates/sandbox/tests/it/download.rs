//! Links and the files behind them.

use reqwest::{StatusCode, header};
use serde_json::json;
use stepwell_sandbox::dap::{Endpoint, Fault, FaultRule, Options};

use super::support::{Answer, Fixture, answer, gunzip, options};

async fn users_link(fixture: &Fixture) -> String {
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    fixture.link(&job["objects"][0]).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/xml");
    assert!(
        answer.body.as_str().unwrap().contains(&format!("<Code>{code}</Code>")),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn bad_requests_for_links_are_refused() {
    let fixture = Fixture::small().await;
    for body in [json!({"id": "1"}), json!(["1"]), json!([{"id": "1", "x": 2}])] {
        let error =
            fixture.post("/dap/object/url", &body).await.expect_error(StatusCode::BAD_REQUEST);
        assert_eq!(error["type"], "ValidationError");
    }
    let error = fixture
        .post("/dap/object/url", &json!([{"id": "1"}]))
        .await
        .expect_error(StatusCode::NOT_FOUND);
    assert_eq!(error["kind"], "object");
}

#[tokio::test]
async fn a_link_expires_and_a_new_one_works() {
    let fixture = Fixture::small().await;
    let link = users_link(&fixture).await;
    fixture.move_clock(15 * 60 - 1);
    assert_eq!(answer(fixture.http.get(&link)).await.status, StatusCode::OK);
    fixture.move_clock(1);
    let refused = answer(fixture.http.get(&link)).await;
    assert_refused(&refused, StatusCode::FORBIDDEN, "AccessDenied");
    assert!(refused.body.as_str().unwrap().contains("Request has expired"));
    assert_eq!(answer(fixture.http.get(users_link(&fixture).await)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_link_is_its_own_and_only_authentication() {
    let fixture = Fixture::small().await;
    let link = users_link(&fixture).await;
    let both = answer(fixture.http.get(&link).bearer_auth(&fixture.token)).await;
    assert_refused(&both, StatusCode::BAD_REQUEST, "InvalidArgument");
    let unsigned = link.split('?').next().unwrap();
    assert_refused(
        &answer(fixture.http.get(unsigned)).await,
        StatusCode::FORBIDDEN,
        "AccessDenied",
    );
    let tampered = link.replace("part-00000", "part-00001");
    assert_refused(
        &answer(fixture.http.get(tampered)).await,
        StatusCode::FORBIDDEN,
        "SignatureDoesNotMatch",
    );
}

#[tokio::test]
async fn a_file_is_served_in_ranges_as_long_as_it_is_the_same() {
    let fixture = Fixture::small().await;
    let link = users_link(&fixture).await;
    let whole = fixture.http.get(&link).send().await.unwrap();
    let etag = whole.headers()[header::ETAG].clone();
    assert_eq!(whole.headers()[header::ACCEPT_RANGES], "bytes");
    let whole = whole.bytes().await.unwrap();

    let rest = fixture.http.get(&link).header(header::RANGE, "bytes=100-");
    let rest = rest.header(header::IF_MATCH, &etag).send().await.unwrap();
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    let place = format!("bytes 100-{}/{}", whole.len() - 1, whole.len());
    assert_eq!(rest.headers()[header::CONTENT_RANGE], place);
    assert_eq!(rest.bytes().await.unwrap(), whole.slice(100..));
    let bytes = whole.len() as u64;
    assert_eq!(fixture.sandbox.downloads(), [0..bytes, 100..bytes]);

    let beyond = format!("bytes={}-", whole.len());
    let beyond = answer(fixture.http.get(&link).header(header::RANGE, beyond)).await;
    assert_refused(&beyond, StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
    assert_eq!(beyond.headers[header::CONTENT_RANGE], format!("bytes */{}", whole.len()));
    let another = FaultRule::new(Endpoint::Download, Fault::AnotherFile);
    fixture.sandbox.add_fault(another);
    let changed = answer(fixture.http.get(&link).header(header::IF_MATCH, &etag)).await;
    assert_refused(&changed, StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    fixture.sandbox.clear_faults();
    fixture.sandbox.add_fault(FaultRule::new(Endpoint::Download, Fault::AnotherFileUnasked));
    let unasked = answer(fixture.http.get(&link).header(header::IF_MATCH, &etag)).await;
    assert_eq!(unasked.status, StatusCode::OK);
    assert_ne!(unasked.headers[header::ETAG], etag);
}

#[tokio::test]
async fn several_links_come_with_one_request() {
    let fixture = Fixture::start(Options { rows_per_part: 10, ..options() }).await;
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    let answer = fixture.post("/dap/object/url", &job["objects"]).await.expect(StatusCode::OK);
    let objects = job["objects"].as_array().unwrap();
    assert!(objects.len() > 1);
    assert_eq!(answer["urls"].as_object().unwrap().len(), objects.len());
}

#[tokio::test]
async fn file_names_say_the_format() {
    let fixture = Fixture::small().await;
    for (format, suffix) in
        [("tsv", ".tsv.gz"), ("csv", ".csv.gz"), ("jsonl", ".jsonl.gz"), ("parquet", ".parquet")]
    {
        let job = fixture.complete_job("canvas.users", json!({"format": format})).await;
        let link = fixture.link(&job["objects"][0]).await;
        assert!(link.split('?').next().unwrap().ends_with(suffix), "{link}");
    }
}

#[tokio::test]
async fn parts_and_gzip_members_change_nothing_but_the_cut() {
    let whole = Fixture::small().await;
    let cut = Options { rows_per_part: 25, rows_per_gzip_member: Some(10), ..options() };
    let cut = Fixture::start(cut).await;
    let query = json!({"format": "jsonl"});
    let (_, expected) = whole.lines("canvas.users", query.clone()).await;
    let (job, lines) = cut.lines("canvas.users", query).await;
    assert_eq!(lines, expected);
    assert_eq!(job["objects"].as_array().unwrap().len(), expected.len().div_ceil(25));

    let file = &cut.files(&job).await[0];
    let mut first_member = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&file[..]), &mut first_member)
        .unwrap();
    assert_eq!(first_member.lines().count(), 10);
    assert_eq!(gunzip(file).lines().count(), 25);
}
