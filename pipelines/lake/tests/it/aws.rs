//! The double of AWS, and what a test finds in place there.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_integrations::aws::{Connection, Credentials, JsonClient, Service, Settings};
use stepwell_pipeline::http;
use stepwell_pipeline::surroundings::{Aws, Provider, Services};

/// Who calls, as far as the double asks.
const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "x");

/// A variable that `cargo xtask test` sets. Nothing is tested without it, unless everything must be.
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

/// The double, with a bucket of this test's own.
pub(crate) struct Moto {
    pub(crate) url: String,
    pub(crate) region: &'static str,
    pub(crate) bucket: String,
}

impl Moto {
    pub(crate) async fn find() -> Option<Self> {
        Self::in_region("eu-central-1").await
    }

    /// Queries of Athena are told apart by their region alone.
    pub(crate) async fn in_region(region: &'static str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = provided("STEPWELL_TEST_MOTO")?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let bucket = format!("lake-{}-{count}", Timestamp::now().as_microsecond());
        let moto = Self { url, region, bucket };
        let scope = format!("{}/20260301/us-east-1/s3/aws4_request", KEY.0);
        let signature =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        // Without a body and in this region no constraint of a location is needed.
        let bucket = format!("{}/{}", moto.url, moto.bucket);
        let made = client().put(bucket).header("authorization", signature).send().await.unwrap();
        assert!(made.status().is_success(), "{}", made.text().await.unwrap());
        Some(moto)
    }

    /// Everything on AWS.
    pub(crate) fn services(&self) -> Services {
        let aws = Aws {
            region: Some(self.region.to_owned()),
            endpoint_url: Some(self.url.clone()),
            access_key_id: Some(KEY.0.to_owned().into()),
            secret_access_key: Some(KEY.1.to_owned().into()),
            ..Aws::default()
        };
        Services {
            s3: Provider::Aws,
            glue: Provider::Aws,
            dynamodb: Provider::Aws,
            kinesis: Provider::Aws,
            athena: Provider::Aws,
            aws,
            ..Services::default()
        }
    }

    /// Settings of a lake in the bucket, `[pipelines.lake]`.
    pub(crate) fn settings(&self, settings: &str) -> String {
        format!(
            "target = 's3://{}/lake'\ndatabase = '{}'\n{settings}",
            self.bucket,
            self.database()
        )
    }

    /// A database of this test's own.
    pub(crate) fn database(&self) -> String {
        self.bucket.replace('-', "_")
    }

    /// Calls an operation that stepwell itself does not need.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &'static str,
        input: &Value,
    ) -> Value {
        let connection = Connection::new(Settings {
            region: Some(self.region.to_owned()),
            endpoint_url: Some(self.url.clone()),
            profile: None,
            credentials: Some(Credentials {
                access_key_id: KEY.0.to_owned(),
                secret_access_key: KEY.1.into(),
                session_token: None,
            }),
        });
        let answer = JsonClient::new(&connection.await, service).call(operation, input).await;
        serde_json::from_slice(&answer.unwrap()).unwrap_or_default()
    }

    /// Calls moto itself.
    pub(crate) async fn steer(&self, path: &str, input: &Value) {
        let url = format!("{}/moto-api/{path}", self.url);
        let request = client().post(url).header("content-type", "application/json");
        let answer = request.body(input.to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    /// What the next query of Athena that is started answers: names and types of its columns, then its rows.
    pub(crate) async fn answer(&self, columns: &[(&str, &str)], rows: &[&[Option<&str>]]) {
        let info = |(name, kind): &(&str, &str)| {
            let (kind, precision, scale) = match kind.strip_prefix("decimal(") {
                Some(of) => {
                    let (precision, scale) = of.trim_end_matches(')').split_once(',').unwrap();
                    ("decimal", precision.parse().unwrap(), scale.parse().unwrap())
                }
                None => (*kind, 0, 0),
            };
            json!({"Name": name, "Label": name, "Type": kind, "Precision": precision, "Scale": scale})
        };
        let data = |row: &[Option<&str>]| {
            let datum = |value: Option<&str>| match value {
                Some(text) => json!({"VarCharValue": text}),
                None => json!({}),
            };
            json!({"Data": row.iter().copied().map(datum).collect::<Vec<_>>()})
        };
        let header: Vec<_> = columns.iter().map(|(name, _)| Some(*name)).collect();
        let rows: Vec<_> =
            std::iter::once(&header[..]).chain(rows.iter().copied()).map(data).collect();
        let columns: Vec<_> = columns.iter().map(info).collect();
        let result = json!({"rows": rows, "column_info": columns});
        let queue = json!({"region": self.region, "results": [result]});
        self.steer("static/athena/query-results", &queue).await;
    }
}

fn client() -> reqwest::Client {
    http::client(Duration::from_secs(30)).unwrap()
}
