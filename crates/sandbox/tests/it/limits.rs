//! Calls per minute.

use reqwest::{StatusCode, header};
use serde_json::json;
use stepwell_sandbox::dap::{Limits, Options};

use super::support::{Fixture, options};

#[tokio::test]
async fn the_documented_limits_hold_and_say_when_to_come_back() {
    let fixture = Fixture::start(Options { limits: Limits::DOCUMENTED, ..options() }).await;
    for _ in 0..5 {
        fixture.get("/dap/query/canvas/table").await.expect(StatusCode::OK);
        fixture.create_job("canvas.users", json!({"format": "tsv"})).await;
    }
    let refused = fixture.get("/dap/query/canvas/table").await;
    assert_eq!(refused.headers[header::RETRY_AFTER], "61");
    refused.expect_error(StatusCode::TOO_MANY_REQUESTS);
    fixture
        .create_job("canvas.users", json!({"format": "tsv"}))
        .await
        .expect_error(StatusCode::TOO_MANY_REQUESTS);
    fixture.get("/dap/query/canvas/table/users/schema").await.expect(StatusCode::OK);

    fixture.move_clock(60);
    fixture.get("/dap/query/canvas/table").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_refusal_need_not_say_when_to_come_back() {
    let fixture = Fixture::small().await;
    fixture.sandbox.set_limits(Limits { schema: Some(0), retry_after: false, ..Limits::NONE });
    let refused = fixture.get("/dap/query/canvas/table/users/schema").await;
    assert!(!refused.headers.contains_key(header::RETRY_AFTER));
    refused.expect_error(StatusCode::TOO_MANY_REQUESTS);
}
