//! SQL over the lake, and datasets that come of it.

use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;

use crate::bench::Bench;

const SETTINGS: &str = "
[tables.orders]
source = 'files'
path = 'in/orders-*.jsonl'
columns = ['id bigint not null', 'Region string', 'amount decimal(10,2)', 'modified timestamp', 'lines json']
key = ['id']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)', 'Region']
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
    bench.write("in/orders-1.jsonl", r#"{"id":1,"Region":"eu","amount":1.10,"modified":"2026-03-01T10:00:00Z","lines":[{"sku":"a"},{"sku":"b"}]}
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

async fn ask(bench: &Bench, sql: &str) -> Result<String, String> {
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
