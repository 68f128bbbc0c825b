//! Servers that misbehave.

use std::time::Duration;

use serde_json::json;
use stepwell_sandbox::starburst::{
    ClusterStart, ClusterState, Endpoint, FaultRule, HttpFault, Options, QueryError,
    QueryFaultRule, StartBy, StatementOutcome, TrinoSide,
};

use crate::support::{Bench, few, result};

/// Everybody gets in step in spite of these.
async fn assert_endured(faults: Vec<FaultRule>) -> Bench {
    let bench = Bench::start(few()).await;
    for fault in faults {
        bench.sandbox.add_fault(fault);
    }
    bench.sync().await;
    bench.sandbox.clear_faults();
    bench.assert_in_step();
    bench.assert_settled().await;
    bench
}

#[tokio::test]
async fn short_trouble_of_every_kind_is_endured() {
    let faults = [
        (Endpoint::SepListProducts, HttpFault::status(503)),
        (Endpoint::SepGetProduct, HttpFault::Close),
        (Endpoint::GalaxyToken, HttpFault::status(500)),
        (Endpoint::GalaxyListProducts, HttpFault::status(500)),
        (Endpoint::GalaxyListSchemas, HttpFault::status(502)),
        (Endpoint::GalaxyAttachTag, HttpFault::status(500)),
        (Endpoint::Statement, HttpFault::status(502)),
        (Endpoint::NextPage, HttpFault::status(504)),
        (Endpoint::NextPage, HttpFault::LoseAnswer),
        (Endpoint::NextPage, HttpFault::EmptyBody),
    ];
    let faults = faults
        .into_iter()
        .map(|(endpoint, fault)| FaultRule::new(endpoint, fault).times(2))
        .collect();
    assert_endured(faults).await;
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_not_made_twice() {
    for fault in
        [HttpFault::LoseAnswer, HttpFault::FailAfter { status: 500 }, HttpFault::status(500)]
    {
        let rule = |endpoint| FaultRule::new(endpoint, fault.clone()).once();
        let bench = assert_endured(vec![
            rule(Endpoint::GalaxyCreateProduct),
            rule(Endpoint::GalaxyCreateTag),
        ])
        .await;
        assert_eq!(bench.ours().len(), 4);
        let tags =
            bench.sandbox.galaxy_tags().into_iter().filter(|tag| tag.name == "dp_sync").count();
        assert_eq!(tags, 1);
    }
}

#[tokio::test]
async fn too_many_requests_hold_everyone_back_for_a_while() {
    let refused =
        |endpoint| FaultRule::new(endpoint, HttpFault::too_many_requests(Some(1))).times(3);
    assert_endured(vec![
        refused(Endpoint::SepGetProduct),
        refused(Endpoint::GalaxyAttachTag),
        refused(Endpoint::Statement),
    ])
    .await;
}

#[tokio::test]
async fn too_many_requests_without_a_time_are_endured_too() {
    assert_endured(vec![
        FaultRule::new(Endpoint::GalaxyCreateProduct, HttpFault::too_many_requests(None)).times(2),
    ])
    .await;
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_answer() {
    let bench = Bench::start(few()).await;
    bench
        .sandbox
        .add_fault(FaultRule::new(Endpoint::GalaxyListProducts, HttpFault::Page { status: 200 }));
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "Data");
    assert_eq!(bench.sandbox.writes().total(), 0, "what cannot be read is not absent");
}

#[tokio::test]
async fn tokens_are_renewed_in_the_run() {
    let bench = Bench::start(Options { token_lifetime: Duration::from_secs(2), ..few() }).await;
    bench.sandbox.set_latency(Duration::from_millis(100));
    bench.sync().await;
    assert!(bench.sandbox.requests()[&Endpoint::GalaxyToken] > 1);
    bench.sandbox.set_latency(Duration::ZERO);
    bench.sandbox.expire_tokens();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_stopped_cluster_is_woken_and_waited_for() {
    for by in [StartBy::Unavailable, StartBy::Waiting] {
        let cluster_start = ClusterStart { answers: 6, time: Duration::ZERO, by };
        let bench =
            Bench::start(Options { cluster: ClusterState::Stopped, cluster_start, ..few() }).await;
        bench.sync().await;
        bench.assert_in_step();
    }
}

#[tokio::test]
async fn a_disabled_cluster_is_enabled_unless_that_is_not_wished() {
    let options = Options { cluster: ClusterState::Disabled, ..few() };
    let bench = Bench::start(options.clone()).await;
    bench.sync().await;
    bench.assert_in_step();
    let bench = Bench::with(options, &json!({"enable_cluster": false})).await;
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "Config");
    assert_eq!(bench.sandbox.writes().total(), 0);
}

#[tokio::test]
async fn a_bad_view_hides_no_other_and_fails_its_product_by_name() {
    let bench = Bench::start(few()).await;
    let product = bench.sandbox.sep_products().into_iter().find(|it| it.views.len() > 1).unwrap();
    let broken = QueryFaultRule::new(TrinoSide::Galaxy, QueryError::new("COLUMN_NOT_FOUND"));
    let about = format!("\"{}\".\"{}\" ", product.schema_name, product.views[0].name);
    bench.sandbox.fail_statements(broken.about(&about));
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "ProductsFailed");
    let summary = ended.summary();
    assert_eq!((&summary["failed"], &summary["created"]), (&json!(1), &json!(3)), "{summary:#}");
    let detail = result(&summary, &product.name)["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(&product.views[0].name) && detail.contains("COLUMN_NOT_FOUND"),
        "{detail}"
    );
    let catalog = &bench.sandbox.options().target_catalog;
    assert!(
        bench.sandbox.galaxy_view(catalog, &product.schema_name, &product.views[1].name).is_some()
    );
    assert_eq!(bench.sandbox.galaxy_product(&product.name), None, "not published by halves");
    bench.sandbox.clear_faults();
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let bench = Bench::start(few()).await;
    for name in ["SERVER_STARTING_UP", "QUERY_QUEUE_FULL", "ABANDONED_QUERY"] {
        bench
            .sandbox
            .fail_statements(QueryFaultRule::new(TrinoSide::Galaxy, QueryError::new(name)).once());
    }
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn descriptions_that_a_catalog_does_not_take_are_a_warning() {
    let bench = Bench::start(Options { view_comments: false, ..few() }).await;
    let summary = bench.sync().await;
    assert!(summary["results"].to_string().contains("NOT_SUPPORTED"), "{summary:#}");
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_schema_that_the_api_learns_of_later_is_waited_for() {
    let bench = Bench::start(Options { schema_delay: Duration::from_millis(700), ..few() }).await;
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn pages_of_every_size_are_read_to_the_end() {
    let bench =
        Bench::start(Options { page_size: 3, rows_per_page: 2, executing_pages: 4, ..few() }).await;
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_role_is_taken_where_one_is_needed() {
    let options = Options { sep_role: Some("products".to_owned()), ..Options::default() };
    let bench = Bench::with(options, &json!({"sep_role": "products"})).await;
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn a_product_that_cannot_be_read_fails_alone() {
    let bench = Bench::start(few()).await;
    let product = bench.sandbox.sep_products().remove(0);
    let broken = HttpFault::ReplaceBody { body: json!({"id": 7}) };
    bench.sandbox.add_fault(FaultRule::new(Endpoint::SepGetProduct, broken).about(&product.id));
    let summary = bench.run(json!({})).await;
    assert_eq!((&summary["failed"], &summary["created"]), (&json!(1), &json!(3)), "{summary:#}");
    assert_eq!(result(&summary, &product.name)["status"], "failed");
    bench.assert_in_step_but(&[&product.name]);
}

#[tokio::test]
async fn collisions_and_unique_schemas_are_no_trouble() {
    let bench = Bench::start(Options {
        patch_collisions: true,
        unique_schema: true,
        needs_contacts: true,
        ..few()
    })
    .await;
    bench.sync().await;
    for product in bench.sandbox.sep_products() {
        bench.sandbox.change_sep_product(&product.id, |it| it.summary.push_str(", changed"));
    }
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn a_run_that_is_dropped_cancels_its_statements() {
    let bench = Bench::start(Options { executing_pages: 30, ..few() }).await;
    bench.sandbox.set_latency(Duration::from_millis(20));
    tokio::select! {
        _ = bench.execute(json!({})) => panic!("ended before a schema was made"),
        () = wait_for_pages_of(&bench, "CREATE SCHEMA") => {}
    }
    let canceled = wait_for_outcome(&bench, StatementOutcome::Canceled);
    tokio::time::timeout(Duration::from_secs(10), canceled).await.expect("what ran is cancelled");
}

/// Until a statement is under way, a few pages of it delivered.
async fn wait_for_pages_of(bench: &Bench, sql: &str) {
    let pages = || bench.sandbox.requests().get(&Endpoint::NextPage).copied().unwrap_or_default();
    while !bench.sandbox.statements().iter().any(|it| it.sql.starts_with(sql)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let before = pages();
    while pages() < before + 10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn wait_for_outcome(bench: &Bench, outcome: StatementOutcome) {
    while !bench.sandbox.statements().iter().any(|it| it.outcome == outcome) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
