//! SQLite keeps the promises.

use rusqlite::Connection;
use stepwell_canvas::target::PartProgress;
use stepwell_canvas::target::sqlite::SqliteTarget;
use stepwell_canvas::target::{Proving, Slice, Target};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;

struct Fixture {
    target: SqliteTarget,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { target: SqliteTarget::new(folder.path().join("canvas.db")), folder }
    }

    fn connect(&self) -> Connection {
        Connection::open(self.folder.path().join("canvas.db")).unwrap()
    }

    fn text(&self, sql: &str) -> String {
        let connection = self.connect();
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let show = |index| match row.get_unwrap::<_, rusqlite::types::Value>(index) {
                rusqlite::types::Value::Null => "-".to_owned(),
                rusqlite::types::Value::Integer(it) => it.to_string(),
                rusqlite::types::Value::Real(it) => it.to_string(),
                rusqlite::types::Value::Text(it) => it,
                rusqlite::types::Value::Blob(it) => String::from_utf8_lossy(&it).into_owned(),
            };
            Ok((0..columns).map(show).collect::<Vec<_>>().join("|"))
        };
        let rows: Result<Vec<String>, _> = statement.query_map([], row).unwrap().collect();
        rows.unwrap().join("\n")
    }
}

macro_rules! keeps {
    ($($promise:ident)*) => { $(
        #[tokio::test]
        async fn $promise() {
            conformance::$promise(&Fixture::new().target).await;
        }
    )* };
}

conformance::every_promise!(keeps);

#[tokio::test]
async fn a_difference_is_told_by_name() {
    let fixture = Fixture::new();
    let tamper = async || {
        let sql = "UPDATE canvas__users SET score = 7 WHERE id = 2; DELETE FROM canvas__users WHERE id = 3";
        fixture.connect().execute_batch(sql).unwrap();
    };
    conformance::a_difference_is_told_by_name(&fixture.target, tamper).await;
}

#[tokio::test]
async fn a_snapshot_heals_what_others_changed() {
    let fixture = Fixture::new();
    let others = async |sql: &str| {
        fixture.connect().execute_batch(&sql.replace("users", "canvas__users")).unwrap();
    };
    conformance::a_snapshot_heals_what_others_changed(&fixture.target, others).await;
}

#[tokio::test]
async fn a_snapshot_of_logs_counts_afresh() {
    let fixture = Fixture::new();
    let others = async |sql: &str| {
        fixture.connect().execute_batch(&sql.replace("users", "canvas_logs__users")).unwrap();
    };
    conformance::a_snapshot_of_logs_counts_afresh(&fixture.target, others).await;
}

#[tokio::test]
async fn a_change_between_slices_is_never_missed() {
    let fixture = Fixture::new();
    let others = async |sql: &str| {
        fixture.connect().execute_batch(&sql.replace("users", "canvas__users")).unwrap();
    };
    conformance::a_change_between_slices_is_never_missed(&fixture.target, others).await;
    let left = "SELECT (SELECT count(*) FROM stepwell_proofs)
                + (SELECT count(*) FROM sqlite_schema WHERE type = 'trigger')";
    let left: i64 = fixture.connect().query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "nobody watches over a table whose proof has ended");
}

#[tokio::test]
async fn what_differs_after_a_snapshot_is_named_where_it_can_be() {
    let fixture = Fixture::new();
    let others = async |sql: &str| {
        fixture.connect().execute_batch(&sql.replace("users", "canvas__users")).unwrap();
    };
    conformance::what_differs_after_a_snapshot_is_named_where_it_can_be(&fixture.target, others)
        .await;
}

/// `VACUUM` may number rows afresh, which no trigger sees.
#[tokio::test]
async fn rows_that_are_numbered_afresh_between_slices_are_read_again() {
    let fixture = Fixture::new();
    let columns = vec![column("id", text(), true), column("name", text(), false)];
    let schema = TableSchema { columns, ..people() };
    let rows: Vec<String> = (0..1_500).map(|id| format!("U t key-{id} name")).collect();
    let twice = [&rows[..], &rows[..700]].concat();
    let twice: Vec<&str> = twice.iter().map(String::as_str).collect();
    load(&fixture.target, &snapshot(&schema, "j1", 1), &twice).await;
    let over = Slice::until(Instant::now(), CancellationToken::new());
    let paused = fixture.target.prove_within(&over, &table(), None).await.unwrap();
    assert!(matches!(paused, Proving::Paused { .. }), "{paused:?}");
    fixture.connect().execute_batch("VACUUM").unwrap();
    let proof = fixture.target.prove(&table()).await.unwrap();
    assert!(proof.holds() && proof.compared == 1_500, "{proof:?}");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let error = SqliteTarget::new("/nowhere/at/all.db").check().await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/at/all.db") && error.contains("create the folder"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let fixture = Fixture::new();
    std::fs::write(fixture.folder.path().join("canvas.db"), "hello ".repeat(1000)).unwrap();
    let error = fixture.target.check().await.unwrap_err().to_string();
    assert!(error.contains("canvas.db") && error.contains("not a database"), "{error}");
}

/// The state tables as they were before formats were numbered: without tokens.
#[tokio::test]
async fn an_earlier_format_goes_on_with_what_was_published() {
    let fixture = Fixture::new();
    load(&fixture.target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
    let request = increment(&people(), "j2", 1, 2);
    let mut begun = open(&fixture.target, &request).await;
    begun.stage("p", batch(&request, &["U t 2 b 2"])).await.unwrap();
    drop(begun);
    let Fixture { target, folder } = fixture;
    drop(target);
    let path = folder.path().join("canvas.db");
    let earlier = "DROP TABLE stepwell_format; ALTER TABLE stepwell_loads DROP COLUMN token";
    Connection::open(&path).unwrap().execute_batch(earlier).unwrap();
    let target = SqliteTarget::new(&path);
    assert_eq!(target.state(&table()).await.unwrap().unwrap().cursor, day(1));
    assert_eq!(open(&target, &request).await.progress("p"), PartProgress::default());
    let published = load(&target, &request, &["U t 2 b 2"]).await;
    assert_eq!(counts(&published), (1, 0, 0, 2));
    assert!(target.prove(&table()).await.unwrap().holds());
}

#[tokio::test]
async fn a_later_format_is_refused_and_not_touched() {
    let Fixture { target, folder } = Fixture::new();
    target.check().await.unwrap();
    drop(target);
    let path = folder.path().join("canvas.db");
    let later = "UPDATE stepwell_format SET format = 99; DROP TABLE stepwell_loads";
    Connection::open(&path).unwrap().execute_batch(later).unwrap();
    let error = SqliteTarget::new(&path).check().await.unwrap_err().to_string();
    assert!(error.contains("format 99") && error.contains("canvas.db"), "{error}");
    let loads = "SELECT count(*) FROM sqlite_schema WHERE name = 'stepwell_loads'";
    let connection = Connection::open(&path).unwrap();
    assert_eq!(connection.query_row(loads, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_table_of_someone_else_is_left_alone() {
    let fixture = Fixture::new();
    fixture.connect().execute_batch("CREATE TABLE canvas__users (mine TEXT)").unwrap();
    let error = refused(fixture.target.open_load(snapshot(&people(), "j", 1)).await);
    assert!(error.contains("`canvas__users` was not made by stepwell"), "{error}");
    assert_eq!(fixture.text("SELECT name FROM pragma_table_info('canvas__users')"), "mine");
}

#[tokio::test]
async fn values_are_stored_as_documented() {
    let fixture = Fixture::new();
    let columns = [
        ("a", ColumnType::Boolean),
        ("b", ColumnType::Float64),
        ("c", ColumnType::Decimal { precision: 6, scale: 2 }),
        ("d", ColumnType::Timestamp),
        ("e", ColumnType::Array(Box::new(text()))),
    ];
    let rows = [
        "U t 1 true 1.5 1.50 2026-11-21T01:02:03.500Z [\"a\"]",
        "U t 2 false NaN NaN +10000-01-01T00:00:00Z []",
        "U t 3 \\N -Infinity 0 -0001-01-01T00:00:00Z \\N",
    ];
    load(&fixture.target, &snapshot(&schema(1, &columns), "j", 1), &rows).await;
    let stored = fixture.text("SELECT a, b, c, d, e FROM canvas__users ORDER BY id");
    let due = "1|1.5|1.50|2026-11-21T01:02:03.5Z|[\"a\"]\n\
               0|NaN|NaN|+10000-01-01T00:00:00Z|[]\n\
               -|-Infinity|0|-0001-01-01T00:00:00Z|-";
    assert_eq!(stored, due);
}

#[tokio::test]
async fn originals_of_altered_values_are_kept_until_the_row_comes_again() {
    let fixture = Fixture::new();
    let schema = schema(1, &[("small", ColumnType::Int16)]);
    load(&fixture.target, &snapshot(&schema, "j1", 1), &["U t 1 99999", "U t 2 88888"]).await;
    let kept = "SELECT row_key, column_name, reason, original FROM stepwell_altered_values";
    assert_eq!(fixture.text(kept), "1|small|no int16|99999\n2|small|no int16|88888");
    load(&fixture.target, &increment(&schema, "j2", 1, 2), &["U t 1 5"]).await;
    assert_eq!(fixture.text(kept), "2|small|no int16|88888");
}

#[tokio::test]
async fn what_the_user_added_stays() {
    let fixture = Fixture::new();
    let target = &fixture.target;
    load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 b 2"]).await;
    fixture.connect().execute_batch(
        "ALTER TABLE canvas__users ADD COLUMN note TEXT; UPDATE canvas__users SET note = 'mine'; \
         CREATE INDEX by_name ON canvas__users (name); CREATE VIEW names AS SELECT name, score FROM canvas__users",
    ).unwrap();
    let mut retyped = schema(2, &[("name", text()), ("score", text())]);
    load(target, &snapshot(&retyped, "j2", 2), &["U t 1 a 01"]).await;
    assert_eq!(fixture.text("SELECT id, name, score, note FROM canvas__users"), "1|a|01|mine");
    assert_eq!(fixture.text("SELECT * FROM names"), "a|01");
    assert_eq!(fixture.text("SELECT name FROM sqlite_schema WHERE name = 'by_name'"), "by_name");
    retyped = schema(3, &[("name", text())]);
    let published = load(target, &increment(&retyped, "j3", 2, 3), &["U t 1 c"]).await;
    assert!(published.schema_changes[0].contains("view names"), "{:?}", published.schema_changes);
    assert_eq!(fixture.text("SELECT * FROM names"), "c|01");
    assert!(target.prove(&table()).await.unwrap().holds());
}

#[tokio::test]
async fn tables_load_at_once() {
    let fixture = Fixture::new();
    let load_table = async |name: &str| {
        let mut schema = people();
        schema.table = name.to_owned();
        let request = snapshot(&schema, "j", 1);
        let target = SqliteTarget::new(fixture.folder.path().join("canvas.db"));
        let mut load = open(&target, &request).await;
        for number in 0..20 {
            let row = format!("U t {number} a 1");
            load.stage("p", batch(&request, &[&row])).await.unwrap();
        }
        load.publish().await.unwrap().rows
    };
    let rows = tokio::join!(load_table("a"), load_table("b"), load_table("c"));
    assert_eq!(rows, (20, 20, 20));
}

/// Two executions, or an invocation that was given up while its last batch still waited for its turn.
#[tokio::test]
async fn of_two_loads_of_one_table_the_later_goes_on() {
    let fixture = Fixture::new();
    let request = snapshot(&people(), "j1", 1);
    for step in ["stage", "discard", "checkpoint", "publish"] {
        let mut earlier = open(&fixture.target, &request).await;
        let later = open(&fixture.target, &request).await;
        let refused = match step {
            "stage" => earlier.stage("p", batch(&request, &["U t 1 a 1"])).await,
            "discard" => earlier.discard_part("p").await,
            "checkpoint" => earlier.checkpoint().await,
            _ => earlier.publish().await.map(|_| ()),
        };
        assert!(matches!(refused, Err(TargetError::Locked(name)) if name == table()), "{step}");
        drop(later);
    }
    let mut earlier = open(&fixture.target, &request).await;
    let other_job = snapshot(&people(), "j2", 2);
    let published = load(&fixture.target, &other_job, &["U t 1 a 1", "U t 2 b 2"]).await;
    assert_eq!(counts(&published), (2, 0, 0, 2));
    let late = earlier.stage("p", batch(&request, &["U t 3 c 3"])).await;
    assert!(matches!(late, Err(TargetError::Locked(_))), "{late:?}");
    assert!(fixture.target.prove(&table()).await.unwrap().holds());
}
