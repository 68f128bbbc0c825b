//! A plain client with the key.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::mambu::{Options, Sandbox};

pub(super) use crate::support::{Answer, answer};

pub(super) const ACCEPT: &str = "application/vnd.mambu.v2+json";

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

    pub(super) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.sandbox.base_url()))
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("apiKey", self.sandbox.api_key()).header("Accept", ACCEPT)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// The records that meet one criterion, oldest first.
    pub(super) async fn find(&self, table: &str, criterion: Value) -> Vec<Value> {
        let body = json!({"filterCriteria": [criterion], "sortingCriteria": {"field": "creationDate", "order": "ASC"}});
        let found = self.post(&format!("{table}:search?limit=1000"), &body).await;
        found.expect(StatusCode::OK).as_array().unwrap().clone()
    }
}

impl Answer {
    /// The code of a refusal.
    pub(super) fn error_code(&self) -> i64 {
        self.body["errors"][0]["errorCode"].as_i64().unwrap_or_default()
    }
}
