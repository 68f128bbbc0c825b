//! Changes that a function at AWS lays into a folder, from where `lake-stream` takes them in.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use stepwell_machine::Phase;
use stepwell_pipeline::HandlerError;

use crate::bench::{Bench, Driving};
use crate::dynamodb::{SETTINGS, apply, change, changes, event, send};

const LANDING: &str = "[dynamodb]\nlanding = 'landing'\n";

fn landed(bench: &Bench) -> Vec<String> {
    let shard = bench.path().join("landing/orders/shardId-000000000000");
    let files = std::fs::read_dir(shard).into_iter().flatten();
    files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

/// Takes in what landed within a minute, and gives the outcome.
async fn consume(bench: &Bench) -> Value {
    let ended = bench.drive_machine("lake-stream", &json!({}), Driving::default()).await;
    bench.pass(SignedDuration::from_mins(1));
    let Phase::Succeeded { output } = ended.phase else { panic!("{:?}", ended.phase) };
    serde_json::from_str(&output.to_string()).unwrap()
}

#[tokio::test]
async fn what_lands_comes_into_the_lake_as_what_is_taken_in_at_once() {
    let (here, away) = (Bench::new(SETTINGS), Bench::new(&format!("{SETTINGS}{LANDING}")));
    for bench in [&here, &away] {
        assert_eq!(send(bench, &changes()).await, json!({"batchItemFailures": []}));
    }
    assert!(!away.path().join(".stepwell").exists(), "the function needs the landing alone");
    here.pass(SignedDuration::from_mins(1));
    let consumed = consume(&away).await;
    assert_eq!((&consumed["changes"], &consumed["rejected"]), (&json!(2), &json!(1)), "{consumed}");
    for bench in [&here, &away] {
        bench.succeed().await;
    }
    assert_eq!(away.rows("orders").await, here.rows("orders").await);
    assert!(away.bytes("orders").await == here.bytes("orders").await, "of the same rows");
}

#[tokio::test]
async fn a_batch_is_one_file_however_often_it_is_sent_and_comes_into_the_lake_once() {
    let bench = Bench::new(&format!("{SETTINGS}{LANDING}"));
    for _ in 0..2 {
        send(&bench, &changes()).await;
        assert_eq!(landed(&bench).len(), 1);
    }
    consume(&bench).await;
    assert_eq!(landed(&bench), <[String; 0]>::default());
    bench.succeed().await;
    let before = bench.bytes("orders").await;
    send(&bench, &changes()).await;
    let consumed = consume(&bench).await;
    assert_eq!((&consumed["changes"], &consumed["passed_over"]), (&json!(0), &json!(3)));
    bench.succeed().await;
    assert!(bench.bytes("orders").await == before, "a repeat is no row");
}

#[tokio::test]
async fn what_is_no_batch_is_told_and_what_is_no_record_goes_to_the_quarantine() {
    let bench = Bench::new(&format!("{SETTINGS}{LANDING}"));
    let odd =
        ["landing/2026-0123456789abcdef.jsonl", "landing/notes.txt", "landing/orders/s/1-0.jsonl"];
    for name in odd {
        bench.write(name, "whose?");
    }
    send(&bench, &[change("a", "2026-03-01T10:00:00Z", Some("1"))]).await;
    let broken = "landing/orders/shardId-000000000000/5-0123456789abcdef.jsonl";
    bench.write(broken, "no record\nno record\n");
    let consumed = consume(&bench).await;
    assert_eq!((&consumed["changes"], &consumed["rejected"]), (&json!(1), &json!(2)), "{consumed}");
    assert_eq!(consumed["failing"], json!(odd.map(|it| format!("{it} is no batch of changes"))));
    assert!(odd.iter().all(|it| bench.path().join(it).exists()));
    assert!(!bench.path().join(broken).exists());
    let summary = bench.succeed().await;
    assert_eq!(summary["datasets"][0]["rejected"], 2, "{summary:#}");
}

#[tokio::test]
async fn a_landing_that_cannot_be_written_fails_the_invocation_and_odd_names_their_batch() {
    let bench = Bench::new(&format!("{SETTINGS}{LANDING}"));
    let mut odd = event(&changes());
    odd["Records"][0]["eventID"] = json!("../../elsewhere:7");
    let answer = apply(&bench, &odd).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([{"itemIdentifier": "495900"}]));
    assert_eq!(landed(&bench).len(), 1, "the other records have another shard");

    std::fs::remove_dir_all(bench.path().join("landing")).unwrap();
    bench.write("landing", "a file in the place of the folder");
    let answer = apply(&bench, &event(&changes())).await;
    assert!(matches!(answer, Err(HandlerError::Config(_))), "{answer:?}");
}

#[tokio::test]
async fn every_slice_takes_something_in_however_short_it_is() {
    let bench = Bench::new(&format!("{SETTINGS}{LANDING}"));
    for (number, key) in ["a", "b", "c"].into_iter().enumerate() {
        let mut sent = event(&[change(key, "2026-03-01T10:00:00Z", Some("1"))]);
        sent["Records"][0]["kinesis"]["sequenceNumber"] = json!(number.to_string());
        apply(&bench, &sent).await.unwrap();
    }
    let short = Driving { slice: Duration::ZERO, ..Driving::default() };
    let ended = bench.drive_machine("lake-stream", &json!({}), short).await;
    assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:?}", ended.phase);
    assert_eq!((ended.calls, landed(&bench).len()), (3, 0));
}

#[test]
fn a_landing_on_a_web_server_is_refused() {
    let bench = Bench::new(&format!("{SETTINGS}[dynamodb]\nlanding = 'https://example.com/x'\n"));
    let error = bench.pipeline().err().unwrap().to_string();
    assert!(
        error.contains("https://example.com/x is on a web server, which can only be read"),
        "{error}"
    );
}
