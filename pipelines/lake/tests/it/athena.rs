//! Curated datasets and questions that Athena answers: its double keeps what it is asked and answers as it is told.

use std::time::Duration;

use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use stepwell_integrations::athena::SERVICE as ATHENA;
use stepwell_machine::Phase;
use stepwell_pipeline::surroundings::{Provider, Services};

use crate::aws::Moto;
use crate::bench::{Bench, Driving};

mod scripted;

const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null', 'Region string', 'amount decimal(10,2)', 'modified timestamp']
key = ['id']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)']
[tables.revenue]
source = 'sql'
query = 'curated/revenue.sql'
columns = ['Region string', 'amount decimal(20,2)', 'orders bigint', 'seen timestamp']
key = ['Region']
";

/// In words that only Athena knows.
const REVENUE: &str =
    "SELECT region, sum(amount) AS amount, approx_distinct(id) AS orders, max(modified) AS seen
FROM orders_latest WHERE any_match(ARRAY[1, 2], x -> x > 1) GROUP BY region;";

const COLUMNS: &[(&str, &str)] = &[
    ("region", "varchar"),
    ("amount", "decimal(38,2)"),
    ("orders", "bigint"),
    ("seen", "timestamp"),
];

const ROWS: &[&[Option<&str>]] = &[
    &[Some("eu"), Some("1.50"), Some("1"), Some("2026-03-02 10:00:00.000")],
    &[Some("us"), Some("12345678901234567.20"), Some("1"), None],
];

const PUBLISHED: &str = "
+--------+----------------------+--------+----------------------+
| Region | amount               | orders | seen                 |
+--------+----------------------+--------+----------------------+
| eu     | 1.50                 | 1      | 2026-03-02T10:00:00Z |
| us     | 12345678901234567.20 | 1      |                      |
+--------+----------------------+--------+----------------------+";

/// Queries wait, run and end, each time they are looked at.
async fn moto(region: &'static str) -> Option<Moto> {
    let moto = Moto::in_region(region).await?;
    let transition = json!({"progression": "manual", "times": 1});
    let input = json!({"model_name": "athena::execution", "transition": transition});
    moto.steer("state-manager/set-transition", &input).await;
    Some(moto)
}

fn bench(moto: &Moto, folder: &str) -> Bench {
    let settings = moto.settings(SETTINGS).replace("/lake'", &format!("/{folder}'"));
    filled(Bench::on(moto.services(), &settings))
}

fn filled(bench: Bench) -> Bench {
    bench.write("in/a.csv", "id,Region,amount,modified\n1,eu,1.50,2026-03-02T10:00:00Z\n");
    bench.write("curated/revenue.sql", REVENUE);
    bench
}

/// What was asked in this region, in no order.
async fn asked(moto: &Moto) -> Vec<Value> {
    let ids = moto.call(ATHENA, "athena:ListQueryExecutions", &json!({})).await;
    let mut found = Vec::new();
    for id in ids["QueryExecutionIds"].as_array().unwrap() {
        let input = json!({"QueryExecutionId": id});
        let query = moto.call(ATHENA, "athena:GetQueryExecution", &input).await;
        found.push(query["QueryExecution"].clone());
    }
    found
}

#[tokio::test]
async fn a_lake_that_athena_cannot_see_is_refused_before_anything_is_asked() {
    let services = Services { athena: Provider::Aws, ..Services::default() };
    let bench = filled(Bench::on(services, SETTINGS));
    let summary = bench.fail().await;
    let told = |index: usize, key: &str| summary["datasets"][index][key].as_str().unwrap_or("");
    assert_eq!((told(0, "status"), told(1, "status")), ("published", "failed"), "{summary:#}");
    assert_eq!(told(1, "error"), "Config");
    assert!(told(1, "message").contains("set `target = \"s3://bucket/prefix\"`"), "{summary:#}");
    let error = bench.service().lake().query("SELECT 1").await.err().unwrap().to_string();
    assert!(error.contains("leave `athena` out of [services]"), "{error}");
}

#[tokio::test]
async fn settings_that_athena_cannot_use_are_told_by_key() {
    for (keys, told) in [
        ("athena.output_location = 'answers'", "athena.output_location"),
        ("athena.workgroup = ''", "athena.workgroup"),
    ] {
        let problem = Bench::new(&format!("{keys}\n{SETTINGS}")).pipeline().err().unwrap();
        assert!(problem.to_string().contains(told), "{problem}");
    }
}

#[tokio::test]
async fn a_curated_dataset_is_what_athena_answers() {
    let Some(moto) = moto("eu-west-1").await else { return };
    moto.answer(COLUMNS, ROWS).await;
    let bench = bench(&moto, "lake");
    bench.succeed().await;
    assert_eq!(bench.rows("revenue").await, PUBLISHED.trim());
    let asked = asked(&moto).await;
    assert_eq!(asked.len(), 1);
    let sql = asked[0]["Query"].as_str().unwrap();
    assert!(sql.starts_with("WITH \"orders_latest\" AS (SELECT \"id\", \"Region\","), "{sql}");
    assert!(
        sql.contains(REVENUE.trim_end_matches(';')) && sql.ends_with("ORDER BY \"Region\""),
        "{sql}"
    );
    assert_eq!(asked[0]["QueryExecutionContext"]["Database"], moto.database());
    let answers = asked[0]["ResultConfiguration"]["OutputLocation"].as_str().unwrap().to_owned();
    assert!(answers.starts_with(&format!("s3://{}/lake/_athena/", moto.bucket)), "{answers}");
}

#[tokio::test]
async fn a_crash_after_any_call_asks_once_and_ends_with_the_same_bytes() {
    let Some(moto) = moto("eu-west-2").await else { return };
    let mut expected = None;
    for calls in 1.. {
        // The run that was begun, and the one of the execution that ended it.
        moto.answer(COLUMNS, ROWS).await;
        moto.answer(COLUMNS, ROWS).await;
        let bench = bench(&moto, &format!("lake-{calls}"));
        let crashing = Driving { crash_after: calls, slice: Duration::ZERO, twice: true };
        let is_over = bench.drive(crashing).await.phase != Phase::Running;
        if !is_over {
            let ended = bench.drive(Driving { crash_after: usize::MAX, ..crashing }).await;
            assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:#}", ended.summary);
        }
        let bytes = bench.bytes("revenue").await;
        assert_eq!(expected.get_or_insert(bytes.clone()), &bytes, "died after {calls} calls");
        let place = format!("/lake-{calls}/_athena/");
        let asked = asked(&moto).await.into_iter().filter(|it| it.to_string().contains(&place));
        let most = if is_over { 1 } else { 2 };
        assert!((1..=most).contains(&asked.count()), "died after {calls} calls");
        if is_over {
            break;
        }
    }
}

#[tokio::test]
async fn a_query_that_somebody_cancels_is_told_and_the_next_run_asks_anew() {
    let Some(moto) = moto("eu-west-3").await else { return };
    let bench = bench(&moto, "lake");
    for calls in 1.. {
        bench.drive(Driving { crash_after: calls, ..Driving::default() }).await;
        if let [query] = &asked(&moto).await[..] {
            let input = json!({"QueryExecutionId": query["QueryExecutionId"]});
            moto.call(ATHENA, "athena:StopQueryExecution", &input).await;
            break;
        }
    }
    let summary = bench.fail().await;
    let message = summary["message"].as_str().unwrap();
    assert!(message.contains("revenue.sql: the query "), "{summary:#}");
    assert!(message.contains("was cancelled by somebody; run again"), "{summary:#}");
    // One for the run that goes on, one for the run after it.
    moto.answer(COLUMNS, ROWS).await;
    moto.answer(COLUMNS, ROWS).await;
    bench.succeed().await;
    assert_eq!(bench.rows("revenue").await, PUBLISHED.trim());
}

#[tokio::test]
async fn an_answer_without_a_declared_column_is_no_dataset_until_the_query_is_mended() {
    let Some(moto) = moto("eu-north-1").await else { return };
    moto.answer(&COLUMNS[..2], &[&ROWS[0][..2]]).await;
    let bench = bench(&moto, "lake");
    let summary = bench.fail().await;
    let told = "the answer has no column `orders`; it has region, amount";
    assert!(summary["message"].as_str().unwrap().contains(told), "{summary:#}");
    moto.answer(COLUMNS, ROWS).await;
    moto.answer(COLUMNS, ROWS).await;
    bench.succeed().await;
    assert_eq!(bench.rows("revenue").await, PUBLISHED.trim());
}

#[tokio::test]
async fn a_question_is_answered_in_the_types_of_athena() {
    let Some(moto) = moto("eu-south-1").await else { return };
    let bench = bench(&moto, "lake");
    let lake = bench.service().lake();
    let error = lake.query("DROP TABLE orders").await.err().unwrap().to_string();
    assert!(error.contains("the query begins with `DROP`"), "{error}");
    moto.answer(COLUMNS, ROWS).await;
    let rows = lake.query("SELECT * FROM revenue").await.unwrap();
    let types: Vec<_> = rows.schema.fields().iter().map(|it| it.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Decimal128(38, 2)", "Int64", "Timestamp(µs, \"UTC\")"]);
    let batches: Vec<_> = rows.batches.try_collect().await.unwrap();
    let shown = pretty_format_batches(&batches).unwrap().to_string();
    assert_eq!(shown, PUBLISHED.trim().replace("Region", "region"));
}
