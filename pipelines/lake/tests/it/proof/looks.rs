//! A lake that is published anew while it is proven.

use serde_json::{Value, json};

use super::in_memory::{Bench, Order, at, order};
use super::{dataset, orders};

fn without(id: i64) -> Vec<Order> {
    orders().into_iter().filter(|it| it.id != id).collect()
}

#[tokio::test]
async fn a_look_goes_by_what_was_published_when_it_began() {
    let bench = Bench::new(orders(), orders());
    // Read half of one state and half of the other, an order would be missing.
    let mut moved = orders();
    moved.rotate_left(25);
    moved.remove(0);
    bench.lake.later(orders(), moved);
    let summary = bench.prove(json!({})).await;
    assert_eq!(
        (&dataset(&summary)["status"], &dataset(&summary)["lake_rows"]),
        (&json!("equal"), &json!(50))
    );
}

#[tokio::test]
async fn what_came_to_the_lake_meanwhile_is_no_loss() {
    let bench = Bench::new(orders(), without(7));
    bench.lake.later(orders(), orders());
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "equal", "{summary:#}");
}

#[tokio::test]
async fn a_loss_that_a_publication_brings_is_not_taken_for_something_on_its_way() {
    // What the first look finds is gone in the second one, which finds something else.
    let bench = Bench::new(orders(), without(7));
    bench.lake.later(orders(), without(8));
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["missing"], 1, "{summary:#}");
    assert_eq!(bench.rows("reconciliation_differences")[0]["key"], r#"{"id":"8"}"#);
}

#[tokio::test]
async fn a_loss_is_told_also_where_the_lake_never_holds_still() {
    let bench = Bench::new(orders(), without(7));
    for id in [90, 91, 92, 93, 94] {
        let mut lake = without(7);
        lake.push(order(id, &at(1, id), 5));
        bench.lake.later(orders(), lake);
    }
    let summary = bench.prove(json!({})).await;
    let counts = dataset(&summary);
    assert_eq!(
        (&counts["status"], &counts["missing"], &counts["extra"]),
        (&json!("different"), &json!(1), &json!(0))
    );
    assert!(counts["note"].as_str().unwrap().contains("published anew meanwhile"), "{summary:#}");
}

#[tokio::test]
async fn what_is_never_found_twice_is_neither_equal_nor_a_loss() {
    let bench = Bench::new(orders(), without(7)).in_slices_of(std::time::Duration::ZERO);
    for id in [8, 9, 10, 11, 12] {
        bench.lake.later(orders(), without(id));
    }
    let summary = bench.prove(json!({})).await;
    assert_eq!(dataset(&summary)["status"], "lake changed", "{summary:#}");
    assert_eq!((&summary["error"], &summary["lake_changed"]), (&json!("Retryable"), &json!(1)));
    assert_eq!(bench.rows("reconciliation_daily")[0]["missing"], Value::Null);
    assert!(bench.rows("reconciliation_differences").is_empty());
}
