//! Every fault of the service, one by one: it ends in equal rows or in an error by name.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use stepwell_sandbox::dap::{Endpoint, Fault, FaultRule, JobTiming, Options};

use crate::support::Bench;

const TABLES: [&str; 2] = ["users", "courses"];

fn options(faults: Vec<FaultRule>) -> Options {
    Options { total_rows: 2_000, rows_per_part: 100, faults, ..Options::default() }
}

/// Runs once for each endpoint and fault, which strikes the first or the second request, and asserts that nothing
/// is missing in the end. All at the same time: most of it is waiting.
async fn survives(endpoints: &[Endpoint], faults: &[Fault]) {
    let runs = endpoints.iter().flat_map(|on| faults.iter().map(move |fault| (on, fault)));
    let runs = runs.flat_map(|run| [(0, run), (1, run)]);
    join_all(runs.map(async |(skip, (on, fault))| {
        let rule = FaultRule::new(*on, fault.clone()).once().after(skip);
        let bench = Bench::start(options(vec![rule])).await;
        bench.sync(&TABLES).await;
        bench.assert_in_step(&TABLES);
    }))
    .await;
}

/// Runs with a fault that never ends on `users`; gives the failure after asserting that `courses` came through.
async fn fails(on: Endpoint, fault: Fault) -> Value {
    let rule = FaultRule::new(on, fault).about("canvas.users");
    let bench = Bench::start(options(vec![rule])).await;
    let report = bench.run(json!({ "tables": TABLES })).await;
    bench.assert_in_step(&["courses"]);
    assert_eq!(report.summary["failed"], 1, "{:#}", report.summary);
    assert_eq!(report.summary["error"], "TablesFailed");
    let failure = report.summary["failures"][0].clone();
    assert_eq!(failure["table"], "canvas.users");
    failure
}

const API: [Endpoint; 5] = [
    Endpoint::ListTables,
    Endpoint::Schema,
    Endpoint::CreateJob,
    Endpoint::GetJob,
    Endpoint::ObjectUrl,
];

/// Every endpoint.
const ALL: [Endpoint; 7] =
    [API[0], API[1], API[2], API[3], API[4], Endpoint::Login, Endpoint::Download];

#[tokio::test]
async fn one_server_error_anywhere() {
    survives(&ALL, &[Fault::ServerError { status: 503 }]).await;
}

#[tokio::test]
async fn one_dropped_connection_anywhere() {
    survives(&ALL, &[Fault::DropConnection]).await;
}

#[tokio::test]
async fn one_page_of_a_gateway_anywhere() {
    let pages = [502, 200].map(|status| Fault::GatewayPage { status });
    survives(&ALL[..6], &pages).await;
}

#[tokio::test]
async fn one_refused_token_anywhere() {
    survives(&API, &[Fault::Unauthorized]).await;
}

#[tokio::test]
async fn one_too_many_anywhere() {
    survives(&ALL[..6], &[Fault::TooManyRequests { seconds: Some(1) }]).await;
}

#[tokio::test]
async fn a_wait_that_outlasts_the_slice_is_left_to_the_state_machine() {
    let rule = FaultRule::new(Endpoint::Schema, Fault::TooManyRequests { seconds: None }).once();
    let bench = Bench::start(options(vec![rule])).await;
    bench.sync(&["courses"]).await;
    bench.sandbox.add_fault(FaultRule::new(
        Endpoint::CreateJob,
        Fault::TooManyRequests { seconds: Some(40) },
    ));
    let item = json!({"namespace": "canvas", "table": "courses"});
    let step = bench.call("sync-table", &item, Duration::from_secs(2)).await.unwrap();
    assert_eq!(step["status"], "IN_PROGRESS");
    assert!((38..=40).contains(&step["wait_seconds"].as_u64().unwrap()), "{step:#}");
}

#[tokio::test]
async fn expired_links_are_issued_anew() {
    survives(&[Endpoint::Download], &[Fault::ExpiredLink, Fault::NotFound]).await;
}

#[tokio::test]
async fn bodies_that_break_off_or_are_damaged_never_count() {
    let damage = [Fault::BreakBody, Fault::TruncateBody, Fault::CorruptChecksum];
    survives(&[Endpoint::Download], &damage).await;
}

#[tokio::test]
async fn a_slow_body_arrives() {
    survives(&[Endpoint::Download], &[Fault::Dribble { bytes_per_second: 20_000 }]).await;
}

#[tokio::test]
async fn a_body_that_drips_is_dropped_and_fetched_anew() {
    survives(&[Endpoint::Download], &[Fault::Dribble { bytes_per_second: 100 }]).await;
}

#[tokio::test]
async fn a_failed_job_is_replaced() {
    let failures = [Fault::FailJob { message: String::new() }, Fault::StickJob { polls: Some(2) }];
    survives(&[Endpoint::CreateJob], &failures).await;
}

#[tokio::test]
async fn a_job_that_vanished_is_replaced() {
    survives(&[Endpoint::GetJob, Endpoint::ObjectUrl], &[Fault::NotFound]).await;
}

#[tokio::test]
async fn a_schema_that_changes_between_two_requests_is_fetched_again() {
    survives(&[Endpoint::CreateJob], &[Fault::BumpSchema]).await;
}

#[tokio::test]
async fn a_job_that_always_fails_is_told_with_its_id_type_and_uuid() {
    let failure = fails(Endpoint::CreateJob, Fault::FailJob { message: String::new() }).await;
    assert_eq!(failure["error"], "Retryable");
    let cause = failure["cause"].as_str().unwrap();
    for part in ["job ", "canvas.users", "type ", "uuid ", "gave no reason"] {
        assert!(cause.contains(part), "{part} in {cause}");
    }
}

#[tokio::test]
async fn a_file_that_is_always_damaged_is_told_and_nothing_is_published() {
    let failure = fails(Endpoint::Download, Fault::CorruptChecksum).await;
    assert_eq!(failure["error"], "Retryable");
    assert!(failure["cause"].as_str().unwrap().contains("gzip"), "{failure:#}");
}

#[tokio::test]
async fn a_table_that_is_always_refused_is_told() {
    let failure = fails(Endpoint::Schema, Fault::NotFound).await;
    assert_eq!(failure["error"], "Config");
    assert!(failure["cause"].as_str().unwrap().contains("canvas.users"), "{failure:#}");
}

#[tokio::test]
async fn everything_a_little_broken() {
    let faults = API
        .into_iter()
        .map(|on| FaultRule::new(on, Fault::ServerError { status: 500 }).probability(0.1))
        .chain([
            FaultRule::new(Endpoint::Download, Fault::BreakBody).probability(0.1),
            FaultRule::new(Endpoint::Download, Fault::ExpiredLink).probability(0.1),
        ])
        .collect();
    let job_timing = JobTiming { running: Duration::from_millis(300), ..JobTiming::default() };
    let bench = Bench::start(Options { job_timing, ..options(faults) }).await;
    bench.sync(&TABLES).await;
    bench.assert_in_step(&TABLES);
}
