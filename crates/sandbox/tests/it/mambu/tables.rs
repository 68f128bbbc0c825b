//! Every table has its place, and its records their shape.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stepwell_sandbox::mambu::{Advance, Money, Options};

use super::support::{Fixture, answer};

#[tokio::test]
async fn every_table_answers() {
    let fixture = Fixture::start(Options::default()).await;
    for path in [
        "branches",
        "centres",
        "clients",
        "groups",
        "users",
        "tasks",
        "loanproducts",
        "depositproducts",
        "creditarrangements",
        "customfieldsets",
        "loans",
        "deposits",
        "glaccounts?type=ASSET",
        "indexratesources",
        "installments?dueFrom=2026-02-01&dueTo=2026-03-01",
    ] {
        let found = fixture.get(path).await.expect(StatusCode::OK);
        assert!(!found.as_array().unwrap().is_empty(), "{path}");
    }
    for path in [
        "clients",
        "groups",
        "loans",
        "deposits",
        "loans/transactions",
        "deposits/transactions",
        "gljournalentries",
        "accounting/interestaccrual",
    ] {
        let found =
            fixture.post(&format!("{path}:search"), &json!({})).await.expect(StatusCode::OK);
        assert!(!found.as_array().unwrap().is_empty(), "{path}");
    }
    fixture.get("glaccounts").await.expect(StatusCode::BAD_REQUEST);
    fixture.get("nothing").await.expect(StatusCode::NOT_FOUND);
    assert_eq!(fixture.get("setup/organization").await.body["timeZoneID"], "Europe/Berlin");
}

#[tokio::test]
async fn amounts_keep_their_digits_as_numbers_and_as_texts() {
    for (money, amount) in [
        (Money::Number, "123456789012345678.1234567891"),
        (Money::Text, "\"123456789012345678.1234567891\""),
    ] {
        let fixture = Fixture::start(Options { money, ..Options::default() }).await;
        let response = fixture.request(Method::GET, "loans?limit=100").send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(text.contains(&format!(":{amount}")), "{money:?}");
    }
}

#[tokio::test]
async fn details_are_there_at_full_level_only() {
    let fixture = Fixture::start(Options::default()).await;
    let full = fixture.get("clients?limit=100&detailsLevel=FULL").await.expect(StatusCode::OK);
    let basic = fixture.get("clients?limit=100").await.expect(StatusCode::OK);
    let has = |found: &Value, field: &str| {
        found.as_array().unwrap().iter().any(|it| it.get(field).is_some())
    };
    for field in ["addresses", "idDocuments", "_clientDetails"] {
        assert!(has(&full, field) && !has(&basic, field), "{field}");
    }
}

#[tokio::test]
async fn schedules_and_cards_hang_on_their_accounts() {
    let fixture = Fixture::start(Options::default()).await;
    let schedule = async |id: &str| fixture.get(&format!("loans/{id}/schedule")).await;
    let mut instalments = 0;
    for loan in fixture.sandbox.records("loan_accounts") {
        let found = schedule(loan["id"].as_str().unwrap()).await.expect(StatusCode::OK);
        assert_eq!(found["currency"]["code"], "EUR");
        instalments += found["installments"].as_array().unwrap().len();
    }
    assert_eq!(instalments, fixture.sandbox.records("installments").len());
    schedule("L-none").await.expect(StatusCode::NOT_FOUND);
    let card = &fixture.sandbox.records("cards")[0];
    let deposit = card["depositKey"].as_str().unwrap();
    let found = fixture.get(&format!("deposits/{deposit}/cards")).await.expect(StatusCode::OK);
    assert!(found.as_array().unwrap().contains(&json!({"referenceToken": card["referenceToken"]})));
}

#[tokio::test]
async fn accruals_take_dates_and_no_times() {
    let fixture = Fixture::start(Options::default()).await;
    let after = |value: &str| json!({"filterCriteria": [{"field": "creationDate", "operator": "AFTER", "value": value}]});
    let path = "accounting/interestaccrual:search";
    fixture.post(path, &after("2026-02-01")).await.expect(StatusCode::OK);
    let refused = fixture.post(path, &after("2026-02-01T00:00:00Z")).await;
    assert_eq!(refused.error_code(), 4);
}

#[tokio::test]
async fn the_audit_trail_goes_on_from_a_time() {
    let fixture = Fixture::start(Options { events_max: 30, ..Options::default() }).await;
    let events = async |query: &str| {
        let request = fixture.bare(Method::GET, &format!("v2/events?{query}"));
        answer(request.header("apiKey", fixture.sandbox.audit_key())).await.expect(StatusCode::OK)
    };
    let first = events("").await;
    assert_eq!((first["events"].as_array().unwrap().len(), &first["hasMore"]), (30, &json!(true)));
    let next = first["nextStartTime"].as_str().unwrap();
    let second = events(&format!("occurred_at[gte]={next}&size=1000")).await;
    assert!(second["events"][0]["occurred_at"].as_str().unwrap() >= next);
    let last = events("occurred_at[gte]=2026-03-01T08:00:00Z").await;
    assert_eq!(last["hasMore"], false);
}

#[tokio::test]
async fn activities_are_wrapped_and_have_the_first_versions_times() {
    let fixture = Fixture::start(Options::default()).await;
    let request = fixture.bare(Method::GET, "activities?from=2026-02-01&to=2026-02-28&limit=10");
    let found =
        answer(request.header("apiKey", fixture.sandbox.api_key())).await.expect(StatusCode::OK);
    let at = found[0]["activity"]["timestamp"].as_str().unwrap();
    assert!(at.ends_with("+0100"), "{at}");
}

#[tokio::test]
async fn a_transaction_that_is_adjusted_keeps_its_date() {
    let fixture = Fixture::start(Options::default()).await;
    let before = fixture.sandbox.records("loan_transactions")[0].clone();
    let key = before["encodedKey"].as_str().unwrap();
    fixture.sandbox.move_clock(Duration::from_hours(1));
    assert!(fixture.sandbox.adjust("loan_transactions", key));
    let records = fixture.sandbox.records("loan_transactions");
    let (after, adjusting) = (&records[0], records.last().unwrap());
    assert_eq!(after["creationDate"], before["creationDate"]);
    assert_eq!(after["adjustmentTransactionKey"], adjusting["encodedKey"]);
    assert_eq!(adjusting["originalTransactionKey"], key);
    assert_eq!(adjusting["creationDate"], fixture.sandbox.now().to_string());
}

#[tokio::test]
async fn life_goes_on_the_same_way_for_the_same_seed() {
    let truth = async || {
        let fixture = Fixture::start(Options::default()).await;
        fixture.sandbox.move_clock(Duration::from_hours(1));
        assert!(fixture.sandbox.advance(&Advance { seed: 3, changes: 40, table: None }));
        (fixture.sandbox.records("loan_accounts"), fixture.sandbox.records("loan_transactions"))
    };
    let (loans, transactions) = truth().await;
    assert_eq!((loans.clone(), transactions.clone()), truth().await);
    let now = "2026-03-01T10:00:00Z";
    let appraised = loans
        .iter()
        .filter(|it| it["lastAccountAppraisalDate"] == now && it["lastModifiedDate"] != now);
    assert!(appraised.count() > 0, "appraised, not modified");
    assert!(transactions.iter().any(|it| it.get("adjustmentTransactionKey").is_some()));
}
