//! Searches: operators, order, pages.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_sandbox::mambu::{Churn, Options};

use super::support::Fixture;

/// How many clients of the truth meet a condition.
fn count(fixture: &Fixture, meets: impl Fn(&Value) -> bool) -> usize {
    fixture.sandbox.records("clients").iter().filter(|it| meets(it)).count()
}

#[tokio::test]
async fn operators_find_what_they_say() {
    let fixture = Fixture::start(Options::default()).await;
    let find = async |field: &str, operator: &str, operands: Value| {
        let mut criterion = json!({"field": field, "operator": operator});
        for (name, value) in operands.as_object().unwrap() {
            criterion[name] = value.clone();
        }
        fixture.find("clients", criterion).await.len()
    };
    let value = |value: Value| json!({"value": value});
    let text = |it: &Value, field: &str| it[field].as_str().unwrap_or_default().to_owned();
    let active = count(&fixture, |it| it["state"] == "ACTIVE");
    assert_eq!(find("state", "EQUALS", value(json!("active"))).await, active);
    assert_eq!(find("state", "EQUALS_CASE_SENSITIVE", value(json!("active"))).await, 0);
    assert_eq!(find("id", "IN", json!({"values": ["C-1", "C-2", "C-x"]})).await, 2);
    let starts = count(&fixture, |it| text(it, "id").starts_with("C-1"));
    assert_eq!(find("id", "STARTS_WITH", value(json!("c-1"))).await, starts);
    let many = count(&fixture, |it| it["loanCycle"].as_i64().is_some_and(|it| it > 500));
    assert_eq!(find("loanCycle", "MORE_THAN", value(json!(500))).await, many);
    let few = count(&fixture, |it| it["loanCycle"].as_i64().is_some_and(|it| it < 500));
    assert_eq!(find("loanCycle", "LESS_THAN", value(json!("500"))).await, few);
    let noteless = count(&fixture, |it| it.get("notes").is_none());
    assert_eq!(find("notes", "EMPTY", json!({})).await, noteless);
    assert_eq!(find("notes", "NOT_EMPTY", json!({})).await, 100 - noteless);
    let high = count(&fixture, |it| it["_clientDetails"]["risk"] == "HIGH");
    assert_eq!(find("_clientDetails.risk", "EQUALS", value(json!("HIGH"))).await, high);
}

#[tokio::test]
async fn after_and_before_leave_the_time_out_and_between_takes_it_in() {
    let fixture = Fixture::start(Options::default()).await;
    let records = fixture.sandbox.records("clients");
    let at = records[50]["lastModifiedDate"].as_str().unwrap().to_owned();
    let same = count(&fixture, |it| it["lastModifiedDate"] == at.as_str());
    let earlier = count(&fixture, |it| it["lastModifiedDate"].as_str() < Some(&at));
    let find = async |operator: &str| {
        let criterion = json!({"field": "lastModifiedDate", "operator": operator, "value": at, "secondValue": at});
        fixture.find("clients", criterion).await.len()
    };
    assert_eq!(find("BEFORE").await, earlier);
    assert_eq!(find("BEFORE_INCLUSIVE").await, earlier + same);
    assert_eq!(find("AFTER").await, 100 - earlier - same);
    assert_eq!((find("BETWEEN").await, find("ON").await), (same, same));
}

#[tokio::test]
async fn days_are_those_of_the_tenant_and_times_have_its_offset() {
    let fixture =
        Fixture::start(Options { zone: "Asia/Tokyo".to_owned(), ..Options::default() }).await;
    let criterion = json!({"field": "creationDate", "operator": "ON", "value": "2026-02-10"});
    let found = fixture.find("clients", criterion).await;
    assert!(!found.is_empty());
    for record in found {
        let at = record["creationDate"].as_str().unwrap();
        assert!(at.starts_with("2026-02-10T") && at.ends_with("+09:00"), "{at}");
    }
}

#[tokio::test]
async fn the_order_is_descending_unless_it_is_said() {
    let fixture = Fixture::start(Options::default()).await;
    let first = async |sorting: Value| {
        let found = fixture.post("clients:search", &json!({"sortingCriteria": sorting})).await;
        let found = found.expect(StatusCode::OK);
        (found[0]["id"].as_str().unwrap().to_owned(), found.as_array().unwrap().len())
    };
    assert_eq!(first(json!({"field": "creationDate"})).await, ("C-100".to_owned(), 50));
    assert_eq!(first(json!({"field": "creationDate", "order": "ASC"})).await.0, "C-1");
    let bare = fixture.post("clients:search", &json!({})).await.expect(StatusCode::OK);
    assert_eq!(bare[0]["id"], "C-100");
}

#[tokio::test]
async fn pages_are_limited_and_told() {
    let fixture = Fixture::start(Options::default()).await;
    let page = fixture.get("loans?offset=95&limit=10&paginationDetails=ON&detailsLevel=FULL").await;
    for (name, value) in [("Items-Total", "100"), ("Items-Limit", "10"), ("Items-Offset", "95")] {
        assert_eq!(page.headers[name], value);
    }
    assert_eq!(page.expect(StatusCode::OK).as_array().unwrap().len(), 5);
    assert!(fixture.get("loans").await.headers.get("Items-Total").is_none());
    for (query, code) in
        [("limit=1001", 14), ("limit=0", 14), ("limit=x", 13), ("offset=x", 11), ("offset=-1", 12)]
    {
        let refused = fixture.get(&format!("loans?{query}")).await;
        assert_eq!(refused.error_code(), code, "{query}");
        refused.expect(StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn wrong_criteria_are_refused() {
    let fixture = Fixture::start(Options::default()).await;
    for criterion in [
        json!({"field": "id", "operator": "SOUNDS_LIKE", "value": "x"}),
        json!({"field": "id", "operator": "BETWEEN", "value": "a", "secondValue": "b"}),
        json!({"field": "loanCycle", "operator": "AFTER", "value": "2026-01-01"}),
        json!({"field": "creationDate", "operator": "AFTER", "value": "yesterday"}),
    ] {
        let refused = fixture.post("clients:search", &json!({"filterCriteria": [criterion]})).await;
        assert_eq!(refused.error_code(), 4, "{criterion}");
    }
    let list = json!([{"field": "state", "operator": "EQUALS", "value": "SENT"}]);
    fixture.post("communications/messages:search", &list).await.expect(StatusCode::OK);
    let object = json!({"filterCriteria": list});
    fixture.post("communications/messages:search", &object).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn records_shift_between_pages() {
    let fixture = Fixture::start(Options::default()).await;
    fixture.sandbox.set_churn(Some(Churn {
        pages: 1,
        deleted: 10,
        changed: 5,
        inserted: 2,
        ..Churn::default()
    }));
    let page = async |offset: usize| {
        let path = format!("clients?sortBy=lastModifiedDate:ASC&limit=50&offset={offset}");
        let found = fixture.get(&path).await.expect(StatusCode::OK);
        found.as_array().unwrap().iter().map(|it| it["id"].to_string()).collect::<Vec<_>>()
    };
    let first = page(0).await;
    let moved = page(0).await;
    assert_ne!(first, moved);
    assert_eq!(moved, page(0).await, "then there is peace");
    assert_eq!(fixture.sandbox.records("clients").len(), 92);
}
