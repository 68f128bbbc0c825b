//! The proof of a lake in memory, through the functions of `lake-reconcile`.

mod in_memory;
mod levels;
mod looks;
pub(crate) mod of_lake;
pub(crate) mod of_stream;

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use stepwell_pipeline::HandlerError;

use in_memory::{Bench, Order, at, order};

fn orders() -> Vec<Order> {
    (0..50).map(|id| order(id, &at(i64::from(id) % 5, id), i64::from(id) * 100)).collect()
}

fn dataset(summary: &Value) -> &Value {
    &summary["datasets"][0]
}

#[tokio::test]
async fn equal_sides_are_equal_and_say_up_to_when() {
    let bench = Bench::new(orders(), orders());
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "equal", "{summary:#}");
    assert_eq!((&summary["failed"], &summary["error"]), (&json!(0), &Value::Null));
    assert_eq!(
        dataset(&summary)["cutoff"],
        json!(bench.lake.in_step_until.lock().unwrap().unwrap())
    );
    let daily = bench.rows("reconciliation_daily");
    assert_eq!(daily.len(), 5);
    assert_eq!((&daily[0]["status"], &daily[0]["source_rows"]), (&json!("equal"), &json!(10)));
    assert!(bench.rows("reconciliation_differences").is_empty());
}

#[tokio::test]
async fn a_planted_loss_is_found_row_by_row_without_its_values() {
    let mut lake = orders();
    lake.remove(7);
    lake[20].amount = Some(1);
    lake.push(order(99, &at(2, 1), 5));
    let bench = Bench::new(orders(), lake);
    let summary = bench.prove(json!({})).await;
    assert_eq!((&summary["error"], &summary["severity"]), (&json!("Different"), &json!("alarm")));
    let counts = dataset(&summary);
    let counted = ["missing", "extra", "different"].map(|kind| counts[kind].as_u64().unwrap());
    assert_eq!(counted, [1, 1, 1]);
    assert_eq!(
        summary["message"],
        "1 dataset: 1 different (orders: 1 missing, 1 extra, 1 different)"
    );
    let mut found = bench.rows("reconciliation_differences");
    found.sort_by_key(|row| row["kind"].to_string());
    let told: Vec<_> =
        found.iter().map(|row| (&row["kind"], &row["key"], &row["columns"])).collect();
    let (different, extra, missing) = (json!("different"), json!("extra"), json!("missing"));
    let none = json!("[]");
    assert_eq!(
        told,
        [
            (&different, &json!(r#"{"id":"21"}"#), &json!(r#"[{"name":"amount"}]"#)),
            (&extra, &json!(r#"{"id":"99"}"#), &none),
            (&missing, &json!(r#"{"id":"7"}"#), &none),
        ]
    );
}

#[tokio::test]
async fn values_are_shown_where_the_settings_say_so() {
    let mut lake = orders();
    lake[3].amount = None;
    let bench = Bench::with(orders(), lake, |settings| settings.show_values = Some(true));
    bench.prove(json!({})).await;
    let found = bench.rows("reconciliation_differences");
    assert_eq!(found[0]["columns"], r#"[{"name":"amount","source":"3.00"}]"#);
}

#[tokio::test]
async fn what_happened_after_the_cut_off_is_no_difference() {
    let bench = Bench::new(orders(), orders());
    let until = bench.lake.in_step_until.lock().unwrap().unwrap();
    let later = until + SignedDuration::from_mins(1);
    bench.lake.at_source(|orders| {
        // A new order, and one that changed: the source no longer says what it was.
        orders.push(order(500, &later.to_string(), 1));
        orders[4].placed = later.to_string();
    });
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "equal", "{summary:#}");
    let note = dataset(&summary)["note"].as_str().unwrap();
    assert_eq!(note, "2 keys left out: the source has something newer than the cut-off");
}

#[tokio::test]
async fn a_difference_that_is_gone_at_the_second_look_was_on_its_way() {
    let mut source = orders();
    source.remove(9);
    let bench = Bench::new(source, orders());
    bench.lake.later(orders(), orders());
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "equal", "{summary:#}");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_not_equal() {
    let bench = Bench::new(orders(), orders());
    bench.lake.fail(HandlerError::Retryable("the source answers 503".into()));
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "source unavailable", "{summary:#}");
    assert_eq!(summary["error"], "Retryable");
    let daily = bench.rows("reconciliation_daily");
    assert_eq!((&daily[0]["source_rows"], &daily[0]["missing"]), (&Value::Null, &Value::Null));
    assert!(daily[0]["note"].as_str().unwrap().contains("503"), "{daily:?}");
}

#[tokio::test]
async fn nothing_published_is_not_comparable() {
    let bench = Bench::new(orders(), Vec::new());
    *bench.lake.in_step_until.lock().unwrap() = None;
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "not comparable");
    assert_eq!(summary["error"], "Config");
}

#[tokio::test]
async fn an_empty_lake_lacks_everything() {
    let bench = Bench::new(orders(), Vec::new());
    let summary = bench.prove(json!({})).await;
    assert_eq!(
        (&dataset(&summary)["status"], &dataset(&summary)["missing"]),
        (&json!("different"), &json!(50))
    );
}

#[tokio::test]
async fn of_versions_the_last_one_counts_and_a_tombstone_is_no_row() {
    let mut lake = orders();
    lake.extend(orders().into_iter().map(|it| Order { amount: Some(-1), placed: at(-3, 0), ..it }));
    lake.push(order(7, &at(4, 59), 0).tombstone());
    let mut source = orders();
    source.remove(7);
    let bench = Bench::new(source, lake);
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "equal", "{summary:#}");
    assert_eq!(dataset(&summary)["lake_rows"], 49);
}

#[tokio::test]
async fn late_rows_are_told_from_losses() {
    let mut lake = orders();
    let (first, second) = (at(5, 0), at(6, 0));
    for row in &mut lake {
        row.ingested = Some(first.clone());
    }
    for late in [3, 8, 14] {
        lake[late].ingested = Some(second.clone());
    }
    lake.remove(20);
    let bench = Bench::new(orders(), lake);
    let summary = bench.prove(json!({})).await;
    let counts = dataset(&summary);
    assert_eq!((&counts["missing"], &counts["late"]), (&json!(1), &json!(3)), "{summary:#}");
    let daily = bench.rows("reconciliation_daily");
    assert_eq!(daily[3]["late_by_days"], r#"{"3":2}"#);
}

/// What the days that differ tell of their columns.
fn columns(bench: &Bench) -> Vec<Value> {
    let days = bench.rows("reconciliation_daily");
    let told = days.iter().filter_map(|day| day["columns"].as_str());
    told.map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[tokio::test]
async fn a_day_that_differs_tells_which_columns_do() {
    let mut lake = orders();
    lake[20].amount = None;
    let hidden = Bench::new(orders(), lake.clone());
    hidden.prove(json!({})).await;
    let shown = Bench::with(orders(), lake, |settings| settings.show_values = Some(true));
    shown.prove(json!({})).await;
    let ([hidden], [shown]) = (&columns(&hidden)[..], &columns(&shown)[..]) else {
        panic!("one day differs")
    };
    assert_eq!(hidden.as_object().unwrap().keys().collect::<Vec<_>>(), ["amount"]);
    let (source, lake) = (&hidden["amount"]["source"], &hidden["amount"]["lake"]);
    assert_eq!((&source["nulls"], &lake["nulls"]), (&json!(0), &json!(1)));
    assert_ne!(source["checksum"], lake["checksum"]);
    assert_eq!(source["sum"], Value::Null, "values are not shown");
    assert_eq!(shown["amount"]["source"]["checksum"], source["checksum"]);
    assert!(shown["amount"]["source"]["sum"].is_string(), "{shown}");
}

#[tokio::test]
async fn slices_that_are_too_short_for_anything_come_to_the_same_result() {
    let mut lake = orders();
    lake.remove(30);
    let long = Bench::new(orders(), lake.clone());
    let short = Bench::new(orders(), lake).in_slices_of(Duration::ZERO);
    let (one, other) = (long.prove(json!({})).await, short.prove(json!({})).await);
    assert!(short.calls() > long.calls() + 5, "{} calls", short.calls());
    assert_eq!(dataset(&one)["missing"], dataset(&other)["missing"]);
    assert_eq!(dataset(&one)["source_rows"], dataset(&other)["source_rows"]);
    assert_eq!(
        long.rows("reconciliation_differences")[0]["key"],
        short.rows("reconciliation_differences")[0]["key"]
    );
}

#[tokio::test]
async fn every_call_repeated_comes_to_the_same_result() {
    let mut lake = orders();
    lake.remove(30);
    let bench = Bench::new(orders(), lake).twice();
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["missing"], 1);
    assert_eq!(bench.rows("reconciliation_daily").len(), 5);
    assert_eq!(bench.rows("reconciliation_differences").len(), 1);
}

#[tokio::test]
async fn days_can_be_chosen() {
    let bench = Bench::new(orders(), orders());
    let day = &at(1, 0)[..10];
    let summary = bench.prove(json!({"from_day": day, "to_day": day})).await;
    assert_eq!(dataset(&summary)["source_rows"], 10, "{summary:#}");
    assert_eq!(bench.rows("reconciliation_daily").len(), 1);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused() {
    let bench = Bench::new(orders(), orders());
    for (input, told) in [
        (json!({"datasets": ["ordres"]}), "ordres"),
        (json!({"dataset": "orders"}), "dataset"),
        (json!({"from_day": "2026-03-02", "to_day": "2026-03-01"}), "2026-03-01"),
    ] {
        let error = bench.begin(&input).await.unwrap_err();
        assert!(matches!(&error, HandlerError::Config(text) if text.contains(told)), "{error:?}");
    }
}

#[tokio::test]
async fn days_that_the_lake_has_not_come_to_yet_are_not_equal() {
    let bench = Bench::new(orders(), orders());
    for days in [
        json!({"from_day": "2099-01-01"}),
        json!({"from_day": &at(10, 0)[..10], "to_day": &at(12, 0)[..10]}),
    ] {
        *bench.lake.in_step_until.lock().unwrap() = Some(at(9, 0).parse().unwrap());
        let summary = bench.prove(days).await;
        assert_eq!(dataset(&summary)["status"], "not comparable", "{summary:#}");
        assert!(
            dataset(&summary)["note"].as_str().unwrap().contains("in step up to"),
            "{summary:#}"
        );
    }
    let behind = Bench::with(orders(), orders(), |settings| settings.days = Some(2));
    assert_eq!(dataset(&behind.prove(json!({})).await)["status"], "not comparable");
}

#[tokio::test]
async fn without_event_time_the_beginning_of_the_lake_hides_nothing() {
    let mut lake = orders();
    lake.remove(3);
    let bench = Bench::new(orders(), lake);
    bench.lake.set(|subject| {
        subject.event_time = None;
        subject.since = Some(at(-10, 0).parse().unwrap());
    });
    let summary = bench.prove(json!({})).await;
    let counts = dataset(&summary);
    assert_eq!(
        (&counts["missing"], &counts["source_rows"]),
        (&json!(1), &json!(50)),
        "{summary:#}"
    );
}

#[tokio::test]
async fn records_that_fit_no_row_are_not_equal_to_anything() {
    let bench = Bench::new(orders(), orders());
    bench.lake.reject(2);
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "not comparable", "{summary:#}");
    let note = dataset(&summary)["note"].as_str().unwrap();
    assert!(note.starts_with("2 records of the source fit no row"), "{note}");
}

#[tokio::test]
async fn where_every_key_has_moved_nothing_is_equal() {
    let bench = Bench::new(orders(), orders());
    let until = bench.lake.in_step_until.lock().unwrap().unwrap();
    bench.lake.at_source(|orders| orders.iter_mut().for_each(|it| it.placed = until.to_string()));
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "not comparable", "{summary:#}");
}

#[tokio::test]
async fn of_a_row_that_came_twice_the_last_counts_and_it_is_late_only_if_it_came_late_first() {
    let (first, second) = (at(5, 0), at(6, 0));
    let came = |rows: Vec<Order>, when: &str| -> Vec<Order> {
        rows.into_iter().map(|it| Order { ingested: Some(when.to_owned()), ..it }).collect()
    };
    let mut lake = came(orders(), &first);
    let again = orders().into_iter().take(2).map(|it| Order { amount: Some(7), ..it }).collect();
    lake.extend(came(again, &second));
    let mut source = orders();
    source[0].amount = Some(7);
    let bench = Bench::new(source, lake);
    let summary = bench.prove(json!({})).await;
    let counts = dataset(&summary);
    assert_eq!((&counts["different"], &counts["late"]), (&json!(1), &json!(0)), "{summary:#}");
    assert_eq!(bench.rows("reconciliation_differences")[0]["key"], r#"{"id":"1"}"#);
}

#[tokio::test]
async fn a_name_that_comes_again_is_another_proof() {
    let bench = Bench::new(orders(), orders());
    assert_eq!(dataset(&bench.prove(json!({})).await)["status"], "equal");
    bench.lake.at_source(|orders| orders.push(order(99, &at(1, 1), 1)));
    assert_eq!(dataset(&bench.prove(json!({})).await)["status"], "different");
}
