//! The notification function against a real HTTP server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use stepwell_pipeline::notify::{Channel, Notify};
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{AnyFunction, Context, HandlerError, http};

/// Answers the statuses in order, the last for ever. Gives its URL and how often it was asked.
async fn webhook(statuses: &'static [u16]) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = move || {
        let index = count.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
        async move { StatusCode::from_u16(statuses[index]).unwrap() }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?token=hush", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn tell(channels: Value, url: &str) -> Result<Value, HandlerError> {
    let channels: Vec<Channel> = serde_json::from_value(channels).unwrap();
    let http = http::client(Duration::from_secs(5)).unwrap();
    let keys = Arc::new(Keys::from([("hook", url)]));
    let notify = Notify::new("stepwell-test-notify", channels, keys, http);
    // Long enough for one more attempt on a webhook, too short for all of them.
    let ctx = Context::starting_now("key", Duration::from_secs(2));
    notify.call_json(&json!({"message": "all is well"}), &ctx).await
}

#[tokio::test]
async fn every_channel_is_told_and_a_short_outage_is_waited_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("last.json");
    let (url, asked) = webhook(&[503, 200]).await;
    let channels = json!(["log", {"webhook": "secret:hook"}, {"file": file}]);
    assert_eq!(tell(channels, &url).await, Ok(json!({"told": ["log", "webhook", "file"]})));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let written: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(written, json!({"message": "all is well"}));
}

#[tokio::test]
async fn a_refused_webhook_is_a_setting_to_correct_and_keeps_its_url_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("last.json");
    let (url, asked) = webhook(&[404]).await;
    let error = tell(json!([{"webhook": "secret:hook"}, {"file": file}]), &url).await.unwrap_err();
    assert_eq!(error.name(), "Config");
    assert!(!error.to_string().contains("hush"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "a refusal is not repeated");
    assert!(file.exists(), "the other channel was told all the same");
}

#[tokio::test]
async fn an_unreachable_webhook_can_be_tried_again_later() {
    let error =
        tell(json!([{"webhook": "secret:hook"}]), "http://127.0.0.1:9/hush").await.unwrap_err();
    assert_eq!(error.name(), "Retryable");
    assert!(!error.to_string().contains("hush"), "{error}");
}
