//! What every target promises, as functions over any of them.

use stepwell_canvas::rows::TextSum;
use stepwell_canvas::target::{
    DifferenceKind, Mark, OpenedLoad, PartProgress, Proof, Proving, Slice, Target, TargetError,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;

/// Every promise that needs nothing but a target, for `keeps` to make a test of each.
macro_rules! every_promise {
    ($keeps:ident $($what:tt)*) => {
        $keeps! {
            $($what)*
            an_increment_needs_the_rows_before_it
            a_first_load_is_published_and_proven
            an_empty_snapshot_makes_an_empty_table
            a_load_dropped_anywhere_goes_on
            rows_of_another_job_are_discarded
            a_damaged_part_is_discarded
            increments_are_merged_and_counted
            of_repeated_keys_the_latest_counts
            a_proof_is_not_made_of_another_load
            cursors_are_never_rounded_up
            a_proof_goes_on_in_the_next_slice
            another_job_than_the_one_that_is_meant_is_not_proven
            repeated_keys_in_a_snapshot_are_resolved
            a_second_snapshot_replaces_the_rows
            a_second_snapshot_of_logs_keeps_older_rows
            schemas_evolve_with_the_rows_that_need_it
            unfilled_columns_are_known
            defaults_of_every_kind_stand_in_the_rows_that_are_there
            values_that_cannot_be_converted_are_replaced
            values_that_a_conversion_would_alter_are_replaced
            every_type_keeps_its_values
            what_does_not_fit_is_told
            nulls_in_required_columns_are_kept
            a_key_of_several_columns_tells_rows_apart
        }
    };
}
pub(super) use every_promise;

pub(super) async fn an_increment_needs_the_rows_before_it(target: &dyn Target) {
    let error = refused(target.open_load(increment(&people(), "j", 1, 2)).await);
    assert!(error.contains("canvas.users") && error.contains("no snapshot yet"), "{error}");
    load(target, &snapshot(&people(), "j1", 5), &["U t 1 a 1"]).await;
    let error = refused(target.open_load(increment(&people(), "j2", 6, 7)).await);
    assert!(error.contains("ends at 2026-11-05"), "{error}");
    let error = target.prove(&TableName { table: "nothing".into(), ..table() }).await.unwrap_err();
    assert!(error.to_string().contains("nothing was published yet"), "{error}");
}

pub(super) async fn a_first_load_is_published_and_proven(target: &dyn Target) {
    assert_eq!(target.state(&table()).await.unwrap(), None);
    let published =
        load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1.5", "U t 2 \\N NaN"]).await;
    assert_eq!(counts(&published), (2, 0, 0, 2));
    let state = target.state(&table()).await.unwrap().unwrap();
    assert_eq!((state.cursor, state.schema_version, state.proof_due), (day(1), 1, true));
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.rows, proof.compared), (2, 2));
    assert!(!target.state(&table()).await.unwrap().unwrap().proof_due);
}

pub(super) async fn an_empty_snapshot_makes_an_empty_table(target: &dyn Target) {
    let request = snapshot(&people(), "j1", 1);
    let published = open(target, &request).await.publish().await.unwrap();
    assert_eq!(counts(&published), (0, 0, 0, 0));
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// Drops the load after every step, opens it again, and ends with the same table.
pub(super) async fn a_load_dropped_anywhere_goes_on(target: &dyn Target) {
    let request = snapshot(&people(), "j1", 1);
    drop(open(target, &request).await);
    let mut load = open(target, &request).await;
    let mark = Mark { etag: "\"tag\"".into(), offset: 7, place: None };
    let text = |bytes| TextSum { bytes, hash: u64::MAX - bytes };
    load.mark("p1", Some(mark.clone()), text(1));
    load.stage("p1", batch(&request, &["U t 1 a 1"])).await.unwrap();
    load.mark("p1", None, text(2));
    load.stage("p1", batch(&request, &["U t 2 b 2"])).await.unwrap();
    load.checkpoint().await.unwrap();
    load.mark("p1", None, text(3));
    load.stage("p1", batch(&request, &["U t 3 lost 3"])).await.unwrap();
    drop(load);
    let mut load = open(target, &request).await;
    let progress = load.progress("p1");
    assert_eq!((progress.mark, progress.unverified), (Some(mark), Some(text(progress.rows))));
    // A target may keep more than was asked for, never less and never something else.
    let rows = load.progress("p1").rows;
    assert!((2..=3).contains(&rows), "{rows}");
    if rows == 2 {
        load.stage("p1", batch(&request, &["U t 3 lost 3"])).await.unwrap();
    }
    load.finish_part("p1");
    load.checkpoint().await.unwrap();
    drop(load);
    let mut load = open(target, &request).await;
    assert_eq!(
        load.progress("p1"),
        PartProgress { rows: 3, complete: true, ..PartProgress::default() }
    );
    assert_eq!(load.progress("p2"), PartProgress::default());
    load.stage("p2", batch(&request, &["U t 4 d 4"])).await.unwrap();
    load.finish_part("p2");
    assert_eq!(target.state(&table()).await.unwrap(), None);
    let published = load.publish().await.unwrap();
    assert_eq!(counts(&published), (4, 0, 0, 4));
    assert!(target.prove(&table()).await.unwrap().holds());
    match target.open_load(request).await.unwrap() {
        OpenedLoad::Published(again) => assert_eq!(again, published),
        OpenedLoad::Staging(_) => panic!("a published job is staged again"),
    }
}

pub(super) async fn rows_of_another_job_are_discarded(target: &dyn Target) {
    let request = snapshot(&people(), "j1", 1);
    let mut first = open(target, &request).await;
    first.stage("p1", batch(&request, &["U t 1 a 1"])).await.unwrap();
    first.checkpoint().await.unwrap();
    drop(first);
    let request = snapshot(&people(), "j2", 2);
    let again = open(target, &request).await;
    assert_eq!(again.progress("p1"), PartProgress::default());
    drop(again);
    let published = load(target, &request, &["U t 7 z 7"]).await;
    assert_eq!(counts(&published), (1, 0, 0, 1));
    assert!(target.prove(&table()).await.unwrap().holds());
}

pub(super) async fn a_damaged_part_is_discarded(target: &dyn Target) {
    let request = snapshot(&people(), "j1", 1);
    let mut load = open(target, &request).await;
    load.stage("p1", batch(&request, &["U t 1 a 1"])).await.unwrap();
    load.checkpoint().await.unwrap();
    load.discard_part("p1").await.unwrap();
    assert_eq!(load.progress("p1"), PartProgress::default());
    load.stage("p1", batch(&request, &["U t 2 b 2"])).await.unwrap();
    load.finish_part("p1");
    load.checkpoint().await.unwrap();
    load.stage("p2", batch(&request, &["U t 3 c 3"])).await.unwrap();
    let error = load.discard_part("p2").await.unwrap_err();
    assert!(error.to_string().contains("begins anew"), "{error}");
    drop(load);
    let mut load = open(target, &request).await;
    assert_eq!(load.progress("p1"), PartProgress::default());
    load.stage("p1", batch(&request, &["U t 2 b 2"])).await.unwrap();
    assert_eq!(counts(&load.publish().await.unwrap()), (1, 0, 0, 1));
    assert!(target.prove(&table()).await.unwrap().holds());
}

pub(super) async fn increments_are_merged_and_counted(target: &dyn Target) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 b 2", "U t 3 c 3"]).await;
    let rows = ["U t 2 new 20", "D t 3 \\N \\N", "U t 4 d 4", "D t 99 \\N \\N"];
    let published = load(target, &increment(&people(), "j2", 1, 2), &rows).await;
    assert_eq!(counts(&published), (1, 1, 1, 3));
    assert_eq!(target.state(&table()).await.unwrap().unwrap().cursor, day(2));
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.rows, proof.compared), (3, 2));
    let repeated = load(target, &increment(&people(), "j3", 1, 3), &rows).await;
    assert_eq!(counts(&repeated), (0, 2, 0, 3));
    let request = increment(&people(), "j4", 3, 4);
    let empty = open(target, &request).await.publish().await.unwrap();
    assert_eq!(counts(&empty), (0, 0, 0, 3));
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// Between two increments there are no delivered rows to compare with.
pub(super) async fn a_proof_is_not_made_of_another_load(target: &dyn Target) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
    load(target, &increment(&people(), "j2", 1, 2), &["U t 2 b 2"]).await;
    let next = open(target, &increment(&people(), "j3", 2, 3)).await;
    let error = target.prove(&table()).await.unwrap_err().to_string();
    assert!(error.contains("the next load has begun"), "{error}");
    assert_eq!(counts(&next.publish().await.unwrap()), (0, 0, 0, 2));
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// Databases keep microseconds: a cursor that is rounded up could pass over a change.
pub(super) async fn cursors_are_never_rounded_up(target: &dyn Target) {
    let at = "2026-11-01T00:00:00.000000999Z".parse().unwrap();
    let request = LoadRequest { kind: LoadKind::Snapshot { at }, ..snapshot(&people(), "j1", 1) };
    load(target, &request, &["U t 1 a 1"]).await;
    let state = target.state(&table()).await.unwrap().unwrap();
    assert_eq!(state.cursor, day(1));
}

pub(super) async fn of_repeated_keys_the_latest_counts(target: &dyn Target) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 b 2"]).await;
    let rows = [
        "U 2026-11-01T02:00:00Z 1 late 1",
        "U 2026-11-01T01:00:00.5Z 1 early 1",
        "U 2026-11-01T01:00:00Z 2 gone 2",
        "D 2026-11-01T03:00:00Z 2 \\N \\N",
        "D 2026-11-01T01:00:00Z 3 \\N \\N",
        "U 2026-11-01T01:00:00Z 3 back 3",
    ];
    let published = load(target, &increment(&people(), "j2", 1, 2), &rows).await;
    assert_eq!(counts(&published), (1, 1, 1, 2));
    assert_eq!(published.superseded, 3);
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

/// Only `canvas_logs` may repeat keys in a snapshot, but no row is lost where another table does.
pub(super) async fn repeated_keys_in_a_snapshot_are_resolved(target: &dyn Target) {
    let published =
        load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 1 b 2", "U t 2 c 3"]).await;
    assert_eq!((counts(&published), published.superseded), ((2, 0, 0, 2), 1));
    assert!(target.prove(&table()).await.unwrap().holds());
    let mut logs = people();
    logs.namespace = "canvas_logs".into();
    logs.table = "web_logs".into();
    let rows = ["U 2026-11-01T02:00:00Z 1 late 1", "U 2026-11-01T01:00:00Z 1 early 1", "U t 2 c 3"];
    let published = load(target, &snapshot(&logs, "j2", 1), &rows).await;
    assert_eq!((counts(&published), published.superseded), ((2, 0, 0, 2), 1));
    let proof = target.prove(&TableName::of(&logs)).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let same = load(target, &increment(&logs, "j3", 1, 2), &["U t 1 late 1", "U t 2 c 3"]).await;
    assert_eq!(counts(&same), (0, 2, 0, 2));
}

pub(super) async fn a_second_snapshot_replaces_the_rows(target: &dyn Target) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 b 2", "U t 3 c 3"]).await;
    let published =
        load(target, &snapshot(&people(), "j2", 2), &["U t 2 new 2", "U t 4 d 4"]).await;
    assert_eq!(counts(&published), (1, 1, 2, 2));
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

/// A table `canvas_logs.users`.
fn logs() -> TableSchema {
    TableSchema { namespace: "canvas_logs".into(), ..people() }
}

/// What is older than the source's 30 days exists nowhere else.
pub(super) async fn a_second_snapshot_of_logs_keeps_older_rows(target: &dyn Target) {
    let name = TableName::of(&logs());
    load(target, &snapshot(&logs(), "j1", 1), &["U t 1 old 1", "U t 2 b 2"]).await;
    assert_eq!(target.prove(&name).await.unwrap().compared, 2);
    let published =
        load(target, &snapshot(&logs(), "j2", 2), &["U t 2 new 2", "U t 4 d 4", "U t 4 d 4"]).await;
    assert_eq!((counts(&published), published.superseded), ((1, 1, 0, 3), 1));
    let proof = target.prove(&name).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.rows, proof.compared), (3, 2));
    let published = load(target, &increment(&logs(), "j3", 2, 3), &["U t 1 older 1"]).await;
    assert_eq!(counts(&published), (0, 1, 0, 3));
    assert!(target.prove(&name).await.unwrap().holds());
}

pub(super) async fn schemas_evolve_with_the_rows_that_need_it(target: &dyn Target) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 12 2"]).await;
    let long = ColumnType::Text { max_length: Some(40) };
    let mut evolved =
        schema(2, &[("name", long), ("extra", ColumnType::Int16), ("flag", ColumnType::Boolean)]);
    evolved.columns[3].required = true;
    evolved.columns[3].default = Some(serde_json::json!(false));
    let published =
        load(target, &increment(&evolved, "j2", 1, 2), &["U t 1 aaaaaaaaaaaaaaa 7 true"]).await;
    assert_eq!(counts(&published), (0, 1, 0, 2));
    let changes = published.schema_changes.join("; ");
    for expected in ["`score` was dropped", "`extra` was added", "`flag` was added"] {
        assert!(changes.contains(expected), "{changes}");
    }
    assert!(target.prove(&table()).await.unwrap().holds());
    assert_eq!(target.state(&table()).await.unwrap().unwrap().schema_version, 2);

    let mut retyped = evolved.clone();
    retyped.version = 3;
    retyped.columns[2].ty = ColumnType::Text { max_length: Some(11) };
    let request = increment(&retyped, "j3", 2, 3);
    let published = load(target, &request, &["U t 5 e 007 false"]).await;
    assert!(
        published.schema_changes[0].contains("`extra` changed"),
        "{:?}",
        published.schema_changes
    );
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let whole = ["U t 1 aaaaaaaaaaaaaaa 7 true", "U t 2 12 \\N false", "U t 5 e 007 false"];
    let same = load(target, &snapshot(&retyped, "j4", 4), &whole).await;
    assert_eq!((counts(&same), same.schema_changes), ((0, 3, 0, 3), vec![]));
    assert!(target.prove(&table()).await.unwrap().holds());
}

pub(super) async fn unfilled_columns_are_known(target: &dyn Target) {
    let unfilled = async || target.state(&table()).await.unwrap().unwrap().unfilled;
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
    let columns = [("name", text()), ("nickname", text()), ("level", ColumnType::Int32)];
    let mut wider = schema(2, &columns);
    wider.columns[3].default = Some(serde_json::json!(7));
    load(target, &increment(&wider, "j2", 1, 2), &["U t 2 b bee 7"]).await;
    assert_eq!(unfilled().await, ["nickname"]);
    load(target, &increment(&wider, "j3", 2, 3), &["U t 1 a ay 7"]).await;
    assert_eq!(unfilled().await, ["nickname"], "another increment does not know of other rows");
    load(target, &snapshot(&wider, "j4", 4), &["U t 1 a ay 7", "U t 2 b bee 7"]).await;
    assert_eq!(unfilled().await, [""; 0]);
    load(target, &snapshot(&wider, "j5", 5), &[]).await;
    let request = increment(&schema(3, &[("motto", text())]), "j6", 5, 6);
    load(target, &request, &["U t 1 a"]).await;
    assert_eq!(unfilled().await, [""; 0], "there was no row that could lack a value");
}

pub(super) async fn defaults_of_every_kind_stand_in_the_rows_that_are_there(target: &dyn Target) {
    let values = || vec!["__dap_unspecified__".to_owned(), "x".to_owned()];
    let closed = ColumnType::Enum { values: values() };
    let columns = [
        (
            "a",
            ColumnType::OpenEnum { values: values(), max_length: None },
            serde_json::json!("un'listed"),
        ),
        ("b", ColumnType::Array(Box::new(text())), serde_json::json!(["p", "q"])),
        ("c", ColumnType::Array(Box::new(closed.clone())), serde_json::json!(["x"])),
        ("d", closed, serde_json::json!("x")),
        ("e", ColumnType::Json, serde_json::json!({"deep": [1]})),
        ("f", ColumnType::Int32, serde_json::json!("no number")),
    ];
    let mut wider = schema(2, &columns.clone().map(|(name, ty, _)| (name, ty)));
    for (column, (_, _, default)) in wider.columns[1..].iter_mut().zip(columns) {
        (column.required, column.default) = (true, Some(default));
    }
    load(target, &snapshot(&schema(1, &[]), "j1", 1), &["U t 1", "U t 2"]).await;
    let row = |id: u8| format!(r#"U t {id} un'listed ["p","q"] ["x"] x {{"deep":[1]}} 5"#);
    let published = load(target, &increment(&wider, "j2", 1, 2), &[&row(2)]).await;
    assert_eq!((counts(&published), published.altered_total), ((0, 1, 0, 2), 0));
    assert!(target.prove(&table()).await.unwrap().holds());
    let unfilled = target.state(&table()).await.unwrap().unwrap().unfilled;
    assert_eq!(unfilled, ["f"], "its default is none that it can hold");
    let rows = [row(1), row(2)];
    let rows = rows.each_ref().map(String::as_str);
    load(target, &snapshot(&wider, "j3", 3), &rows).await;
    assert!(target.prove(&table()).await.unwrap().holds());

    wider.table = "first".into();
    let published = load(target, &snapshot(&wider, "j4", 3), &rows).await;
    assert_eq!(published.rows, 2);
    assert!(target.prove(&TableName::of(&wider)).await.unwrap().holds());
}

/// A column of this type with these values, and then of this one with those.
type Change = (ColumnType, [&'static str; 2], ColumnType, [&'static str; 2]);

/// The first that cannot be converted has a wrong value, the other two have types that no value converts between.
pub(super) async fn values_that_cannot_be_converted_are_replaced(target: &dyn Target) {
    let changes = [
        (text(), ["one", "7"], ColumnType::Int64, ["1", "7"]),
        (
            ColumnType::Boolean,
            ["true", "\\N"],
            ColumnType::Timestamp,
            ["2026-01-01T00:00:00Z", "\\N"],
        ),
        (
            ColumnType::Decimal { precision: 4, scale: 1 },
            ["1.5", "2.0"],
            ColumnType::Boolean,
            ["true", "false"],
        ),
    ];
    for (n, change) in (1..).step_by(4).zip(changes) {
        let published = only_a_snapshot_changes(target, n, change).await;
        assert!(published.schema_changes.join(" ").contains("`c` changed"), "{published:?}");
    }
}

/// Databases would round, cut or spell anew without a word.
pub(super) async fn values_that_a_conversion_would_alter_are_replaced(target: &dyn Target) {
    let at = ["2026-01-01T23:30:00Z", "2026-01-02T00:00:00Z"];
    let changes = [
        (ColumnType::Float64, ["1.6", "7"], ColumnType::Int64, ["1", "7"]),
        (ColumnType::Timestamp, at, ColumnType::Date, ["2026-01-01", "2026-01-02"]),
        (ColumnType::Float64, ["1", "2.5"], text(), ["1", "2.50"]),
        (ColumnType::Int64, ["12345678901", "7"], text(), ["12345", "7"]),
        (
            ColumnType::Decimal { precision: 6, scale: 2 },
            ["1.25", "2.00"],
            ColumnType::Decimal { precision: 6, scale: 1 },
            ["1.2", "2.0"],
        ),
    ];
    for (n, change) in (1..).step_by(4).zip(changes) {
        only_a_snapshot_changes(target, n, change).await;
    }
}

/// Changes a column of `canvas.users`, from day `n` on: an increment is refused, a snapshot is published.
async fn only_a_snapshot_changes(
    target: &dyn Target,
    n: i8,
    (before, old, after, new): Change,
) -> Published {
    let mut schemas =
        [before, after].map(|ty| schema(i64::from(n), &[("name", text()), ("c", ty)]));
    for schema in &mut schemas {
        schema.columns[2].required = !old.contains(&"\\N");
    }
    let [before, after] = schemas;
    let row = |id: u8, values: [&str; 2]| format!("U t {id} a {}", values[usize::from(id) - 1]);
    let (old, new) = ([row(1, old), row(2, old)], [row(1, new), row(2, new)]);
    let job = |number: i8| format!("j{n}{number}");
    load(target, &snapshot(&before, &job(1), n), &old.each_ref().map(String::as_str)).await;
    let request = increment(&after, &job(2), n, n + 1);
    let mut refused = open(target, &request).await;
    refused.stage("p", batch(&request, &[&new[1]])).await.unwrap();
    let error = refused.publish().await.unwrap_err();
    assert!(matches!(&error, TargetError::Unconvertible { .. }), "{error}");
    assert!(error.to_string().contains("canvas.users"), "{error}");
    assert!(error.to_string().contains("`c`"), "{error}");
    assert_eq!(target.state(&table()).await.unwrap().unwrap().cursor, day(n));
    let rows = new.each_ref().map(String::as_str);
    let published = load(target, &snapshot(&after, &job(3), n + 2), &rows).await;
    assert_eq!(counts(&published), (0, 2, 0, 2));
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    load(target, &increment(&after, &job(4), n + 2, n + 3), &rows).await;
    assert!(target.prove(&table()).await.unwrap().holds());
    published
}

/// One column of every type, ordinary and extreme values.
pub(super) async fn every_type_keeps_its_values(target: &dyn Target) {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let columns = [
        ("a", ColumnType::Boolean),
        ("b", ColumnType::Int16),
        ("c", ColumnType::Int64),
        ("d", ColumnType::Float32),
        ("e", ColumnType::Float64),
        ("f", ColumnType::Decimal { precision: 6, scale: 2 }),
        ("g", ColumnType::Text { max_length: Some(5) }),
        ("h", ColumnType::Timestamp),
        ("i", ColumnType::Date),
        ("j", ColumnType::Time),
        ("k", ColumnType::Duration),
        ("l", ColumnType::Uuid),
        ("m", ColumnType::Inet),
        ("n", ColumnType::Enum { values: words(&["__dap_unspecified__", "x", "y"]) }),
        (
            "o",
            ColumnType::OpenEnum { values: words(&["__dap_unspecified__", "x"]), max_length: None },
        ),
        ("p", ColumnType::Array(Box::new(text()))),
        ("q", ColumnType::Json),
        ("r", ColumnType::Array(Box::new(ColumnType::Int64))),
    ];
    let schema = schema(1, &columns);
    let rows = [
        "U t 1 true -32768 9223372036854775807 0.1 1e308 1.5 long-text-over-5 2026-11-21T01:02:03.5Z 2026-11-21 \
         01:02:03.000001 P1Y2M3DT4H5M6.5S a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 10.0.0.1 x unlisted \
         [\"a,\\\\\"b\\\\\\\\\",null,\"\",\"NULL\",\"{}\"] {\"b\":1.0,\"a\":[\"\\\\n\",{}]} [1,null,-3]",
        "U t 2 false 32767 -9223372036854775808 NaN NaN NaN a\\tb\\nc +10000-01-01T00:00:00Z 9999-12-31 \
         23:59:59.999999 PT0S A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12 2001:DB8::1 __dap_unspecified__ x [] \"text\" []",
        "U t 3 \\N \\N \\N Infinity -Infinity -9999.99 \\\\N -0001-06-07T08:09:10Z 0001-01-01 00:00:00 \
         -P1D \\N ::ffff:1.2.3.4 \\N \\N \\N null \\N",
    ];
    let published = load(target, &snapshot(&schema, "j1", 1), &rows).await;
    assert_eq!(published.altered, vec![]);
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let published = load(target, &increment(&schema, "j2", 1, 2), &rows).await;
    assert_eq!((counts(&published), published.altered), ((0, 3, 0, 3), vec![]));
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

/// No row is lost, no load gets stuck, and each altered value is told.
pub(super) async fn what_does_not_fit_is_told(target: &dyn Target) {
    let schema = schema(1, &[("small", ColumnType::Int16), ("at", ColumnType::Timestamp)]);
    let rows = ["U t 1 99999 2026-01-01T00:00:00Z", "U t 2 5 not-a-time", "U t 3x 1 \\N"];
    let published = load(target, &snapshot(&schema, "j1", 1), &rows).await;
    assert_eq!((published.rows, published.altered_total), (2, 3));
    let told: Vec<(&str, &str, &str)> =
        published.altered.iter().map(|it| (&*it.key, &*it.column, &*it.reason)).collect();
    assert_eq!(told[0], ("1", "small", "no int16"));
    assert_eq!(told[1], ("2", "at", "no date-time"));
    assert!(told[2].0 == "3x" && told[2].2.contains("kept here"), "{told:?}");
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

pub(super) async fn nulls_in_required_columns_are_kept(target: &dyn Target) {
    let mut schema = people();
    schema.columns[1].required = true;
    let request = snapshot(&schema, "j1", 1);
    let mut load = open(target, &request).await;
    load.stage("p", batch(&request, &["U t 1 a 1"])).await.unwrap();
    load.stage("p", batch(&request, &["U t 2 \\N 1"])).await.unwrap();
    assert_eq!(counts(&load.publish().await.unwrap()), (2, 0, 0, 2));
    assert!(target.prove(&table()).await.unwrap().holds());
    let published = super::load(target, &increment(&schema, "j2", 1, 2), &["U t 1 \\N 1"]).await;
    assert_eq!(counts(&published), (0, 1, 0, 2));
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// `tamper` changes row 2 of `canvas.users` behind the target's back, and deletes row 3.
pub(super) async fn a_difference_is_told_by_name(target: &dyn Target, tamper: impl AsyncFn()) {
    let rows = ["U t 1 a 1", "U t 2 b 2", "U t 3 c 3"];
    load(target, &snapshot(&people(), "j1", 1), &rows).await;
    load(target, &increment(&people(), "j2", 1, 2), &rows).await;
    tamper().await;
    let proof = target.prove(&table()).await.unwrap();
    let told: Vec<_> = proof.differences.iter().map(|it| (it.kind, it.keys.join(","))).collect();
    let due = [
        (DifferenceKind::RowCount, String::new()),
        (DifferenceKind::Keys, "2,3".to_owned()),
        (DifferenceKind::Values, "2,3".to_owned()),
    ];
    assert_eq!(told, due);
    assert_eq!(proof.table, "canvas.users");
}

/// `others` runs SQL in which `users` stands for the replica of `canvas_logs.users`.
pub(super) async fn a_snapshot_of_logs_counts_afresh(
    target: &dyn Target,
    others: impl AsyncFn(&str),
) {
    let name = TableName::of(&logs());
    load(target, &snapshot(&logs(), "j1", 1), &["U t 1 a 1", "U t 2 b 2", "U t 3 c 3"]).await;
    others("DELETE FROM users WHERE id < 3").await;
    assert!(!target.prove(&name).await.unwrap().holds());
    let published = load(target, &snapshot(&logs(), "j2", 2), &["U t 2 b 2"]).await;
    assert_eq!(counts(&published), (1, 0, 0, 2));
    assert!(target.prove(&name).await.unwrap().holds());
}

/// `others` runs SQL in which `users` stands for the replica, behind the target's back.
pub(super) async fn a_snapshot_heals_what_others_changed(
    target: &dyn Target,
    others: impl AsyncFn(&str),
) {
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
    others("INSERT INTO users VALUES (7, 'mine', 7), (8, 'mine', 8)").await;
    let all_gone = ["D t 1 \\N \\N", "D t 7 \\N \\N", "D t 8 \\N \\N"];
    let published = load(target, &increment(&people(), "j2", 1, 2), &all_gone).await;
    assert_eq!(counts(&published), (0, 0, 3, 0));
    let rows = ["U t 1 a 1", "U t 2 b 2", "U t 3 c 3"];
    load(target, &increment(&people(), "j3", 2, 3), &rows).await;
    let is_due = async || target.state(&table()).await.unwrap().unwrap().proof_due;
    assert!(target.prove(&table()).await.unwrap().holds() && !is_due().await);
    others("DELETE FROM users WHERE id = 3").await;
    assert!(!target.prove(&table()).await.unwrap().holds() && is_due().await);
    load(target, &increment(&people(), "j4", 3, 4), &["U t 2 b 2"]).await;
    assert!(!target.prove(&table()).await.unwrap().holds());
    let published = load(target, &snapshot(&people(), "j5", 5), &rows).await;
    assert_eq!(counts(&published), (1, 2, 0, 3));
    load(target, &increment(&people(), "j6", 5, 6), &["U t 2 b 2"]).await;
    let proof = target.prove(&table()).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

pub(super) async fn a_key_of_several_columns_tells_rows_apart(target: &dyn Target) {
    let mut schema = people();
    schema.columns[1] = column("name", text(), true);
    let first = snapshot(&schema, "j1", 1);
    let published = load(target, &first, &["U t 1 a 1", "U t 1 b 2", "U t 2 a 3"]).await;
    assert_eq!(counts(&published), (3, 0, 0, 3));
    assert!(target.prove(&table()).await.unwrap().holds());
    let second = increment(&schema, "j2", 1, 2);
    let rows = ["U t 1 b 20", "U t 2 b 4", "D t 1 a \\N"];
    let published = load(target, &second, &rows).await;
    assert_eq!(counts(&published), (1, 1, 1, 3));
    assert!(target.prove(&table()).await.unwrap().holds());
    let third = snapshot(&schema, "j3", 3);
    let published = load(target, &third, &["U t 1 b 20", "U t 2 b 5"]).await;
    assert_eq!(counts(&published), (0, 2, 1, 2));
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// Enough rows for several slices.
const MANY: i64 = 3_000;

async fn load_many(target: &dyn Target) {
    let rows: Vec<String> = (1..=MANY).map(|id| format!("U t {id} name-{id} {id}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    load(target, &snapshot(&people(), "j1", 1), &rows).await;
}

/// Proves in slices that are over as soon as they begin, with `between` after each but the last.
async fn prove_in_slices(
    target: &dyn Target,
    mut between: impl AsyncFnMut(u64),
) -> Result<(Proof, usize), TargetError> {
    let mut pauses = 0;
    loop {
        let over = Slice::until(Instant::now(), CancellationToken::new());
        match target.prove_within(&over, &table(), None).await? {
            Proving::Complete(proof) => return Ok((proof, pauses)),
            Proving::Paused { rows } => between(rows).await,
        }
        pauses += 1;
        assert!(pauses < 1_000, "the proof does not get ahead");
    }
}

fn told(proof: &Proof) -> Vec<(DifferenceKind, String)> {
    proof.differences.iter().map(|it| (it.kind, it.keys.join(","))).collect()
}

pub(super) async fn a_proof_goes_on_in_the_next_slice(target: &dyn Target) {
    load_many(target).await;
    let mut reached = 0;
    let between = async |rows| {
        assert!(rows > reached, "{rows} after {reached}");
        reached = rows;
        assert!(target.state(&table()).await.unwrap().unwrap().proof_due);
    };
    let (proof, pauses) = prove_in_slices(target, between).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    assert_eq!((proof.rows, proof.compared), (MANY as u64, MANY as u64));
    assert!(pauses > 2, "{pauses} pauses");
    assert!(!target.state(&table()).await.unwrap().unwrap().proof_due);
    assert!(target.prove(&table()).await.unwrap().holds());
}

/// `others` runs SQL in which `users` stands for the replica, behind the target's back.
pub(super) async fn a_change_between_slices_is_never_missed(
    target: &dyn Target,
    others: impl AsyncFn(&str),
) {
    load_many(target).await;
    let once = async |sql: &str| {
        let mut due = true;
        let between = async |_| {
            if std::mem::take(&mut due) {
                others(sql).await;
            }
        };
        prove_in_slices(target, between).await.unwrap().0
    };
    // The rows in question were read in the first slice already.
    let changed = once("UPDATE users SET name = 'x' WHERE id = 1").await;
    assert_eq!(told(&changed), [(DifferenceKind::Values, "1 (changed)".to_owned())]);
    let back = once("UPDATE users SET name = 'name-1' WHERE id = 1").await;
    assert!(back.holds(), "{back:?}");
    let gone = once("DELETE FROM users WHERE id = 2").await;
    let keys = |keys: &str| {
        [DifferenceKind::RowCount, DifferenceKind::Keys, DifferenceKind::Values]
            .map(|kind| (kind, if kind == DifferenceKind::RowCount { "" } else { keys }.to_owned()))
    };
    assert_eq!(told(&gone), keys("2 (missing)"));
    let more = once("INSERT INTO users VALUES (2, 'name-2', 2), (9000, 'mine', 1)").await;
    assert_eq!(told(&more), keys("9000 (not delivered)"));
    assert!(once("DELETE FROM users WHERE id = 9000").await.holds());
    // Somebody who never leaves the table alone costs no more than reading it at once in the end.
    let restless =
        async |sql: &str| prove_in_slices(target, async |_| others(sql).await).await.unwrap().0;
    assert!(restless("UPDATE users SET score = 1 WHERE id = 1").await.holds());
    assert!(!target.state(&table()).await.unwrap().unwrap().proof_due);
    let changed = restless("UPDATE users SET name = 'x' WHERE id = 1").await;
    assert_eq!(told(&changed), [(DifferenceKind::Values, "1 (changed)".to_owned())]);
    assert!(target.state(&table()).await.unwrap().unwrap().proof_due);
}

/// Every row has moved behind the others once, so that the pages before are free.
pub(super) async fn rows_that_are_moved_between_slices_are_read_again(
    target: &dyn Target,
    others: impl AsyncFn(&str),
) {
    load_many(target).await;
    others("UPDATE users SET name = name").await;
    let mut due = true;
    let between = async |_| {
        if std::mem::take(&mut due) {
            others("VACUUM FULL users").await;
        }
    };
    let (proof, _) = prove_in_slices(target, between).await.unwrap();
    assert!(proof.holds(), "{proof:?}");
}

pub(super) async fn another_job_than_the_one_that_is_meant_is_not_proven(target: &dyn Target) {
    load_many(target).await;
    let over = Slice::until(Instant::now(), CancellationToken::new());
    let paused = target.prove_within(&over, &table(), Some("j1")).await.unwrap();
    assert!(matches!(paused, Proving::Paused { .. }), "{paused:?}");
    load(target, &snapshot(&people(), "j2", 2), &["U t 1 a 1"]).await;
    let error = target.prove_within(&Slice::endless(), &table(), Some("j1")).await.unwrap_err();
    assert!(matches!(error, TargetError::Gap { .. }), "{error}");
    assert!(target.state(&table()).await.unwrap().unwrap().proof_due);
    let proven = target.prove_within(&Slice::endless(), &table(), Some("j2")).await.unwrap();
    assert!(matches!(proven, Proving::Complete(proof) if proof.holds() && proof.rows == 1));
}

/// `others` runs SQL in which `users` stands for the replica, behind the target's back.
pub(super) async fn what_differs_after_a_snapshot_is_named_where_it_can_be(
    target: &dyn Target,
    others: impl AsyncFn(&str),
) {
    load_many(target).await;
    others("UPDATE users SET score = 7 WHERE id = 20; DELETE FROM users WHERE id = 30").await;
    others("INSERT INTO users VALUES (-40, 'mine', 7)").await;
    let proof = target.prove(&table()).await.unwrap();
    let named = "-40 (not delivered),20 (changed),30 (missing)".to_owned();
    assert_eq!(
        told(&proof),
        [(DifferenceKind::Keys, named.clone()), (DifferenceKind::Values, named)]
    );
    others("UPDATE users SET name = 'all'").await;
    others("DELETE FROM users WHERE id < 0").await;
    others("INSERT INTO users VALUES (30, 'all', 1)").await;
    let proof = target.prove(&table()).await.unwrap();
    assert_eq!(told(&proof), [(DifferenceKind::Values, String::new())]);
    let untold = proof.differences[0].untold.clone().unwrap();
    assert!(untold.contains("too many rows differ"), "{untold}");
}
