//! SEP's data products.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use stepwell_sandbox::starburst::{Listing, Options, sep};

use super::support::{Fixture, NOW, answer, options};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn wrong_credentials_are_challenged() {
    let fixture = Fixture::small().await;
    let url = format!("{}/api/v1/dataProduct/products", fixture.sandbox.sep_url());
    let refused = answer(fixture.http.get(&url).basic_auth("sync", Some("wrong"))).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Basic"));
    let refused = answer(fixture.http.get(&url)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_the_role_there_are_no_products() {
    let fixture =
        Fixture::start(Options { sep_role: Some("products".to_owned()), ..options() }).await;
    let id = fixture.sandbox.sep_products()[0].id.clone();
    assert_eq!(fixture.get_sep("/products").await.expect(StatusCode::OK), json!([]));
    fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::NOT_FOUND);
    fixture.get_sep("/domains").await.expect(StatusCode::FORBIDDEN);
    let request =
        fixture.sep(Method::GET, "/products").header("X-Trino-Role", "system=ROLE{products}");
    let all = answer(request).await.expect(StatusCode::OK);
    assert_eq!(all.as_array().unwrap().len(), fixture.sandbox.sep_products().len());
}

#[tokio::test]
async fn an_unknown_product_is_not_found_and_a_deleted_one_neither() {
    let fixture = Fixture::small().await;
    fixture.get_sep("/products/no-such-id").await.expect(StatusCode::NOT_FOUND);
    let id = fixture.sandbox.sep_products()[0].id.clone();
    fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::OK);
    assert!(fixture.sandbox.delete_sep_product(&id));
    fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_search_looks_at_all_attributes_in_any_case() {
    let fixture = Fixture::small().await;
    let search = async |options: Value| {
        let options = options.to_string();
        let encoded: String = form_urlencoded::byte_serialize(options.as_bytes()).collect();
        fixture.get_sep(&format!("/products?searchOptions={encoded}")).await
    };
    let found = search(json!({"searchString": "UNICODE_pro"})).await.expect(StatusCode::OK);
    assert_eq!(names(&found), ["unicode_product"]);
    // The name of a view, of an owner; a wildcard; a limit.
    let found = search(json!({"searchString": "z_middle"})).await.expect(StatusCode::OK);
    assert_eq!(names(&found), ["dependent_views"]);
    let found = search(json!({"searchString": "gone@example"})).await.expect(StatusCode::OK);
    assert_eq!(names(&found), ["badly_owned"]);
    let found = search(json!({"searchString": "unicode%product"})).await.expect(StatusCode::OK);
    assert_eq!(names(&found), ["unicode_product"]);
    let found = search(json!({"searchString": "", "limit": 2})).await.expect(StatusCode::OK);
    assert_eq!(names(&found).len(), 2);
    let found = search(json!({"searchString": "no such text"})).await.expect(StatusCode::OK);
    assert_eq!(found, json!([]));
    fixture.get_sep("/products?searchOptions=%7B").await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_listing_is_empty_short_or_fails_on_request() {
    let fixture = Fixture::small().await;
    fixture.sandbox.set_listing(Listing::Empty);
    assert_eq!(fixture.get_sep("/products").await.expect(StatusCode::OK), json!([]));
    fixture.sandbox.set_listing(Listing::First(2));
    assert_eq!(names(&fixture.get_sep("/products").await.expect(StatusCode::OK)).len(), 2);
    fixture.sandbox.set_listing(Listing::Fails(503));
    fixture.get_sep("/products").await.expect(StatusCode::SERVICE_UNAVAILABLE);
    let id = &fixture.sandbox.sep_products()[0].id;
    fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn awkward_products_are_as_awkward_as_documented() {
    let fixture = Fixture::small().await;
    let get = async |name: &str| {
        let id = fixture.sandbox.sep_product_named(name).unwrap().id;
        fixture.get_sep(&format!("/products/{id}")).await.expect(StatusCode::OK)
    };
    let draft = get("still_a_draft").await;
    assert_eq!((&draft["status"], &draft["publishedAt"]), (&json!("DRAFT"), &Value::Null));
    assert_eq!(draft["views"][0]["publishedAt"], Value::Null);

    let half = get("half_published").await;
    assert_eq!(half["views"][1]["markedForDeletion"], true);
    assert_eq!(half["views"][2]["publishedAt"], Value::Null);

    let terse = get("tersely_described").await;
    assert_eq!((&terse["description"], &terse["updatedBy"]), (&Value::Null, &Value::Null));
    assert_eq!(terse["dataQuality"]["score"], 0.5);
    assert!(terse["businessContext"].is_string());
    assert!(get("view_base").await.get("businessContext").is_none());

    let materialized = get("materialized").await;
    let views = materialized["materializedViews"].as_array().unwrap();
    assert_eq!(views[0]["definitionProperties"]["refresh_interval"], "60m");
    assert_eq!(views[3]["definitionProperties"], Value::Null);
    assert!(views.iter().all(|view| view.get("storage").is_none()));
}

#[tokio::test]
async fn the_draft_of_a_published_product_changes_and_trino_sees_it_when_it_is_published() {
    let fixture = Fixture::small().await;
    let product = fixture.sandbox.sep_product_named("view_base").unwrap();
    let path = format!("/products/{}", product.id);
    let parameters = json!({
        "name": "view_base",
        "catalogName": "hive_dp",
        "schemaName": "view_base",
        "dataDomainId": product.data_domain_id,
        "summary": "Changed",
        "views": [{"name": "another", "definitionQuery": "SELECT id FROM lake.raw.base",
                   "columns": [{"name": "id", "type": "bigint", "description": null}]}],
    });
    let changed = answer(fixture.sep(Method::PUT, &path).json(&parameters)).await;
    let changed = changed.expect(StatusCode::OK);
    let views = changed["views"].as_array().unwrap();
    assert_eq!((&views[0]["name"], &views[0]["publishedAt"]), (&json!("another"), &Value::Null));
    assert_eq!(
        (&views[1]["name"], &views[1]["markedForDeletion"]),
        (&json!("base_view"), &json!(true))
    );
    assert_eq!(changed["updatedAt"], NOW.replace('Z', ".000Z"));

    let expected = |sandbox: &stepwell_sandbox::starburst::Sandbox| {
        let mut all = sandbox.expected().into_iter();
        all.find(|it| it.name == "view_base").unwrap().views.into_keys().collect::<Vec<_>>()
    };
    assert!(expected(&fixture.sandbox).is_empty());
    let publish = format!("{path}/workflows/publish");
    let accepted = answer(fixture.sep(Method::POST, &format!("{publish}?force=true"))).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert!(accepted.headers[header::LOCATION].to_str().unwrap().ends_with("/workflows/publish"));
    let status = fixture.get_sep(&publish).await.expect(StatusCode::OK);
    assert_eq!((&status["isFinalStatus"], &status["errors"]), (&json!(true), &json!([])));
    assert_eq!(expected(&fixture.sandbox), ["another"]);
}

#[tokio::test]
async fn a_product_is_created_as_a_draft_once_and_deleted() {
    let fixture = Fixture::small().await;
    let domain = fixture.get_sep("/domains").await.expect(StatusCode::OK)[0]["id"].clone();
    let mut parameters = json!({"name": "brand_new", "catalogName": "hive_dp",
        "schemaName": "brand_new", "dataDomainId": domain, "summary": "New"});
    let create = async |parameters: &Value| {
        answer(fixture.sep(Method::POST, "/products").json(parameters)).await
    };
    let created = create(&parameters).await.expect(StatusCode::OK);
    assert_eq!(created["status"], sep::DRAFT);
    create(&parameters).await.expect(StatusCode::CONFLICT);
    parameters["name"] = json!("semi;colon");
    create(&parameters).await.expect(StatusCode::BAD_REQUEST);
    parameters["dataDomainId"] = json!("no-such-domain");
    create(&parameters).await.expect(StatusCode::BAD_REQUEST);
    create(&json!({"name": "half"})).await.expect(StatusCode::BAD_REQUEST);

    let path = format!("/products/{}", created["id"].as_str().unwrap());
    let deleted = answer(fixture.sep(Method::POST, &format!("{path}/workflows/delete"))).await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    fixture.get_sep(&format!("{path}/workflows/delete")).await.expect(StatusCode::OK);
    fixture.get_sep(&path).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn domains_tags_samples_and_refreshes_are_there() {
    let fixture = Fixture::small().await;
    let id = fixture.sandbox.sep_product_named("materialized").unwrap().id;
    let domain = json!({"name": "new domain"});
    let create = async || answer(fixture.sep(Method::POST, "/domains").json(&domain)).await;
    let created = create().await.expect(StatusCode::OK);
    create().await.expect(StatusCode::CONFLICT);
    let path = format!("/domains/{}", created["id"].as_str().unwrap());
    assert_eq!(answer(fixture.sep(Method::DELETE, &path)).await.status, StatusCode::NO_CONTENT);
    fixture.get_sep(&path).await.expect(StatusCode::NOT_FOUND);

    let tags = format!("/tags/products/{id}");
    let put = fixture.sep(Method::PUT, &tags).json(&json!([{"value": "gold"}]));
    let put = answer(put).await.expect(StatusCode::OK);
    assert_eq!(fixture.get_sep(&tags).await.expect(StatusCode::OK), put);
    let one = format!("/tags/{}/products/{id}", put[0]["id"].as_str().unwrap());
    assert_eq!(answer(fixture.sep(Method::DELETE, &one)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(fixture.get_sep(&tags).await.expect(StatusCode::OK), json!([]));

    let samples = format!("/products/{id}/sampleQueries");
    assert_eq!(fixture.get_sep(&samples).await.expect(StatusCode::OK), json!([]));
    let refresh = |view: &str| format!("/products/{id}/materializedViews/{view}/refreshMetadata");
    assert_eq!(
        fixture.get_sep(&refresh("never_refreshed")).await.expect(StatusCode::OK),
        Value::Null
    );
    let known = fixture.get_sep(&refresh("hive_mv")).await.expect(StatusCode::OK);
    assert_eq!(known["lastImport"]["status"], "FINISHED");
    fixture.get_sep(&refresh("no_such_view")).await.expect(StatusCode::NOT_FOUND);
}
