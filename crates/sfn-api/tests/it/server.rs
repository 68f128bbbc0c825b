//! The API of an engine in a temporary directory, on a loopback port.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_engine::{Clock as _, Options, SystemClock};
use stepwell_integrations::logs::{EmbeddedLogs, ServiceLogs};
use stepwell_integrations::s3::Buckets;
use stepwell_integrations::service::{Origin, Place, Service};
use stepwell_map_data::BucketData;
use stepwell_sfn_api::Integration;
use stepwell_task::{
    ExecutionLogs, MapData, Members, Misfit, Pattern, TaskHandler, TaskOutcome, TaskRequest,
    TaskRouter, Unsupported,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const ROLE: &str = "arn:aws:iam::111111111111:role/any";

pub(crate) struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    directory: TempDir,
    logs: Arc<dyn Service>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What must have a `Name`, may have a `Colour`, and has a `Size` at AWS alone.
pub(crate) const STRICT: &str = "arn:aws:states:::test:strict";

/// There are no functions here: Step Functions itself, buckets for Map runs, log groups, and what only passes on its
/// parameters.
struct Router {
    step_functions: Arc<Integration>,
    data: BucketData,
    logs: Arc<dyn Service>,
}

impl TaskRouter for Router {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        let (plain, _) = Pattern::split(resource);
        if ["arn:aws:states:::test:echo", STRICT].contains(&plain) {
            return Ok(Arc::new(Echo));
        }
        self.step_functions.route(resource).unwrap_or_else(|| {
            let reason = "there are no functions here".to_owned();
            Err(Unsupported { resource: resource.to_owned(), reason })
        })
    }

    fn misfits(&self, resource: &str, given: &[&str]) -> Vec<Misfit> {
        let of_aws: &[&str] = &["Colour", "Name", "Size"];
        let strict = Members {
            of: "test:strict",
            of_aws: Some(of_aws),
            served: Some(&of_aws[..2]),
            required: &of_aws[1..2],
        };
        if Pattern::split(resource).0 == STRICT { strict.misfits(given) } else { Vec::new() }
    }

    fn execution_logs(&self) -> Option<Arc<dyn ExecutionLogs>> {
        Some(Arc::new(ServiceLogs { logs: Arc::clone(&self.logs) }))
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        Some(Arc::new(self.data.clone()))
    }
}

fn log_groups(directory: &TempDir) -> Arc<dyn Service> {
    let place = Place { account: ACCOUNT.to_owned(), region: "us-east-1".to_owned() };
    let clock = Arc::new(|| SystemClock.now());
    Arc::new(EmbeddedLogs::open(&directory.path().join("logs.db"), place, clock).unwrap())
}

struct Echo;

#[async_trait]
impl TaskHandler for Echo {
    async fn handle(&self, request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        TaskOutcome::Succeeded(request.parameters)
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A server of an engine with these options, but for its store and account.
    pub(crate) async fn start_with(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let step_functions = Integration::new();
        let data = BucketData::new(Buckets::embedded(directory.path().join("s3")));
        let logs = log_groups(&directory);
        let router =
            Router { step_functions: Arc::clone(&step_functions), data, logs: Arc::clone(&logs) };
        Self::serving_in(directory, Arc::new(router), &step_functions, logs, options).await
    }

    /// A server with functions.
    pub(crate) async fn serving(functions: Arc<dyn TaskRouter>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let logs = log_groups(&directory);
        Self::serving_in(directory, functions, &Integration::new(), logs, Options::default()).await
    }

    /// The response of CloudWatch Logs, which is there beside the API.
    pub(crate) async fn logs(&self, action: &str, request: Value) -> Value {
        let origin = Origin { base_url: String::new() };
        self.logs.call(action, request, &origin).await.unwrap()
    }

    /// The records in a log group, once there are enough of them.
    pub(crate) async fn log_records(
        &self,
        group: &str,
        are_enough: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let reading = async {
            loop {
                let found = self.logs("FilterLogEvents", json!({"logGroupName": group})).await;
                let events = found["events"].as_array().unwrap();
                let read = |event: &Value| serde_json::from_str(&text(&event["message"])).unwrap();
                let records: Vec<Value> = events.iter().map(read).collect();
                if are_enough(&records) {
                    return records;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reading).await.expect("they are written")
    }

    async fn serving_in(
        directory: TempDir,
        functions: Arc<dyn TaskRouter>,
        step_functions: &Integration,
        logs: Arc<dyn Service>,
        options: Options,
    ) -> Self {
        let store = directory.path().join("stepwell.db");
        let options = Options { account: ACCOUNT.to_owned(), store, ..options };
        let service = options.build(functions).unwrap();
        step_functions.connect(service.handle());
        let (router, stop) = (stepwell_sfn_api::router(service.handle()), CancellationToken::new());
        tokio::spawn(service.run(stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        tokio::spawn(async { serving.await });
        Self { address, stop, directory, logs }
    }

    /// A `POST /` on a connection of its own.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("POST / HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()).unwrap();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has read enough to refuse does not wait for the rest.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::parse(&String::from_utf8(answer).unwrap())
    }

    /// What S3 does with an object that is put.
    pub(crate) fn put_object(&self, request: &Value) {
        let bucket = self.directory.path().join("s3").join(text(&request["Bucket"]));
        std::fs::create_dir_all(&bucket).unwrap();
        std::fs::write(bucket.join(text(&request["Key"])), text(&request["Body"])).unwrap();
    }

    /// What an object of a bucket holds.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> String {
        std::fs::read_to_string(self.directory.path().join("s3").join(bucket).join(key)).unwrap()
    }

    /// A request with the headers of boto3.
    pub(crate) async fn send(&self, operation: &str, body: &[u8]) -> Answer {
        let target = format!("AWSStepFunctions.{operation}");
        let headers = [
            ("Accept-Encoding", "identity"),
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("User-Agent", "Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux lang/python#3.11"),
            ("X-Amz-Date", "20260101T000000Z"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/states/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=00",
            ),
            ("amz-sdk-invocation-id", "8c8d0b9a-0000-4000-8000-000000000000"),
            ("amz-sdk-request", "attempt=1"),
        ];
        self.post(&headers, body).await
    }

    pub(crate) async fn call(&self, operation: &str, request: &Value) -> Answer {
        self.send(operation, request.to_string().as_bytes()).await
    }

    /// The response to a request that is fine.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        let answer = self.call(operation, &request).await;
        assert_eq!(answer.status, 200, "{operation} {request}: {answer:?}");
        answer.json()
    }

    /// The name and the message of the error that a request gets.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> (String, String) {
        let answer = self.call(operation, &request).await;
        assert_eq!(answer.status, 400, "{operation} {request}: {answer:?}");
        answer.error()
    }

    /// Creates a state machine and gives its ARN.
    pub(crate) async fn create(&self, name: &str, definition: &str) -> String {
        let request = json!({"name": name, "definition": definition, "roleArn": ROLE});
        text(&self.ok("CreateStateMachine", request).await["stateMachineArn"])
    }

    /// Starts an execution and gives its ARN.
    pub(crate) async fn start_execution(&self, machine: &str, name: &str, input: &str) -> String {
        let request = json!({"stateMachineArn": machine, "name": name, "input": input});
        text(&self.ok("StartExecution", request).await["executionArn"])
    }

    /// What is shown of an execution once it has ended.
    pub(crate) async fn ended(&self, arn: &str) -> Value {
        self.until("DescribeExecution", json!({"executionArn": arn}), |shown| {
            shown["status"] != "RUNNING"
        })
        .await
    }

    /// Asks again until the response is as it should be.
    pub(crate) async fn until(
        &self,
        operation: &str,
        request: Value,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let asking = async {
            loop {
                let response = self.ok(operation, request.clone()).await;
                if is_so(&response) {
                    return response;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), asking).await.expect("it comes to be so")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("there is an answer");
        Self {
            status: head[9..12].parse().unwrap(),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Name and message.
    pub(crate) fn error(&self) -> (String, String) {
        let body = self.json();
        (text(&body["__type"]), text(&body["message"]))
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
