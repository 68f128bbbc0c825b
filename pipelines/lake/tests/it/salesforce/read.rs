//! What is read, whatever the service does.

use std::collections::BTreeMap;
use std::time::Duration;

use stepwell_pipeline::HandlerError;
use stepwell_sandbox::salesforce::{
    Advance, BulkHeader, Endpoint, FaultRule, HttpFault, Options, Sandbox, Truth,
};

use super::settings;
use crate::sources::{Found, Opened, Row, open, window};

const APPEND: &str = "mode = 'append'";
const BULK: &str = "rest_records_max = 0\nbulk_page_records = 70";
const NOW: &str = "2026-03-01T09:00:00Z";

async fn opened(sandbox: &Sandbox, connection: &str, keys: &str) -> Opened {
    open(&settings(sandbox, connection, keys)).await.unwrap()
}

/// The records that are not deleted, as rows.
fn expected(records: &[Truth]) -> Vec<Row> {
    let columns = [
        ("Id", "id"),
        ("Name", "name"),
        ("Balance__c", "balance"),
        ("Rate__c", "rate"),
        ("NumberOfEmployees", "employees"),
        ("Serial__c", "serial"),
        ("Description", "description"),
        ("LastActivityDate", "active_on"),
        ("SystemModstamp", "modified"),
    ];
    let row = |record: &Truth| {
        let value = |(field, column): (&str, &str)| {
            let text = record.values.get(field)?.replace('\0', "");
            let text = match (field, text.split_once('.')) {
                // Arrow writes times and decimals in its own way.
                ("SystemModstamp", Some((seconds, _))) => format!("{seconds}Z"),
                ("Balance__c" | "Rate__c", None) => {
                    let scale = if field == "Rate__c" { 9 } else { 2 };
                    format!("{text}.{}", "0".repeat(scale))
                }
                _ => text,
            };
            Some((column.to_owned(), text))
        };
        columns.into_iter().filter_map(value).collect::<Row>()
    };
    records.iter().filter(|it| !it.is_deleted).map(row).collect()
}

/// The rows that are not deleted, without what the lake adds, by id.
fn live(found: &Found) -> Vec<Row> {
    let mut by_id = BTreeMap::new();
    for row in &found.rows {
        let mut row = row.clone();
        row.remove("_changed_at");
        if row.remove("_deleted").as_deref() == Some("false") {
            by_id.insert(row["id"].clone(), row);
        }
    }
    by_id.into_values().collect()
}

fn tombstones(found: &Found) -> Vec<String> {
    let deleted = found.rows.iter().filter(|row| row["_deleted"] == "true");
    let mut ids: Vec<_> = deleted.map(|row| row["id"].clone()).collect();
    ids.sort();
    ids
}

#[track_caller]
fn assert_same(found: &Found, sandbox: &Sandbox) {
    let records = sandbox.records("Account");
    let (found_live, expected) = (live(found), expected(&records));
    for (found, expected) in found_live.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found_live.len(), expected.len());
    let deleted: Vec<_> =
        records.iter().filter(|it| it.is_deleted).map(|it| it.id.clone()).collect();
    let found: Vec<_> =
        tombstones(found).into_iter().filter(|id| records.iter().any(|it| it.id == *id)).collect();
    assert_eq!(found, deleted);
}

#[tokio::test]
async fn both_apis_give_the_same_rows_exactly() {
    for (connection, keys) in [("", "api = 'rest'"), (BULK, "api = 'bulk'"), (BULK, "")] {
        let sandbox = Sandbox::start(Options { records: 300, ..Options::default() }).await.unwrap();
        let opened = opened(&sandbox, connection, &format!("{APPEND}\n{keys}")).await;
        let found = opened.read(&window(None, NOW)).await.unwrap();
        assert_same(&found, &sandbox);
        assert_eq!(found.rows.len(), sandbox.records("Account").len(), "each once");
    }
}

#[tokio::test]
async fn later_pages_may_lack_the_header() {
    let options =
        Options { bulk_header: BulkHeader::FirstPage, records: 300, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let found = opened(&sandbox, BULK, APPEND).await.read(&window(None, NOW)).await.unwrap();
    assert_same(&found, &sandbox);
}

#[tokio::test]
async fn windows_that_follow_each_other_give_every_record_once_though_stamps_are_equal() {
    let sandbox = Sandbox::start(Options { records: 300, equal_stamps: 120, ..Options::default() })
        .await
        .unwrap();
    let opened = opened(&sandbox, "", APPEND).await;
    let records = sandbox.records("Account");
    let crowd = records[100].modified.to_string();
    let mut ids = Vec::new();
    for (from, to) in [(None, crowd.as_str()), (Some(crowd.as_str()), NOW)] {
        ids.extend(opened.read(&window(from, to)).await.unwrap().values("id"));
    }
    ids.retain(|id| records.iter().any(|it| it.id == *id));
    ids.sort();
    assert_eq!(ids, records.iter().map(|it| it.id.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reading_that_stops_after_every_chunk_ends_with_the_same_rows() {
    for connection in ["rest_records_max = 100000", BULK] {
        let options =
            Options { records: 700, equal_stamps: 350, query_page_max: 200, ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let opened = opened(&sandbox, connection, APPEND).await;
        let found = opened.read_in_slices(&window(None, NOW), 1).await.unwrap();
        assert_same(&found, &sandbox);
        assert_eq!(found.rows.len(), sandbox.records("Account").len());
        let jobs = sandbox.requests().get(&Endpoint::CreateJob).copied().unwrap_or(0);
        assert_eq!(jobs, u64::from(connection == BULK), "the job is found again");
    }
}

#[tokio::test]
async fn a_job_that_is_not_ready_ends_the_slice_and_is_found_again() {
    let sandbox =
        Sandbox::start(Options { records: 100, polls_until_done: 4, ..Options::default() })
            .await
            .unwrap();
    let toml = settings(&sandbox, BULK, APPEND).replace("poll_seconds = 0", "poll_seconds = 3600");
    let found = open(&toml).await.unwrap().read(&window(None, NOW)).await.unwrap();
    assert_same(&found, &sandbox);
    assert_eq!((found.waits, sandbox.requests()[&Endpoint::CreateJob]), (3, 1));
    assert_eq!(sandbox.requests()[&Endpoint::EndJob], 1, "and deleted at the end");
}

#[tokio::test]
async fn a_job_that_vanishes_is_followed_by_another_behind_the_last_record() {
    let sandbox = Sandbox::start(Options { records: 300, ..Options::default() }).await.unwrap();
    sandbox.add_fault(FaultRule::new(Endpoint::Results, HttpFault::status(404)).after(2).once());
    let opened = opened(&sandbox, BULK, APPEND).await;
    let found = opened.read(&window(None, NOW)).await.unwrap();
    assert_same(&found, &sandbox);
    assert_eq!(found.rows.len(), sandbox.records("Account").len());
    assert_eq!(sandbox.requests()[&Endpoint::CreateJob], 2);
    let second =
        sandbox.log().into_iter().filter(|it| it.endpoint == Endpoint::CreateJob).nth(1).unwrap();
    assert!(second.body.contains("AND Id > '"), "{}", second.body);
}

#[tokio::test]
async fn a_page_that_breaks_is_read_again() {
    let sandbox = Sandbox::start(Options { records: 300, ..Options::default() }).await.unwrap();
    for (endpoint, fault) in [
        (Endpoint::Results, HttpFault::BreakBody),
        (Endpoint::Results, HttpFault::TruncateBody),
        (Endpoint::Results, HttpFault::EmptyBody),
        (Endpoint::GetJob, HttpFault::status(503)),
        (Endpoint::Describe, HttpFault::TruncateBody),
        (Endpoint::Describe, HttpFault::Close),
        (Endpoint::Token, HttpFault::status(500)),
    ] {
        sandbox.add_fault(FaultRule::new(endpoint, fault).once());
    }
    let found = opened(&sandbox, BULK, APPEND).await.read(&window(None, NOW)).await.unwrap();
    assert_same(&found, &sandbox);
}

#[tokio::test]
async fn a_locator_that_has_expired_is_replaced_by_the_last_record() {
    let options = Options { records: 700, query_page_max: 200, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let body = serde_json::json!([{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]);
    let fault = HttpFault::Status { status: 400, retry_after: None, body: Some(body) };
    sandbox.add_fault(FaultRule::new(Endpoint::QueryMore, fault).after(1).once());
    let found = opened(&sandbox, "", APPEND).await.read(&window(None, NOW)).await.unwrap();
    assert_same(&found, &sandbox);
    assert_eq!(found.rows.len(), sandbox.records("Account").len());
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_asked_for_less_until_it_does_not() {
    for connection in ["", "rest_records_max = 0"] {
        let over = Some(Duration::from_hours(60));
        let sandbox = Sandbox::start(Options {
            records: 300,
            query_timeout_over: over,
            ..Options::default()
        })
        .await
        .unwrap();
        let opened = opened(&sandbox, connection, &format!("{APPEND}\napi = 'bulk'")).await;
        let found = opened.read(&window(None, NOW)).await.unwrap();
        assert_same(&found, &sandbox);
        let live = sandbox.records("Account").iter().filter(|it| !it.is_deleted).count() as u64;
        assert_eq!(opened.source.count(&window(None, NOW)).await.unwrap(), Some(live));
    }
}

#[tokio::test]
async fn a_query_that_always_takes_too_long_is_an_error_and_not_an_empty_table() {
    let sandbox = Sandbox::start(Options { records: 50, ..Options::default() }).await.unwrap();
    let body =
        serde_json::json!([{"message": "running for too long", "errorCode": "QUERY_TIMEOUT"}]);
    let fault = HttpFault::Status { status: 400, retry_after: None, body: Some(body) };
    sandbox.add_fault(FaultRule::new(Endpoint::Query, fault));
    let opened = opened(&sandbox, "", APPEND).await;
    for from in [None, Some("2026-02-01T00:00:00Z")] {
        let Err(error) = opened.read(&window(from, NOW)).await else { panic!() };
        assert!(matches!(&error, HandlerError::Data(_)), "{error:?}");
        assert!(error.to_string().contains("even for the shortest time"), "{error}");
    }
}

#[tokio::test]
async fn deletions_come_as_tombstones_soft_and_hard_each_once() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let opened = opened(&sandbox, "", APPEND).await;
    sandbox.move_clock(Duration::from_hours(1));
    let live: Vec<_> = sandbox
        .records("Account")
        .into_iter()
        .filter(|it| !it.is_deleted)
        .map(|it| it.id)
        .collect();
    assert!(sandbox.delete("Account", &live[0]) && sandbox.hard_delete("Account", &live[1]));
    let found = opened.read(&window(Some(NOW), "2026-03-01T10:00:01Z")).await.unwrap();
    assert_eq!(tombstones(&found), live[..2]);
    assert_eq!(found.rows.len(), 2);
    for row in &found.rows {
        assert_eq!(row.keys().collect::<Vec<_>>(), ["_changed_at", "_deleted", "id"]);
        assert_eq!(row["_changed_at"], "2026-03-01T10:00:00Z");
    }
}

#[tokio::test]
async fn life_is_followed_window_by_window() {
    let sandbox = Sandbox::start(Options { records: 200, ..Options::default() }).await.unwrap();
    let opened = opened(&sandbox, "", APPEND).await;
    let mut lake = BTreeMap::new();
    let mut from: Option<String> = None;
    for seed in 0..5 {
        let to = (sandbox.now() + jiff::SignedDuration::from_secs(1)).to_string();
        for row in opened.read(&window(from.as_deref(), &to)).await.unwrap().rows {
            match row["_deleted"].as_str() {
                "true" => lake.remove(&row["id"]),
                _ => lake.insert(row["id"].clone(), row),
            };
        }
        let live =
            sandbox.records("Account").into_iter().filter(|it| !it.is_deleted).map(|it| it.id);
        assert_eq!(
            lake.keys().cloned().collect::<Vec<_>>(),
            live.collect::<Vec<_>>(),
            "round {seed}"
        );
        from = Some(to);
        sandbox.move_clock(Duration::from_mins(10));
        assert!(sandbox.advance(&Advance { seed, changes: 40, object: None }));
    }
}

#[tokio::test]
async fn a_table_that_is_written_anew_holds_what_is_there_now() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    sandbox.move_clock(Duration::from_mins(30));
    let changed = sandbox.records("Account")[0].id.clone();
    assert!(sandbox.change("Account", &changed));
    let opened = opened(&sandbox, "", "mode = 'overwrite'").await;
    let found = opened.read(&window(None, NOW)).await.unwrap();
    assert!(!found.rows[0].contains_key("_deleted"));
    let live = sandbox.records("Account").into_iter().filter(|it| !it.is_deleted).map(|it| it.id);
    assert_eq!(found.keys("id"), live.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_that_changes_while_its_table_is_written_anew_is_in_it_once() {
    for connection in [BULK, "rest_records_max = 100000"] {
        let sandbox =
            Sandbox::start(Options { records: 300, query_page_max: 100, ..Options::default() });
        let sandbox = sandbox.await.unwrap();
        let opened = opened(&sandbox, connection, "mode = 'overwrite'").await;
        let mut rows = 0;
        let window = window(None, NOW);
        let found = opened.read_while(&window, |found| {
            if found.rows.len() > rows {
                rows = found.rows.len();
                sandbox.move_clock(Duration::from_mins(1));
                assert!(sandbox.change("Account", &found.values("id")[0]));
                sandbox.forget_jobs();
                sandbox.expire_cursors();
            }
        });
        let found = found.await.unwrap();
        assert!(found.chunks.len() > 2, "in more than one slice");
        let live = sandbox.records("Account").into_iter().filter(|it| !it.is_deleted);
        assert_eq!(found.values("id"), live.map(|it| it.id).collect::<Vec<_>>(), "{connection}");
    }
}

#[tokio::test]
async fn a_whole_table_whose_query_takes_too_long_is_read_by_fewer_records_at_once() {
    let sandbox = Sandbox::start(Options { records: 300, ..Options::default() }).await.unwrap();
    let body =
        serde_json::json!([{"message": "running for too long", "errorCode": "QUERY_TIMEOUT"}]);
    let fault = HttpFault::Status { status: 400, retry_after: None, body: Some(body) };
    sandbox
        .add_fault(FaultRule { times: Some(5), ..FaultRule::new(Endpoint::Query, fault.clone()) });
    let opened = opened(&sandbox, "", "mode = 'overwrite'\napi = 'rest'").await;
    let found = opened.read(&window(None, NOW)).await.unwrap();
    let live = sandbox.records("Account").into_iter().filter(|it| !it.is_deleted);
    assert_eq!(found.values("id"), live.map(|it| it.id).collect::<Vec<_>>());
    sandbox.add_fault(FaultRule::new(Endpoint::Query, fault));
    let Err(error) = opened.read(&window(None, NOW)).await else { panic!() };
    assert!(error.to_string().contains("even for the first"), "{error}");
}

#[tokio::test]
async fn compounds_and_objects_that_the_bulk_api_does_not_take_come_over_rest() {
    let sandbox = Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap();
    let toml = settings(&sandbox, "rest_records_max = 0", APPEND).replace(
        "\"description string\"",
        "\"city string from BillingAddress.city\", \"place json from Place__c\"",
    );
    let found = open(&toml).await.unwrap().read(&window(None, NOW)).await.unwrap();
    assert!(found.values("city").contains(&"Ulm".to_owned()));
    assert!(
        found.values("place").contains(&r#"{"latitude":48.4011,"longitude":9.9876}"#.to_owned())
    );

    let toml = format!(
        "{}[tables.accounts]\nsource = 'salesforce'\nobject = 'CaseStatus'\ncolumns = ['id string', 'label string from MasterLabel', 'at timestamp from SystemModstamp']\n\
         key = ['id']\nevent_time = 'at'\nmode = 'append'\n",
        toml.split("[tables").next().unwrap(),
    );
    let found = open(&toml).await.unwrap().read(&window(None, NOW)).await.unwrap();
    assert_eq!(found.rows.len(), 4);
    assert_eq!(found.values("_deleted"), ["false"; 4]);
    assert_eq!(sandbox.requests()[&Endpoint::CreateJob], 1, "it was tried");
}

#[tokio::test]
async fn fields_that_no_column_takes_are_told_and_caught() {
    let sandbox = Sandbox::start(Options { records: 60, ..Options::default() }).await.unwrap();
    let found = opened(&sandbox, "", APPEND).await.read(&window(None, NOW)).await.unwrap();
    let unknown = &found.chunks[0].unknown;
    assert!(unknown.contains("AnnualRevenue") && unknown.contains("Health__c"), "{unknown:?}");
    assert!(
        !unknown.contains("Logo__c")
            && !unknown.contains("Retired__c")
            && !unknown.contains("Name")
    );
    for connection in ["", BULK] {
        let keys = format!("{APPEND}\nunknown_fields = 'catch'");
        let found =
            opened(&sandbox, connection, &keys).await.read(&window(None, NOW)).await.unwrap();
        assert!(
            found
                .values("_unknown")
                .iter()
                .any(|it| it.contains(r#""AnnualRevenue":999999999999999999"#)),
            "{connection}"
        );
    }
}

#[tokio::test]
async fn columns_without_a_field_are_refused_by_name() {
    let sandbox = Sandbox::start(Options { records: 10, ..Options::default() }).await.unwrap();
    for (column, told) in [
        ("blance decimal(18,2) from Blance__c", "did you mean `blance from Balance__c`?"),
        ("logo string from Logo__c", "has no field `Logo__c`"),
        ("part string from Name.first", "has no field `Name.first`"),
    ] {
        let toml = settings(&sandbox, "", APPEND).replace("description string", column);
        let Err(error) = open(&toml).await.unwrap().read(&window(None, NOW)).await else {
            panic!()
        };
        assert!(
            matches!(&error, HandlerError::Config(message) if message.contains(told)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_source_tells_columns_that_hold_everything_exactly() {
    let sandbox = Sandbox::start(Options { records: 120, ..Options::default() }).await.unwrap();
    let opened = opened(&sandbox, "", APPEND).await;
    let columns = opened.source.columns().await.unwrap().unwrap();
    let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
    for column in [
        "id string not null from Id",
        "annual_revenue decimal(18,0) from AnnualRevenue",
        "rate__c decimal(18,9) from Rate__c",
        "serial__c bigint from Serial__c",
        "last_activity_date date from LastActivityDate",
        "system_modstamp timestamp from SystemModstamp",
    ] {
        assert!(columns.contains(&column.to_owned()), "{columns:?}");
    }
    let toml = settings(&sandbox, BULK, APPEND);
    let declared = toml.lines().find(|line| line.starts_with("columns")).unwrap();
    let toml = toml
        .replace(declared, &format!("columns = {columns:?}"))
        .replace("'modified'", "'system_modstamp'")
        .replace("day(modified)", "day(system_modstamp)");
    let found = open(&toml).await.unwrap().read(&window(None, NOW)).await.unwrap();
    assert_eq!(found.rows.len(), sandbox.records("Account").len(), "no row is rejected");
    assert!(found.chunks.iter().all(|chunk| chunk.unknown.is_empty()));
}
