//! The first level of a proof: the numbers of rows.

use serde_json::{Value, json};

use super::in_memory::Bench;
use super::{dataset, orders};

fn by_counts() -> Value {
    json!({"level": "counts"})
}

#[tokio::test]
async fn a_source_that_cannot_count_says_so() {
    let bench = Bench::new(orders(), orders());
    let summary = bench.prove(by_counts()).await;
    assert_eq!(dataset(&summary)["status"], "not comparable", "{summary:#}");
    assert!(dataset(&summary)["note"].as_str().unwrap().contains("cannot count"), "{summary:#}");
    let summary = bench.prove(json!({})).await;
    assert_eq!(
        (&dataset(&summary)["status"], &dataset(&summary)["counted"]),
        (&json!("equal"), &json!({"source": null, "lake": 50}))
    );
}

#[tokio::test]
async fn counts_that_agree_are_not_called_equal() {
    let mut lake = orders();
    lake[4].amount = Some(1);
    let bench = Bench::new(orders(), lake);
    bench.lake.counts([Some(50)]);
    let summary = bench.prove(by_counts()).await;
    assert_eq!(
        (&dataset(&summary)["status"], &summary["equal"]),
        (&json!("counts agree"), &json!(0))
    );
    assert_eq!((&summary["failed"], &summary["counts_agree"]), (&json!(0), &json!(1)));
    assert_eq!(summary["message"], "1 dataset: 1 counts agree");
    let daily = bench.rows("reconciliation_daily");
    assert_eq!((&daily[0]["source_counted"], &daily[0]["missing"]), (&json!(50), &Value::Null));
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "different", "every row is compared");
    assert_eq!(dataset(&summary)["counted"], json!({"source": 50, "lake": 50}));
}

#[tokio::test]
async fn counts_that_differ_are_a_difference_without_rows() {
    let mut lake = orders();
    lake.remove(4);
    let bench = Bench::new(orders(), lake);
    bench.lake.counts([Some(50)]);
    let summary = bench.prove(by_counts()).await;
    assert_eq!(dataset(&summary)["status"], "different", "{summary:#}");
    assert_eq!(
        summary["message"],
        "1 dataset: 1 different (orders: the source counts 50 rows, the lake has 49)"
    );
    assert!(bench.rows("reconciliation_differences").is_empty());
}

#[tokio::test]
async fn a_source_that_gives_fewer_rows_than_it_counts_is_not_equal() {
    let bench = Bench::new(orders(), orders());
    bench.lake.counts([Some(53)]);
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "source unavailable", "{summary:#}");
    let note = dataset(&summary)["note"].as_str().unwrap();
    assert!(note.contains("counts 53 rows and gave 50"), "{note}");
}

#[tokio::test]
async fn a_count_that_fits_when_it_is_asked_again_is_fine() {
    let bench = Bench::new(orders(), orders());
    bench.lake.counts([Some(51), Some(50)]);
    assert_eq!(dataset(&bench.prove(json!({})).await)["status"], "equal");
}

#[tokio::test]
async fn another_level_is_refused() {
    let bench = Bench::new(orders(), orders());
    let error = bench.begin(&json!({"level": "columns"})).await.unwrap_err();
    assert!(error.to_string().contains("columns"), "{error}");
}
