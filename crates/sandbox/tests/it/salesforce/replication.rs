//! Updated and deleted records, and life going on.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use stepwell_sandbox::salesforce::{Advance, Options};

use super::support::{Answer, Fixture};

async fn deleted(fixture: &Fixture, from: &str) -> Answer {
    let to = fixture.sandbox.now() + jiff::SignedDuration::from_mins(1);
    fixture.get(&format!("sobjects/Account/deleted/?start={from}&end={to}")).await
}

#[tokio::test]
async fn deletions_are_listed_soft_and_hard() {
    let fixture = Fixture::start(Options::default()).await;
    let live = fixture.sandbox.records("Account").into_iter().filter(|it| !it.is_deleted);
    let ids: Vec<_> = live.map(|it| it.id).take(2).collect();
    fixture.sandbox.move_clock(Duration::from_mins(1));
    let from = fixture.sandbox.now().to_string();
    assert!(fixture.sandbox.delete("Account", &ids[0]));
    assert!(fixture.sandbox.hard_delete("Account", &ids[1]));
    let found = deleted(&fixture, &from).await.expect(StatusCode::OK);
    let mut found: Vec<_> =
        found["deletedRecords"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    found.sort_by_key(ToString::to_string);
    assert_eq!(json!(found), json!(ids));
    let soql = format!("SELECT Id FROM Account WHERE Id IN ('{}', '{}')", ids[0], ids[1]);
    let seen = fixture.query("queryAll", &soql).await.expect(StatusCode::OK);
    assert_eq!(seen["totalSize"], 1, "the recycle bin holds the first");
    fixture.sandbox.move_clock(Duration::from_hours(15 * 24));
    assert!(fixture.sandbox.hard_deleted("Account").iter().any(|(id, _)| *id == ids[0]));
}

#[tokio::test]
async fn the_lists_reach_back_thirty_days_and_hold_so_many_ids() {
    let fixture = Fixture::start(Options { replication_ids_max: 3, ..Options::default() }).await;
    assert_eq!(deleted(&fixture, "2026-01-01T00:00:00Z").await.code(), "INVALID_REPLICATION_DATE");
    assert_eq!(deleted(&fixture, "yesterday").await.code(), "INVALID_REPLICATION_DATE");
    assert_eq!(deleted(&fixture, "2026-02-10T00:00:00Z").await.code(), "EXCEEDED_ID_LIMIT");
    let path = "sobjects/CaseStatus/deleted/?start=2026-02-10T00:00:00Z&end=2026-02-11T00:00:00Z";
    fixture.get(path).await.expect(StatusCode::BAD_REQUEST);
    let path = "sobjects/Account/updated/?start=2026-02-20T00:00:00Z&end=2026-02-20T08:00:00Z";
    let updated = fixture.get(path).await.expect(StatusCode::OK);
    assert!(!updated["ids"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn life_goes_on_the_same_way_for_the_same_seed() {
    let truth = async || {
        let fixture = Fixture::start(Options::default()).await;
        fixture.sandbox.move_clock(Duration::from_hours(1));
        let wanted = Advance { seed: 7, changes: 60, object: None };
        assert!(fixture.sandbox.advance(&wanted));
        (fixture.sandbox.records("Account"), fixture.sandbox.hard_deleted("Account"))
    };
    let (records, gone) = truth().await;
    assert_eq!((records.clone(), gone.clone()), truth().await);
    let now = records.iter().map(|it| it.modified).max().unwrap();
    assert!(records.iter().filter(|it| it.modified == now && !it.is_deleted).count() > 10);
    assert!(records.iter().filter(|it| it.modified == now && it.is_deleted).count() > 2);
    assert!(gone.iter().any(|(_, at)| *at == now));
}
