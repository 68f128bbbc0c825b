//! What the double of Athena never does: fails, throttles, gives an answer page by page, asks for tokens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use futures_util::StreamExt;
use serde_json::{Value, json};
use stepwell_lake::source::{Chunk, Read, Split, Stop};
use stepwell_pipeline::surroundings::{Aws, Provider, Services};
use stepwell_pipeline::{Context, HandlerError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::Bench;
use crate::sources::window;

const SETTINGS: &str = "
target = 's3://acme-lake/raw'
athena.workgroup = 'lake'
[tables.revenue]
source = 'sql'
query = 'revenue.sql'
columns = ['id bigint']
key = ['id']
";

/// What a slice gave, and what ended it before its end.
#[derive(Debug)]
struct Slice {
    chunks: Vec<Chunk>,
    stop: Option<Stop>,
}

/// Athena by a script, beside a bucket without objects.
struct Scripted {
    bench: Bench,
    /// What was asked, by operation.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Scripted {
    async fn start(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut answers) = (Arc::clone(&asked), VecDeque::from(answers));
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let (operation, body) = request(&mut connection).await;
                let (status, text) = match operation {
                    None => (200, "<ListBucketResult></ListBucketResult>".to_owned()),
                    Some(operation) => {
                        seen.lock().unwrap().push((operation, body));
                        let (status, body) = answers.pop_front().expect("no more is asked");
                        (status, body.to_string())
                    }
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                let _ = connection.write_all((head + &text).as_bytes()).await;
            }
        });
        let aws = Aws {
            region: Some("eu-central-1".to_owned()),
            endpoint_url: Some(url),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned().into()),
            secret_access_key: Some("x".to_owned().into()),
            ..Aws::default()
        };
        let (s3, glue, athena) = (Provider::Aws, Provider::Aws, Provider::Aws);
        let services = Services { s3, glue, athena, aws, ..Services::default() };
        let bench = Bench::on(services, SETTINGS);
        bench.write("revenue.sql", "SELECT id FROM orders");
        Self { bench, asked }
    }

    /// What a slice gives for the run `run`, from behind a checkpoint.
    async fn slice(&self, run: &str, after: Option<&Value>) -> Slice {
        let service = self.bench.service();
        let source = service.source(service.dataset("revenue").unwrap()).await.unwrap();
        let split = Split::new("all");
        let ctx = Context::starting_now("test", Duration::from_secs(30));
        let window = window(None, "2026-03-01T00:00:00Z");
        let read = Read { window: &window, split: &split, after, run, ctx: &ctx };
        let (mut chunks, mut stream) = (Vec::new(), source.read(read));
        loop {
            match stream.next().await {
                Some(Ok(chunk)) => chunks.push(chunk),
                Some(Err(stop)) => return Slice { chunks, stop: Some(stop) },
                None => return Slice { chunks, stop: None },
            }
        }
    }

    fn tokens(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, body)| body["ClientRequestToken"].clone()).collect()
    }
}

/// The operation of Athena that a request is, if it is one, and its body.
async fn request(connection: &mut TcpStream) -> (Option<String>, Value) {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let count = connection.read(&mut more).await.unwrap();
        if count == 0 {
            return (None, Value::Null);
        }
        bytes.extend_from_slice(&more[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, it)| it).next()
        };
        let length: usize = header("content-length").map_or(0, |it| it.parse().unwrap());
        if body.len() >= length {
            let operation = header("x-amz-target").and_then(|it| it.strip_prefix("AmazonAthena."));
            return (operation.map(str::to_owned), serde_json::from_str(body).unwrap_or_default());
        }
    }
}

fn started(id: &str) -> (u16, Value) {
    (200, json!({"QueryExecutionId": id}))
}

fn state(state: &str, retryable: bool) -> (u16, Value) {
    let error = json!({"ErrorCategory": if retryable { 1 } else { 2 }, "Retryable": retryable});
    let status = json!({"State": state, "StateChangeReason": "line 1:8: no", "AthenaError": error});
    (200, json!({"QueryExecution": {"StatementType": "DML", "Status": status}}))
}

fn refusal(code: &str) -> (u16, Value) {
    (400, json!({"__type": code, "Message": "words"}))
}

fn page(ids: std::ops::Range<u32>, next: Option<&str>) -> (u16, Value) {
    let rows: Vec<_> = ids.map(|id| json!({"Data": [{"VarCharValue": id.to_string()}]})).collect();
    let columns = json!({"ColumnInfo": [{"Name": "id", "Type": "bigint"}]});
    let results = json!({"Rows": rows, "ResultSetMetadata": columns});
    (200, json!({"ResultSet": results, "NextToken": next}))
}

impl Slice {
    /// The checkpoint behind a slice that was too short, and how long to wait.
    #[track_caller]
    fn later(self) -> (Value, Duration) {
        match self.stop {
            Some(Stop::NotNow { wait, checkpoint: Some(checkpoint) }) => (checkpoint, wait),
            other => panic!("{other:?}"),
        }
    }

    /// Why the query came to nothing, and where the next attempt begins.
    #[track_caller]
    fn given_up(self) -> (HandlerError, Value) {
        match self.stop {
            Some(Stop::GivenUp { error, checkpoint }) => (error, checkpoint),
            other => panic!("{other:?}"),
        }
    }

    fn ids(&self) -> Vec<i64> {
        let of = |chunk: &Chunk| chunk.rows["id"].as_primitive::<Int64Type>().values().to_vec();
        self.chunks.iter().flat_map(of).collect()
    }
}

#[tokio::test]
async fn a_start_that_is_repeated_has_the_same_token_and_another_run_another() {
    let server = Scripted::start(vec![started("q1"), started("q1"), started("q2")]).await;
    let first = server.slice("a", None).await.later();
    assert_eq!(first, server.slice("a", None).await.later(), "the answer was lost");
    server.slice("b", None).await.later();
    let tokens = server.tokens();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[0], tokens[2]);
    assert_eq!(tokens[0].as_str().unwrap().len(), 64);
    let (operation, body) = server.asked.lock().unwrap()[0].clone();
    assert_eq!((operation.as_str(), &body["WorkGroup"]), ("StartQueryExecution", &json!("lake")));
    assert_eq!(body["ResultConfiguration"], Value::Null, "the workgroup says where");
}

#[tokio::test]
async fn a_query_that_takes_its_time_is_looked_at_less_and_less_often() {
    let waiting = std::iter::repeat_n(state("RUNNING", false), 6);
    // Three attempts are AWS's own way to try again.
    let throttled = std::iter::repeat_n(refusal("TooManyRequestsException"), 3);
    let server = Scripted::start(throttled.chain([started("q1")]).chain(waiting).collect()).await;
    let mut waits = Vec::new();
    let mut after = None;
    for _ in 0..8 {
        let (checkpoint, wait) = server.slice("a", after.as_ref()).await.later();
        after = Some(checkpoint);
        waits.push(wait.as_secs());
    }
    assert_eq!(waits, [10, 1, 2, 4, 8, 16, 30, 30]);
}

#[tokio::test]
async fn a_query_that_failed_is_told_by_its_class_and_not_given_back_for_ever() {
    for (retryable, name) in [(false, "Config"), (true, "Retryable")] {
        let answers =
            vec![started("q1"), state("FAILED", retryable), started("q2"), state("RUNNING", false)];
        let server = Scripted::start(answers).await;
        let (after, _) = server.slice("a", None).await.later();
        let (error, after) = server.slice("a", Some(&after)).await.given_up();
        assert_eq!(error.name(), name);
        let told = "revenue.sql: the query q1 has failed: line 1:8: no";
        assert!(error.to_string().ends_with(told), "{error}");
        let (after, _) = server.slice("a", Some(&after)).await.later();
        server.slice("a", Some(&after)).await.later();
        let tokens = server.tokens();
        assert_ne!(tokens[0], tokens[2], "under the first token it would be the first query");
    }
}

#[tokio::test]
async fn an_answer_is_read_page_by_page_from_any_page_on() {
    let succeeded = || state("SUCCEEDED", false);
    let server = Scripted::start(vec![
        started("q1"),
        succeeded(),
        page(0..3, Some("t")),
        page(3..5, None),
        succeeded(),
        page(3..5, None),
        succeeded(),
    ])
    .await;
    let (after, _) = server.slice("a", None).await.later();
    let whole = server.slice("a", Some(&after)).await;
    assert_eq!((whole.ids(), &whole.stop), (vec![0, 1, 2, 3, 4], &None));
    let rest = server.slice("a", Some(&whole.chunks[0].checkpoint)).await;
    assert_eq!(rest.ids(), [3, 4]);
    assert_eq!(server.asked.lock().unwrap().last().unwrap().1["NextToken"], "t");
    let nothing = server.slice("a", Some(&whole.chunks[1].checkpoint)).await;
    assert_eq!((nothing.chunks.len(), nothing.stop), (0, None));
}

#[tokio::test]
async fn an_answer_that_is_gone_is_asked_for_again_and_no_row_comes_twice() {
    let server = Scripted::start(vec![
        started("q1"),
        state("SUCCEEDED", false),
        page(0..3, Some("t")),
        refusal("InvalidRequestException"),
        started("q2"),
        state("SUCCEEDED", false),
        page(0..2, Some("u")),
        page(2..5, None),
    ])
    .await;
    let (after, _) = server.slice("a", None).await.later();
    let cut = server.slice("a", Some(&after)).await;
    assert_eq!(cut.ids(), [0, 1, 2]);
    let (_, after) = cut.given_up();
    let (after, _) = server.slice("a", Some(&after)).await.later();
    assert_eq!(server.slice("a", Some(&after)).await.ids(), [3, 4]);
}
