//! Trino's statement protocol.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use stepwell_sandbox::starburst::{
    ClusterStart, ClusterState, Options, QueryError, QueryFaultRule, StartBy, StatementOutcome,
    TrinoSide,
};

use super::support::{Fixture, answer, options};

const CREATE: &str = "CREATE SCHEMA hive_dp.new";

fn is_created(fixture: &Fixture) -> bool {
    fixture.sandbox.galaxy_schema("hive_dp", "new").is_some()
}

#[tokio::test]
async fn credentials_and_user_have_to_agree() {
    let fixture = Fixture::small().await;
    let url = format!("{}/v1/statement", fixture.sandbox.trino_url());
    let refused = answer(fixture.http.post(&url).body("SELECT 1")).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.headers.contains_key(header::WWW_AUTHENTICATE));
    let options = fixture.sandbox.options();
    let wrong = fixture.http.post(&url).basic_auth(&options.sql_user, Some("wrong"));
    assert_eq!(answer(wrong.body("SELECT 1")).await.status, StatusCode::UNAUTHORIZED);
    let other = fixture
        .http
        .post(&url)
        .basic_auth(&options.sql_user, Some(&options.sql_password))
        .header("X-Trino-User", "root");
    assert_eq!(answer(other.body("SELECT 1")).await.status, StatusCode::FORBIDDEN);
    let next = answer(fixture.statement("SELECT 1")).await.body["nextUri"].clone();
    let refused = answer(fixture.http.get(next.as_str().unwrap())).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_statement_takes_effect_on_its_last_page() {
    let fixture = Fixture::small().await;
    let mut page = answer(fixture.statement(CREATE)).await.expect(StatusCode::OK);
    assert_eq!(page["stats"]["state"], "QUEUED");
    assert!(page["nextUri"].as_str().unwrap().contains("/v1/statement/queued/"));
    let mut paths = 0;
    while let Some(next) = page["nextUri"].as_str() {
        assert!(!is_created(&fixture), "{page}");
        page = answer(fixture.trino(Method::GET, next)).await.expect(StatusCode::OK);
        paths += 1;
    }
    assert!(is_created(&fixture) && paths == 3);
    assert_eq!(
        (&page["updateType"], &page["stats"]["state"]),
        (&json!("CREATE SCHEMA"), &json!("FINISHED"))
    );
    assert_eq!(fixture.sandbox.writes().sql, 1);
    assert_eq!(fixture.sandbox.statements()[0].outcome, StatementOutcome::Finished);
}

#[tokio::test]
async fn a_client_that_stops_early_has_changed_nothing() {
    let fixture = Fixture::small().await;
    let page = answer(fixture.statement(CREATE)).await.body;
    let next = page["nextUri"].as_str().unwrap();
    answer(fixture.trino(Method::GET, next)).await.expect(StatusCode::OK);
    assert!(!is_created(&fixture));
    assert_eq!(fixture.sandbox.statements()[0].outcome, StatementOutcome::Running);
    assert_eq!(fixture.sandbox.writes().sql, 0);
}

#[tokio::test]
async fn a_canceled_statement_does_not_run() {
    let fixture = Fixture::small().await;
    let page = answer(fixture.statement(CREATE)).await.body;
    let next = page["nextUri"].as_str().unwrap();
    let canceled = answer(fixture.trino(Method::DELETE, next)).await;
    assert_eq!(canceled.status, StatusCode::NO_CONTENT);
    let last = answer(fixture.trino(Method::GET, next)).await.expect(StatusCode::OK);
    assert_eq!(last["error"]["errorName"], "USER_CANCELED");
    assert!(!is_created(&fixture));
    assert_eq!(fixture.sandbox.statements()[0].outcome, StatementOutcome::Canceled);
}

#[tokio::test]
async fn a_page_can_be_fetched_again_and_no_earlier_one() {
    let fixture = Fixture::small().await;
    let first = answer(fixture.statement(CREATE)).await.body;
    let first_uri = first["nextUri"].as_str().unwrap();
    let second = answer(fixture.trino(Method::GET, first_uri)).await.expect(StatusCode::OK);
    let again = answer(fixture.trino(Method::GET, first_uri)).await.expect(StatusCode::OK);
    assert_eq!(second, again);
    let second_uri = second["nextUri"].as_str().unwrap();
    let third = answer(fixture.trino(Method::GET, second_uri)).await.expect(StatusCode::OK);
    assert_eq!(answer(fixture.trino(Method::GET, first_uri)).await.status, StatusCode::GONE);
    let third_uri = third["nextUri"].as_str().unwrap();
    for _ in 0..2 {
        let last = answer(fixture.trino(Method::GET, third_uri)).await.expect(StatusCode::OK);
        assert!(last.get("nextUri").is_none() && last.get("error").is_none());
    }
    assert_eq!(fixture.sandbox.writes().sql, 1);
    let guessed = first_uri.replace("/y", "/z");
    assert_eq!(answer(fixture.trino(Method::GET, &guessed)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_abandoned_statement_fails() {
    let fixture = Fixture::small().await;
    let page = answer(fixture.statement(CREATE)).await.body;
    fixture.move_clock(301);
    let last = answer(fixture.trino(Method::GET, page["nextUri"].as_str().unwrap())).await;
    assert_eq!(last.expect(StatusCode::OK)["error"]["errorName"], "ABANDONED_QUERY");
    assert!(!is_created(&fixture));
}

#[tokio::test]
async fn rows_come_page_by_page_with_their_columns() {
    let fixture = Fixture::start(Options { rows_per_page: 2, ..options() }).await;
    fixture.sql("CREATE TABLE hive_dp.handmade.t (a bigint, b decimal(10,2), c timestamp(3), d varchar(7), e date)");
    let sql = "SELECT column_name, ordinal_position FROM hive_dp.information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position DESC";
    let pages = fixture.pages(sql).await;
    let data: Vec<&Value> = pages.iter().filter_map(|page| page.get("data")).collect();
    let sizes: Vec<usize> = data.iter().map(|data| data.as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(data[0], &json!([["e", 5], ["d", 4]]));
    let with_data = pages.iter().filter(|page| page.get("data").is_some());
    assert!(with_data.clone().all(|page| page["columns"][0]["name"] == "column_name"));
}

#[tokio::test]
async fn clients_without_precision_see_the_old_types() {
    let fixture = Fixture::small().await;
    fixture.sql("CREATE TABLE hive_dp.handmade.t (c timestamp(3) with time zone)");
    let types = async |capabilities: &str| {
        let request = fixture.statement("SELECT c FROM hive_dp.handmade.t LIMIT 0");
        let request = request.header("X-Trino-Client-Capabilities", capabilities);
        let mut page = answer(request).await.expect(StatusCode::OK);
        while let Some(next) = page["nextUri"].as_str() {
            page = answer(fixture.trino(Method::GET, next)).await.expect(StatusCode::OK);
        }
        page["columns"][0]["type"].clone()
    };
    assert_eq!(types("PATH,PARAMETRIC_DATETIME").await, "timestamp(3) with time zone");
    assert_eq!(types("PATH").await, "timestamp with time zone");
}

#[tokio::test]
async fn a_stopped_cluster_is_unavailable_while_it_starts() {
    let start =
        ClusterStart { answers: 2, time: Duration::from_secs(80), by: StartBy::Unavailable };
    let stopped = Options { cluster: ClusterState::Stopped, cluster_start: start, ..options() };
    let fixture = Fixture::start(stopped).await;
    for _ in 0..3 {
        let refused = answer(fixture.statement("SELECT 1")).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    fixture.move_clock(80);
    assert_eq!(fixture.run("SELECT 1").await.unwrap(), [json!([1])]);
}

#[tokio::test]
async fn statements_can_wait_for_a_cluster_that_starts() {
    let start = ClusterStart { answers: 2, time: Duration::ZERO, by: StartBy::Waiting };
    let stopped = Options { cluster: ClusterState::Stopped, cluster_start: start, ..options() };
    let fixture = Fixture::start(stopped).await;
    let pages = fixture.pages("SELECT 1").await;
    let waiting = pages.iter().filter(|page| page["stats"]["state"] == "WAITING_FOR_RESOURCES");
    assert_eq!(waiting.count(), 2);
    assert_eq!(pages.last().unwrap()["stats"]["state"], "FINISHED");
}

#[tokio::test]
async fn a_disabled_cluster_lets_statements_fail() {
    for by in [StartBy::Unavailable, StartBy::Waiting] {
        let cluster_start = ClusterStart { answers: 0, by, ..ClusterStart::default() };
        let disabled = Options { cluster: ClusterState::Disabled, cluster_start, ..options() };
        let fixture = Fixture::start(disabled).await;
        let error = fixture.run("SELECT 1").await.unwrap_err();
        assert_eq!(error["errorName"], "QUERY_REJECTED");
        assert!(error["message"].as_str().unwrap().contains("is disabled"));
        fixture.sandbox.set_cluster(ClusterState::Running);
        fixture.run("SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn statements_fail_on_demand() {
    let fixture = Fixture::small().await;
    let error = QueryError::new("HIVE_METASTORE_ERROR").message("no route to the metastore");
    let rule = QueryFaultRule::new(TrinoSide::Galaxy, error).about("hive_dp.new").once();
    fixture.sandbox.fail_statements(rule);
    fixture.run("SELECT 1").await.unwrap();
    let error = fixture.run(CREATE).await.unwrap_err();
    assert_eq!(
        (&error["errorName"], &error["errorType"]),
        (&json!("HIVE_METASTORE_ERROR"), &json!("EXTERNAL"))
    );
    assert!(!is_created(&fixture));
    fixture.run(CREATE).await.unwrap();
    assert!(is_created(&fixture));
}

#[tokio::test]
async fn an_empty_statement_is_refused() {
    let fixture = Fixture::small().await;
    assert_eq!(answer(fixture.statement(" ")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn use_and_prepare_change_the_clients_session() {
    let fixture = Fixture::small().await;
    let last = async |sql: &str, header: Option<(&str, &str)>| {
        let mut request = fixture.statement(sql);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let mut page = answer(request).await;
        while let Some(next) = page.body["nextUri"].as_str() {
            page = answer(fixture.trino(Method::GET, next)).await;
        }
        page
    };
    let used = last("USE hive_dp.handmade", None).await;
    assert_eq!(used.headers["x-trino-set-catalog"], "hive_dp");
    assert_eq!(used.headers["x-trino-set-schema"], "handmade");
    let prepared = last("PREPARE p FROM SELECT ?, 'x'", None).await;
    let added = prepared.headers["x-trino-added-prepare"].to_str().unwrap().to_owned();
    let header = Some(("X-Trino-Prepared-Statement", added.as_str()));
    assert_eq!(last("EXECUTE p USING 7", header).await.body["data"], json!([[7, "x"]]));
    assert_eq!(last("EXECUTE p USING 7", None).await.body["error"]["errorName"], "NOT_FOUND");
    let gone = last("DEALLOCATE PREPARE p", header).await;
    assert_eq!(gone.headers["x-trino-deallocated-prepare"], "p");
    let immediate = last("EXECUTE IMMEDIATE 'SELECT ?' USING 'it''s'", None).await;
    assert_eq!(immediate.body["data"], json!([["it's"]]));
}
