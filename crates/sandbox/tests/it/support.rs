//! A plain HTTP client of a sandbox, with the assertions that tests share.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use stepwell_sandbox::dap::{Options, Sandbox, TimeSource};

/// 2026-02-15T09:00:00Z, when the clocks of these tests stand still.
pub(crate) const NOW: &str = "2026-02-15T09:00:00Z";

/// A sandbox whose clock stands still, with a client that has logged in.
pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

/// An answer in JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: Value,
}

pub(crate) fn options() -> Options {
    Options {
        total_rows: 2_000,
        time: TimeSource::Manual(NOW.parse().unwrap()),
        ..Options::default()
    }
}

impl Fixture {
    pub(crate) async fn start(options: Options) -> Self {
        // Fails from the second test on: one provider serves them all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut fixture = Self { sandbox, http: reqwest::Client::new(), token: String::new() };
        fixture.log_in().await;
        fixture
    }

    pub(crate) async fn small() -> Self {
        Self::start(options()).await
    }

    pub(crate) async fn log_in(&mut self) {
        let answer =
            self.login("grant_type=client_credentials", self.sandbox.client_secret()).await;
        self.token = String::from(answer.body["access_token"].as_str().unwrap());
    }

    pub(crate) async fn login(&self, form: &str, secret: &str) -> Answer {
        let request = self
            .request(Method::POST, "/ids/auth/login")
            .basic_auth(self.sandbox.client_id(), Some(secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        answer(request).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sandbox.base_url()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(&self.token)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).bearer_auth(&self.token).json(body)).await
    }

    /// Creates a job; `table` is `namespace.table`.
    pub(crate) async fn create_job(&self, table: &str, body: Value) -> Answer {
        let path = format!("/dap/query/{}/data", table.replace('.', "/table/"));
        self.post(&path, &body).await
    }

    /// A job that completed.
    pub(crate) async fn complete_job(&self, table: &str, body: Value) -> Value {
        let answer = self.create_job(table, body).await;
        let mut job = answer.body;
        while job["status"] == "running" {
            tokio::task::yield_now().await;
            job = self.get(&format!("/dap/job/{}", job["id"].as_str().unwrap())).await.body;
        }
        assert_eq!(job["status"], "complete", "{job}");
        job
    }

    pub(crate) async fn link(&self, object: &Value) -> String {
        let answer = self.post("/dap/object/url", &json!([object])).await.expect(StatusCode::OK);
        answer["urls"][object["id"].as_str().unwrap()]["url"].as_str().unwrap().to_owned()
    }

    /// The files of a job, as they come over the wire.
    pub(crate) async fn files(&self, job: &Value) -> Vec<Vec<u8>> {
        let mut files = Vec::new();
        for object in job["objects"].as_array().unwrap() {
            let response = self.http.get(self.link(object).await).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            files.push(response.bytes().await.unwrap().to_vec());
        }
        files
    }

    /// The unpacked text of each file of a job.
    pub(crate) async fn texts(&self, job: &Value) -> Vec<String> {
        self.files(job).await.iter().map(|file| gunzip(file)).collect()
    }

    /// The JSON lines of a query.
    pub(crate) async fn lines(&self, table: &str, query: Value) -> (Value, Vec<Value>) {
        let job = self.complete_job(table, query).await;
        let texts = self.texts(&job).await;
        let lines = texts
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| serde_json::from_str(line).unwrap());
        let lines = lines.collect();
        (job, lines)
    }

    pub(crate) fn truth(&self, table: &str) -> Vec<Value> {
        self.sandbox.rows(table).unwrap().collect()
    }

    pub(crate) fn move_clock(&self, seconds: u64) {
        self.sandbox.move_clock(Duration::from_secs(seconds));
    }
}

impl Answer {
    /// The body, after checking the status.
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The error of an error body, after checking the status.
    #[track_caller]
    pub(crate) fn expect_error(self, status: StatusCode) -> Value {
        let body = self.expect(status);
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        body["error"].clone()
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

pub(crate) fn gunzip(file: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// A replica as a client without a database would keep it: rows by the text of their key.
pub(crate) type Replica = BTreeMap<String, Value>;

/// Applies lines of a JSON Lines result: upserts and deletes.
pub(crate) fn apply(replica: &mut Replica, lines: &[Value], columns: &[String]) {
    for line in lines {
        let key = line["key"].as_object().unwrap().values().next().unwrap().to_string();
        if line["meta"]["action"] == "D" {
            assert!(line.get("value").is_none(), "{line}");
            replica.remove(&key);
        } else {
            replica.insert(key, flatten(line, columns));
        }
    }
}

/// One object with every column; what the line leaves out is null.
fn flatten(line: &Value, columns: &[String]) -> Value {
    let cell = |column: &String| {
        let cell = line["key"].get(column).or_else(|| line["value"].get(column));
        (column.clone(), cell.cloned().unwrap_or(Value::Null))
    };
    Value::Object(columns.iter().map(cell).collect())
}

/// The rows of the truth by the text of their key, with the names of the columns.
pub(crate) fn by_key(truth: Vec<Value>) -> (Replica, Vec<String>) {
    let columns = truth
        .first()
        .map(|row| row.as_object().unwrap().keys().cloned().collect())
        .unwrap_or_default();
    let rows = truth.into_iter().map(|row| {
        let key = row.as_object().unwrap().values().next().unwrap().to_string();
        (key, row)
    });
    (rows.collect(), columns)
}

/// A variable that `cargo xtask test` sets. Without it the test is skipped, loudly; under `STEPWELL_TEST_ALL`,
/// which it sets too, nothing may be skipped.
pub(crate) fn provided(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("STEPWELL_TEST_ALL").is_none(), "`{name}` is not set");
        // Not `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: `{name}` is not set; `cargo xtask test` sets it\n"
        );
    }
    value
}
