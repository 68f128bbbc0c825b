//! A plain client with a session.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::salesforce::{Options, Sandbox};

pub(super) use crate::support::{Answer, answer};

/// A sandbox on 2026-03-01 that does not move, and a session.
pub(super) struct Fixture {
    pub(super) sandbox: Sandbox,
    pub(super) http: reqwest::Client,
    pub(super) token: String,
}

impl Fixture {
    pub(super) async fn start(options: Options) -> Self {
        // Fails from the second test on: one provider serves them all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut fixture = Self { sandbox, http: reqwest::Client::new(), token: String::new() };
        let form = fixture.client_form("client_credentials");
        let answer = fixture.log_in(&form).await.expect(StatusCode::OK);
        answer["access_token"].as_str().unwrap().clone_into(&mut fixture.token);
        fixture
    }

    pub(super) fn client_form(&self, grant: &str) -> Vec<(&'static str, String)> {
        let (id, secret) = (self.sandbox.client_id(), self.sandbox.client_secret());
        let pairs = [("grant_type", grant), ("client_id", id), ("client_secret", secret)];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    }

    pub(super) async fn log_in(&self, form: &[(&str, String)]) -> Answer {
        let body = form
            .iter()
            .fold(String::new(), |body, (name, value)| format!("{body}&{name}={}", escaped(value)));
        let url = format!("{}/services/oauth2/token", self.sandbox.base_url());
        let request = self.http.post(url);
        answer(request.header("Content-Type", "application/x-www-form-urlencoded").body(body)).await
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/services/data/v60.0/{path}", self.sandbox.base_url());
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// Another page, by the path that came with the one before.
    pub(super) async fn follow(&self, path: &Value) -> Answer {
        self.get(path.as_str().unwrap().strip_prefix("/services/data/v60.0/").unwrap()).await
    }

    pub(super) async fn query(&self, kind: &str, soql: &str) -> Answer {
        self.get(&format!("{kind}?q={}", escaped(soql))).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body)).await
    }

    pub(super) async fn create_job(&self, soql: &str) -> Answer {
        let job = json!({"operation": "queryAll", "query": soql, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"});
        self.post("jobs/query", &job).await
    }
}

impl Answer {
    /// The code of a refusal.
    pub(super) fn code(&self) -> &str {
        self.body[0]["errorCode"].as_str().unwrap_or_default()
    }
}

/// Every byte of it, escaped.
fn escaped(text: &str) -> String {
    let digits = |byte: u8| ['%', hex(byte >> 4), hex(byte & 15)];
    text.bytes().flat_map(digits).collect()
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap()
}
