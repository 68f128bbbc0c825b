//! A plain HTTP client of the three servers.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use stepwell_sandbox::starburst::{Options, Sandbox, TimeSource};

pub(crate) use crate::support::{Answer, answer};

/// When the clocks of these tests stand still.
pub(crate) const NOW: &str = "2026-02-15T09:00:00Z";

pub(crate) struct Fixture {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

pub(crate) fn options() -> Options {
    Options { products: 3, time: TimeSource::Manual(NOW.parse().unwrap()), ..Options::default() }
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
        let secret = self.sandbox.options().client_secret.clone();
        let body =
            self.token(&secret, "grant_type=client_credentials").await.expect(StatusCode::OK);
        body["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(crate) async fn token(&self, secret: &str, form: &str) -> Answer {
        let client_id = &self.sandbox.options().client_id;
        let request = self
            .http
            .post(format!("{}/oauth/v2/token", self.sandbox.galaxy_url()))
            .basic_auth(client_id, Some(secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.to_owned());
        answer(request).await
    }

    /// A request to SEP's data products.
    pub(crate) fn sep(&self, method: Method, path: &str) -> RequestBuilder {
        let options = self.sandbox.options();
        let url = format!("{}/api/v1/dataProduct{path}", self.sandbox.sep_url());
        self.http.request(method, url).basic_auth(&options.sep_user, Some(&options.sep_password))
    }

    pub(crate) async fn get_sep(&self, path: &str) -> Answer {
        answer(self.sep(Method::GET, path)).await
    }

    /// A request to Galaxy's API.
    pub(crate) fn galaxy(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/public/api/v1{path}", self.sandbox.galaxy_url());
        self.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get_galaxy(&self, path: &str) -> Answer {
        answer(self.galaxy(Method::GET, path)).await
    }

    pub(crate) async fn send_galaxy(&self, method: Method, path: &str, body: &Value) -> Answer {
        answer(self.galaxy(method, path).json(body)).await
    }

    /// All items of a list of Galaxy's API, and how many pages they came in.
    pub(crate) async fn list_galaxy(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut items, mut pages, mut token) = (Vec::new(), 0, String::new());
        loop {
            let page = self.get_galaxy(&format!("{path}?pageToken={token}")).await;
            let page = page.expect(StatusCode::OK);
            items.extend(page["result"].as_array().unwrap().clone());
            pages += 1;
            match page["nextPageToken"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return (items, pages),
            }
        }
    }

    pub(crate) async fn catalog_id(&self, name: &str) -> String {
        let catalog =
            self.get_galaxy(&format!("/catalog/name={name}")).await.expect(StatusCode::OK);
        catalog["catalogId"].as_str().unwrap().to_owned()
    }

    /// A request with the credentials of Galaxy's cluster.
    pub(crate) fn trino(&self, method: Method, url: &str) -> RequestBuilder {
        let options = self.sandbox.options();
        self.http
            .request(method, url)
            .basic_auth(&options.sql_user, Some(&options.sql_password))
            .header("X-Trino-User", &options.sql_user)
    }

    pub(crate) fn statement(&self, sql: &str) -> RequestBuilder {
        let url = format!("{}/v1/statement", self.sandbox.trino_url());
        self.trino(Method::POST, &url).body(sql.to_owned())
    }

    /// All pages of a statement.
    pub(crate) async fn pages(&self, sql: &str) -> Vec<Value> {
        let mut pages = vec![answer(self.statement(sql)).await.expect(StatusCode::OK)];
        while let Some(next) = pages.last().unwrap()["nextUri"].as_str() {
            let page = answer(self.trino(Method::GET, next)).await.expect(StatusCode::OK);
            pages.push(page);
        }
        pages
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// The error object of its last page.
    pub(crate) async fn run(&self, sql: &str) -> Result<Vec<Value>, Value> {
        let pages = self.pages(sql).await;
        match pages.last().unwrap().get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(pages
                .iter()
                .flat_map(|page| page["data"].as_array().cloned().unwrap_or_default())
                .collect()),
        }
    }

    /// The rows of a statement of SEP's own Trino.
    ///
    /// # Errors
    /// The error object of its last page.
    pub(crate) async fn run_on_sep(
        &self,
        sql: &str,
        role: Option<&str>,
    ) -> Result<Vec<Value>, Value> {
        let options = self.sandbox.options();
        let request = |method: Method, url: &str| {
            let request = self.http.request(method, url);
            let request = request.basic_auth(&options.sep_user, Some(&options.sep_password));
            request.header("X-Trino-Role", role.unwrap_or_default())
        };
        let url = format!("{}/v1/statement", self.sandbox.sep_url());
        let mut page = answer(request(Method::POST, &url).body(sql.to_owned())).await.body;
        let mut rows = Vec::new();
        while let Some(next) = page["nextUri"].as_str() {
            page = answer(request(Method::GET, next)).await.expect(StatusCode::OK);
            rows.extend(page["data"].as_array().cloned().unwrap_or_default());
        }
        page.get("error").map_or(Ok(rows), |error| Err(error.clone()))
    }

    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) {
        self.sandbox.galaxy_sql(sql).unwrap();
    }

    pub(crate) fn move_clock(&self, seconds: u64) {
        self.sandbox.move_clock(Duration::from_secs(seconds));
    }

    /// A product of Galaxy over schema `hive_dp.made`, which is made.
    pub(crate) async fn product(&self, name: &str) -> Value {
        self.sql("CREATE SCHEMA IF NOT EXISTS hive_dp.made");
        json!({
            "name": name,
            "summary": "Made",
            "catalogId": self.catalog_id("hive_dp").await,
            "schemaName": "made",
            "contacts": [],
        })
    }
}
