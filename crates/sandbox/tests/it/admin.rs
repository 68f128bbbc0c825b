//! `/_sandbox/...`, for tests in other processes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Fixture, answer};

async fn admin(
    fixture: &Fixture,
    method: Method,
    path: &str,
    body: &Value,
) -> super::support::Answer {
    answer(fixture.request(method, &format!("/_sandbox/{path}")).json(body)).await
}

#[tokio::test]
async fn truth_comes_line_by_line() {
    let fixture = Fixture::small().await;
    let text = fixture
        .request(Method::GET, "/_sandbox/truth/canvas/users")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, fixture.truth("canvas.users"));
    let tables = admin(&fixture, Method::GET, "truth", &json!(null)).await.expect(StatusCode::OK);
    assert_eq!(tables, json!(fixture.sandbox.tables()));
    admin(&fixture, Method::GET, "truth/canvas/x", &json!(null))
        .await
        .expect_error(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_source_is_moved_on() {
    let fixture = Fixture::small().await;
    let advance = json!({"seed": 1, "changes": 50, "tables": ["canvas.users"]});
    let made = admin(&fixture, Method::POST, "advance", &advance).await.expect(StatusCode::OK);
    assert!(made["canvas.users"]["updated"].as_u64().unwrap() > 0);
    let nobody = json!({"seed": 1, "changes": 50, "tables": ["canvas.x"]});
    admin(&fixture, Method::POST, "advance", &nobody).await.expect_error(StatusCode::NOT_FOUND);

    let drop = json!({"kind": "drop_column", "column": "locale"});
    let evolved =
        admin(&fixture, Method::POST, "evolve/canvas/users", &drop).await.expect(StatusCode::OK);
    assert_eq!(evolved, json!({"version": 2}));
    admin(&fixture, Method::POST, "evolve/canvas/users", &drop)
        .await
        .expect_error(StatusCode::BAD_REQUEST);

    admin(&fixture, Method::POST, "reload/canvas/users", &json!(null))
        .await
        .expect(StatusCode::NO_CONTENT);
    admin(&fixture, Method::POST, "forget/canvas/users", &json!(null))
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn clock_limits_and_faults_are_set_and_requests_are_counted() {
    let fixture = Fixture::small().await;
    let now = admin(&fixture, Method::POST, "clock", &json!({"seconds": 90}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(now, json!({"now": "2026-02-15T09:01:30Z"}));

    let list = "/dap/query/canvas/table";
    admin(&fixture, Method::PUT, "limits", &json!({"list_tables": 0}))
        .await
        .expect(StatusCode::NO_CONTENT);
    fixture.get(list).await.expect_error(StatusCode::TOO_MANY_REQUESTS);
    admin(&fixture, Method::PUT, "limits", &json!({})).await.expect(StatusCode::NO_CONTENT);

    let rules = json!([{"on": "list_tables", "fault": {"kind": "server_error", "status": 503}}]);
    admin(&fixture, Method::POST, "faults", &rules).await.expect(StatusCode::NO_CONTENT);
    fixture.get(list).await.expect_error(StatusCode::SERVICE_UNAVAILABLE);
    admin(&fixture, Method::DELETE, "faults", &json!(null)).await.expect(StatusCode::NO_CONTENT);
    fixture.get(list).await.expect(StatusCode::OK);

    let requests =
        admin(&fixture, Method::GET, "requests", &json!(null)).await.expect(StatusCode::OK);
    assert_eq!(requests, json!({"login": 1, "list_tables": 3}));
}
