//! A PostgreSQL table into the lake: every type as it is, in slices, by windows.

use std::time::Duration;

use tokio_postgres::NoTls;

use crate::bench::{Bench, Driving};

/// A database of its own; none where there is no server to test with, except under `cargo xtask test`.
pub(crate) async fn database(name: &str) -> Option<(tokio_postgres::Client, String)> {
    let Ok(admin) = std::env::var("STEPWELL_TEST_POSTGRES") else {
        assert!(
            std::env::var_os("STEPWELL_TEST_ALL").is_none(),
            "`STEPWELL_TEST_POSTGRES` is not set"
        );
        return None;
    };
    let name = format!("stepwell_lake_{name}_{}", std::process::id());
    let client = connect(&admin).await;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{}/{name}", admin.rsplit_once('/').unwrap().0);
    Some((connect(&url).await, url))
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn every_type_as_it_is_in_slices_and_windows() {
    let Some((client, url)) = database("types").await else { return };
    client
        .batch_execute(
            "SET TIME ZONE 'Asia/Kolkata';
             CREATE TABLE orders (\"Id\" uuid, line int, amount numeric, big bigint, ratio float8, is_open boolean, day date,
               modified timestamptz, raw bytea, tags text[], doc jsonb, extra text, PRIMARY KEY (\"Id\", line));
             INSERT INTO orders SELECT ('00000000-0000-0000-0000-' || lpad(it::text, 12, '0'))::uuid, it % 3, it + 0.0001, it,
               0.1, it % 2 = 0, '2026-03-01', timestamptz '2026-03-01 00:00:00.000001Z' + it * interval '1 second',
               '\\x00ff', ARRAY['a', NULL], '{\"b\": 1.50, \"a\": null}', 'x' FROM generate_series(1, 20000) it;
             INSERT INTO orders VALUES ('00000000-0000-0000-0001-000000000000', 0, 1.00001, 1, 'NaN', NULL, NULL,
               '2026-03-01 00:00:00Z', NULL, NULL, NULL, NULL)",
        )
        .await
        .unwrap();
    let bench = Bench::new(&format!(
        "postgres.url = '{url}'
[tables.orders]
source = 'postgres'
table = 'public.orders'
columns = ['id string not null from Id', 'line int', 'amount decimal(20,4)', 'big bigint', 'ratio double', 'is_open boolean',
  'day date', 'modified timestamp', 'raw binary', 'tags array<string>', 'doc json']
key = ['id', 'line']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)']
settle_seconds = 60
part_rows = 5000
",
    ));
    let slices = Driving { slice: Duration::ZERO, ..Driving::default() };
    let ended = bench.drive(slices).await;
    assert_eq!(ended.summary["rows"], 20_000, "{:#}", ended.summary);
    assert_eq!(ended.summary["rejected"], 1);
    assert_eq!(ended.summary["datasets"][0]["new_fields"], serde_json::json!(["extra"]));
    let rows = bench.rows("orders").await;
    let first = rows.lines().find(|row| row.contains("-000000000001 ")).unwrap().replace(' ', "");
    assert_eq!(
        first,
        "|00000000-0000-0000-0000-000000000001|1|1.0001|1|0.1|false|2026-03-01|2026-03-01T00:00:01.000001Z|00ff|[a,]|\
         {\"a\":null,\"b\":1.50}|2026-03-05T11:59:00Z|"
    );
    client
        .batch_execute(
            "UPDATE orders SET amount = 7, modified = '2026-03-05 12:00:30Z' WHERE big = 5",
        )
        .await
        .unwrap();
    bench.pass(jiff::SignedDuration::from_mins(10));
    let summary = bench.succeed().await;
    assert_eq!(summary["rows"], 1, "{summary:#}");
    assert_eq!(bench.table("orders").await.rows(), 20_001);
}

#[tokio::test]
async fn rows_of_one_key_stay_together_and_rows_without_one_are_refused() {
    let Some((client, url)) = database("keys").await else { return };
    client
        .batch_execute(
            "CREATE TABLE events (orders int, at timestamptz);
             INSERT INTO events SELECT it / 3000, '2026-03-01Z' FROM generate_series(0, 29999) it",
        )
        .await
        .unwrap();
    let bench = Bench::new(&format!(
        "[tables.events]\nsource = 'postgres'\nurl = '{url}'\ntable = 'public.events'\nkey = ['orders']\nmode = 'append'\n\
         event_time = 'at'\ncolumns = ['orders int', 'at timestamp']\n"
    ));
    let slices = Driving { slice: Duration::ZERO, ..Driving::default() };
    let ended = bench.drive(slices).await;
    assert_eq!(ended.summary["rows"], 30_000, "{:#}", ended.summary);
    client.batch_execute("INSERT INTO events VALUES (NULL, '2026-03-05 12:00Z')").await.unwrap();
    bench.pass(jiff::SignedDuration::from_hours(1));
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("without a `orders`"), "{summary:#}");
    client.batch_execute("UPDATE events SET orders = 7 WHERE orders IS NULL").await.unwrap();
    assert_eq!(bench.succeed().await["rows"], 1);
}

#[tokio::test]
async fn keys_that_are_numbers_are_read_in_their_order() {
    let Some((client, url)) = database("numbers").await else { return };
    client.batch_execute("CREATE TABLE t AS SELECT generate_series(1, 9000) AS id").await.unwrap();
    for relation in ["table = 'public.t'", "query = 'SELECT id FROM public.t'"] {
        let bench = Bench::new(&format!(
            "[tables.t]\nsource = 'postgres'\nurl = '{url}'\n{relation}\ncolumns = ['id int']\nkey = ['id']\n"
        ));
        bench.drive(Driving { slice: Duration::ZERO, ..Driving::default() }).await;
        assert_eq!(bench.table("t").await.rows(), 9_000, "{relation}");
    }
}

#[tokio::test]
async fn a_query_and_what_is_wrong_with_it() {
    let Some((client, url)) = database("query").await else { return };
    client
        .batch_execute("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
        .await
        .unwrap();
    let settings = |query: &str| {
        format!(
            "[tables.t]\nsource = 'postgres'\nurl = '{url}'\nquery = \"{query}\"\ncolumns = ['a int', 'b string']\nkey = ['a']\n"
        )
    };
    let mut bench = Bench::new(&settings("SELECT a, upper(b) AS b FROM public.t;"));
    bench.succeed().await;
    assert!(bench.rows("t").await.contains("| 2 | Y |"));
    for (query, told) in [
        ("SELECT a FROM public.t", "has no column `b`"),
        ("SELECT * FROM public.nope", "[42P01]"),
        ("DELETE FROM public.t RETURNING a, b", "42601"),
    ] {
        bench.set(&settings(query));
        let summary = bench.fail().await;
        assert!(summary["message"].as_str().unwrap().contains(told), "{query}: {summary:#}");
    }
    let count: i64 = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(count, 2);
}
