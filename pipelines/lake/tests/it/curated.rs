//! SQL over the lake, and datasets that come of it.

use std::time::Duration;

use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use jiff::SignedDuration;
use stepwell_machine::Phase;

use crate::bench::{Bench, Driving};

const SETTINGS: &str = "
[tables.orders]
source = 'files'
path = 'in/orders-*.jsonl'
columns = ['id bigint not null', 'Region string', 'amount decimal(10,2)', 'modified timestamp', 'lines json']
key = ['id']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)', 'Region']
settle_seconds = 0
[tables.orders.children.lines]
columns = ['sku string']
[tables.regions]
source = 'files'
path = 'in/regions.csv'
format = 'csv'
columns = ['name string', 'label string']
[tables.revenue]
source = 'sql'
query = 'curated/revenue.sql'
columns = ['region string', 'amount decimal(20,2)', 'orders bigint', 'day string']
key = ['region', 'day']
[tables.best]
source = 'sql'
query = 'curated/best.sql'
columns = ['label string', 'amount decimal(20,2)']
key = ['label']
";

const REVENUE: &str = "-- what is left of each day
SELECT o.\"Region\" AS region, sum(o.amount) AS amount, count(*) AS orders, o.dt AS day
FROM (SELECT *, CAST(CAST(modified AS DATE) AS VARCHAR) AS dt FROM orders_latest) o GROUP BY o.\"Region\", o.dt;
";

fn bench() -> Bench {
    let bench = Bench::new(SETTINGS);
    bench.deliver("in/orders-1.jsonl", r#"{"id":1,"Region":"eu","amount":1.10,"modified":"2026-03-01T10:00:00Z","lines":[{"sku":"a"},{"sku":"b"}]}
{"id":2,"Region":"us","amount":2.20,"modified":"2026-03-01T10:00:00Z","lines":[{"sku":"c"}]}
{"id":1,"Region":"eu","amount":1.50,"modified":"2026-03-02T10:00:00Z","lines":[{"sku":"d"}]}
"#);
    bench.write("in/regions.csv", "name,label\neu,Europe\nus,\"States, United\"\n");
    bench.write("curated/revenue.sql", REVENUE);
    bench.write(
        "curated/best.sql",
        "SELECT label, amount FROM revenue JOIN regions ON name = region",
    );
    bench
}

pub(crate) async fn ask(bench: &Bench, sql: &str) -> Result<String, String> {
    let rows = bench.service().lake().query(sql).await.map_err(|error| error.to_string())?;
    let batches: Vec<_> = rows.batches.try_collect().await.map_err(|error| error.to_string())?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

#[tokio::test]
async fn a_curated_dataset_comes_behind_what_it_is_made_from() {
    let bench = bench();
    bench.succeed().await;
    let expected = "
+--------+--------+--------+------------+
| region | amount | orders | day        |
+--------+--------+--------+------------+
| eu     | 1.50   | 1      | 2026-03-02 |
| us     | 2.20   | 1      | 2026-03-01 |
+--------+--------+--------+------------+";
    assert_eq!(bench.rows("revenue").await, expected.trim());
    let expected = "
+----------------+--------+
| label          | amount |
+----------------+--------+
| Europe         | 1.50   |
| States, United | 2.20   |
+----------------+--------+";
    assert_eq!(bench.rows("best").await, expected.trim());
}

const COPIED: &str = "
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null']
key = ['id']
mode = 'append'
settle_seconds = 0
[tables.copied]
source = 'sql'
query = 'copied.sql'
columns = ['id bigint']
key = ['id']
";

/// Dies while the query over the other table is read.
async fn in_the_middle_of_a_query() -> Bench {
    let bench = Bench::new(COPIED);
    let rows = (1..30_000).map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
    bench.deliver("in/1.csv", format!("id\n{rows}"));
    bench.write("copied.sql", "SELECT id FROM orders");
    // The list; plan, five slices, publish, catalog and plan of the first; plan and a slice of the second.
    let slices = Driving { crash_after: 12, slice: Duration::ZERO, twice: false };
    assert_eq!(bench.drive(slices).await.phase, Phase::Running);
    assert_eq!(bench.table("orders").await.rows(), 29_999);
    let spool = bench.path().join(".stepwell/lake-spool/copied");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 1, "the second is begun");
    bench
}

#[tokio::test]
async fn a_query_that_was_interrupted_is_not_gone_on_with_over_other_tables() {
    let bench = in_the_middle_of_a_query().await;
    bench.stop_interrupted();
    bench.deliver("in/2.csv", "id\n0\n");
    bench.pass(SignedDuration::from_mins(2));
    bench.succeed().await;
    let answer = ask(&bench, "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM copied").await;
    assert!(answer.as_ref().is_ok_and(|it| it.contains("| 30000 | 30000 |")), "{answer:?}");
}

#[tokio::test]
async fn a_query_that_was_interrupted_is_not_gone_on_with_by_another_text() {
    let bench = in_the_middle_of_a_query().await;
    bench.write("copied.sql", "SELECT id + 1 AS id FROM orders");
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("begins anew"), "{summary:#}");
    bench.succeed().await;
    let answer = ask(&bench, "SELECT min(id) AS a, max(id) AS b, count(*) AS n FROM copied").await;
    assert!(answer.as_ref().is_ok_and(|it| it.contains("| 2 | 30000 | 29999 |")), "{answer:?}");
}

#[tokio::test]
async fn queries_see_partitions_newest_rows_and_the_children_of_those() {
    let bench = bench();
    bench.succeed().await;
    let answer = ask(&bench, "SELECT dt, \"Region\", count(*) AS n FROM orders GROUP BY dt, \"Region\" ORDER BY dt, \"Region\"").await.unwrap();
    assert!(
        answer.contains("| 2026-03-01 | eu     | 1 |")
            && answer.contains("| 2026-03-02 | eu     | 1 |"),
        "{answer}"
    );
    let answer = ask(&bench, "SELECT id, sku FROM orders_lines_latest ORDER BY id").await.unwrap();
    assert!(
        answer.contains("| 1  | d   |") && answer.contains("| 2  | c   |") && !answer.contains('a'),
        "{answer}"
    );
    let answer =
        ask(&bench, "SELECT count(*) AS n FROM orders WHERE dt = '2026-03-01' AND amount > 2")
            .await
            .unwrap();
    assert!(answer.contains("| 1 |"), "{answer}");
}

#[tokio::test]
async fn what_is_no_query_that_reads_is_refused() {
    let bench = bench();
    bench.succeed().await;
    for sql in [
        "DROP TABLE orders",
        "INSERT INTO orders VALUES (1)",
        "SET x = 1",
        "SELECT nope FROM orders",
        "SELEC 1",
        "COPY orders TO 'x.csv'",
    ] {
        assert!(ask(&bench, sql).await.is_err(), "{sql}");
    }
    let told = ask(&bench, "SELECT * FROM order").await.unwrap_err();
    assert!(told.contains("order"), "{told}");
}
