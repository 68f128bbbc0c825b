//! PostgreSQL keeps the promises.
//!
//! Needs `STEPWELL_TEST_POSTGRES`, the connection string of a superuser; each test makes a database of its own
//! there and drops it afterwards.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use stepwell_canvas::target::Layout;
use stepwell_canvas::target::postgres::PostgresTarget;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::*;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A database for one test.
pub(crate) struct Fixture {
    pub(crate) target: PostgresTarget,
    pub(crate) client: Client,
    pub(crate) dsn: String,
    name: String,
}

/// A variable that `cargo xtask test` sets. Without it the test is skipped, loudly; under `STEPWELL_TEST_ALL`,
/// which it sets too, nothing may be skipped.
pub(super) fn provided(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("STEPWELL_TEST_ALL").is_none(), "`{name}` is not set");
        // Not `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: `{name}` is not set; `cargo xtask test` sets it\n"
        );
    }
    value
}

async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Fixture {
    /// `None` where there is no server to test with.
    pub(crate) async fn new(layout: Layout) -> Option<Self> {
        let admin = provided("STEPWELL_TEST_POSTGRES")?;
        let name = format!(
            "stepwell_test_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        connect(&admin).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (server, _) = admin.rsplit_once('/').unwrap();
        let dsn = format!("{server}/{name}");
        let target = PostgresTarget::new(&dsn, layout).unwrap();
        Some(Self { target, client: connect(&dsn).await, dsn, name })
    }

    pub(crate) async fn done(self) {
        let admin = connect(&std::env::var("STEPWELL_TEST_POSTGRES").unwrap()).await;
        admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await.unwrap();
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Rows as text: `a|b` per row.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await.unwrap();
        let show = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                let fields: Vec<&str> =
                    (0..row.len()).map(|it| row.get(it).unwrap_or("-")).collect();
                Some(fields.join("|"))
            }
            _ => None,
        };
        messages.iter().filter_map(show).collect::<Vec<_>>().join("\n")
    }
}

macro_rules! keeps {
    ($layout:ident: $($promise:ident)*) => { $(
        #[tokio::test]
        async fn $promise() {
            let Some(fixture) = Fixture::new(Layout::$layout).await else { return };
            conformance::$promise(&fixture.target).await;
            fixture.done().await;
        }
    )* };
}

mod stepwell_layout {
    use super::*;

    conformance::every_promise!(keeps Stepwell:);
}

mod instructure_layout {
    use super::*;

    conformance::every_promise!(keeps Instructure:);
}

/// Runs a test on a database of its own.
async fn with_database(layout: Layout, test: impl AsyncFnOnce(&Fixture)) {
    let Some(fixture) = Fixture::new(layout).await else { return };
    test(&fixture).await;
    fixture.done().await;
}

#[tokio::test]
async fn a_difference_is_told_by_name() {
    with_database(Layout::Stepwell, async |fixture| {
        let tamper = async || {
            fixture.run("UPDATE canvas.users SET score = 7 WHERE id = 2; DELETE FROM canvas.users WHERE id = 3").await;
        };
        conformance::a_difference_is_told_by_name(&fixture.target, tamper).await;
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_heals_what_others_changed() {
    with_database(Layout::Stepwell, async |fixture| {
        let others = async |sql: &str| fixture.run(&sql.replace("users", "canvas.users")).await;
        conformance::a_snapshot_heals_what_others_changed(&fixture.target, others).await;
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_of_logs_counts_afresh() {
    with_database(Layout::Stepwell, async |fixture| {
        let others =
            async |sql: &str| fixture.run(&sql.replace("users", "canvas_logs.users")).await;
        conformance::a_snapshot_of_logs_counts_afresh(&fixture.target, others).await;
    })
    .await;
}

#[tokio::test]
async fn a_change_between_slices_is_never_missed() {
    with_database(Layout::Stepwell, async |fixture| {
        let others = async |sql: &str| fixture.run(&sql.replace("users", "canvas.users")).await;
        conformance::a_change_between_slices_is_never_missed(&fixture.target, others).await;
    })
    .await;
}

/// `VACUUM FULL` writes the rows to other pages, by the same transactions.
#[tokio::test]
async fn rows_that_are_moved_between_slices_are_read_again() {
    with_database(Layout::Stepwell, async |fixture| {
        let others = async |sql: &str| fixture.run(&sql.replace("users", "canvas.users")).await;
        conformance::rows_that_are_moved_between_slices_are_read_again(&fixture.target, others)
            .await;
    })
    .await;
}

#[tokio::test]
async fn what_differs_after_a_snapshot_is_named_where_it_can_be() {
    with_database(Layout::Stepwell, async |fixture| {
        let others = async |sql: &str| fixture.run(&sql.replace("users", "canvas.users")).await;
        let target = &fixture.target;
        conformance::what_differs_after_a_snapshot_is_named_where_it_can_be(target, others).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let target =
        PostgresTarget::new("postgres://me:hidden@127.0.0.1:1/cd2", Layout::Stepwell).unwrap();
    let error = target.check().await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1/cd2") && error.contains("check that it runs"), "{error}");
    assert!(!error.contains("hidden"), "{error}");
}

/// The listener takes connections and says nothing: time passes by itself once nothing else can happen.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for (query, seconds) in [("", 30), ("?connect_timeout=7", 7)] {
        let dsn = format!("postgres://me:hidden@127.0.0.1:{port}/cd2{query}");
        let target = PostgresTarget::new(&dsn, Layout::Stepwell).unwrap();
        let error = target.check().await.unwrap_err().to_string();
        assert!(error.contains(&format!("no answer within {seconds} s")), "{error}");
    }
}

#[tokio::test]
async fn a_table_that_somebody_holds_is_published_later() {
    with_database(Layout::Stepwell, async |fixture| {
        load(&fixture.target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
        let (_, database) = fixture.dsn.rsplit_once('/').unwrap();
        fixture.run(&format!("ALTER DATABASE {database} SET lock_timeout = '50ms'")).await;
        fixture.run("BEGIN; LOCK TABLE canvas.users").await;
        let request = increment(&people(), "j2", 1, 2);
        let mut held = open(&fixture.target, &request).await;
        held.stage("p", batch(&request, &["U t 1 b 1"])).await.unwrap();
        let error = stepwell_pipeline::HandlerError::from(held.publish().await.unwrap_err());
        assert_eq!(error.name(), "Retryable", "{error}");
        assert!(error.to_string().contains("another session holds the table"), "{error}");
        fixture.run("COMMIT").await;
        let published = open(&fixture.target, &request).await.publish().await.unwrap();
        assert_eq!(counts(&published), (0, 1, 0, 1));
    })
    .await;
}

#[tokio::test]
async fn errors_never_hold_rows() {
    with_database(Layout::Stepwell, async |fixture| {
        load(&fixture.target, &snapshot(&people(), "j1", 1), &["U t 1 a 1"]).await;
        fixture.run("ALTER TABLE canvas.users ADD CHECK (score < 10)").await;
        let request = increment(&people(), "j2", 1, 2);
        let mut load = open(&fixture.target, &request).await;
        load.stage("p", batch(&request, &["U t 2 hidden 11"])).await.unwrap();
        let error = load.publish().await.unwrap_err().to_string();
        assert!(error.contains("users_score_check") && !error.contains("hidden"), "{error}");
    })
    .await;
}

/// A constraint of the user's that the new values break is no matter of conversion.
#[tokio::test]
async fn errors_of_conversion_never_hold_values() {
    with_database(Layout::Stepwell, async |fixture| {
        let listed = |values: [&str; 1]| {
            let values = values.map(str::to_owned).to_vec();
            schema(1, &[("name", ColumnType::Enum { values }), ("score", ColumnType::Int16)])
        };
        load(&fixture.target, &snapshot(&listed(["hidden"]), "j1", 1), &["U t 1 hidden 1"]).await;
        fixture.run("CREATE INDEX ON canvas.users ((name::bigint)) WHERE id > 1").await;
        let request = increment(&listed(["hidden"]), "j2", 1, 2);
        let mut load = open(&fixture.target, &request).await;
        load.stage("p", batch(&request, &["U t 2 hidden 11"])).await.unwrap();
        let error = load.publish().await.unwrap_err();
        assert!(matches!(error, TargetError::Refused { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains("type bigint [22P02]") && !error.contains("hidden"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_missing_is_named() {
    with_database(Layout::Stepwell, async |fixture| {
        let target =
            PostgresTarget::new(&format!("{}_missing", fixture.dsn), Layout::Stepwell).unwrap();
        let error = target.check().await.unwrap_err().to_string();
        assert!(error.contains("does not exist") && error.contains("create it"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn tls_is_never_silently_left_out() {
    with_database(Layout::Stepwell, async |fixture| {
        let dsn = format!("{}?sslmode=require", fixture.dsn);
        let target = PostgresTarget::new(&dsn, Layout::Stepwell).unwrap();
        let checked = target.check().await;
        if fixture.text("SHOW ssl").await == "off" {
            let error = checked.unwrap_err().to_string();
            assert!(error.contains("TLS") && error.contains("sslmode"), "{error}");
        } else {
            checked.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_without_rights_is_told_what_to_grant() {
    with_database(Layout::Stepwell, async |fixture| {
        fixture
            .run("DROP ROLE IF EXISTS stepwell_test_guest; CREATE ROLE stepwell_test_guest LOGIN")
            .await;
        let (_, address) = fixture.dsn.rsplit_once('@').unwrap();
        let dsn = format!("postgres://stepwell_test_guest@{address}");
        let target = PostgresTarget::new(&dsn, Layout::Stepwell).unwrap();
        let error = target.check().await.unwrap_err().to_string();
        assert!(error.contains("permission denied") && error.contains("create schemas"), "{error}");
        fixture.run("DROP ROLE stepwell_test_guest").await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_what_was_not_checkpointed() {
    with_database(Layout::Stepwell, async |fixture| {
        let request = snapshot(&people(), "j1", 1);
        let mut load = open(&fixture.target, &request).await;
        load.stage("p", batch(&request, &["U t 1 a 1"])).await.unwrap();
        load.checkpoint().await.unwrap();
        load.stage("p", batch(&request, &["U t 2 b 2"])).await.unwrap();
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name = 'stepwell' AND datname = current_database()";
        fixture.run(cut).await;
        let error = stepwell_pipeline::HandlerError::from(load.checkpoint().await.unwrap_err());
        assert_eq!(error.name(), "Retryable", "{error}");
        let error = load.publish().await.unwrap_err().to_string();
        assert!(error.contains("must be opened again"), "{error}");
        let mut load = open(&fixture.target, &request).await;
        assert_eq!(load.progress("p").rows, 1);
        load.stage("p", batch(&request, &["U t 2 b 2"])).await.unwrap();
        assert_eq!(counts(&load.publish().await.unwrap()), (2, 0, 0, 2));
        assert!(fixture.target.prove(&table()).await.unwrap().holds());
    })
    .await;
}

#[tokio::test]
async fn a_table_of_someone_else_is_left_alone() {
    with_database(Layout::Stepwell, async |fixture| {
        fixture.run("CREATE SCHEMA canvas; CREATE TABLE canvas.users (mine text)").await;
        let error = refused(fixture.target.open_load(snapshot(&people(), "j", 1)).await);
        assert!(error.contains("canvas.users") && error.contains("rename or drop it"), "{error}");
        let left = fixture.text("SELECT to_regclass('stepwell.load__canvas__users')").await;
        assert_eq!(left, "-");
    })
    .await;
}

#[tokio::test]
async fn a_table_is_loaded_by_one_process_at_a_time() {
    with_database(Layout::Stepwell, async |fixture| {
        fixture
            .run("SELECT pg_advisory_lock(hashtextextended('stepwell load of canvas.users', 0))")
            .await;
        let error = refused(fixture.target.open_load(snapshot(&people(), "j", 1)).await);
        assert!(error.contains("another load of canvas.users is under way"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn tables_are_what_the_documentation_says() {
    with_database(Layout::Stepwell, async |fixture| {
        let mut schema = people();
        schema.columns[1].description = Some("It's a name.".into());
        schema.columns[2].required = true;
        load(&fixture.target, &snapshot(&schema, "j", 1), &["U t 1 a 1"]).await;
        let columns = "SELECT attname, format_type(atttypid, atttypmod), attnotnull \
                       FROM pg_attribute WHERE attrelid = 'canvas.users'::regclass AND attnum > 0 ORDER BY attnum";
        let due = "id|bigint|t\nname|character varying(10)|f\nscore|double precision|t";
        assert_eq!(fixture.text(columns).await, due);
        let key = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND conrelid = 'canvas.users'::regclass";
        assert_eq!(fixture.text(key).await, "pk_users|PRIMARY KEY (id)");
        let comments = "SELECT obj_description('canvas.users'::regclass), col_description('canvas.users'::regclass, 2)";
        assert_eq!(fixture.text(comments).await, "Users.|It's a name.");
        assert_eq!(fixture.text("SELECT count(*) FROM stepwell.loads").await, "0");
    })
    .await;
}

#[tokio::test]
async fn what_postgresql_cannot_hold_is_told_and_kept() {
    with_database(Layout::Stepwell, async |fixture| {
        let columns = [("name", text()), ("data", ColumnType::Json), ("at", ColumnType::Timestamp)];
        let schema = schema(1, &columns);
        let rows = [
            "U t 1 a\\000b {\"x\":\"\\\\u0000y\"} -9999-01-01T00:00:00Z",
            "U t 2 fine {\"x\":1} +294000-01-01T00:00:00Z",
        ];
        let published = load(&fixture.target, &snapshot(&schema, "j", 1), &rows).await;
        assert_eq!((published.rows, published.altered_total), (2, 3));
        let stored = fixture.text("SELECT name, data, at FROM canvas.users ORDER BY id").await;
        assert_eq!(stored, "ab|{\"x\": \"y\"}|-\nfine|{\"x\": 1}|294000-01-01 00:00:00");
        let kept = "SELECT row_key, column_name, encode(original, 'escape') FROM stepwell.altered_values ORDER BY 2";
        let due = "1|at|-9999-01-01T00:00:00Z\n1|data|{\"x\":\"\\\\u0000y\"}\n1|name|a\\000b";
        assert_eq!(fixture.text(kept).await, due);
        assert!(fixture.target.prove(&table()).await.unwrap().holds());
        load(&fixture.target, &increment(&schema, "j2", 1, 2), &["U t 1 ok {} \\N"]).await;
        assert_eq!(fixture.text(kept).await, "");
    })
    .await;
}

#[tokio::test]
async fn longer_texts_widen_the_column() {
    with_database(Layout::Stepwell, async |fixture| {
        let target = &fixture.target;
        let published = load(target, &snapshot(&people(), "j1", 1), &["U t 1 short 1"]).await;
        assert_eq!(published.schema_changes, Vec::<String>::new());
        fixture.run("CREATE VIEW public.names AS SELECT name FROM canvas.users").await;
        let published =
            load(target, &increment(&people(), "j2", 1, 2), &["U t 2 longer-than-ten 1"]).await;
        assert!(published.schema_changes[0].contains("`name` was widened"), "{published:?}");
        let again =
            load(target, &increment(&people(), "j3", 2, 3), &["U t 3 even-longer-than-that 1"])
                .await;
        assert_eq!(again.schema_changes, Vec::<String>::new());
        let names = fixture.text("SELECT name FROM public.names ORDER BY length(name)").await;
        assert_eq!(names, "short\nlonger-than-ten\neven-longer-than-that");
        assert!(target.prove(&table()).await.unwrap().holds());
    })
    .await;
}

#[tokio::test]
async fn views_and_what_belongs_to_them_survive_a_change_of_type() {
    with_database(Layout::Stepwell, async |fixture| {
        let decimal = |precision| ColumnType::Decimal { precision, scale: 2 };
        let before = schema(1, &[("name", text()), ("score", decimal(6))]);
        load(&fixture.target, &snapshot(&before, "j1", 1), &["U t 1 a 1.5", "U t 2 b 2.5"]).await;
        fixture.run(
            "DROP ROLE IF EXISTS stepwell_test_reader; CREATE ROLE stepwell_test_reader; \
             CREATE SCHEMA reports; \
             CREATE VIEW reports.scores WITH (security_barrier=true) AS SELECT id, score AS \"the score\" FROM canvas.users; \
             CREATE VIEW reports.high AS SELECT * FROM reports.scores WHERE \"the score\" > 2; \
             CREATE MATERIALIZED VIEW reports.summed AS SELECT count(*) AS n, sum(\"the score\") AS s FROM reports.scores; \
             CREATE UNIQUE INDEX summed_n ON reports.summed (n); \
             COMMENT ON VIEW reports.scores IS 'It''s mine'; \
             COMMENT ON COLUMN reports.scores.\"the score\" IS 'points'; \
             GRANT SELECT ON reports.scores TO stepwell_test_reader; \
             GRANT USAGE, CREATE ON SCHEMA reports TO stepwell_test_reader; \
             GRANT SELECT ON canvas.users TO stepwell_test_reader; \
             ALTER VIEW reports.high OWNER TO stepwell_test_reader",
        ).await;
        let retyped = schema(2, &[("name", text()), ("score", decimal(8))]);
        let published = load(&fixture.target, &increment(&retyped, "j2", 1, 2), &["U t 2 b 3.25"]).await;
        assert_eq!(published.schema_changes, ["column `score` changed from numeric(6,2) to numeric(8,2)"]);
        assert_eq!(fixture.text("SELECT * FROM reports.high").await, "2|3.25");
        assert_eq!(fixture.text("SELECT n, s FROM reports.summed").await, "2|4.00");
        let properties = "SELECT relname, reloptions, obj_description(oid), pg_get_userbyid(relowner) = 'stepwell_test_reader', \
             has_table_privilege('stepwell_test_reader', oid, 'SELECT') \
             FROM pg_class WHERE relname IN ('scores', 'high', 'summed_n') ORDER BY 1";
        let due = "high|-|-|t|t\nscores|{security_barrier=true}|It's mine|f|t\nsummed_n|-|-|f|f";
        assert_eq!(fixture.text(properties).await, due);
        assert_eq!(fixture.text("SELECT col_description('reports.scores'::regclass, 2)").await, "points");
        assert!(fixture.target.prove(&table()).await.unwrap().holds());
        fixture.run("DROP OWNED BY stepwell_test_reader; DROP ROLE stepwell_test_reader").await;
    })
    .await;
}

#[tokio::test]
async fn a_default_is_what_the_column_holds() {
    with_database(Layout::Instructure, async |fixture| {
        let values = vec!["x".to_owned()];
        let open_list = ColumnType::OpenEnum { values, max_length: None };
        let columns = [("a", open_list), ("b", ColumnType::Array(Box::new(text())))];
        let mut wider = schema(2, &columns);
        wider.columns[1].default = Some(serde_json::json!("y"));
        wider.columns[2].default = Some(serde_json::json!(["p", "q"]));
        load(&fixture.target, &snapshot(&schema(1, &[]), "j1", 1), &["U t 1"]).await;
        load(&fixture.target, &increment(&wider, "j2", 1, 2), &["U t 2 x [\"r\"]"]).await;
        let stored = "SELECT u.id, l.value, u.b FROM canvas.users u JOIN canvas.users__a l ON l.id = u.a ORDER BY 1";
        assert_eq!(fixture.text(stored).await, "1|y|{p,q}\n2|x|{r}");
    })
    .await;
}

/// What is the user's stays, also where every value of a column is replaced.
#[tokio::test]
async fn a_column_whose_values_are_replaced_keeps_its_views_and_constraints() {
    with_database(Layout::Stepwell, async |fixture| {
        let mut before = people();
        before.columns[1].required = true;
        load(&fixture.target, &snapshot(&before, "j1", 1), &["U t 1 one 1", "U t 2 two 2"]).await;
        fixture
            .run(
                "CREATE VIEW public.names AS SELECT id, name FROM canvas.users; \
                 ALTER TABLE canvas.users ADD COLUMN note text DEFAULT 'mine'",
            )
            .await;
        let mut after = schema(2, &[("name", ColumnType::Int64), ("score", ColumnType::Float64)]);
        after.columns[1].required = true;
        load(&fixture.target, &snapshot(&after, "j2", 2), &["U t 1 1 1", "U t 3 3 2"]).await;
        assert_eq!(fixture.text("SELECT * FROM public.names ORDER BY id").await, "1|1\n3|3");
        assert_eq!(fixture.text("SELECT note FROM canvas.users WHERE id = 1").await, "mine");
        let required = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'canvas.users'::regclass AND attname = 'name'";
        assert_eq!(fixture.text(required).await, "t");
        assert!(fixture.target.prove(&table()).await.unwrap().holds());

        let mut rekeyed = after.clone();
        rekeyed.version = 3;
        rekeyed.columns[0].ty = ColumnType::Uuid;
        let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        let published =
            load(&fixture.target, &snapshot(&rekeyed, "j3", 3), &[&format!("U t {id} 1 1")]).await;
        assert_eq!(published.rows, 1);
        assert_eq!(fixture.text("SELECT * FROM public.names").await, format!("{id}|1"));
        assert!(fixture.target.prove(&table()).await.unwrap().holds());
    })
    .await;
}

#[tokio::test]
async fn a_dropped_column_that_a_view_uses_is_kept() {
    with_database(Layout::Stepwell, async |fixture| {
        let target = &fixture.target;
        let mut before = people();
        before.columns[2].required = true;
        load(target, &snapshot(&before, "j1", 1), &["U t 1 a 1.5"]).await;
        fixture.run("CREATE VIEW public.scores AS SELECT score FROM canvas.users").await;
        let after = schema(2, &[("name", text())]);
        let published = load(target, &increment(&after, "j2", 1, 2), &["U t 2 b"]).await;
        assert!(published.schema_changes[0].contains("because a view uses it"), "{published:?}");
        assert_eq!(fixture.text("SELECT * FROM public.scores").await, "1.5\n-");
        assert!(target.prove(&table()).await.unwrap().holds());
    })
    .await;
}

#[tokio::test]
async fn what_the_user_added_stays() {
    with_database(Layout::Stepwell, async |fixture| {
        let target = &fixture.target;
        load(target, &snapshot(&people(), "j1", 1), &["U t 1 a 1", "U t 2 b 2"]).await;
        fixture.run(
            "ALTER TABLE canvas.users ADD COLUMN note text; UPDATE canvas.users SET note = 'mine'; \
             CREATE INDEX by_name ON canvas.users (name); GRANT SELECT ON canvas.users TO PUBLIC; \
             CREATE VIEW public.names AS SELECT name, note FROM canvas.users",
        ).await;
        load(target, &snapshot(&people(), "j2", 2), &["U t 1 new 1", "U t 3 c 3"]).await;
        assert_eq!(fixture.text("SELECT * FROM public.names ORDER BY name").await, "c|-\nnew|mine");
        assert_eq!(fixture.text("SELECT to_regclass('canvas.by_name')").await, "canvas.by_name");
        assert_eq!(
            fixture
                .text("SELECT has_table_privilege('pg_monitor', 'canvas.users', 'SELECT')")
                .await,
            "t"
        );
    })
    .await;
}

#[tokio::test]
async fn a_view_that_cannot_come_back_changes_nothing() {
    with_database(Layout::Stepwell, async |fixture| {
        let target = &fixture.target;
        let before = schema(1, &[("name", text()), ("score", ColumnType::Int16)]);
        load(target, &snapshot(&before, "j1", 1), &["U t 1 a 1"]).await;
        fixture
            .run("CREATE VIEW public.doubled AS SELECT score * 2 AS twice FROM canvas.users")
            .await;
        let retyped = schema(2, &[("name", text()), ("score", text())]);
        let request = increment(&retyped, "j2", 1, 2);
        let mut load = open(target, &request).await;
        load.stage("p", batch(&request, &["U t 1 a x"])).await.unwrap();
        let error = load.publish().await.unwrap_err().to_string();
        assert!(error.contains("putting back view public.doubled"), "{error}");
        assert_eq!(fixture.text("SELECT twice FROM public.doubled").await, "2");
        assert_eq!(target.state(&table()).await.unwrap().unwrap().schema_version, 1);
        fixture.run("DROP VIEW public.doubled").await;
        let load = open(target, &request).await;
        assert_eq!(load.progress("p").rows, 1);
        assert_eq!(counts(&load.publish().await.unwrap()), (0, 1, 0, 1));
    })
    .await;
}

/// Waits until a session of the target waits for a lock, and ends it.
async fn end_waiting_session(fixture: &Fixture) {
    let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while fixture.text(waiting).await != "t" {}
}

/// Publishes while `lock` is held, which publishing has to wait for, and ends its session there.
async fn publish_and_die(fixture: &Fixture, request: &LoadRequest, lock: &str) {
    let load = open(&fixture.target, request).await;
    fixture.run(&format!("BEGIN; {lock}")).await;
    let (published, ()) = tokio::join!(load.publish(), end_waiting_session(fixture));
    let error = published.unwrap_err();
    assert!(matches!(error, TargetError::Transient(_)), "{error:?}");
    fixture.run("ROLLBACK").await;
}

/// Stages the rows of one part, durably.
async fn stage(fixture: &Fixture, request: &LoadRequest, rows: &[&str]) {
    let mut load = open(&fixture.target, request).await;
    load.stage("p1", batch(request, rows)).await.unwrap();
    load.finish_part("p1");
    load.checkpoint().await.unwrap();
}

#[tokio::test]
async fn a_session_that_ends_while_it_publishes_leaves_nothing_half_done() {
    let Some(fixture) = Fixture::new(Layout::Stepwell).await else { return };
    let first = snapshot(&people(), "j1", 1);
    stage(&fixture, &first, &["U t 1 a 1", "U t 2 b 2"]).await;
    // The cursor is written last: the table is swapped in by then.
    publish_and_die(&fixture, &first, "LOCK TABLE stepwell.tables IN SHARE MODE").await;
    assert_eq!(fixture.target.state(&table()).await.unwrap(), None);
    assert_eq!(fixture.text("SELECT to_regclass('canvas.users') IS NULL").await, "t");
    let key = "SELECT indexrelid FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relname IN ('load__canvas__users', 'users') AND i.indisprimary";
    let key_before = fixture.text(key).await;
    let published = open(&fixture.target, &first).await.publish().await.unwrap();
    assert_eq!(counts(&published), (2, 0, 0, 2));
    assert_eq!(fixture.text(key).await, key_before, "it was not built again");
    let name = "SELECT conname FROM pg_constraint WHERE conrelid = 'canvas.users'::regclass AND contype = 'p'";
    assert_eq!(fixture.text(name).await, "pk_users");
    assert!(fixture.target.prove(&table()).await.unwrap().holds());

    let second = increment(&people(), "j2", 1, 2);
    stage(&fixture, &second, &["U t 2 c 3", "U t 3 d 4", "D t 1 \\N \\N"]).await;
    publish_and_die(&fixture, &second, "LOCK TABLE stepwell.tables IN SHARE MODE").await;
    let rows = "SELECT id, name FROM canvas.users ORDER BY id";
    assert_eq!(fixture.text(rows).await, "1|a\n2|b");
    assert_eq!(fixture.target.state(&table()).await.unwrap().unwrap().cursor, day(1));
    let published = open(&fixture.target, &second).await.publish().await.unwrap();
    assert_eq!(counts(&published), (1, 1, 1, 2));
    assert_eq!(fixture.text(rows).await, "2|c\n3|d");
    assert!(fixture.target.prove(&table()).await.unwrap().holds());
    fixture.done().await;
}

/// The server itself says that its disk is full, by a trigger: a disk that is really full is not to be had
/// everywhere.
#[tokio::test]
async fn a_full_disk_is_told_and_the_load_goes_on_when_there_is_room() {
    let Some(fixture) = Fixture::new(Layout::Stepwell).await else { return };
    let request = snapshot(&people(), "j1", 1);
    stage(&fixture, &request, &["U t 1 a 1"]).await;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON stepwell.loads EXECUTE FUNCTION full_disk()";
    fixture.run(full).await;
    let mut load = open(&fixture.target, &request).await;
    load.stage("p2", batch(&request, &["U t 2 b 2"])).await.unwrap();
    load.finish_part("p2");
    let error = load.checkpoint().await.unwrap_err();
    assert!(matches!(error, TargetError::Full(_)), "{error:?}");
    assert!(error.to_string().contains("No space left on device"), "{error}");
    drop(load);
    fixture.run("DROP TRIGGER full_disk ON stepwell.loads").await;
    let mut load = open(&fixture.target, &request).await;
    assert_eq!((load.progress("p1").rows, load.progress("p2").rows), (1, 0));
    load.stage("p2", batch(&request, &["U t 2 b 2"])).await.unwrap();
    load.finish_part("p2");
    assert_eq!(counts(&load.publish().await.unwrap()), (2, 0, 0, 2));
    assert!(fixture.target.prove(&table()).await.unwrap().holds());
    fixture.done().await;
}
