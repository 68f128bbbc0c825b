//! Cursors: where they may be used, and that they stand behind a record.

use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_sandbox::mambu::Options;

use super::support::Fixture;

/// All records by cursor, with something happening behind the first page.
async fn walk(fixture: &Fixture, table: &str, body: &Value, happen: impl Fn()) -> Vec<String> {
    let (mut cursor, mut keys) = ("_".to_owned(), Vec::new());
    while !cursor.is_empty() {
        let path = format!("{table}:search?cursor={cursor}&limit=30");
        let page = fixture.post(&path, body).await;
        page.headers["Items-Next-Cursor"].to_str().unwrap().clone_into(&mut cursor);
        let records = page.expect(StatusCode::OK);
        let found = records.as_array().unwrap().iter();
        keys.extend(found.map(|it| it["encodedKey"].as_str().unwrap().to_owned()));
        if keys.len() <= 30 {
            happen();
        }
    }
    keys
}

#[tokio::test]
async fn a_cursor_gives_every_record_though_others_change_and_go() {
    let fixture = Fixture::start(Options::default()).await;
    let records = fixture.sandbox.records("deposit_accounts");
    let key = |place: usize| records[place]["encodedKey"].as_str().unwrap().to_owned();
    let body = json!({"sortingCriteria": {"field": "lastModifiedDate", "order": "ASC"}});
    let keys = walk(&fixture, "deposits", &body, || {
        assert!(fixture.sandbox.delete("deposit_accounts", &key(3)));
        assert!(fixture.sandbox.change("deposit_accounts", &key(5)));
        assert!(fixture.sandbox.change("deposit_accounts", &key(80)));
    })
    .await;
    assert_eq!(keys.iter().filter(|it| **it == key(5)).count(), 2, "it moved to the end");
    assert!(records.iter().all(|it| keys.contains(&it["encodedKey"].as_str().unwrap().to_owned())));
}

#[tokio::test]
async fn the_ledger_wants_a_span_of_time_and_its_own_order() {
    let fixture = Fixture::start(Options::default()).await;
    let span = json!({"field": "creationDate", "operator": "BETWEEN", "value": "2026-01-01", "secondValue": "2026-12-31"});
    let body = json!({"filterCriteria": [span], "sortingCriteria": {"field": "entryId"}});
    let keys = walk(&fixture, "gljournalentries", &body, || ()).await;
    assert_eq!(keys.len(), 200);
}

#[tokio::test]
async fn other_searches_by_cursor_are_refused() {
    let fixture = Fixture::start(Options::default()).await;
    let sorted = |field: &str| json!({"sortingCriteria": {"field": field, "order": "ASC"}});
    let filtered = json!({
        "filterCriteria": [{"field": "id", "operator": "EQUALS", "value": "D-1"}],
        "sortingCriteria": {"field": "lastModifiedDate"},
    });
    for (table, body) in [
        ("clients", sorted("lastModifiedDate")),
        ("loans", sorted("id")),
        ("deposits", filtered),
        ("gljournalentries", sorted("entryId")),
    ] {
        let refused = fixture.post(&format!("{table}:search?cursor=_"), &body).await;
        assert_eq!(refused.error_code(), 4, "{table}");
        refused.expect(StatusCode::BAD_REQUEST);
    }
    let body = sorted("id");
    fixture.post("loans/transactions:search?cursor=_", &body).await.expect(StatusCode::OK);
    fixture
        .post("loans/transactions:search?cursor=nonsense", &body)
        .await
        .expect(StatusCode::BAD_REQUEST);
}
