//! A clock that is moved by hand, the double of AWS, and a server that answers as it is told.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use stepwell_aws_wire::ServiceError;
use stepwell_integrations::Clock;
use stepwell_integrations::aws::{Connection, Credentials, Settings};
use stepwell_integrations::events::{EmbeddedEvents, Starter};
use stepwell_integrations::http::{Front, router};
use stepwell_integrations::installation::Installation;
use stepwell_integrations::service::{Place, Service};
use stepwell_integrations::sqs::Targets;
use stepwell_integrations::task::Integrations;
use stepwell_integrations::vault::{Vault, VaultError};
use stepwell_task::{IdempotencyKey, Job, Pulse, TaskOutcome, TaskRequest};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const SECRET_KEY: &str = "very-secret-access-key";

/// Time as a test has it: moved by hand, or that of another process, which must be waited out.
#[derive(Clone)]
pub(crate) enum Time {
    Manual(Arc<AtomicI64>),
    Real,
}

impl Time {
    pub(crate) fn manual() -> Self {
        let start: Timestamp = "2026-03-01T09:00:00Z".parse().unwrap();
        Self::Manual(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    pub(crate) fn clock(&self) -> Clock {
        match self.clone() {
            Self::Manual(ms) => {
                Arc::new(move || Timestamp::from_millisecond(ms.load(Ordering::SeqCst)).unwrap())
            }
            Self::Real => Arc::new(Timestamp::now),
        }
    }

    /// Until so much time has passed.
    pub(crate) async fn wait_out(&self, duration: Duration) {
        match self {
            Self::Manual(ms) => {
                let by = i64::try_from(duration.as_millis()).unwrap();
                ms.fetch_add(by, Ordering::SeqCst);
            }
            // Nothing tells when the time-out of another process has passed, and it counts whole seconds.
            Self::Real => tokio::time::sleep(duration + Duration::from_millis(100)).await,
        }
    }
}

/// A name that no other test of this run or another uses, all of them against one double.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanoseconds = Timestamp::now().as_nanosecond();
    format!("{prefix}-{nanoseconds}-{count}")
}

/// The base URL of a moto server; nothing is tested without it, unless everything must be.
pub(crate) fn moto() -> Option<String> {
    provided("STEPWELL_TEST_MOTO")
}

/// A Python with boto3.
pub(crate) fn python() -> Option<String> {
    provided("STEPWELL_PYTHON")
}

/// A variable that `cargo xtask test` sets. Without it the test is skipped, loudly; under `STEPWELL_TEST_ALL`,
/// which it sets too, nothing may be skipped.
fn provided(name: &str) -> Option<String> {
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

/// A task as the engine hands it out.
pub(crate) fn task(resource: &str, parameters: Value) -> TaskRequest {
    TaskRequest {
        execution_arn: "arn:e".into(),
        state_name: "S".into(),
        resource: resource.into(),
        parameters: Arc::new(parameters),
        key: IdempotencyKey::new("arn:e", 3),
        deadline: None,
        heartbeat: None,
        pulse: Pulse::silent(),
        job: Job::detached(),
    }
}

/// What becomes of a task with one of these services.
pub(crate) async fn perform(
    integrations: &Integrations,
    resource: &str,
    parameters: Value,
) -> TaskOutcome {
    let handler = integrations.route(resource).unwrap().unwrap();
    handler.handle(task(resource, parameters), CancellationToken::new()).await
}

/// A client for plain HTTP; it wants to know who would encrypt all the same.
pub(crate) fn http() -> reqwest::Client {
    // There already if another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub(crate) async fn connection(endpoint_url: &str) -> Connection {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: SecretString::from(SECRET_KEY),
        session_token: None,
    };
    Connection::new(Settings {
        region: Some(REGION.to_owned()),
        endpoint_url: Some(endpoint_url.to_owned()),
        profile: None,
        credentials: Some(credentials),
    })
    .await
}

macro_rules! set_up_client {
    ($name:ident, $sdk:ident) => {
        /// A client of the SDK itself, for what a test finds in place.
        pub(crate) fn $name(endpoint_url: &str) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .http_client(Builder::new().build_http())
                .region($sdk::config::Region::new(REGION))
                .endpoint_url(endpoint_url)
                .credentials_provider($sdk::config::Credentials::new(
                    "AKIAIOSFODNN7EXAMPLE",
                    "x",
                    None,
                    None,
                    "test",
                ));
            $sdk::Client::from_conf(config.build())
        }
    };
}

set_up_client!(sns_client, aws_sdk_sns);
set_up_client!(sqs_client, aws_sdk_sqs);
set_up_client!(iam_client, aws_sdk_iam);
set_up_client!(secrets_client, aws_sdk_secretsmanager);

/// A server that gives the answers it is told, one after the other and the last for ever, and keeps what it was asked.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request.
#[derive(Clone)]
struct Asked {
    head: String,
    body: String,
}

impl Scripted {
    /// Answers of status and body.
    pub(crate) async fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<_> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        tokio::spawn(serve(listener, answers, Arc::clone(&asked)));
        Self { url, asked }
    }

    /// The bodies of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| asked.body.clone()).collect()
    }

    /// Their first lines and headers.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| asked.head.clone()).collect()
    }
}

async fn serve(listener: TcpListener, answers: Vec<(u16, String)>, asked: Arc<Mutex<Vec<Asked>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let request = read_request(&mut stream).await;
        let number = {
            let mut asked = asked.lock().unwrap();
            asked.push(request);
            asked.len() - 1
        };
        let (status, body) = &answers[number.min(answers.len() - 1)];
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// A request with `content-length`.
async fn read_request(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
            if count == 0 || body.len() >= length.map_or(0, |it| it.trim().parse().unwrap()) {
                return Asked { head: head.to_owned(), body: body.to_owned() };
            }
        }
        assert!(count > 0, "the request broke off: {text}");
    }
}

/// The beginning of the answer to the head of a request, `HTTP/1.1 400`; the body does not come, and must not be waited for.
pub(crate) async fn answer_to_head(
    method: &str,
    url: &str,
    length: usize,
    headers: &[(String, String)],
) -> String {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let first =
        format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n");
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let head: String = [first].into_iter().chain(lines).chain(["\r\n".to_owned()]).collect();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; "HTTP/1.1 400".len()];
    let answered = stream.read_exact(&mut answer);
    tokio::time::timeout(Duration::from_mins(1), answered).await.expect("an answer").unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

/// The embedded services on a port of their own.
pub(crate) struct Embedded {
    pub(crate) url: String,
    pub(crate) services: Arc<[Arc<dyn Service>]>,
    pub(crate) events: EmbeddedEvents,
    vault: Arc<MemoryVault>,
    pub(crate) starter: Arc<Starts>,
    server: tokio::task::JoinHandle<()>,
    pub(crate) folder: TempDir,
}

impl Embedded {
    pub(crate) async fn start(time: &Time) -> Self {
        Self::open(tempfile::tempdir().unwrap(), time).await
    }

    /// The same files in another process of which the first knows nothing any more.
    pub(crate) async fn restarted(mut self, time: &Time) -> Self {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        drop(self);
        Self::open(folder, time).await
    }

    pub(crate) async fn open(folder: TempDir, time: &Time) -> Self {
        Self::serve(folder, time, None, axum::Router::new(), |routes| routes).await
    }

    /// With something in front of them, and other routes beside them.
    pub(crate) async fn behind(
        time: &Time,
        others: axum::Router,
        front_of: impl FnOnce(axum::Router) -> axum::Router,
    ) -> Self {
        Self::serve(tempfile::tempdir().unwrap(), time, None, others, front_of).await
    }

    /// With topics and rules that send to the queues of another.
    pub(crate) async fn beside(time: &Time, targets: Targets) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::serve(folder, time, Some(targets), axum::Router::new(), |routes| routes).await
    }

    async fn serve(
        folder: TempDir,
        time: &Time,
        targets: Option<Targets>,
        others: axum::Router,
        front_of: impl FnOnce(axum::Router) -> axum::Router,
    ) -> Self {
        let place = Place { account: "111111111111".to_owned(), region: REGION.to_owned() };
        let vault = Arc::new(MemoryVault::default());
        let starter = Arc::new(Starts::default());
        let opened = Installation::open(
            folder.path(),
            place,
            vault.clone(),
            http(),
            time.clock(),
            targets,
            starter.clone(),
        );
        let installation = opened.await.unwrap();
        let (services, events) = (installation.services, installation.events);
        let front = Front { services: Arc::clone(&services), is_refused: |_| false };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = front_of(router(front, others));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, services, events, vault, starter, server, folder }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) async fn vault_names(&self) -> Vec<String> {
        self.vault.names().await.unwrap()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Takes down what rules start: target, name or id, input. Nothing is started of targets that end in `gone` or `busy`.
#[derive(Default)]
pub(crate) struct Starts {
    pub(crate) all: Mutex<Vec<(String, String, Value)>>,
    pub(crate) has_no_functions: AtomicBool,
}

impl Starts {
    fn start(&self, arn: &str, name: String, input: &str) -> Result<(), ServiceError> {
        if arn.ends_with("gone") {
            return Err(ServiceError::sender("ResourceNotFoundException", "it is gone"));
        }
        if arn.ends_with("busy") {
            return Err(ServiceError::sender("TooManyRequestsException", "busy").with_status(503));
        }
        let input = serde_json::from_str(input).unwrap();
        self.all.lock().unwrap().push((arn.to_owned(), name, input));
        Ok(())
    }
}

#[async_trait::async_trait]
impl Starter for Starts {
    fn lack_of_functions(&self) -> Option<&'static str> {
        self.has_no_functions.load(Ordering::SeqCst).then_some("they are elsewhere")
    }

    async fn start_execution(
        &self,
        arn: &str,
        name: String,
        input: String,
    ) -> Result<(), ServiceError> {
        self.start(arn, name, &input)
    }

    async fn invoke(&self, arn: &str, id: Uuid, event: String) -> Result<(), ServiceError> {
        self.start(arn, id.to_string(), &event)
    }
}

/// A vault that forgets with the test.
#[derive(Default)]
struct MemoryVault(Mutex<BTreeMap<String, SecretString>>);

#[async_trait::async_trait]
impl Vault for MemoryVault {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn put(&self, name: &str, value: SecretString) -> Result<(), VaultError> {
        self.0.lock().unwrap().insert(name.to_owned(), value);
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<bool, VaultError> {
        Ok(self.0.lock().unwrap().remove(name).is_some())
    }

    async fn names(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }
}
