//! Describe, `query` and `queryAll`.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::salesforce::Options;

use super::support::{Fixture, answer};

#[tokio::test]
async fn pages_have_two_thousand_records_and_a_locator_that_expires() {
    let fixture = Fixture::start(Options { records: 4_500, ..Options::default() }).await;
    let soql = "SELECT Id, SystemModstamp FROM Account ORDER BY SystemModstamp, Id";
    let first = fixture.query("queryAll", soql).await.expect(StatusCode::OK);
    let total = first["totalSize"].as_u64().unwrap();
    assert_eq!(total as usize, fixture.sandbox.records("Account").len());
    assert_eq!(
        (first["records"].as_array().unwrap().len(), &first["done"]),
        (2_000, &json!(false))
    );
    let next = &first["nextRecordsUrl"];
    assert!(next.as_str().unwrap().starts_with("/services/data/v60.0/query/01g"), "{next}");
    let second = fixture.follow(next).await.expect(StatusCode::OK);
    let third = fixture.follow(&second["nextRecordsUrl"]).await.expect(StatusCode::OK);
    assert_eq!(third["done"], true);
    assert!(third.get("nextRecordsUrl").is_none());
    let pages = [&first, &second, &third].map(|page| page["records"].as_array().unwrap().clone());
    let ids: Vec<_> = pages.concat().iter().map(|record| record["Id"].to_string()).collect();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((ids.len(), unique.len()), (total as usize, total as usize));
    fixture.sandbox.expire_cursors();
    assert_eq!(fixture.follow(next).await.code(), "INVALID_QUERY_LOCATOR");
    let small = fixture.request(Method::GET, "query?q=SELECT%20Id%20FROM%20Account");
    let small = answer(small.header("Sforce-Query-Options", "batchSize=50")).await;
    assert_eq!(small.body["records"].as_array().unwrap().len(), 200, "the least");
}

#[tokio::test]
async fn deleted_and_archived_records_are_seen_by_query_all_only() {
    let fixture = Fixture::start(Options::default()).await;
    let count = async |kind, soql| {
        fixture.query(kind, soql).await.expect(StatusCode::OK)["totalSize"].as_u64().unwrap()
    };
    let deleted = fixture.sandbox.records("Account").iter().filter(|it| it.is_deleted).count();
    let live = count("query", "SELECT COUNT() FROM Account").await;
    assert!(deleted > 0);
    assert_eq!(count("queryAll", "SELECT COUNT() FROM Account").await, live + deleted as u64);
    let soql = "SELECT COUNT() FROM Account WHERE IsDeleted = true";
    assert_eq!(count("queryAll", soql).await, deleted as u64);
    let soql = "SELECT COUNT() FROM Event WHERE IsArchived = true";
    assert_eq!(count("query", soql).await, 0);
    assert!(count("queryAll", soql).await > 10);
}

#[tokio::test]
async fn many_records_have_one_stamp_and_old_ones_no_name() {
    let fixture = Fixture::start(Options::default()).await;
    let records = fixture.sandbox.records("Account");
    let most = records
        .iter()
        .map(|it| it.modified)
        .max_by_key(|at| records.iter().filter(|it| it.modified == *at).count());
    let soql = format!("SELECT COUNT() FROM Account WHERE SystemModstamp = {}", most.unwrap());
    let found = fixture.query("queryAll", &soql).await.expect(StatusCode::OK);
    assert!(found["totalSize"].as_u64().unwrap() >= 40);
    let described = fixture.get("sobjects/Account/describe").await.expect(StatusCode::OK);
    let fields = described["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(field("Name")["nillable"], false);
    assert_eq!(field("BillingCity")["compoundFieldName"], "BillingAddress");
    assert_eq!(
        (&field("Balance__c")["precision"], &field("Balance__c")["scale"]),
        (&json!(18), &json!(2))
    );
    let nameless = fixture.query("queryAll", "SELECT Id FROM Account WHERE Name = null").await;
    assert_ne!(nameless.body["totalSize"], 0);
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    let fixture = Fixture::start(Options::default()).await;
    let soql = "SELECT%20Balance__c%20FROM%20Account";
    let answer = fixture.request(Method::GET, &format!("query?q={soql}")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("\"Balance__c\":9999999999999999."), "{}", &text[..500]);
}

#[tokio::test]
async fn wrong_queries_are_refused_by_code() {
    let fixture = Fixture::start(Options::default()).await;
    for (soql, code) in [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01'", "INVALID_FIELD"),
        ("SELECT Id Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Id = '1' AND Id = '2' OR Id = '3'", "MALFORMED_QUERY"),
        ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY"),
    ] {
        let refused = fixture.query("query", soql).await;
        assert_eq!(refused.code(), code, "{soql}");
        refused.expect(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_query_over_too_long_a_time_takes_too_long() {
    let over = Some(Duration::from_hours(24));
    let fixture = Fixture::start(Options { query_timeout_over: over, ..Options::default() }).await;
    assert_eq!(fixture.query("query", "SELECT Id FROM Account").await.code(), "QUERY_TIMEOUT");
    let day = "SELECT Id FROM Account WHERE SystemModstamp >= 2026-02-10T00:00:00Z AND SystemModstamp < 2026-02-11T00:00:00Z";
    fixture.query("query", day).await.expect(StatusCode::OK);
    fixture
        .query("query", "SELECT Id FROM Account WHERE Id IN ('001')")
        .await
        .expect(StatusCode::OK);
    fixture.sandbox.set_query_timeout(None);
    fixture.query("query", "SELECT Id FROM Account").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn many_objects_are_described_at_once() {
    let fixture = Fixture::start(Options::default()).await;
    let part =
        |name: &str| json!({"method": "GET", "url": format!("v60.0/sobjects/{name}/describe")});
    let parts = ["Account", "Nope"].map(part);
    let batch = json!({"batchRequests": parts});
    let answer = fixture.post("composite/batch", &batch).await.expect(StatusCode::OK);
    assert_eq!(
        (&answer["hasErrors"], &answer["results"][0]["result"]["name"]),
        (&json!(true), &json!("Account"))
    );
    assert_eq!(answer["results"][1]["statusCode"], 404);
    let many: Vec<Value> = (0..26).map(|_| part("Account")).collect();
    fixture
        .post("composite/batch", &json!({"batchRequests": many}))
        .await
        .expect(StatusCode::BAD_REQUEST);
    let objects = fixture.get("sobjects").await.expect(StatusCode::OK);
    assert_eq!(objects["sobjects"].as_array().unwrap().len(), 8);
}
