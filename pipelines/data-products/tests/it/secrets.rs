//! No secret leaves the process but to the server that it is for.

use serde_json::json;

use crate::support::{Bench, few};

#[tokio::test]
async fn nothing_that_a_run_says_or_keeps_holds_a_secret() {
    let bench = Bench::start(few()).await;
    // `execute` looks at every payload and outcome.
    bench.sync().await;
    let ledger = std::fs::read(bench.ledger()).unwrap();
    let beside = std::fs::read(bench.ledger().with_extension("db-wal")).unwrap_or_default();
    bench.check_no_secret(&String::from_utf8_lossy(&[ledger, beside].concat()));
    bench.check_no_secret(&format!("{:?}", bench.sandbox.truth()));
}

#[tokio::test]
async fn wrong_credentials_are_told_by_the_settings_to_look_at() {
    for (key, named) in [
        ("sep_password", "`sep_password`"),
        ("galaxy_client_secret", "`galaxy_client_secret`"),
        ("galaxy_sql_password", "`galaxy_sql_password`"),
    ] {
        let bench = Bench::with(few(), &json!({key: "secret:wrong"})).await;
        let ended = bench.execute(json!({})).await;
        assert_eq!(ended.error(), "Config", "{key}");
        let message = ended.summary()["message"].to_string();
        assert!(message.contains(named), "{key}: {message}");
        assert_eq!(bench.sandbox.writes().total(), 0, "{key}");
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named() {
    let bench = Bench::with(few(), &json!({"sep_password": "secret:nowhere"})).await;
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "Config");
    assert!(ended.summary()["message"].to_string().contains("nowhere"));
}
