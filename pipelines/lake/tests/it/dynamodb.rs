//! Changes of a DynamoDB table from the event that Lambda gets to the files of the lake.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stepwell_machine::Phase;
use stepwell_pipeline::{Context, HandlerError};

use crate::bench::{Bench, Driving};

pub(crate) const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'dynamodb'
read = 'stream'
table = 'orders'
columns = ['pk string not null', 'total decimal(10,2)']
key = ['pk']
mode = 'append'
partition_by = ['day(_changed_at)']
settle_seconds = 0
unknown_fields = 'catch'
";

/// A change at this time; without a total it is a deletion.
pub(crate) fn change(key: &str, at: &str, total: Option<&str>) -> Value {
    let image =
        total.map(|it| json!({"pk": {"S": key}, "total": {"N": it}, "colour": {"S": "red"}}));
    json!({"eventID": format!("{key}{at}"), "eventName": if total.is_some() { "INSERT" } else { "REMOVE" }, "tableName": "orders",
        "dynamodb": {"ApproximateCreationDateTime": at.parse::<Timestamp>().unwrap().as_millisecond(),
            "Keys": {"pk": {"S": key}}, "NewImage": image}})
}

/// What Lambda is told when it sends these changes.
pub(crate) async fn send(bench: &Bench, changes: &[Value]) -> Value {
    let outcome = apply(bench, &event(changes)).await.unwrap();
    bench.pass(SignedDuration::from_mins(1));
    outcome
}

/// What Lambda sends of these changes.
pub(crate) fn event(changes: &[Value]) -> Value {
    let record = |(index, change): (usize, &Value)| {
        json!({"kinesis": {"sequenceNumber": format!("49590{index}"), "data": BASE64.encode(change.to_string())},
            "eventID": format!("shardId-000000000000:49590{index}"), "eventSourceARN": "arn:aws:kinesis:eu-west-1:1:stream/orders"})
    };
    json!({"Records": changes.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// The answer to an event.
pub(crate) async fn apply(bench: &Bench, event: &Value) -> Result<Value, HandlerError> {
    let pipeline = bench.pipeline().unwrap();
    let apply =
        pipeline.functions.iter().find(|it| it.name() == "stepwell-lake-apply-changes").unwrap();
    apply.call_json(event, &Context::starting_now("test", Duration::from_mins(1))).await
}

pub(crate) fn changes() -> Vec<Value> {
    vec![
        change("a", "2026-03-01T10:00:00.001Z", Some("12.50")),
        change("b", "2026-03-02T10:00:00Z", Some("1")),
        json!({"no": "change"}),
        change("b", "2026-03-02T11:00:00Z", None),
    ]
}

#[tokio::test]
async fn a_change_that_does_not_fit_the_dataset_is_counted_and_the_others_are_published() {
    let bench = Bench::new(SETTINGS);
    let wrong = change("c", "2026-03-01T10:00:00Z", Some("0.125"));
    assert_eq!(
        send(&bench, &[changes(), vec![wrong]].concat()).await,
        json!({"batchItemFailures": []})
    );
    let summary = bench.succeed().await;
    let dataset = &summary["datasets"][0];
    assert_eq!((&dataset["rows"], &dataset["rejected"]), (&json!(2), &json!(2)), "{summary:#}");
    assert_eq!(
        bench.partitions("orders").await,
        [("dt=2026-03-01".into(), 1), ("dt=2026-03-02".into(), 1)]
    );
    let rows = bench.rows("orders").await;
    assert!(rows.contains(r#"| a  | 12.50 | {"colour":"red"} | false"#), "{rows}");
}

#[tokio::test]
async fn a_repeat_changes_nothing_and_a_late_change_goes_to_its_own_day() {
    let bench = Bench::new(SETTINGS);
    send(&bench, &changes()).await;
    bench.succeed().await;
    send(&bench, &changes()).await;
    send(&bench, &[change("d", "2026-03-01T09:00:00Z", Some("2"))]).await;
    bench.succeed().await;
    assert_eq!(
        bench.partitions("orders").await,
        [("dt=2026-03-01".into(), 2), ("dt=2026-03-02".into(), 1)]
    );
}

#[tokio::test]
async fn a_crash_after_any_call_ends_with_the_same_bytes() {
    let clean = Bench::new(SETTINGS);
    send(&clean, &changes()).await;
    clean.succeed().await;
    let expected = clean.bytes("orders").await;
    for crash_after in 1.. {
        let bench = Bench::new(SETTINGS);
        send(&bench, &changes()).await;
        let crashing = Driving { crash_after, twice: true, ..Driving::default() };
        let is_over = bench.drive(crashing).await.phase != Phase::Running;
        if !is_over {
            bench.succeed().await;
        }
        assert_eq!(bench.bytes("orders").await, expected, "died after {crash_after} calls");
        if is_over {
            break;
        }
    }
}
