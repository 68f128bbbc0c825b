//! What is read although records change, and whatever the service does.

use std::time::Duration;

use serde_json::Value;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::testing::check_no_secret;
use stepwell_sandbox::mambu::{
    Advance, Churn, Endpoint, FaultRule, HttpFault, Money, Options, Sandbox,
};

use super::settings;
use crate::sources::{Found, Opened, open, window};
use stepwell_lake::source::Stop;

const NOW: &str = "2026-03-01T09:00:00Z";
const SMALL: &str = "page_records = 7";
const COLUMNS: [&str; 4] = [
    "key string not null from encodedKey",
    "id string",
    "modified timestamp from lastModifiedDate",
    "created timestamp from creationDate",
];
const APPEND: &str = "key = ['key']\nmode = 'append'\nevent_time = 'modified'";

async fn opened(sandbox: &Sandbox, connection: &str, table: &str) -> Opened {
    open(&settings(sandbox, connection, table, &COLUMNS, APPEND)).await.unwrap()
}

/// The keys of records that meet a condition, sorted.
fn keys(sandbox: &Sandbox, table: &str, meets: impl Fn(&Value) -> bool) -> Vec<String> {
    let records = sandbox.records(table);
    let found = records.iter().filter(|it| meets(it));
    let mut keys: Vec<_> = found.map(|it| it["encodedKey"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

fn is_between(record: &Value, field: &str, from: &str, to: &str) -> bool {
    record[field].as_str().is_some_and(|at| from <= at && at < to)
}

#[tokio::test]
async fn windows_that_follow_each_other_give_every_record_once() {
    let sandbox = Sandbox::start(Options { equal_times: 40, ..Options::default() }).await.unwrap();
    for table in ["clients", "groups", "deposit_accounts", "branches"] {
        let opened = opened(&sandbox, SMALL, table).await;
        let crowd =
            sandbox.records(table)[sandbox.records(table).len() / 3]["lastModifiedDate"].clone();
        let crowd = crowd.as_str().unwrap();
        let mut found = Vec::new();
        for (from, to) in [(None, crowd), (Some(crowd), NOW)] {
            found.extend(opened.read(&window(from, to)).await.unwrap().values("key"));
        }
        found.sort();
        assert_eq!(found, keys(&sandbox, table, |_| true), "{table}");
    }
}

#[tokio::test]
async fn records_that_change_while_they_are_read_are_lost_to_no_window() {
    let churn = Churn { pages: 1_000, changed: 3, inserted: 1, ..Churn::default() };
    for table in ["clients", "loan_accounts", "deposit_accounts", "branches", "tasks", "users"] {
        let sandbox = Sandbox::start(Options {
            records: 200,
            churn: Some(churn.clone()),
            ..Options::default()
        })
        .await
        .unwrap();
        let opened = opened(&sandbox, SMALL, table).await;
        sandbox.move_clock(Duration::from_mins(10));
        let mut found = opened.read(&window(None, NOW)).await.unwrap().values("key");
        sandbox.set_churn(None);
        sandbox.move_clock(Duration::from_mins(10));
        found.extend(
            opened.read(&window(Some(NOW), "2026-03-01T09:30:00Z")).await.unwrap().values("key"),
        );
        found.sort();
        found.dedup();
        assert_eq!(found, keys(&sandbox, table, |_| true), "{table}");
    }
}

#[tokio::test]
async fn records_that_go_while_they_are_read_take_no_others_along() {
    let churn = Churn { pages: 6, deleted: 2, ..Churn::default() };
    for table in
        ["clients", "users", "credit_arrangements", "deposit_accounts", "custom_field_sets"]
    {
        let sandbox = Sandbox::start(Options {
            records: 200,
            churn: Some(churn.clone()),
            ..Options::default()
        })
        .await
        .unwrap();
        let found = opened(&sandbox, SMALL, table).await.read(&window(None, NOW)).await.unwrap();
        let found = found.keys("key");
        let lost: Vec<_> =
            keys(&sandbox, table, |_| true).into_iter().filter(|it| !found.contains(it)).collect();
        assert_eq!(lost, Vec::<String>::new(), "{table}");
    }
}

#[tokio::test]
async fn a_table_that_is_written_anew_has_each_record_once_though_some_change() {
    let churn = Churn { pages: 1_000, changed: 2, ..Churn::default() };
    for table in ["clients", "loan_accounts", "tasks"] {
        let sandbox = Sandbox::start(Options { churn: Some(churn.clone()), ..Options::default() })
            .await
            .unwrap();
        sandbox.move_clock(Duration::from_mins(10));
        let toml = settings(&sandbox, SMALL, table, &COLUMNS, "key = ['key']\nmode = 'overwrite'");
        let mut found =
            open(&toml).await.unwrap().read(&window(None, NOW)).await.unwrap().values("key");
        found.sort();
        assert_eq!(found, keys(&sandbox, table, |_| true), "{table}");
    }
}

#[tokio::test]
async fn a_record_that_changes_between_two_slices_is_in_a_table_that_is_written_anew_once() {
    for table in ["clients", "loan_accounts", "tasks"] {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let toml = settings(&sandbox, SMALL, table, &COLUMNS, "key = ['key']\nmode = 'overwrite'");
        let opened = open(&toml).await.unwrap();
        let change = |found: &Found| {
            sandbox.move_clock(Duration::from_mins(1));
            assert!(sandbox.change(table, &found.values("key")[0]));
        };
        // Without an end to the changes there would be none to the table.
        let mut changes = 0;
        let window = window(None, NOW);
        let read = opened.read_while(&window, |found: &Found| {
            if changes < 5 && !found.rows.is_empty() {
                change(found);
                changes += 1;
            }
        });
        let mut found = read.await.unwrap().values("key");
        found.sort();
        assert_eq!(found, keys(&sandbox, table, |_| true), "{table}");
    }
}

#[tokio::test]
async fn a_reading_that_stops_after_every_chunk_ends_with_the_same_rows() {
    let sandbox = Sandbox::start(Options { equal_times: 40, ..Options::default() }).await.unwrap();
    for table in ["clients", "deposit_accounts", "branches", "users"] {
        let opened = opened(&sandbox, SMALL, table).await;
        for from in [None, Some("2026-02-03T00:00:00Z")] {
            let found = opened.read_in_slices(&window(from, NOW), 1).await.unwrap();
            let mut found = found.values("key");
            found.sort();
            let wanted =
                |it: &Value| is_between(it, "lastModifiedDate", from.unwrap_or("2000"), NOW);
            assert_eq!(found, keys(&sandbox, table, wanted), "{table}");
        }
    }
}

#[tokio::test]
async fn loans_come_by_both_of_their_times_each_once() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let opened = opened(&sandbox, SMALL, "loan_accounts").await;
    sandbox.move_clock(Duration::from_hours(1));
    assert!(sandbox.advance(&Advance {
        seed: 5,
        changes: 60,
        table: Some("loan_accounts".to_owned())
    }));
    let to = "2026-03-01T10:00:01Z";
    let window = window(Some(NOW), to);
    let found = opened.read(&window).await.unwrap();
    let mut found_keys = found.values("key");
    found_keys.sort();
    let changed = |it: &Value| {
        ["lastModifiedDate", "lastAccountAppraisalDate"]
            .iter()
            .any(|field| is_between(it, field, NOW, to))
    };
    let expected = keys(&sandbox, "loan_accounts", changed);
    assert_eq!(found_keys, expected);
    assert!(found.values("_changed_at").iter().all(|at| at == "2026-03-01T10:00:00Z"));
    assert_eq!(found.keys("_deleted"), ["false"]);
    let by_modified =
        keys(&sandbox, "loan_accounts", |it| is_between(it, "lastModifiedDate", NOW, to));
    assert!(by_modified.len() < expected.len(), "some were appraised alone");
    // By the dataset's event time.
    assert_eq!(opened.source.count(&window).await.unwrap(), Some(by_modified.len() as u64));
}

#[tokio::test]
async fn a_transaction_that_was_adjusted_later_comes_again() {
    for table in ["loan_transactions", "deposit_transactions"] {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let columns = [
            "key string not null from encodedKey",
            "adjusted_by string from adjustmentTransactionKey",
            "created timestamp from creationDate",
        ];
        let keys = "key = ['key']\nmode = 'append'\nevent_time = 'created'";
        let opened = open(&settings(&sandbox, SMALL, table, &columns, keys)).await.unwrap();
        let first = sandbox.records(table)[0]["encodedKey"].as_str().unwrap().to_owned();
        sandbox.move_clock(Duration::from_hours(1));
        assert!(sandbox.adjust(table, &first));
        let found = opened.read(&window(Some(NOW), "2026-03-01T10:00:01Z")).await.unwrap();
        assert_eq!(found.rows.len(), 2, "{table}");
        let again = found.rows.iter().find(|row| row["key"] == first).unwrap();
        assert_eq!(
            again["adjusted_by"],
            found.rows.iter().find(|row| row["key"] != first).unwrap()["key"]
        );
        assert_eq!(again["_changed_at"], "2026-03-01T10:00:00Z");
        assert!(again["created"].as_str() < NOW);
    }
}

#[tokio::test]
async fn more_records_of_one_time_than_fit_a_page_all_come() {
    let sandbox = Sandbox::start(Options { records: 120, equal_times: 60, ..Options::default() })
        .await
        .unwrap();
    let churn = Churn { pages: 40, changed: 1, ..Churn::default() };
    for churn in [None, Some(churn)] {
        sandbox.set_churn(churn);
        sandbox.move_clock(Duration::from_mins(1));
        let from = "2026-01-01T00:00:00Z";
        let opened = opened(&sandbox, SMALL, "clients").await;
        let mut found = opened.read(&window(Some(from), NOW)).await.unwrap().keys("key");
        found.extend(
            opened.read(&window(Some(NOW), "2026-03-01T09:30:00Z")).await.unwrap().keys("key"),
        );
        found.sort();
        found.dedup();
        assert_eq!(found, keys(&sandbox, "clients", |_| true));
    }
}

#[tokio::test]
async fn a_tenant_that_gives_fewer_records_than_are_asked_for_is_read_to_the_end() {
    let options = Options { page_max: 5, equal_times: 30, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    for table in ["clients", "groups", "users", "loan_accounts", "custom_field_sets"] {
        for from in [None, Some("2026-01-01T00:00:00Z")] {
            let opened = opened(&sandbox, SMALL, table).await;
            let mut found = opened.read(&window(from, NOW)).await.unwrap().values("key");
            found.sort();
            assert_eq!(found, keys(&sandbox, table, |_| true), "{table}");
        }
    }
}

#[tokio::test]
async fn a_tenant_without_cursors_is_read_by_time() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    sandbox.add_fault(FaultRule::new(Endpoint::Search, HttpFault::status(400)).about("cursor=_"));
    for table in ["deposit_accounts", "loan_accounts"] {
        let found = opened(&sandbox, SMALL, table).await.read(&window(None, NOW)).await.unwrap();
        assert_eq!(found.keys("key"), keys(&sandbox, table, |_| true), "{table}");
        assert_eq!(found.rows.len(), 100);
    }
}

#[tokio::test]
async fn amounts_are_exact_as_numbers_and_as_texts_and_times_are_utc() {
    for money in [Money::Number, Money::Text, Money::Mixed] {
        let sandbox = Sandbox::start(Options {
            money,
            zone: "America/Sao_Paulo".to_owned(),
            ..Options::default()
        })
        .await
        .unwrap();
        let columns = [
            "id string",
            "amount decimal(38,10) from loanAmount",
            "principal decimal(38,10) from balances.principalBalance",
            "modified timestamp from lastModifiedDate",
            "risk json from _loanRisk",
        ];
        let keys = "key = ['id']\nmode = 'append'\nevent_time = 'modified'";
        let found =
            open(&settings(&sandbox, SMALL, "loan_accounts", &columns, keys)).await.unwrap();
        let found = found.read(&window(None, NOW)).await.unwrap();
        assert!(found.values("amount").contains(&"123456789012345678.1234567891".to_owned()));
        for record in sandbox.records("loan_accounts") {
            let row =
                found.rows.iter().find(|row| row["id"] == record["id"].as_str().unwrap()).unwrap();
            let exact = |value: &Value| {
                value.as_str().map(|text| match text.split_once('.') {
                    Some(_) => text.to_owned(),
                    None => format!("{text}.0000000000"),
                })
            };
            assert_eq!(row.get("amount").cloned(), exact(&record["loanAmount"]));
            assert_eq!(
                row.get("principal").cloned(),
                exact(&record["balances"]["principalBalance"])
            );
            assert_eq!(row["modified"], record["lastModifiedDate"].as_str().unwrap());
            assert_eq!(row.contains_key("risk"), record.get("_loanRisk").is_some());
        }
    }
}

#[tokio::test]
async fn what_passes_is_waited_for_and_tried_again() {
    let sandbox = Sandbox::start(Options { records: 20, ..Options::default() }).await.unwrap();
    let opened = opened(&sandbox, SMALL, "clients").await;
    for fault in [
        HttpFault::status(503),
        HttpFault::status(408),
        HttpFault::Close,
        HttpFault::BreakBody,
        HttpFault::TruncateBody,
        HttpFault::EmptyBody,
        HttpFault::too_many_requests(Some(0)),
    ] {
        sandbox.add_fault(FaultRule::new(Endpoint::Search, fault.clone()).after(1).once());
        let found = opened.read(&window(None, NOW)).await.unwrap();
        assert_eq!(found.keys("key"), keys(&sandbox, "clients", |_| true), "{fault:?}");
    }
    let fault = HttpFault::too_many_requests(Some(3_600));
    sandbox.add_fault(FaultRule::new(Endpoint::Search, fault).after(1).once());
    let stop = opened.first_stop(&window(None, NOW)).await;
    let Some(Stop::NotNow { wait, checkpoint }) = stop else { panic!("{stop:?}") };
    assert!(wait > Duration::from_mins(9), "what is wished, but no longer than ten minutes");
    assert!(
        checkpoint.is_some_and(|it| it["next"]["search"]["bound"].is_string()),
        "behind the first page"
    );
}

#[tokio::test]
async fn wrong_keys_and_settings_are_told_and_not_shown() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let toml = settings(&sandbox, SMALL, "clients", &COLUMNS, APPEND);
    let wrong = toml.replace(sandbox.api_key(), "wr0ng-key");
    let Err(error) = open(&wrong).await.unwrap().read(&window(None, NOW)).await else { panic!() };
    assert!(
        matches!(&error, HandlerError::Config(message) if message.contains("INVALID_CREDENTIALS")),
        "{error:?}"
    );
    check_no_secret(&error.to_string(), &["wr0ng-key"]);
    for (from, to, told) in [
        ("'clients'", "'client'", "did you mean `clients`?"),
        ("page_records = 7", "page_records = 5000", "a page cannot have 5000 records"),
        (
            "mode = 'append'",
            "mode = 'append'\ndue_from = '2026-01-01'",
            "for the table `installments` alone",
        ),
        (
            "'clients'",
            "'loan_transactions'\npartition_by = ['day(created)']",
            "let `mode` be `append` or `overwrite`",
        ),
        ("api_key = 'sandbox-api-key'", "", "set username and password"),
    ] {
        let mode = if told.contains("let `mode`") {
            "mode = 'overwrite_partitions'"
        } else {
            "mode = 'append'"
        };
        let toml = toml.replacen(from, to, 1).replace("mode = 'append'", mode);
        let Err(error) = open(&toml).await else { panic!("{told}") };
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn counts_are_those_of_the_window() {
    let sandbox = Sandbox::start(Options { equal_times: 40, ..Options::default() }).await.unwrap();
    let crowd = sandbox.records("clients")[40]["lastModifiedDate"].as_str().unwrap().to_owned();
    let opened = opened(&sandbox, "", "clients").await;
    for (from, to) in [(None, crowd.as_str()), (Some(crowd.as_str()), NOW)] {
        let found = opened.read(&window(from, to)).await.unwrap().rows.len() as u64;
        assert_eq!(opened.source.count(&window(from, to)).await.unwrap(), Some(found));
    }
}
