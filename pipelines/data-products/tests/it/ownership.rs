//! What is not ours is never touched; what is ours is known again.

use serde_json::json;
use stepwell_sandbox::starburst::{Link, NewProduct, Options, Product};

use crate::support::{Bench, few, result};

/// A product that somebody else made.
fn foreign(name: &str, catalog: &str, schema: &str) -> NewProduct {
    let (name, catalog, schema) = (name.to_owned(), catalog.to_owned(), schema.to_owned());
    let contacts = vec!["someone@example.org".to_owned()];
    NewProduct {
        name,
        summary: "by hand".to_owned(),
        catalog,
        schema,
        contacts,
        ..NewProduct::default()
    }
}

#[tokio::test]
async fn a_foreign_product_of_the_same_name_is_not_touched() {
    let bench = Bench::start(few()).await;
    let catalog = bench.sandbox.options().target_catalog.clone();
    let name = bench.sandbox.expected()[0].name.clone();
    bench.sandbox.add_galaxy_product(foreign(&name, &catalog, "by_hand"));
    let before = bench.sandbox.galaxy_product(&name);
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "ProductsFailed");
    let summary = ended.summary();
    assert_eq!(
        (&summary["failed"], &summary["created"], &summary["proven"]),
        (&json!(1), &json!(3), &json!(false))
    );
    assert!(
        result(&summary, &name)["detail"].as_str().unwrap().contains("did not make"),
        "{summary:#}"
    );
    assert_eq!(bench.sandbox.galaxy_product(&name), before);
    bench.assert_in_step_but(&[&name]);
}

#[tokio::test]
async fn a_foreign_schema_of_the_same_name_is_not_touched() {
    let bench = Bench::start(few()).await;
    let catalog = bench.sandbox.options().target_catalog.clone();
    let [one, two, ..] = &bench.sandbox.expected()[..] else { panic!("four products") };
    bench.sandbox.galaxy_sql(&format!("CREATE SCHEMA \"{catalog}\".\"{}\"", one.schema)).unwrap();
    // The tag alone proves nothing where there are views of others.
    bench.sandbox.galaxy_sql(&format!("CREATE SCHEMA \"{catalog}\".\"{}\"", two.schema)).unwrap();
    bench
        .sandbox
        .galaxy_sql(&format!(
            "CREATE VIEW \"{catalog}\".\"{}\".theirs AS SELECT 1 AS x",
            two.schema
        ))
        .unwrap();
    bench.sandbox.tag_galaxy_schema("dp_sync", &catalog, &two.schema);
    let before = bench.sandbox.galaxy_schemas();
    let summary = bench.run(json!({})).await;
    assert_eq!((&summary["failed"], &summary["created"]), (&json!(2), &json!(2)), "{summary:#}");
    for schema in before {
        assert!(bench.sandbox.galaxy_schemas().contains(&schema), "{}", schema.name);
    }
    bench.assert_in_step_but(&[&one.name, &two.name]);
}

#[tokio::test]
async fn a_lost_ledger_is_made_anew_from_tag_and_link() {
    let mut bench = Bench::start(Options::default()).await;
    bench.sync().await;
    bench.lose_ledger();
    bench.assert_settled().await;
    bench.assert_in_step();
    let product = bench.sandbox.sep_products().into_iter().find(|it| it.views.len() > 1).unwrap();
    bench.sandbox.change_sep_product(&product.id, |it| drop(it.views.pop()));
    bench.sync().await;
    bench.assert_in_step();
}

#[tokio::test]
async fn a_lost_ledger_deletes_nothing_that_it_cannot_know() {
    let mut bench = Bench::start(few()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().remove(0);
    bench.sandbox.delete_sep_product(&product.id);
    bench.lose_ledger();
    let ended = bench.execute(json!({})).await;
    assert_eq!(ended.error(), "DeletionsHeld");
    assert!(bench.sandbox.galaxy_product(&product.name).is_some());
    bench.run(json!({"allow_deletes": true})).await;
    bench.assert_in_step();
}

/// As the reference makes it: the host alone in the link.
fn as_the_reference_has_it(bench: &Bench, it: &mut Product) {
    let host = bench.sandbox.sep_url().trim_start_matches("http://");
    for link in &mut it.links {
        if link.name == "dp_sync/SourceCluster" {
            link.uri = format!("https://{host}");
        }
    }
}

#[tokio::test]
async fn what_the_reference_made_is_taken_over() {
    let mut bench = Bench::start(few()).await;
    bench.sync().await;
    let ours = bench.ours();
    for it in ours.values() {
        bench
            .sandbox
            .change_galaxy_product(&it.data_product_id, |it| as_the_reference_has_it(&bench, it));
    }
    bench.lose_ledger();
    let summary = bench.sync().await;
    assert_eq!(summary["updated"], 4, "{summary:#}");
    bench.assert_in_step();
    for (name, it) in ours {
        assert_eq!(bench.ours()[&name].data_product_id, it.data_product_id, "{name}");
    }
}

#[tokio::test]
async fn another_source_with_the_same_tag_is_left_alone() {
    let bench = Bench::start(few()).await;
    let catalog = bench.sandbox.options().target_catalog.clone();
    let link = Link {
        name: "dp_sync/SourceCluster".to_owned(),
        uri: "https://other.example.org/#1".to_owned(),
    };
    bench.sandbox.add_galaxy_product(NewProduct {
        links: vec![link],
        ..foreign("theirs", &catalog, "theirs")
    });
    bench.sandbox.tag_galaxy_schema("dp_sync", &catalog, "theirs");
    let before = bench.sandbox.galaxy_product("theirs");
    bench.sync().await;
    assert_eq!(bench.sandbox.galaxy_product("theirs"), before);
    bench.assert_in_step();
}

#[tokio::test]
async fn a_product_made_anew_in_sep_goes_on_in_its_record() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let product = bench.sandbox.sep_products().remove(0);
    let before = bench.ours()[&product.name].data_product_id.clone();
    bench.sandbox.delete_sep_product(&product.id);
    let id = "11111111-2222-3333-4444-555555555555".to_owned();
    bench
        .sandbox
        .put_sep_product(stepwell_sandbox::starburst::sep::Product { id, ..product.clone() });
    bench.sync().await;
    bench.assert_in_step();
    assert_eq!(bench.ours()[&product.name].data_product_id, before);
    bench.assert_settled().await;
}

#[tokio::test]
async fn two_products_do_not_share_a_schema() {
    let bench = Bench::start(few()).await;
    bench.sync().await;
    let [one, two, ..] = &bench.sandbox.sep_products()[..] else { panic!("four products") };
    bench.sandbox.change_sep_product(&two.id, |it| it.schema_name.clone_from(&one.schema_name));
    let summary = bench.run(json!({})).await;
    assert_eq!(summary["failed"], 1, "{summary:#}");
    assert!(
        result(&summary, &two.name)["detail"].as_str().unwrap().contains("is also that of"),
        "{summary:#}"
    );
    assert!(bench.sandbox.galaxy_product(&one.name).is_some());
}
