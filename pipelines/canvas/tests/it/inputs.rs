//! Bad input gets one clear error and changes nothing.

use serde_json::{Value, json};
use stepwell_sandbox::dap::Options;

use crate::support::Bench;

fn options() -> Options {
    Options { total_rows: 1_000, ..Options::default() }
}

/// The failure of a run that could not even list its tables.
async fn refused(settings: Value, input: Value) -> Value {
    let bench = Bench::with(options(), settings).await;
    let summary = bench.run(input).await.summary;
    assert_eq!(summary["failed"], 1, "{summary:#}");
    assert_eq!(summary["error"], summary["failures"][0]["error"]);
    summary["failures"][0].clone()
}

#[track_caller]
fn assert_says(failure: &Value, error: &str, parts: &[&str]) {
    assert_eq!(failure["error"], error, "{failure:#}");
    let cause = failure["cause"].as_str().unwrap();
    for part in parts {
        assert!(cause.contains(part), "`{part}` in `{cause}`");
    }
}

#[tokio::test]
async fn wrong_credentials() {
    let failure = refused(json!({"client_secret": "secret:wrong"}), json!({})).await;
    assert_says(
        &failure,
        "Config",
        &["refused the credentials", "client_secret", "DAP_CLIENT_SECRET"],
    );
}

#[tokio::test]
async fn a_secret_that_nobody_knows() {
    let failure = refused(json!({"client_secret": "secret:nobody"}), json!({})).await;
    assert_says(&failure, "Config", &["nobody"]);
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let failure = refused(json!({"base_url": "http://127.0.0.1:9"}), json!({})).await;
    assert_says(&failure, "Retryable", &["127.0.0.1:9", "cannot be reached", "DAP_API_URL"]);
}

#[tokio::test]
async fn a_secret_that_is_no_target() {
    let failure = refused(json!({"target": "secret:wrong"}), json!({})).await;
    assert_says(&failure, "Config", &["sqlite:"]);
}

#[tokio::test]
async fn a_database_in_a_folder_that_does_not_exist() {
    let failure = refused(json!({"target": "sqlite:/nowhere/at/all/canvas.db"}), json!({})).await;
    assert_says(&failure, failure["error"].as_str().unwrap(), &["/nowhere/at/all/canvas.db"]);
}

#[tokio::test]
async fn an_unknown_namespace_alone() {
    let failure = refused(json!({}), json!({"namespace": "canvass"})).await;
    assert_says(&failure, "Config", &["canvass"]);
}

#[tokio::test]
async fn no_namespace_at_all() {
    let failure = refused(json!({}), json!({"namespaces": []})).await;
    assert_says(&failure, "Config", &["`namespaces` is empty", "name at least one"]);
}

#[tokio::test]
async fn a_table_of_a_namespace_that_the_run_does_not_have() {
    let bench = Bench::start(options()).await;
    for namespaces in [json!(["canvas"]), json!(["canvas", "catalog"])] {
        let input = json!({"namespaces": namespaces, "tables": ["canvas_logs.web_logs"]});
        let summary = bench.run(input).await.summary;
        let failures = summary["failures"].as_array().unwrap();
        let failure = failures.iter().find(|it| it["table"] == "canvas_logs.web_logs").unwrap();
        assert_says(failure, "Config", &["not `canvas_logs`", "`namespaces`"]);
    }
}

/// Two loads of one table would be in each other's way.
#[tokio::test]
async fn a_namespace_that_is_named_twice_counts_once() {
    let bench = Bench::start(options()).await;
    let input = json!({"namespaces": ["canvas", "canvas"], "tables": ["users"]});
    let summary = bench.run(input).await.summary;
    assert_eq!((&summary["tables"], &summary["failed"]), (&json!(1), &json!(0)), "{summary:#}");
}

#[tokio::test]
async fn an_input_with_an_unknown_member() {
    let failure = refused(json!({}), json!({"table": ["users"]})).await;
    assert_says(&failure, "Config", &["unknown field `table`", "tables"]);
}

#[tokio::test]
async fn an_unknown_table_and_an_unknown_namespace_do_not_hide_the_others() {
    let bench = Bench::start(options()).await;
    let input =
        json!({"namespaces": ["canvas", "nope"], "tables": ["canvas.users", "canvas.usres"]});
    let summary = bench.run(input).await.summary;
    assert_eq!(summary["failed"], 2, "{summary:#}");
    let message = summary["message"].as_str().unwrap();
    for part in ["canvas.usres", "did you mean `users`?", "nope.*"] {
        assert!(message.contains(part), "{message}");
    }
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn one_failing_table_among_five() {
    let bench = Bench::start(options()).await;
    let tables = ["users", "courses", "enrollments", "nope", "accounts"];
    let summary = bench.run(json!({ "tables": tables })).await.summary;
    assert_eq!((&summary["failed"], &summary["tables"]), (&json!(1), &json!(5)));
    assert_eq!(summary["results"].as_array().unwrap().len(), 4);
    assert!(summary["message"].as_str().unwrap().starts_with("1 of 5 tables failed"));
    bench.assert_in_step(&["users", "courses", "enrollments", "accounts"]);
}
