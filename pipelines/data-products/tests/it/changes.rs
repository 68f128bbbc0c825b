//! What is new, what changes, what is renamed and moved, and what somebody changed by hand.

use serde_json::json;
use stepwell_sandbox::starburst::{Advance, Options};

use crate::support::{Bench, few, result};

#[tokio::test]
async fn everything_arrives_and_nothing_is_written_again() {
    let bench =
        Bench::start(Options { target_catalog: "galaxy_dp".to_owned(), ..Options::default() })
            .await;
    let summary = bench.sync().await;
    assert_eq!(summary["created"], bench.sandbox.expected().len());
    bench.assert_in_step();
    let warnings = |name| result(&summary, name)["warnings"].to_string();
    assert!(warnings("materialized").contains("never_refreshed"), "{summary:#}");
    assert!(warnings("badly_owned").contains("gone@example.org"), "{summary:#}");
    assert_eq!(result(&summary, "still_a_draft")["status"], "skipped");
    assert!(bench.sandbox.galaxy_product("still_a_draft").is_none());
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_new_process_writes_nothing_again_either() {
    let mut bench = Bench::start(Options::default()).await;
    bench.sync().await;
    bench.restart();
    bench.assert_settled().await;
}

#[tokio::test]
async fn changes_additions_renames_and_moves_arrive() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let ids = |bench: &Bench| -> Vec<_> {
        bench.ours().values().map(|it| it.data_product_id.clone()).collect()
    };
    let before = ids(&bench);
    let wanted =
        Advance { seed: 1, changed: 2, deleted: 0, added: 1, renamed: 1, moved: 1, refreshed: 0 };
    bench.sandbox.advance(&wanted);
    let summary = bench.sync().await;
    assert_eq!(summary["created"], 1, "{summary:#}");
    bench.assert_in_step();
    assert!(before.iter().all(|id| ids(&bench).contains(id)), "no record is made anew");
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_moved_product_leaves_no_schema_behind() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.move_sep_product(&product.id, "elsewhere");
    bench.sync().await;
    bench.assert_in_step();
    let catalog = &bench.sandbox.options().target_catalog;
    assert_eq!(bench.sandbox.galaxy_schema(catalog, &product.schema_name), None);
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_view_that_goes_in_sep_goes_in_galaxy() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().into_iter().find(|it| it.views.len() > 1).unwrap();
    bench.sandbox.change_sep_product(&product.id, |it| drop(it.views.pop()));
    let summary = bench.sync().await;
    assert_eq!(summary["updated"], 1, "{summary:#}");
    bench.assert_in_step();
}

#[tokio::test]
async fn a_new_storage_table_is_followed_though_no_clock_moves() {
    let bench = Bench::start(Options { products: 0, ..Options::default() }).await;
    bench.sync().await;
    let product = bench.sandbox.sep_product_named("materialized").unwrap();
    let storage = bench.sandbox.refresh_materialized_view(&product.id, "hive_mv").unwrap();
    bench.sync().await;
    let catalog = &bench.sandbox.options().target_catalog;
    let view = bench.sandbox.galaxy_view(catalog, "materialized", "hive_mv").unwrap();
    assert!(view.sql.contains(&storage.name), "{}", view.sql);
    bench.sandbox.refresh_materialized_view(&product.id, "never_refreshed").unwrap();
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_repaired() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let expected = bench.sandbox.expected();
    let [one, two, three] = &expected[..3] else { panic!("four products") };
    let catalog = bench.sandbox.options().target_catalog.clone();
    let view = |it: &stepwell_sandbox::starburst::Expected| {
        format!("\"{catalog}\".\"{}\".\"{}\"", it.schema, it.views.keys().next().unwrap())
    };
    bench.sandbox.galaxy_sql(&format!("DROP VIEW {}", view(one))).unwrap();
    bench
        .sandbox
        .galaxy_sql(&format!("CREATE OR REPLACE VIEW {} AS SELECT 1 AS x", view(two)))
        .unwrap();
    let id = bench.sandbox.galaxy_product(&three.name).unwrap().data_product_id;
    bench.sandbox.change_galaxy_product(&id, |it| {
        it.description = "by hand".to_owned();
        it.links.clear();
        it.contacts.clear();
    });
    let summary = bench.sync().await;
    assert_eq!(summary["updated"], 3, "{summary:#}");
    assert!(
        result(&summary, &one.name)["detail"].as_str().unwrap().contains("changed in Galaxy"),
        "{summary:#}"
    );
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn a_record_and_a_schema_that_somebody_deleted_come_back() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let expected = bench.sandbox.expected();
    let id = bench.sandbox.galaxy_product(&expected[0].name).unwrap().data_product_id;
    bench.sandbox.delete_galaxy_product(&id);
    let catalog = &bench.sandbox.options().target_catalog;
    bench
        .sandbox
        .galaxy_sql(&format!("DROP SCHEMA \"{catalog}\".\"{}\" CASCADE", expected[1].schema))
        .unwrap();
    bench.sync().await;
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn the_references_secret_is_enough() {
    let nothing = json!({
        "secret": "secret:dp-sync", "sep_username": null, "sep_password": null, "galaxy_host": null, "galaxy_client_id": null,
        "galaxy_client_secret": null, "galaxy_sql_username": null, "galaxy_sql_password": null,
        "galaxy_sql_cluster_url": null, "data_product_catalog": null, "default_cluster": null,
    });
    let bench = Bench::with(few(), &nothing).await;
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn the_cluster_is_found_by_its_name_alone() {
    let bench = Bench::with(few(), &json!({"galaxy_sql_cluster_url": null})).await;
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn products_are_chosen_by_name_and_the_others_are_left() {
    let mut bench = Bench::start(few()).await;
    bench.sync().await;
    let names: Vec<String> = bench.ours().into_keys().collect();
    bench.reconfigure("exclude", json!([names[0]]));
    bench.sandbox.advance(&Advance {
        seed: 1,
        changed: 4,
        deleted: 0,
        added: 0,
        renamed: 0,
        moved: 0,
        refreshed: 0,
    });
    let summary = bench.sync().await;
    assert_eq!(summary["updated"], 3, "{summary:#}");
    assert_eq!(result(&summary, &names[0])["status"], "skipped");
    bench.assert_in_step_but(&[&names[0]]);
    bench.reconfigure("search_string", json!(names[1]));
    let summary = bench.sync().await;
    assert_eq!(summary["deleted"], 0, "what a search hides is not gone: {summary:#}");
    assert!(bench.sandbox.galaxy_product(&names[2]).is_some());
}
