//! Layout `instructure`: the official client takes over our replica, and we take over its.
//!
//! `STEPWELL_DAP_CLIENT` is the path of its `dap` executable (PyPI `instructure-dap-client[postgresql]`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_canvas::Settings;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{AnyFunction, Context, Settings as _, Surroundings};
use stepwell_sandbox::dap::{Advance, Awkward, Evolution, Options, Sandbox};
use tokio::process::Command;

use super::postgres::{Fixture, provided};
use stepwell_canvas::target::Layout;

const TABLES: [(&str, &str); 4] = [
    ("canvas", "users"),
    ("canvas", "submissions"),
    ("canvas", "courses"),
    ("canvas_logs", "web_logs"),
];

/// The official client.
struct Official(PathBuf);

impl Official {
    fn find() -> Option<Self> {
        provided("STEPWELL_DAP_CLIENT").map(|path| Self(path.into()))
    }

    async fn run(&self, command: &str, sandbox: &Sandbox, fixture: &Fixture) {
        let dsn = fixture.dsn.replacen("postgres://", "postgresql://", 1);
        for (namespace, table) in TABLES {
            let output = Command::new(&self.0)
                .args(["--non-interactive", "--no-tracking", command, "--namespace", namespace])
                .args(["--table", table, "--connection-string", &dsn])
                .env("DAP_API_URL", sandbox.base_url())
                .env("DAP_CLIENT_ID", sandbox.client_id())
                .env("DAP_CLIENT_SECRET", sandbox.client_secret())
                .output()
                .await
                .unwrap();
            let log = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command} {table}\n{log}");
        }
    }
}

/// Our pipeline, function by function.
async fn run_ours(sandbox: &Sandbox, fixture: &Fixture) -> Vec<Value> {
    let settings: Settings = serde_json::from_value(json!({
        "base_url": sandbox.base_url(),
        "client_id": sandbox.client_id(),
        "client_secret": sandbox.client_secret(),
        "target": fixture.dsn,
        "layout": "instructure",
        // The sandbox has no limits here, and new columns ask for more jobs than five.
        "limits": {"create_job": 100_000},
    }))
    .unwrap();
    let surroundings = Surroundings::embedded(Arc::new(Keys::none()), "nowhere".into());
    let pipeline = settings.build(&|_| None, &surroundings).unwrap();
    let function = |name: &str| {
        let name = format!("stepwell-canvas-{name}");
        pipeline.functions.iter().find(|it| it.name() == name).unwrap().as_ref()
    };
    let mut results = Vec::new();
    for (namespace, table) in TABLES {
        let input = json!({"namespace": namespace, "table": table});
        results.push(sync(input, function("sync-table"), function("init-table")).await);
    }
    results
}

/// What the states around the functions do.
async fn sync(mut input: Value, sync: &dyn AnyFunction, init: &dyn AnyFunction) -> Value {
    let mut function = sync;
    loop {
        let ctx = Context::starting_now("test", Duration::from_mins(1));
        let step = function.call_json(&input, &ctx).await.unwrap();
        match step["status"].as_str().unwrap() {
            "COMPLETE" => return step["result"].clone(),
            "INIT_NEEDED" => function = init,
            _ => tokio::task::yield_now().await,
        }
        input["run"] = step;
    }
}

/// Lets PostgreSQL read the truth into the table's own types, and compare.
async fn assert_equal(sandbox: &Sandbox, fixture: &Fixture) {
    for (namespace, table) in TABLES {
        let name = format!("{namespace}.{table}");
        let mut truth: Vec<Value> = sandbox.rows(&name).unwrap().collect();
        for column in ["web_application_controller", "web_application_action"] {
            if table == "web_logs" {
                look_up(fixture, &name, column, &mut truth).await;
            }
        }
        let query = format!(
            "WITH truth AS (SELECT (jsonb_populate_record(NULL::{name}, row)).* FROM jsonb_array_elements($1) row),
                  missing AS (SELECT * FROM truth EXCEPT ALL SELECT * FROM {name}),
                  surplus AS (SELECT * FROM {name} EXCEPT ALL SELECT * FROM truth)
             SELECT 'missing ' || to_jsonb(missing)::text FROM missing
             UNION ALL SELECT 'surplus ' || to_jsonb(surplus)::text FROM surplus"
        );
        let differences = fixture.client.query(&query, &[&Value::Array(truth)]).await.unwrap();
        let shown: Vec<String> = differences.iter().take(3).map(|row| row.get(0)).collect();
        assert!(shown.is_empty(), "{} in {name}:\n{}", differences.len(), shown.join("\n"));
    }
}

/// The values of open enumerations are in a table of their own, a number is in the column.
async fn look_up(fixture: &Fixture, table: &str, column: &str, truth: &mut [Value]) {
    let query = format!("SELECT value, id FROM {table}__{column}");
    let rows = fixture.client.query(&query, &[]).await.unwrap();
    for row in truth {
        let id = rows.iter().find(|it| Some(it.get::<_, &str>(0)) == row[column].as_str());
        row[column] = id.map(|it| it.get::<_, i32>(1)).into();
    }
}

/// Columns, constraints, types and comments of the replicated tables, and the shape of the client's state, whose
/// comments the client adds itself.
async fn structure(fixture: &Fixture) -> String {
    let mut structure = String::new();
    for query in [
        "SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, \
                CASE WHEN {own} THEN col_description(a.attrelid, a.attnum) END, pg_get_expr(d.adbin, d.adrelid) \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND {here} ORDER BY 1, a.attnum",
        "SELECT c.oid::regclass::text, obj_description(c.oid, 'pg_class') FROM pg_class c WHERE c.relkind = 'r' AND {own} AND {here} ORDER BY 1",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint c WHERE {here} ORDER BY 1, 2",
        "SELECT c.typname, e.enumlabel FROM pg_type c JOIN pg_enum e ON e.enumtypid = c.oid WHERE {here} ORDER BY 1, enumsortorder",
    ] {
        let namespace = match query {
            _ if query.contains("pg_type") => "c.typnamespace",
            _ if query.contains("pg_constraint") => "c.connamespace",
            _ => "c.relnamespace",
        };
        let here = format!(
            "{namespace}::regnamespace::text IN ('canvas', 'canvas_logs', 'instructure_dap')"
        );
        let own = "c.relnamespace <> 'instructure_dap'::regnamespace";
        structure += &fixture.text(&query.replace("{here}", &here).replace("{own}", own)).await;
        structure += "\n\n";
    }
    structure
}

fn source() -> Options {
    // The values that make the client fail are none that it can take over.
    let unstorable = [Awkward::NulInJson, Awkward::FarTimestamp, Awkward::AncientTimestamp];
    let awkward = Awkward::all().into_iter().filter(|kind| !unstorable.contains(kind)).collect();
    Options { total_rows: 3000, awkward, ..Options::default() }
}

fn advance(sandbox: &Sandbox, seed: u64) {
    sandbox.advance(&Advance { seed, changes: 600, tables: vec![] }).unwrap();
}

fn evolve(sandbox: &Sandbox, changes: &[(&str, Value)]) {
    for (table, change) in changes {
        let change: Evolution = serde_json::from_value(change.clone()).unwrap();
        sandbox.evolve(table, &change).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn their_replica_is_taken_over_and_given_back() {
    let Some(official) = Official::find() else { return };
    let Some(fixture) = Fixture::new(Layout::Instructure).await else { return };
    let sandbox = Sandbox::start(source()).await.unwrap();
    official.run("initdb", &sandbox, &fixture).await;
    advance(&sandbox, 1);
    let results = run_ours(&sandbox, &fixture).await;
    assert!(results.iter().all(|it| it["mode"] != "snapshot"), "{results:?}");
    assert_equal(&sandbox, &fixture).await;
    evolve(
        &sandbox,
        &[
            ("canvas.users", json!({"kind": "add_column", "column": "nickname", "type": "s255"})),
            (
                "canvas.users",
                json!({"kind": "widen_text", "column": "short_name", "max_length": 500}),
            ),
            (
                "canvas.courses",
                json!({"kind": "add_required_column", "column": "archived", "type": "bool", "default": false}),
            ),
            (
                "canvas.submissions",
                json!({"kind": "add_column", "column": "origin", "type": "enum(web|mobile)"}),
            ),
        ],
    );
    advance(&sandbox, 2);
    run_ours(&sandbox, &fixture).await;
    assert_equal(&sandbox, &fixture).await;
    advance(&sandbox, 3);
    official.run("syncdb", &sandbox, &fixture).await;
    assert_equal(&sandbox, &fixture).await;
    advance(&sandbox, 4);
    run_ours(&sandbox, &fixture).await;
    assert_equal(&sandbox, &fixture).await;
    fixture.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_replica_is_theirs() {
    let Some(official) = Official::find() else { return };
    let Some(ours) = Fixture::new(Layout::Instructure).await else { return };
    let Some(theirs) = Fixture::new(Layout::Instructure).await else { return };
    let sandbox = Sandbox::start(source()).await.unwrap();
    let results = run_ours(&sandbox, &ours).await;
    assert!(
        results.iter().all(|it| it["mode"] == "snapshot" && it["proven"] == true),
        "{results:?}"
    );
    official.run("initdb", &sandbox, &theirs).await;
    assert_equal(&sandbox, &ours).await;
    pretty_compare(&structure(&ours).await, &structure(&theirs).await);
    let known = "SELECT source_namespace, source_table, timestamp, schema_version, target_schema, target_table, \
                 schema_description_format, schema_description FROM instructure_dap.table_sync ORDER BY 1, 2";
    pretty_compare(&ours.text(known).await, &theirs.text(known).await);

    evolve(
        &sandbox,
        &[
            (
                "canvas.users",
                json!({"kind": "add_enum_value", "column": "workflow_state", "value": "paused"}),
            ),
            (
                "canvas.courses",
                json!({"kind": "add_required_column", "column": "archived", "type": "bool", "default": false}),
            ),
            ("canvas.submissions", json!({"kind": "drop_column", "column": "url"})),
        ],
    );
    advance(&sandbox, 1);
    official.run("syncdb", &sandbox, &ours).await;
    assert_equal(&sandbox, &ours).await;
    advance(&sandbox, 2);
    run_ours(&sandbox, &ours).await;
    assert_equal(&sandbox, &ours).await;
    ours.done().await;
    theirs.done().await;
}

#[track_caller]
fn pretty_compare(ours: &str, theirs: &str) {
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
}
