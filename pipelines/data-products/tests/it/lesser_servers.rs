//! Servers that know less than the real ones, or are stricter: as much as can be had is had, and nothing is written
//! without need.

use serde_json::json;
use stepwell_sandbox::starburst::{
    ClusterState, Endpoint, FaultRule, HttpFault, Options, QueryError, QueryFaultRule, TrinoSide,
};

use crate::support::{Bench, few, result};

/// Statements with this text are never taken.
fn refuse(bench: &Bench, side: TrinoSide, about: &str) {
    let error = QueryError::new("SYNTAX_ERROR");
    bench.sandbox.fail_statements(QueryFaultRule::new(side, error).about(about));
}

/// Everything works on a cluster that refuses these: also what somebody changed by hand is found.
async fn assert_read_without(refused: &[&str]) {
    let bench = Bench::start(few()).await;
    for about in refused {
        refuse(&bench, TrinoSide::Galaxy, about);
    }
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
    let product = bench.sandbox.sep_products().into_iter().find(|it| it.views.len() > 1).unwrap();
    let catalog = &bench.sandbox.options().target_catalog;
    let [changed, dropped] = [0, 1].map(|view| {
        format!("\"{catalog}\".\"{}\".\"{}\"", product.schema_name, product.views[view].name)
    });
    bench.sandbox.galaxy_sql(&format!("DROP VIEW {dropped}")).unwrap();
    bench.sandbox.galaxy_sql(&format!("CREATE OR REPLACE VIEW {changed} AS SELECT 7 x")).unwrap();
    assert_eq!(bench.sync().await["updated"], 1, "{refused:?}");
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_cluster_without_schemata_and_views_is_read_one_by_one() {
    assert_read_without(&["information_schema.schemata", "information_schema.views"]).await;
}

#[tokio::test]
async fn a_cluster_that_lists_nothing_is_read_by_what_the_api_and_the_ledger_know() {
    assert_read_without(&["information_schema.", "SHOW SCHEMAS", "SHOW TABLES"]).await;
}

#[tokio::test]
async fn a_cluster_that_does_not_show_views_is_written_to_once() {
    let bench = Bench::start(few()).await;
    for about in ["information_schema.views", "SHOW CREATE VIEW"] {
        refuse(&bench, TrinoSide::Galaxy, about);
    }
    bench.sync().await;
    bench.assert_settled().await;
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.change_sep_product(&product.id, |it| {
        it.views[0].description = Some("Another one".to_owned());
    });
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_cluster_may_refuse_a_statement_with_400() {
    let bench = Bench::start(few()).await;
    for about in ["information_schema.schemata", "information_schema.views"] {
        let fault = FaultRule::new(Endpoint::Statement, HttpFault::status(400)).about(about);
        bench.sandbox.add_fault(fault);
    }
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_schema_that_was_dropped_is_found_where_the_cluster_lists_none() {
    let bench = Bench::start(few()).await;
    for about in ["information_schema.", "SHOW SCHEMAS", "SHOW TABLES"] {
        refuse(&bench, TrinoSide::Galaxy, about);
    }
    bench.sync().await;
    let (catalog, product) =
        (&bench.sandbox.options().target_catalog, bench.sandbox.sep_products().remove(0));
    let schema = &product.schema_name;
    bench.sandbox.galaxy_sql(&format!("DROP SCHEMA \"{catalog}\".\"{schema}\" CASCADE")).unwrap();
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn a_cluster_that_is_disabled_between_runs_is_enabled() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    bench.sandbox.set_cluster(ClusterState::Disabled);
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.change_sep_product(&product.id, |it| it.summary.push_str(", changed"));
    let summary = bench.sync().await;
    assert_eq!(summary["updated"], 1, "{summary:#}");
    bench.assert_in_step();
}

#[tokio::test]
async fn a_cluster_that_says_disabled_for_a_while_after_it_was_enabled_is_waited_for() {
    let bench = Bench::start(Options { cluster: ClusterState::Disabled, ..few() }).await;
    let late = QueryError::new("GENERIC_INTERNAL_ERROR")
        .message("Cluster is disabled and cannot execute queries");
    bench.sandbox.fail_statements(QueryFaultRule::new(TrinoSide::Galaxy, late).times(2));
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn materialized_views_are_asked_for_one_by_one_where_that_is_all_that_sep_takes() {
    for refused in ["schema_name, name, storage_catalog", "information_schema.columns"] {
        let bench = Bench::start(Options { products: 0, ..Options::default() }).await;
        refuse(&bench, TrinoSide::Sep, refused);
        bench.sync().await;
        bench.assert_in_step();
        bench.assert_settled().await;
    }
}

#[tokio::test]
async fn a_materialized_view_that_cannot_be_asked_for_is_left_alone() {
    let bench = Bench::start(Options { products: 0, ..Options::default() }).await;
    refuse(&bench, TrinoSide::Sep, "schema_name, name, storage_catalog");
    refuse(&bench, TrinoSide::Sep, "name = 'hive_mv'");
    let summary = bench.sync().await;
    let warnings = result(&summary, "materialized")["warnings"].to_string();
    assert!(warnings.contains("hive_mv") && warnings.contains("SYNTAX_ERROR"), "{summary:#}");
    bench.assert_in_step_but(&["materialized"]);
}

#[tokio::test]
async fn a_materialized_view_whose_columns_nobody_tells_shows_all() {
    let bench = Bench::start(Options { products: 0, ..Options::default() }).await;
    refuse(&bench, TrinoSide::Sep, "information_schema.columns");
    let product = bench.sandbox.sep_product_named("materialized").unwrap();
    bench.sandbox.change_sep_product(&product.id, |it| {
        for view in &mut it.materialized_views {
            view.columns.clear();
        }
    });
    let summary = bench.sync().await;
    let warnings = result(&summary, "materialized")["warnings"].to_string();
    assert!(warnings.contains("tells no columns of the materialized view `hive_mv`"), "{warnings}");
    let catalog = &bench.sandbox.options().target_catalog;
    let view = bench.sandbox.galaxy_view(catalog, &product.schema_name, "hive_mv").unwrap();
    assert!(view.sql.contains('*'), "{}", view.sql);
    bench.assert_settled().await;
}

#[tokio::test]
async fn descriptions_that_are_refused_in_any_way_are_warnings() {
    let bench = Bench::start(few()).await;
    for about in ["COMMENT ON", " COMMENT '"] {
        refuse(&bench, TrinoSide::Galaxy, about);
    }
    let summary = bench.sync().await;
    assert!(summary["results"].to_string().contains("takes no description"), "{summary:#}");
    bench.assert_settled().await;
}

#[tokio::test]
async fn links_that_are_no_urls_are_left_out_where_galaxy_refuses_them() {
    let bench = Bench::start(few()).await;
    let product = bench.sandbox.sep_products().remove(0);
    for url in ["wiki/one", "wiki/other"] {
        bench.sandbox.change_sep_product(&product.id, |it| *it = it.clone().link("more", url));
        let summary = bench.sync().await;
        let warnings = result(&summary, &product.name)["warnings"].to_string();
        assert!(warnings.contains("no links that are no URLs"), "{summary:#}");
        let tried = bench.sandbox.log().iter().any(|request| request.body.contains(url));
        assert!(tried, "they go along at first");
        bench.assert_in_step_but(&[&product.name]);
        bench.assert_settled().await;
    }
}

#[tokio::test]
async fn a_business_context_that_goes_in_sep_goes_in_galaxy() {
    let bench = Bench::start(few()).await;
    let product = bench.sandbox.sep_products().remove(0);
    for context in [Some("Decides on bonuses"), None] {
        bench.sandbox.change_sep_product(&product.id, |it| {
            it.business_context = context.map(str::to_owned);
        });
        bench.sync().await;
        bench.assert_in_step();
        bench.assert_settled().await;
    }
}

#[tokio::test]
async fn names_are_found_in_whatever_case_they_are_written() {
    let upper = |text: &str| json!(text.to_uppercase());
    let Options { target_catalog, .. } = few();
    let settings =
        json!({"data_product_catalog": upper(&target_catalog), "default_cluster": "ETL"});
    let bench = Bench::with(few(), &settings).await;
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_conflict_that_is_about_no_name_is_tried_again() {
    let bench = Bench::start(few()).await;
    let body = Some(json!({"status": "CONFLICT"}));
    let conflict = HttpFault::Status { status: 409, retry_after: None, body };
    bench.sandbox.add_fault(FaultRule::new(Endpoint::GalaxyCreateProduct, conflict).once());
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn the_cluster_is_asked_for_once_in_a_run_however_many_products_go() {
    let bench = Bench::with(few(), &json!({"galaxy_sql_cluster_url": null})).await;
    bench.sync().await;
    for product in bench.sandbox.sep_products().iter().take(3) {
        bench.sandbox.delete_sep_product(&product.id);
    }
    bench.sandbox.forget_requests();
    let summary = bench.run(json!({"allow_deletes": true})).await;
    assert_eq!(summary["deleted"], 3, "{summary:#}");
    assert_eq!(bench.sandbox.requests()[&Endpoint::GalaxyGetCluster], 1);
    assert_eq!(bench.sandbox.requests()[&Endpoint::GalaxyGetCatalog], 1);
}
