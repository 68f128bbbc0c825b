//! Every table of the tenant.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_lake::source::Window;
use stepwell_sandbox::mambu::{Options, Sandbox};

use super::settings;
use crate::sources::{Found, open, window};

const NOW: &str = "2026-03-01T09:00:00Z";
const SMALL: &str = "page_records = 7";

async fn read(sandbox: &Sandbox, table: &str, columns: &[&str], key: &str) -> Found {
    let keys = format!("key = ['{key}']\nmode = 'append'");
    let opened = open(&settings(sandbox, SMALL, table, columns, &keys)).await.unwrap();
    opened.read(&window(None, NOW)).await.unwrap()
}

fn truth(sandbox: &Sandbox, table: &str, field: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values: BTreeSet<_> = sandbox.records(table).iter().map(|it| text(&it[field])).collect();
    values.into_iter().collect()
}

#[tokio::test]
async fn every_table_comes_whole() {
    let sandbox = Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap();
    for (table, key) in [
        ("branches", "encodedKey"),
        ("centres", "encodedKey"),
        ("clients", "encodedKey"),
        ("groups", "encodedKey"),
        ("users", "encodedKey"),
        ("tasks", "id"),
        ("loan_products", "encodedKey"),
        ("deposit_products", "encodedKey"),
        ("credit_arrangements", "encodedKey"),
        ("custom_field_sets", "encodedKey"),
        ("loan_accounts", "encodedKey"),
        ("deposit_accounts", "encodedKey"),
        ("loan_transactions", "encodedKey"),
        ("deposit_transactions", "encodedKey"),
        ("installments", "encodedKey"),
        ("gl_accounts", "glCode"),
        ("gl_journal_entries", "entryId"),
        ("interest_accrual_breakdown", "entryId"),
        ("communications", "encodedKey"),
        ("activities", "encodedKey"),
        ("index_rate_sources", "encodedKey"),
    ] {
        let column = format!("name string not null from {key}");
        let found = read(&sandbox, table, &[&column], "name").await;
        assert_eq!(found.keys("name"), truth(&sandbox, table, key), "{table}");
        assert_eq!(found.rows.len(), sandbox.records(table).len(), "{table}: each once");
    }
}

#[tokio::test]
async fn the_audit_trail_comes_whole_though_pages_end_within_an_instant() {
    let options = Options { events_max: 13, equal_times: 30, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let columns = [
        "at timestamp from occurred_at",
        "uri string from request_uri",
        "payload string from request_payload",
    ];
    let keys = "key = ['at']\nmode = 'append'\nevent_time = 'at'";
    let opened = open(&settings(&sandbox, SMALL, "audit_trail", &columns, keys)).await.unwrap();
    let error = opened.read(&window(None, NOW)).await;
    assert!(
        error.is_err_and(|it| it.to_string().contains("events happened at")),
        "30 events of one time, in pages of 13"
    );

    let sandbox = Sandbox::start(Options { events_max: 40, equal_times: 30, ..Options::default() })
        .await
        .unwrap();
    let opened = open(&settings(&sandbox, SMALL, "audit_trail", &columns, keys)).await.unwrap();
    let found = opened.read_in_slices(&window(None, NOW), 1).await.unwrap();
    assert_eq!(found.rows.len(), sandbox.records("audit_trail").len());
}

#[tokio::test]
async fn schedules_and_cards_are_read_account_by_account() {
    let sandbox = Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap();
    let columns = [
        "key string not null from encodedKey",
        "loan string from parentAccountKey",
        "number string",
        "currency string from currency.code",
        "principal decimal(38,10) from principal.amount.expected",
    ];
    let found = read(&sandbox, "loan_repayments", &columns, "key").await;
    assert_eq!(found.keys("key"), truth(&sandbox, "installments", "encodedKey"));
    assert_eq!(found.keys("currency"), ["EUR"]);
    assert_eq!(
        found.keys("number"),
        truth(&sandbox, "installments", "number"),
        "no number is lost"
    );

    let found = read(
        &sandbox,
        "cards",
        &["deposit string from depositId", "token string from referenceToken"],
        "token",
    )
    .await;
    assert_eq!(found.keys("token"), truth(&sandbox, "cards", "referenceToken"));
    assert!(found.values("deposit").iter().all(|it| it.starts_with("D-")));
}

#[tokio::test]
async fn instalments_are_those_that_are_due_in_a_span() {
    let sandbox = Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap();
    let keys = "key = ['key']\nmode = 'overwrite'\ndue_from = '2026-02-10'\ndue_to = '2026-02-12'";
    let columns = ["key string from encodedKey", "due timestamp from dueDate"];
    let opened = open(&settings(&sandbox, SMALL, "installments", &columns, keys)).await.unwrap();
    let found = opened.read(&window(None, NOW)).await.unwrap();
    assert!(!found.rows.is_empty());
    assert!(
        found.values("due").iter().all(|at| ("2026-02-10".."2026-02-13").contains(&at.as_str()))
    );
}

#[tokio::test]
async fn windows_that_follow_each_other_share_no_record_though_searches_reach_beyond_them() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    for (table, key) in
        [("interest_accrual_breakdown", "entryId"), ("communications", "encodedKey")]
    {
        let columns =
            [&*format!("key string not null from {key}"), "at timestamp from creationDate"];
        let keys = "key = ['key']\nmode = 'append'\nevent_time = 'at'";
        let opened = open(&settings(&sandbox, SMALL, table, &columns, keys)).await.unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let records = sandbox.records(table);
        let mut times: Vec<_> =
            records.iter().map(|it| time(it["creationDate"].as_str().unwrap())).collect();
        times.sort_unstable();
        // Ends at the very time of a record.
        let ends = [times[times.len() / 4], times[times.len() / 2], time(NOW)];
        let (mut from, mut found) = (None, Vec::new());
        for to in ends {
            let of_window = opened.read(&Window { from, to }).await.unwrap();
            for at in of_window.values("at").iter().map(|at| time(at)) {
                assert!(
                    from.is_none_or(|from| from <= at) && at < to,
                    "{table} {from:?} {to} {at}"
                );
            }
            found.extend(of_window.values("key"));
            from = Some(to);
        }
        found.sort();
        assert_eq!(found, truth(&sandbox, table, key), "{table}: each once");
    }
}

#[tokio::test]
async fn messages_of_a_window_come_in_every_state() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let columns = ["key string from encodedKey", "state string", "at timestamp from creationDate"];
    let keys = "key = ['key']\nmode = 'append'\nevent_time = 'at'";
    let opened = open(&settings(&sandbox, SMALL, "communications", &columns, keys)).await.unwrap();
    let (from, to) = ("2026-02-10T00:00:00Z", "2026-02-20T00:00:00Z");
    let found = opened.read(&window(Some(from), to)).await.unwrap();
    let records = sandbox.records("communications");
    let expected = records
        .iter()
        .filter(|it| it["creationDate"].as_str().is_some_and(|at| from <= at && at < to));
    assert_eq!(found.rows.len(), expected.count());
    assert_eq!(found.keys("state"), ["FAILED", "QUEUED", "SENT"]);
}

#[tokio::test]
async fn ledger_accounts_are_read_type_by_type() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let columns = ["code string from glCode", "type string"];
    let opened = open(&settings(
        &sandbox,
        SMALL,
        "gl_accounts",
        &columns,
        "key = ['code']\nmode = 'overwrite'",
    ))
    .await
    .unwrap();
    let splits = opened.source.splits(&window(None, NOW)).await.unwrap();
    assert_eq!(splits.len(), 5);
    assert_eq!(
        opened.source.count(&window(None, NOW)).await.unwrap(),
        Some(sandbox.records("gl_accounts").len() as u64)
    );
}
