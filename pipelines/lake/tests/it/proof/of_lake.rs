//! The proof of a lake of files: tables of arrays, versions, the results as datasets.

use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::bench::Bench;

pub(crate) const NESTED: &str = "
[tables.orders]
source = 'files'
path = 'in/*.jsonl'
columns = ['id bigint not null', 'city string']
key = ['id', 'city']
partition_by = ['city']
[tables.orders.children.lines]
columns = ['sku string', 'price decimal(10,2)']
";

pub(crate) const ORDERS: &str = r#"{"id":1,"city":"Bern","lines":[{"sku":"a","price":1.50},{"sku":"b"}]}
{"id":2,"city":"Chur","lines":[]}
{"id":3,"city":"Chur","lines":[{"sku":"c"}]}
"#;

/// The line of a dataset, or of the table of an array.
fn line<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let lines = summary["datasets"].as_array().unwrap();
    lines.iter().find(|it| it["dataset"] == name).unwrap_or_else(|| panic!("{summary:#}"))
}

#[tokio::test]
async fn tables_of_arrays_are_compared_by_parent_and_place() {
    let bench = Bench::new(NESTED);
    bench.write("in/orders.jsonl", ORDERS);
    bench.succeed().await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!((&summary["failed"], &summary["equal"]), (&json!(0), &json!(2)), "{summary:#}");
    assert_eq!(line(&summary, "orders_lines")["source_rows"], 3);

    // Another price, and an item less: the order itself has none of both.
    let changed = ORDERS.replace("1.50", "1.60").replace(r#"[{"sku":"c"}]"#, "[]");
    bench.write("in/orders.jsonl", changed);
    let summary = bench.prove(&json!({})).await;
    assert_eq!(line(&summary, "orders")["status"], "equal", "{summary:#}");
    let lines = line(&summary, "orders_lines");
    assert_eq!((&lines["different"], &lines["extra"]), (&json!(1), &json!(1)), "{summary:#}");
    assert_eq!(summary["error"], "Different");
}

#[tokio::test]
async fn an_array_that_is_none_is_not_equal() {
    let bench = Bench::new(NESTED);
    bench.write("in/orders.jsonl", ORDERS);
    bench.succeed().await;
    bench.write("in/orders.jsonl", ORDERS.replace(r#"[{"sku":"c"}]"#, "7"));
    let summary = bench.prove(&json!({})).await;
    assert_eq!(line(&summary, "orders")["status"], "not comparable", "{summary:#}");
}

#[tokio::test]
async fn of_a_log_the_items_of_the_last_version_are_compared() {
    let log = NESTED
        .replace("'city string'", "'city string', 'modified timestamp'")
        .replace("key = ['id', 'city']", "key = ['id']\nmode = 'append'\nevent_time = 'modified'");
    let bench = Bench::new(&log);
    let order = |lines: &str, at: &str| {
        format!("{{\"id\":1,\"city\":\"Bern\",\"modified\":\"{at}\",\"lines\":{lines}}}\n")
    };
    bench.deliver("in/orders.jsonl", order(r#"[{"sku":"a"},{"sku":"b"}]"#, "2026-03-01T10:00:00Z"));
    bench.pass(jiff::SignedDuration::from_hours(1));
    bench.succeed().await;
    bench.deliver("in/orders.jsonl", order(r#"[{"sku":"c"}]"#, "2026-03-05T12:00:00Z"));
    bench.pass(jiff::SignedDuration::from_hours(1));
    bench.succeed().await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!((&summary["failed"], &summary["equal"]), (&json!(0), &json!(2)), "{summary:#}");
    assert_eq!(line(&summary, "orders_lines")["lake_rows"], 1);
}

#[tokio::test]
async fn files_that_came_after_the_last_run_are_no_loss() {
    let bench = Bench::new(
        "[tables.orders]\nsource = 'files'\npath = 'in/*.csv'\ncolumns = ['id bigint']\nkey = ['id']\nmode = 'append'\nsettle_seconds = 0\n",
    );
    bench.deliver("in/1.csv", "id\n1\n");
    bench.succeed().await;
    bench.deliver("in/2.csv", "id\n2\n");
    let summary = bench.prove(&json!({})).await;
    assert_eq!(line(&summary, "orders")["status"], "equal", "{summary:#}");
    assert_eq!(line(&summary, "orders")["source_rows"], 1);
    bench.succeed().await;
    assert_eq!(line(&bench.prove(&json!({})).await, "orders")["source_rows"], 2);
}

#[tokio::test]
async fn results_are_in_the_catalog_and_can_be_asked_in_sql() {
    let bench = Bench::new(NESTED);
    bench.write("in/orders.jsonl", ORDERS);
    bench.succeed().await;
    bench.write("in/orders.jsonl", ORDERS.replace("1.50", "1.60"));
    for _ in 0..2 {
        bench.prove(&json!({})).await;
    }
    let service = bench.service();
    let catalog = stepwell_services::Opener::new(service.world.surroundings.clone());
    let catalog = catalog.catalog(&bench.path().join("lake")).await.unwrap();
    for (name, column) in
        [("reconciliation_daily", "source_rows"), ("reconciliation_differences", "key")]
    {
        let table = catalog.get_table("datalake_raw", name).await.unwrap().expect(name);
        assert!(table.storage.columns.iter().any(|it| it.name == column), "{table:?}");
        assert_eq!(catalog.partitions("datalake_raw", name).await.unwrap().len(), 2, "{name}");
    }
    let sql = "SELECT dataset, key FROM reconciliation_differences WHERE kind = 'different'";
    let rows = service.lake().query(sql).await.unwrap();
    let rows: Vec<_> = rows.batches.try_collect().await.unwrap();
    let rows = pretty_format_batches(&rows).unwrap().to_string();
    assert_eq!(
        rows.matches(r#"| orders_lines | {"_index":"0","city":"Bern","id":"1"} |"#).count(),
        2,
        "{rows}"
    );
}

#[test]
fn settings_that_would_change_nothing_are_refused() {
    let refused = |settings: String, told: &str| {
        let problem = Bench::new(&settings).pipeline().err().expect(told).to_string();
        assert!(problem.contains(told), "{problem}");
    };
    for name in ["ordrs.weight", "orders.id", "orders.city", "orders"] {
        refused(
            format!("proof.tolerance = {{ '{name}' = 0.1 }}\n{NESTED}"),
            &format!("`{name}` is no column that a tolerance is used for"),
        );
    }
    refused(format!("proof.keep_days = 0\n{NESTED}"), "`proof.keep_days` is not between");
    let taken = NESTED.replace("tables.orders", "tables.reconciliation_daily");
    refused(taken, "where the lake keeps the results of its proofs");
    let double = NESTED.replace("'price decimal(10,2)'", "'price double'");
    let tolerated = format!("proof.tolerance = {{ 'orders_lines.price' = 0.1 }}\n{double}");
    assert!(Bench::new(&tolerated).pipeline().is_ok());
}
