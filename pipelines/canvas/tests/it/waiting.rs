//! Waits: none outlasts its slice, none is taken for a standstill, all are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_canvas::dap::{Credentials, Dap, Error, Rates};
use stepwell_pipeline::progress::{Progress, Update};
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{Context, http};
use stepwell_sandbox::dap::{Endpoint, Fault, FaultRule, JobTiming, Limits, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::Bench;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

fn ctx(slice: Duration) -> Context {
    Context::starting_now("test", slice)
}

/// A client of the service behind this listener, patient for an hour.
fn dap(listener: &TcpListener) -> Dap {
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let credentials = Credentials {
        client_id: SecretRef::Literal("id".into()),
        client_secret: SecretRef::Literal("secret".into()),
    };
    let http = http::client(HOUR).unwrap();
    Dap::new(http, HOUR, &base_url, credentials, Arc::new(Keys::none()), Rates::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_login_of_another_caller_is_not_waited_for_beyond_the_slice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dap = Arc::new(dap(&listener));
    let first = tokio::spawn({
        let dap = Arc::clone(&dap);
        async move { dap.tables("canvas", &ctx(HOUR)).await }
    });
    let _unanswered = listener.accept().await.unwrap();
    let second = timeout(30 * SECOND, dap.tables("canvas", &ctx(10 * SECOND))).await;
    assert!(matches!(second, Ok(Err(Error::NotNow(_)))), "{second:?}");

    let stopped = ctx(HOUR);
    stopped.stop.cancel();
    let third = timeout(SECOND, dap.tables("canvas", &stopped)).await;
    assert!(matches!(third, Ok(Err(Error::NotNow(_)))), "{third:?}");
    first.abort();
}

/// Gives these answers, each to a connection of its own.
async fn answer(listener: TcpListener, bodies: [&str; 2]) {
    for body in bodies {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_never_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dap = dap(&listener);
    let token = r#"{"access_token":"t","expires_in":3600}"#;
    let links = r#"{"urls":{"part":"https://objects.test/part?X-Amz-Signature=0a1b"}}"#;
    tokio::spawn(answer(listener, [token, links]));
    let Err(error) = dap.open_object("part", None, &ctx(HOUR)).await else {
        panic!("a link in disguise")
    };
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert!(error.to_string().contains("line 1, column "), "{error}");
    assert!(!error.to_string().contains("objects.test"), "{error}");
}

#[tokio::test]
async fn a_long_job_outlives_any_number_of_short_slices() {
    let job_timing = JobTiming { running: HOUR, ..JobTiming::default() };
    let bench = Bench::start(Options { job_timing, ..Options::default() }).await;
    let mut state = json!({"namespace": "canvas", "table": "users"});
    for _ in 0..150 {
        state["run"] = bench.call("init-table", &state, Duration::ZERO).await.unwrap();
        assert_eq!(state["run"]["status"], "IN_PROGRESS");
    }
    assert_eq!(bench.sandbox.requests()[&Endpoint::CreateJob], 1);
}

#[tokio::test]
async fn a_table_that_never_gets_anywhere_ends_in_an_error() {
    let closed = Fault::TooManyRequests { seconds: Some(600) };
    let faults = vec![FaultRule::new(Endpoint::Schema, closed)];
    let bench = Bench::start(Options { faults, ..Options::default() }).await;
    let mut state = json!({"namespace": "canvas", "table": "users"});
    let error = loop {
        match bench.call("init-table", &state, Duration::ZERO).await {
            Ok(run) => state["run"] = run,
            Err(error) => break error,
        }
    };
    assert_eq!(error.name(), "Retryable");
    assert!(error.to_string().contains("canvas.users: no progress"), "{error}");
}

/// What was told: subject, phase, whether it was the last word.
#[derive(Default)]
struct Told(Mutex<Vec<(String, &'static str, bool)>>);

impl Progress for Told {
    fn update(&self, Update { subject, phase, finished, .. }: Update) {
        self.0.lock().unwrap().push((subject, phase, finished));
    }

    fn iterator_age(&self, _: &str, _: Duration) {}
}

/// Calls `init-table` with a slice that is over at once; gives the outcome and what was told meanwhile.
async fn init(bench: &Bench, state: &Value) -> (Value, Vec<(String, &'static str, bool)>) {
    let told = Arc::new(Told::default());
    let ctx = Context { progress: told.clone(), ..ctx(Duration::ZERO) };
    let run = bench.call_with("init-table", state, &ctx).await.unwrap();
    let told = std::mem::take(&mut *told.0.lock().unwrap());
    (run, told)
}

#[tokio::test]
async fn a_table_that_stands_still_says_what_it_waits_for() {
    let job_timing = JobTiming { running: HOUR, ..JobTiming::default() };
    let limits = json!({"limits": {"create_job": 1}});
    let bench = Bench::with(Options { job_timing, ..Options::default() }, limits).await;
    let mut users = json!({"namespace": "canvas", "table": "users"});
    let (run, told) = init(&bench, &users).await;
    assert_eq!(told, [], "the permit was free");

    users["run"] = run;
    let (_, told) = init(&bench, &users).await;
    assert_eq!(told, [("canvas.users".to_owned(), "waiting for the job", false)]);

    let courses = json!({"namespace": "canvas", "table": "courses"});
    let (run, told) = init(&bench, &courses).await;
    assert_eq!(run["status"], "IN_PROGRESS");
    assert_eq!(told, [("canvas.courses".to_owned(), "waiting for the service's limit", false)]);
}

#[tokio::test]
async fn the_last_word_about_a_table_is_told_even_if_nothing_changed() {
    let bench = Bench::start(Options { total_rows: 1_000, ..Options::default() }).await;
    bench.sync(&["users"]).await;
    let told = Arc::new(Told::default());
    let ctx = Context { progress: told.clone(), ..ctx(HOUR) };
    let mut state = json!({"namespace": "canvas", "table": "users"});
    while state["run"]["status"] != "COMPLETE" {
        state["run"] = bench.call_with("sync-table", &state, &ctx).await.unwrap();
    }
    assert_eq!(state["run"]["result"]["mode"], "unchanged");
    let last = told.0.lock().unwrap().last().cloned();
    assert_eq!(last, Some(("canvas.users".to_owned(), "done", true)));
}

/// Moves on the clocks of pipeline and service instead of waiting.
async fn pass(bench: &Bench, wait: Duration) {
    tokio::time::pause();
    tokio::time::advance(wait).await;
    tokio::time::resume();
    bench.sandbox.move_clock(wait);
}

#[tokio::test]
async fn no_more_than_five_jobs_a_minute_are_asked_for() {
    let limits = json!({"limits": {}});
    let options = Options { total_rows: 100, limits: Limits::DOCUMENTED, ..Options::default() };
    let bench = Bench::with(options, limits).await;
    let listing = bench.call("list-tables", &json!({}), SECOND).await.unwrap();
    let mut waiting: Vec<Value> = listing["tables"].as_array().unwrap()[..12].to_vec();
    let mut waited = Duration::ZERO;
    while !waiting.is_empty() {
        let mut shortest = u64::MAX;
        for state in &mut waiting {
            state["run"] = bench.call("init-table", state, SECOND).await.unwrap();
            shortest = shortest.min(state["run"]["wait_seconds"].as_u64().unwrap());
        }
        waiting.retain(|state| state["run"]["status"] != "COMPLETE");
        if shortest > 0 && !waiting.is_empty() {
            waited += Duration::from_secs(shortest);
            pass(&bench, Duration::from_secs(shortest)).await;
        }
    }
    // The service refuses the sixth call within a minute; none was refused and made again.
    assert_eq!(bench.sandbox.requests()[&Endpoint::CreateJob], 12);
    assert!(waited >= 2 * Duration::from_mins(1), "{waited:?}");
    assert!(waited < 3 * Duration::from_mins(1), "{waited:?}");
}
