//! A plain client with the key, and what tests look for in events.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::dmm::{Options, Sandbox};

pub(super) use crate::support::{Answer, answer};

/// A sandbox on 2026-03-01 that does not move.
pub(super) struct Fixture {
    pub(super) sandbox: Sandbox,
    http: reqwest::Client,
}

impl Fixture {
    pub(super) async fn start(options: Options) -> Self {
        // Fails from the second test on: one provider serves them all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(options).await.unwrap();
        Self { sandbox, http: reqwest::Client::new() }
    }

    /// With nothing in it but what a test puts there.
    pub(super) async fn empty() -> Self {
        Self::start(Options { agreements: 0, ..Options::default() }).await
    }

    pub(super) fn without_key(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.base_url()))
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.without_key(method, path).header("x-api-key", self.sandbox.api_key())
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(super) async fn put(&self, path: &str, document: &Value) -> Answer {
        answer(self.request(Method::PUT, path).json(document)).await
    }

    pub(super) async fn post(&self, path: &str) -> Answer {
        answer(self.request(Method::POST, path)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    /// The types of the events since this one, without prefix and suffix, with their subjects.
    pub(super) async fn events_since(&self, last: Option<&str>) -> Vec<String> {
        let query = last.map(|last| format!("?lastEventId={last}")).unwrap_or_default();
        let events = self.get(&format!("/api/events{query}")).await.expect(StatusCode::OK);
        events.as_array().unwrap().iter().map(told).collect()
    }

    /// The events that `change` causes.
    pub(super) async fn events_of(&self, change: impl AsyncFnOnce(&Self)) -> Vec<String> {
        let before = self.sandbox.last_event_id();
        change(self).await;
        self.events_since(before.as_deref()).await
    }
}

fn told(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap();
    let name = kind.strip_prefix("com.datamesh-manager.events.").unwrap();
    format!("{} {}", name.strip_suffix("Event").unwrap(), event["subject"].as_str().unwrap())
}

/// An access between two products.
pub(super) fn access(id: &str) -> Value {
    json!({
        "id": id,
        "info": {"purpose": "payment totals", "startDate": "2026-02-01", "endDate": "2026-12-31"},
        "provider": {"dataProductId": "orders_dp", "outputPortId": "s3"},
        "consumer": {"dataProductId": "payments_dp"},
        "custom": {"a": "b"},
    })
}

/// A product with a port of each of these ids.
pub(super) fn product(id: &str, ports: &[&str]) -> Value {
    let port = |id: &&str| json!({"id": id, "name": id, "custom": {}});
    json!({
        "dataProductSpecification": "0.0.1", "id": id, "info": {"title": id, "owner": "orders"},
        "outputPorts": ports.iter().map(port).collect::<Vec<_>>(), "custom": {},
    })
}
