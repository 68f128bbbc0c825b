//! How the source changes, and what a synchronisation should make of it.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::json;
use stepwell_sandbox::starburst::{Advance, Expected, Options, sep};

use super::support::{Fixture, answer, options};

fn named(expected: Vec<Expected>, name: &str) -> Expected {
    expected.into_iter().find(|it| it.name == name).unwrap()
}

#[tokio::test]
async fn only_what_is_published_is_expected() {
    let fixture = Fixture::small().await;
    let expected = fixture.sandbox.expected();
    assert!(expected.iter().all(|it| it.name != "still_a_draft"));
    assert_eq!(expected.len() + 1, fixture.sandbox.sep_products().len());
    let half = named(expected.clone(), "half_published");
    assert_eq!(half.views.keys().collect::<Vec<_>>(), ["staying"]);
    let owned = named(expected.clone(), "badly_owned");
    assert_eq!(
        owned.contacts,
        BTreeSet::from(["owner8@example.org".to_owned(), "owner9@example.org".to_owned()])
    );
    assert_eq!(owned.unknown_contacts, BTreeSet::from(["gone@example.org".to_owned()]));
    let materialized = named(expected, "materialized");
    assert_eq!(materialized.skipped, BTreeSet::from(["never_refreshed".to_owned()]));
    let storage = materialized.views["iceberg-mv"].storage.clone().unwrap();
    assert_eq!(storage.name, "iceberg-mv$materialized_view_storage");
}

#[tokio::test]
async fn a_refresh_moves_the_storage_and_nothing_else() {
    let fixture = Fixture::small().await;
    let before = fixture.sandbox.sep_product_named("materialized").unwrap();
    let storage = |view: &str| {
        named(fixture.sandbox.expected(), "materialized").views[view].storage.clone().unwrap()
    };
    let old = storage("hive_mv");
    let new = fixture.sandbox.refresh_materialized_view(&before.id, "hive_mv").unwrap();
    assert_ne!(old, new);
    assert_eq!(storage("hive_mv"), new);
    assert_eq!(fixture.sandbox.sep_product(&before.id).unwrap(), before);
    let select = |name: &stepwell_sandbox::starburst::QualifiedName| {
        format!("SELECT id FROM \"{}\".\"{}\".\"{}\" LIMIT 0", name.catalog, name.schema, name.name)
    };
    fixture.run(&select(&new)).await.unwrap();
    assert_eq!(fixture.run(&select(&old)).await.unwrap_err()["errorName"], "TABLE_NOT_FOUND");
    assert!(fixture.sandbox.refresh_materialized_view(&before.id, "never_refreshed").is_some());
    assert!(named(fixture.sandbox.expected(), "materialized").skipped.is_empty());
}

#[tokio::test]
async fn hidden_storage_can_be_out_of_reach() {
    for (reads_hidden_storage, found) in [(true, true), (false, false)] {
        let fixture = Fixture::start(Options { reads_hidden_storage, ..options() }).await;
        let sql = "SELECT id FROM lake.materialized_storage.\"iceberg-mv$materialized_view_storage\" LIMIT 0";
        assert_eq!(fixture.run(sql).await.is_ok(), found);
        let tables = fixture.run("SHOW TABLES FROM lake.materialized_storage").await;
        assert!(tables.is_err() || tables.unwrap().is_empty());
    }
}

#[tokio::test]
async fn advancing_repeats_with_the_seed_and_changes_what_it_says() {
    let wanted =
        Advance { seed: 7, changed: 5, deleted: 2, added: 2, renamed: 1, moved: 1, refreshed: 1 };
    let fixture = Fixture::start(Options { products: 20, ..options() }).await;
    let other = Fixture::start(Options { products: 20, ..options() }).await;
    let before = fixture.sandbox.expected();
    fixture.move_clock(60);
    let advanced = fixture.sandbox.advance(&wanted);
    assert_eq!(other.sandbox.advance(&wanted), advanced);
    let counts = [
        &advanced.changed,
        &advanced.deleted,
        &advanced.added,
        &advanced.renamed,
        &advanced.moved,
        &advanced.refreshed,
    ];
    assert_eq!(counts.map(Vec::len), [5, 2, 2, 1, 1, 1]);

    let after = fixture.sandbox.expected();
    let find = |all: &[Expected], id: &String| all.iter().find(|it| it.id == *id).cloned();
    for id in [&advanced.changed, &advanced.renamed, &advanced.moved, &advanced.refreshed]
        .into_iter()
        .flatten()
    {
        assert_ne!(find(&before, id).unwrap(), find(&after, id).unwrap());
    }
    for id in &advanced.deleted {
        assert_eq!(find(&after, id), None);
        fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::NOT_FOUND);
    }
    assert!(
        advanced.added.iter().all(|id| find(&before, id).is_none() && find(&after, id).is_some())
    );
    let touched = counts.into_iter().flatten().collect::<BTreeSet<_>>();
    for product in &before {
        assert_eq!(
            touched.contains(&product.id),
            find(&after, &product.id).as_ref() != Some(product)
        );
    }
    assert_eq!(fixture.sandbox.writes().total(), 0);
}

#[tokio::test]
async fn products_can_be_put_changed_renamed_and_moved() {
    let fixture = Fixture::small().await;
    let view = sep::View::new(
        "v",
        "SELECT id, name AS n FROM lake.mine.t",
        &[("id", "bigint"), ("n", "varchar")],
    );
    let product = sep::Product::new("mine", "mine").view(view.clone()).owner("owner1@example.org");
    let id = product.id.clone();
    fixture.sandbox.put_sep_product(product);
    // The table of the lake has the columns that the query reads.
    fixture.run("SELECT name FROM lake.mine.t LIMIT 0").await.unwrap();
    let before = fixture.sandbox.sep_product(&id).unwrap();
    fixture.move_clock(1);
    assert!(fixture.sandbox.rename_sep_product(&id, "renamed"));
    assert!(fixture.sandbox.move_sep_product(&id, "moved"));
    let after = fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::OK);
    assert_eq!((&after["name"], &after["schemaName"]), (&json!("renamed"), &json!("moved")));
    assert!(after["updatedAt"].as_str().unwrap() > before.updated_at.as_str());
    assert!(!fixture.sandbox.change_sep_product("no-such-id", |_| {}));
}

#[tokio::test]
async fn other_processes_steer_it_over_http() {
    let fixture = Fixture::small().await;
    let url = |path: &str| format!("{}/_sandbox/{path}", fixture.sandbox.galaxy_url());
    let put = |path: &str, body: serde_json::Value| answer(fixture.http.put(url(path)).json(&body));
    let post =
        |path: &str, body: serde_json::Value| answer(fixture.http.post(url(path)).json(&body));
    let get = |path: &str| answer(fixture.http.get(url(path)));

    put("listing", json!({"first": 1})).await;
    assert_eq!(fixture.get_sep("/products").await.body.as_array().unwrap().len(), 1);
    put("listing", json!("whole")).await;
    post("faults", json!([{"on": "sep_list_products", "times": 1, "fault": {"kind": "status", "status": 503}}])).await;
    fixture.get_sep("/products").await.expect(StatusCode::SERVICE_UNAVAILABLE);
    let advanced = post("advance", json!({"deleted": 1})).await.expect(StatusCode::OK);
    let id = advanced["deleted"][0].as_str().unwrap();
    fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::NOT_FOUND);
    let made = fixture.http.post(url("sql")).body("CREATE SCHEMA hive_dp.by_hand");
    assert_eq!(answer(made).await.status, StatusCode::NO_CONTENT);
    let truth = get("truth").await.expect(StatusCode::OK);
    assert!(truth["schemas"].as_array().unwrap().iter().any(|it| it["name"] == "by_hand"));
    post(
        "query-faults",
        json!([{"on": "galaxy", "about": "SELECT", "fault": {"name": "QUERY_QUEUE_FULL"}}]),
    )
    .await;
    assert_eq!(fixture.run("SELECT 1").await.unwrap_err()["errorName"], "QUERY_QUEUE_FULL");
    let requests = get("requests").await.expect(StatusCode::OK);
    assert_eq!(requests["sep_list_products"], 2);
    assert_eq!(
        get("writes").await.expect(StatusCode::OK),
        json!({"sep": 0, "galaxy": 0, "sql": 0})
    );
    let products = get("products").await.expect(StatusCode::OK);
    assert_eq!(put("products", products).await.status, StatusCode::NO_CONTENT);
    let wrong = put("cluster", json!("asleep")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}
