//! Galaxy's public API.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::starburst::{ClusterStart, ClusterState, LastPage, NewProduct, Options};

use super::support::{Fixture, options};

#[tokio::test]
async fn a_token_needs_credentials_and_the_right_grant() {
    let fixture = Fixture::small().await;
    let refused = fixture.token("wrong", "grant_type=client_credentials").await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED), json!({"error": "invalid_client"}));
    let secret = &fixture.sandbox.options().client_secret;
    let refused = fixture.token(secret, "grant_type=password").await;
    assert_eq!(refused.expect(StatusCode::BAD_REQUEST), json!({"error": "unsupported_grant_type"}));
    let token = fixture.token(secret, "grant_type=client_credentials").await;
    assert_eq!(token.expect(StatusCode::OK)["expires_in"], 600);
}

#[tokio::test]
async fn a_token_expires_and_can_be_taken_back() {
    let mut fixture =
        Fixture::start(Options { token_lifetime: Duration::from_mins(1), ..options() }).await;
    fixture.get_galaxy("/tag").await.expect(StatusCode::OK);
    fixture.move_clock(60);
    let refused = fixture.get_galaxy("/tag").await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(refused["status"], "UNAUTHENTICATED");
    fixture.log_in().await;
    fixture.get_galaxy("/tag").await.expect(StatusCode::OK);
    fixture.sandbox.expire_tokens();
    fixture.get_galaxy("/tag").await.expect(StatusCode::UNAUTHORIZED);
    fixture.log_in().await;
    fixture.get_galaxy("/tag").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn lists_come_in_pages_of_which_the_last_says_so() {
    for last_page in [LastPage::Empty, LastPage::Null, LastPage::Missing] {
        let fixture = Fixture::start(Options { page_size: 7, last_page, ..options() }).await;
        let (users, pages) = fixture.list_galaxy("/user").await;
        let ids: BTreeSet<&str> = users.iter().map(|it| it["userId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), users.len());
        assert_eq!(users.len(), fixture.sandbox.galaxy_users().len());
        assert_eq!(pages, users.len().div_ceil(7));
    }
}

#[tokio::test]
async fn pages_shift_when_the_list_changes() {
    let fixture = Fixture::start(Options { page_size: 2, ..options() }).await;
    for name in ["third", "fourth"] {
        let product = fixture.product(name).await;
        fixture.send_galaxy(Method::POST, "/dataProduct", &product).await.expect(StatusCode::OK);
    }
    let first = fixture.get_galaxy("/dataProduct").await.expect(StatusCode::OK);
    fixture.sandbox.delete_galaxy_product(first["result"][0]["dataProductId"].as_str().unwrap());
    let token = first["nextPageToken"].as_str().unwrap();
    let second = fixture.get_galaxy(&format!("/dataProduct?pageToken={token}")).await;
    let second = second.expect(StatusCode::OK);
    let names: Vec<_> = second["result"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["fourth"]);
}

#[tokio::test]
async fn wrong_pages_are_refused() {
    let fixture = Fixture::small().await;
    for query in ["pageSize=101", "pageToken=nonsense"] {
        let refused = fixture.get_galaxy(&format!("/user?{query}")).await;
        assert_eq!(refused.expect(StatusCode::BAD_REQUEST)["status"], "INVALID_ARGUMENT");
    }
    let page = fixture.get_galaxy("/user?pageSize=0").await.expect(StatusCode::OK);
    assert_eq!(page["result"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn names_find_things_raw_and_encoded() {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_galaxy_catalog("a b");
    for path in [
        "/catalog/name=a%20b",
        "/catalog/name%3Da%20b",
        "/cluster/name=etl",
        "/tag/name%3Dhandmade",
    ] {
        fixture.get_galaxy(path).await.expect(StatusCode::OK);
    }
    for path in
        ["/catalog/name=a+b", "/catalog/a%20b", "/cluster/name=none", "/tag/none", "/user/none"]
    {
        let missing = fixture.get_galaxy(path).await.expect(StatusCode::NOT_FOUND);
        assert_eq!(missing["status"], "NOT_FOUND", "{path}");
    }
}

#[tokio::test]
async fn a_product_name_is_taken_once() {
    let fixture = Fixture::small().await;
    let product = fixture.product("mine").await;
    let created = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
    let created = created.expect(StatusCode::OK);
    assert_eq!(created["catalog"]["catalogName"], "hive_dp");
    assert_eq!(created["description"], "");
    let again = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
    assert_eq!(again.expect(StatusCode::CONFLICT)["status"], "ALREADY_EXISTS");
    let renamed = json!({"name": "handmade"});
    let path = format!("/dataProduct/{}", created["dataProductId"].as_str().unwrap());
    fixture.send_galaxy(Method::PATCH, &path, &renamed).await.expect(StatusCode::CONFLICT);
    assert_eq!(fixture.sandbox.writes().galaxy, 3);
}

#[tokio::test]
async fn bad_products_are_refused_and_change_nothing() {
    let fixture = Fixture::start(Options { needs_contacts: true, ..options() }).await;
    let user = fixture.sandbox.galaxy_users()[0].user_id.clone();
    let mut good = fixture.product("good").await;
    good["contacts"] = json!([{"userId": user, "email": "whatever@example.org"}]);
    let with = |member: &str, value: Value| {
        let mut product = good.clone();
        product[member] = value;
        product
    };
    let bad = [
        with("contacts", json!([])),
        with("contacts", json!([{"userId": "nobody"}])),
        with("contacts", Value::Null),
        with("name", json!("")),
        with("name", json!(1)),
        with("summary", Value::Null),
        with("links", json!([{"name": "a", "uri": "no uri"}])),
        with("links", json!([{"label": "a", "url": "https://a"}])),
        with("defaultClusterId", json!("none")),
        with("nobody_knows", json!(1)),
        json!("no object"),
    ];
    let before = fixture.sandbox.truth();
    for product in bad {
        let refused = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
        assert_eq!(refused.expect(StatusCode::BAD_REQUEST)["status"], "INVALID_ARGUMENT");
    }
    for product in [with("schemaName", json!("none")), with("catalogId", json!("none"))] {
        let refused = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
        refused.expect(StatusCode::NOT_FOUND);
    }
    assert_eq!(fixture.sandbox.truth(), before);
    fixture.send_galaxy(Method::POST, "/dataProduct", &good).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_lists_as_a_whole() {
    let fixture = Fixture::small().await;
    let mut product = fixture.product("mine").await;
    product["links"] =
        json!([{"name": "a", "uri": "https://a"}, {"name": "b", "uri": "https://b"}]);
    product["description"] = json!("Text");
    let created = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
    let created = created.expect(StatusCode::OK);
    let path = format!("/dataProduct/{}", created["dataProductId"].as_str().unwrap());
    let change = json!({"links": [{"name": "c", "uri": "https://c"}], "businessContext": "Why"});
    let changed = fixture.send_galaxy(Method::PATCH, &path, &change).await.expect(StatusCode::OK);
    assert_eq!(changed["links"], change["links"]);
    assert_eq!(
        (&changed["description"], &changed["businessContext"]),
        (&json!("Text"), &json!("Why"))
    );
    assert_ne!(changed["syncToken"], created["syncToken"]);
    fixture
        .send_galaxy(Method::PATCH, &path, &json!({"nobody": 1}))
        .await
        .expect(StatusCode::BAD_REQUEST);
    let gone = fixture.send_galaxy(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    fixture.get_galaxy(&path).await.expect(StatusCode::NOT_FOUND);
    assert!(fixture.sandbox.galaxy_schema("hive_dp", "made").is_some());
}

#[tokio::test]
async fn contacts_and_links_come_in_any_order_and_the_maker_may_be_gone() {
    let fixture = Fixture::small().await;
    let emails: Vec<String> = (0..6).map(|n| format!("owner{n}@example.org")).collect();
    let id = fixture.sandbox.add_galaxy_product(NewProduct {
        name: "foreign".to_owned(),
        summary: "Foreign".to_owned(),
        catalog: "hive_dp".to_owned(),
        schema: "foreign".to_owned(),
        contacts: emails.clone(),
        ..NewProduct::default()
    });
    let mut orders = BTreeSet::new();
    for _ in 0..10 {
        let product =
            fixture.get_galaxy(&format!("/dataProduct/{id}")).await.expect(StatusCode::OK);
        assert_eq!((&product["createdBy"], &product["modifiedBy"]), (&json!({}), &json!({})));
        orders.insert(product["contacts"].to_string());
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[tokio::test]
async fn a_schema_can_be_unique_to_a_product() {
    let fixture = Fixture::start(Options { unique_schema: true, ..options() }).await;
    for (name, status) in [("one", StatusCode::OK), ("two", StatusCode::CONFLICT)] {
        let product = fixture.product(name).await;
        fixture.send_galaxy(Method::POST, "/dataProduct", &product).await.expect(status);
    }
}

#[tokio::test]
async fn patches_of_one_product_collide() {
    let fixture = Fixture::start(Options { patch_collisions: true, ..options() }).await;
    let product = fixture.product("mine").await;
    let created = fixture.send_galaxy(Method::POST, "/dataProduct", &product).await;
    let created = created.expect(StatusCode::OK);
    let path = format!("/dataProduct/{}", created["dataProductId"].as_str().unwrap());
    let change = json!({"summary": "Changed"});
    let change_it = || fixture.send_galaxy(Method::PATCH, &path, &change);
    let (first, second) = tokio::join!(change_it(), change_it());
    let statuses = BTreeSet::from([first.status, second.status]);
    assert_eq!(statuses, BTreeSet::from([StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR]));
    change_it().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn tags_have_names_of_their_own_and_colors_in_hex() {
    let fixture = Fixture::small().await;
    let create = async |body: Value| fixture.send_galaxy(Method::POST, "/tag", &body).await;
    create(json!({"name": "sync"})).await.expect(StatusCode::BAD_REQUEST);
    create(json!({"name": "sync", "color": "green"})).await.expect(StatusCode::BAD_REQUEST);
    let tag = create(json!({"name": "sync", "color": "#00FF00"})).await.expect(StatusCode::OK);
    create(json!({"name": "sync", "color": "#00FF00"})).await.expect(StatusCode::CONFLICT);
    let path = format!("/tag/{}", tag["tagId"].as_str().unwrap());
    let change = json!({"name": "handmade"});
    fixture.send_galaxy(Method::PATCH, &path, &change).await.expect(StatusCode::CONFLICT);
    let change = json!({"description": "Ours"});
    fixture.send_galaxy(Method::PATCH, &path, &change).await.expect(StatusCode::OK);
    fixture.send_galaxy(Method::DELETE, &path, &Value::Null).await;
    fixture.get_galaxy(&path).await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tags_stay_with_a_schema_until_it_is_dropped() {
    let fixture = Fixture::small().await;
    let catalog = fixture.catalog_id("hive_dp").await;
    let schema = format!("/catalog/{catalog}/schema/tagged");
    let attach = async |tag: &str| {
        let path = format!("/tag/{tag}/catalog/{catalog}/schema/tagged");
        fixture.send_galaxy(Method::PUT, &path, &Value::Null).await.status
    };
    assert_eq!(attach("name=handmade").await, StatusCode::NOT_FOUND);
    fixture.sql("CREATE SCHEMA hive_dp.tagged");
    assert_eq!(attach("no-such-tag").await, StatusCode::NOT_FOUND);
    for _ in 0..2 {
        assert_eq!(attach("name=handmade").await, StatusCode::NO_CONTENT);
    }
    let tagged = fixture.get_galaxy(&schema).await.expect(StatusCode::OK);
    assert_eq!(tagged["tags"][0]["name"], "handmade");
    fixture.sql("DROP SCHEMA hive_dp.tagged");
    fixture.get_galaxy(&schema).await.expect(StatusCode::NOT_FOUND);
    fixture.sql("CREATE SCHEMA hive_dp.tagged");
    let fresh = fixture.get_galaxy(&schema).await.expect(StatusCode::OK);
    assert_eq!(fresh["tags"], json!([]));
}

#[tokio::test]
async fn a_new_schema_may_take_a_while_to_appear() {
    let fixture =
        Fixture::start(Options { schema_delay: Duration::from_secs(30), ..options() }).await;
    let catalog = fixture.catalog_id("hive_dp").await;
    fixture.sql("CREATE SCHEMA hive_dp.late");
    let path = format!("/catalog/{catalog}/schema/late");
    fixture.get_galaxy(&path).await.expect(StatusCode::NOT_FOUND);
    fixture.move_clock(30);
    fixture.get_galaxy(&path).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn tables_and_columns_are_those_that_sql_made() {
    let fixture = Fixture::small().await;
    let catalog = fixture.catalog_id("hive_dp").await;
    fixture.sql("CREATE SCHEMA hive_dp.shown");
    fixture.sql("CREATE TABLE hive_dp.shown.t (id bigint, n varchar(3))");
    fixture.sql("CREATE VIEW hive_dp.shown.v AS SELECT n AS x FROM hive_dp.shown.t");
    fixture.sql("COMMENT ON COLUMN hive_dp.shown.v.x IS 'X'");
    let (tables, _) = fixture.list_galaxy(&format!("/catalog/{catalog}/schema/shown/table")).await;
    let types: Vec<_> = tables.iter().map(|it| (&it["tableId"], &it["tableType"])).collect();
    assert_eq!(types, [(&json!("t"), &json!("BASE TABLE")), (&json!("v"), &json!("VIEW"))]);
    let path = format!("/catalog/{catalog}/schema/shown/table/v/column");
    let (columns, _) = fixture.list_galaxy(&path).await;
    assert_eq!(
        (&columns[0]["columnId"], &columns[0]["dataType"], &columns[0]["description"]),
        (&json!("x"), &json!("varchar(3)"), &json!("X"))
    );
}

#[tokio::test]
async fn a_disabled_cluster_is_enabled_and_starts() {
    let start = ClusterStart { answers: 1, ..ClusterStart::default() };
    let disabled = Options { cluster: ClusterState::Disabled, cluster_start: start, ..options() };
    let fixture = Fixture::start(disabled).await;
    let look = async || {
        let path = "/cluster/name=etl?extended=true";
        let cluster = fixture.get_galaxy(path).await.expect(StatusCode::OK);
        (cluster["clusterState"].clone(), cluster["enabled"].clone())
    };
    assert_eq!(look().await, (json!("STOPPED"), json!(false)));
    let id =
        fixture.get_galaxy("/cluster/name=etl").await.expect(StatusCode::OK)["clusterId"].clone();
    let path = format!("/cluster/{}", id.as_str().unwrap());
    fixture
        .send_galaxy(Method::PATCH, &path, &json!({"enabled": "yes"}))
        .await
        .expect(StatusCode::BAD_REQUEST);
    let enabled = fixture.send_galaxy(Method::PATCH, &path, &json!({"enabled": true})).await;
    assert_eq!(enabled.expect(StatusCode::OK)["clusterState"], "STARTING");
    assert_eq!(look().await, (json!("RUNNING"), json!(true)));
}

#[tokio::test]
async fn usage_examples_are_kept_as_they_are_put() {
    let fixture = Fixture::small().await;
    let id = fixture.sandbox.galaxy_products()[0].data_product_id.clone();
    let path = format!("/dataProduct/{id}/usageExample");
    let examples = json!({"result": [{"name": "a", "query": "SELECT 1"}]});
    fixture.send_galaxy(Method::PUT, &path, &examples).await.expect(StatusCode::OK);
    assert_eq!(fixture.get_galaxy(&path).await.expect(StatusCode::OK), examples);
}
