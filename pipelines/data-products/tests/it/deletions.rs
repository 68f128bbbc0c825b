//! What goes, and above all what does not.

use serde_json::{Value, json};
use stepwell_sandbox::starburst::{Listing, Options};

use crate::support::{Bench, few, result};

fn ten() -> Options {
    Options { products: 10, awkward: false, ..Options::default() }
}

#[tokio::test]
async fn a_product_that_is_gone_is_deleted_in_the_same_run() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.delete_sep_product(&product.id);
    let summary = bench.sync().await;
    assert_eq!(summary["deleted"], 1, "{summary:#}");
    assert_eq!(bench.sandbox.galaxy_product(&product.name), None);
    let catalog = &bench.sandbox.options().target_catalog;
    assert_eq!(bench.sandbox.galaxy_schema(catalog, &product.schema_name), None);
    assert!(bench.sandbox.galaxy_product("handmade").is_some(), "what others made stays");
    bench.assert_in_step();
    bench.assert_settled().await;
}

#[tokio::test]
async fn no_statement_says_cascade() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    for product in bench.sandbox.sep_products().into_iter().take(3) {
        bench.sandbox.delete_sep_product(&product.id);
    }
    bench.sync().await;
    let sql: Vec<String> =
        bench.sandbox.statements().into_iter().map(|it| it.sql.to_uppercase()).collect();
    assert!(sql.iter().any(|it| it.starts_with("DROP SCHEMA")));
    assert!(!sql.iter().any(|it| it.contains("CASCADE")), "{sql:#?}");
}

async fn assert_nothing_goes(bench: &Bench, input: Value) -> Value {
    let before = (bench.ours(), bench.sandbox.galaxy_schemas());
    let summary = bench.run(input).await;
    assert_eq!((bench.ours(), bench.sandbox.galaxy_schemas()), before);
    summary
}

#[tokio::test]
async fn a_listing_that_fails_or_shrinks_deletes_nothing() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    bench.sandbox.set_listing(Listing::Fails(403));
    let summary = assert_nothing_goes(&bench, json!({})).await;
    assert_eq!(summary["error"], "Config", "{summary:#}");
    for listing in [Listing::Empty, Listing::First(6)] {
        bench.sandbox.set_listing(listing);
        let summary = assert_nothing_goes(&bench, json!({})).await;
        assert_eq!(summary["error"], "DeletionsHeld", "{summary:#}");
    }
    // Within the share, but SEP has them when it is asked by id.
    bench.sandbox.set_listing(Listing::First(8));
    let summary = assert_nothing_goes(&bench, json!({})).await;
    assert_eq!((&summary["skipped"], &summary["failed"]), (&json!(2), &json!(0)), "{summary:#}");
    bench.sandbox.set_listing(Listing::Empty);
    let summary = assert_nothing_goes(&bench, json!({"allow_deletes": true})).await;
    assert_eq!(summary["deleted"], 0, "not even when it is allowed: {summary:#}");
}

#[tokio::test]
async fn more_than_the_share_goes_only_when_it_is_allowed() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    for product in bench.sandbox.sep_products().into_iter().take(4) {
        bench.sandbox.delete_sep_product(&product.id);
    }
    bench.sandbox.change_sep_product(&bench.sandbox.sep_products()[0].id, |it| {
        it.summary = "changed".to_owned();
    });
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "DeletionsHeld");
    assert_eq!(
        (&ended.summary()["held"], &ended.summary()["updated"]),
        (&json!(4), &json!(1)),
        "the rest is done"
    );
    assert_eq!(bench.ours().len(), 10);
    let summary = bench.run(json!({"allow_deletes": true})).await;
    assert_eq!((&summary["deleted"], &summary["proven"]), (&json!(4), &json!(true)), "{summary:#}");
    bench.assert_in_step();
}

#[tokio::test]
async fn both_marks_are_needed() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    let catalog = bench.sandbox.options().target_catalog.clone();
    let products = bench.sandbox.sep_products();
    let ours = bench.ours();
    bench
        .sandbox
        .change_galaxy_product(&ours[&products[0].name].data_product_id, |it| it.links.clear());
    bench
        .sandbox
        .galaxy_sql(&format!("DROP SCHEMA \"{catalog}\".\"{}\" CASCADE", products[1].schema_name))
        .unwrap();
    bench
        .sandbox
        .galaxy_sql(&format!("CREATE SCHEMA \"{catalog}\".\"{}\"", products[1].schema_name))
        .unwrap();
    for product in &products[..2] {
        bench.sandbox.delete_sep_product(&product.id);
    }
    let summary = assert_gone_are_skipped(&bench, &[&products[0].name, &products[1].name]).await;
    assert_eq!(summary["deleted"], 0, "{summary:#}");
    for product in &products[..2] {
        assert!(bench.sandbox.galaxy_product(&product.name).is_some());
    }
}

async fn assert_gone_are_skipped(bench: &Bench, names: &[&str]) -> Value {
    let summary = bench.run(json!({})).await;
    for name in names {
        assert_eq!(result(&summary, name)["status"], "skipped", "{summary:#}");
    }
    summary
}

#[tokio::test]
async fn what_others_put_into_a_schema_of_ours_stays() {
    let bench = Bench::start(ten()).await;
    bench.sync().await;
    let catalog = bench.sandbox.options().target_catalog.clone();
    let product = bench.sandbox.sep_products().remove(0);
    let schema = &product.schema_name;
    bench
        .sandbox
        .galaxy_sql(&format!("CREATE TABLE \"{catalog}\".\"{schema}\".precious (x bigint)"))
        .unwrap();
    bench.sandbox.delete_sep_product(&product.id);
    let summary = bench.sync().await;
    assert!(
        result(&summary, &product.name)["detail"].as_str().unwrap().contains("precious"),
        "{summary:#}"
    );
    let left = bench.sandbox.galaxy_schema(&catalog, schema).unwrap();
    assert_eq!(left.relations.keys().collect::<Vec<_>>(), ["precious"]);
    assert!(left.tags.is_empty());
    assert_eq!(bench.sandbox.galaxy_product(&product.name), None);
}

#[tokio::test]
async fn a_product_that_becomes_a_draft_again_is_left() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.change_sep_product(&product.id, |it| it.status = "DRAFT".to_owned());
    let summary = bench.sync().await;
    assert_eq!(result(&summary, &product.name)["status"], "skipped");
    assert!(bench.sandbox.galaxy_product(&product.name).is_some());
}
