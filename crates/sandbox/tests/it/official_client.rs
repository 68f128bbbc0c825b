//! The proof that the sandbox is close enough: Instructure's own client replicates from it, unmodified, into PostgreSQL.
//!
//! `STEPWELL_DAP_CLIENT` is the path of its `dap` executable (PyPI `instructure-dap-client[postgresql]`), `STEPWELL_TEST_POSTGRES` the
//! connection string of a superuser. `cargo xtask test` provides both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use stepwell_sandbox::dap::{
    Advance, Awkward, Endpoint, Evolution, Fault, FaultRule, Options, Sandbox, SchemaForm,
};
use tokio::process::Command;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use super::support::provided;

/// What the client is asked to replicate: a namespace, and tables of it as its `--table` takes them.
const REPLICATED: [(&str, &str); 4] = [
    ("canvas", "all"),
    ("canvas_logs", "all"),
    ("catalog", "all"),
    ("new_quizzes", "type_samples"),
];

#[tokio::test(flavor = "multi_thread")]
async fn initdb_and_syncdb_replicate_every_table_exactly() {
    let Some(client) = OfficialClient::find() else { return };
    let Some(postgres) = Postgres::create_database().await else { return };
    let sandbox = Sandbox::start(storable(3_000)).await.unwrap();

    client.replicate("initdb", &sandbox, &postgres).await;
    postgres.assert_equal_to(&sandbox).await;

    for seed in 1..=3 {
        advance_every_table(&sandbox, seed);
        if seed == 2 {
            evolve(&sandbox);
            sandbox.evolve_somehow("canvas", seed, 30);
            advance_every_table(&sandbox, 9);
        }
        client.replicate("syncdb", &sandbox, &postgres).await;
        postgres.assert_equal_to(&sandbox).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_and_schema_answer_for_every_table() {
    let Some(client) = OfficialClient::find() else { return };
    let sandbox = Sandbox::start(storable(500)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();

    let listed = client.run(&sandbox, &["list", "--namespace", "canvas"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let canvas: Vec<String> = sandbox
        .tables()
        .iter()
        .filter_map(|table| Some(table.strip_prefix("canvas.")?.to_owned()))
        .collect();
    for table in &canvas {
        assert!(listed.lines().any(|line| line == table), "`{table}` is not in:\n{listed}");
    }

    let output = folder.path().to_str().unwrap();
    client
        .run(
            &sandbox,
            &["schema", "--namespace", "canvas", "--table", "all", "--output-directory", output],
        )
        .await;
    assert_eq!(files(folder.path()).len(), canvas.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_and_incremental_download_in_every_format() {
    let Some(client) = OfficialClient::find() else { return };
    let sandbox = Sandbox::start(storable(2_000)).await.unwrap();
    let since = jiff::Timestamp::now().to_string();
    sandbox
        .advance(&Advance { seed: 1, changes: 200, tables: vec!["canvas.users".to_owned()] })
        .unwrap();
    for format in ["tsv", "csv", "jsonl", "parquet"] {
        for query in [vec!["snapshot"], vec!["incremental", "--since", &since]] {
            let folder = tempfile::tempdir().unwrap();
            let output = folder.path().to_str().unwrap();
            let mut arguments = query.clone();
            arguments.extend(["--namespace", "canvas", "--table", "users"]);
            arguments.extend(["--format", format, "--output-directory", output]);
            client.run(&sandbox, &arguments).await;
            let files = files(folder.path());
            assert_eq!(files.len(), 1, "{format} {query:?}");
            assert!(std::fs::metadata(&files[0]).unwrap().len() > 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_lives_through_the_faults_that_it_retries() {
    let Some(client) = OfficialClient::find() else { return };
    let sandbox = Sandbox::start(storable(500)).await.unwrap();
    let faults = [
        (Endpoint::Schema, Fault::TooManyRequests { seconds: Some(1) }),
        (Endpoint::Schema, Fault::ServerError { status: 503 }),
        (Endpoint::CreateJob, Fault::DropConnection),
        (Endpoint::ObjectUrl, Fault::ServerError { status: 500 }),
    ];
    for (endpoint, fault) in faults {
        sandbox.add_fault(FaultRule::new(endpoint, fault).once());
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().to_str().unwrap();
    for command in ["schema", "snapshot"] {
        let arguments =
            [command, "--namespace", "canvas", "--table", "users", "--output-directory", output];
        client.run(&sandbox, &arguments).await;
    }
    let requests = sandbox.requests();
    assert_eq!(requests[&Endpoint::Schema], 3);
    assert_eq!(requests[&Endpoint::CreateJob], 2);
    assert_eq!(requests[&Endpoint::ObjectUrl], 2);
}

/// The schemas as documented are within the client's own rules, and it cannot make tables of them in PostgreSQL. The day this test
/// fails, [`SchemaForm::Loadable`] can go.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_cannot_load_schemas_in_their_documented_form() {
    let Some(client) = OfficialClient::find() else { return };
    let Some(postgres) = Postgres::create_database().await else { return };
    let documented = Options { schema_form: SchemaForm::Documented, ..storable(500) };
    let sandbox = Sandbox::start(documented).await.unwrap();
    let failures = [
        ("canvas", "assignments", "name 'JsonType' is not defined"),
        ("canvas_logs", "web_logs", "error executing query"),
    ];
    for (namespace, table, reason) in failures {
        let connection = &postgres.connection_string;
        let arguments = [
            "initdb",
            "--namespace",
            namespace,
            "--table",
            table,
            "--connection-string",
            connection,
        ];
        let output = client.output(&sandbox, &arguments).await;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && log.contains(reason), "{log}");
    }
}

fn advance_every_table(sandbox: &Sandbox, seed: u64) {
    for table in sandbox.tables() {
        sandbox.advance(&Advance { seed, changes: 30, tables: vec![table] }).unwrap();
    }
}

/// A source with every awkward value that the client can store.
fn storable(total_rows: u64) -> Options {
    let unstorable = [Awkward::NulInJson, Awkward::FarTimestamp, Awkward::AncientTimestamp];
    let awkward = Awkward::all().into_iter().filter(|kind| !unstorable.contains(kind)).collect();
    Options { total_rows, awkward, rows_per_part: 200, ..Options::default() }
}

/// Every change of a schema that the client can follow.
fn evolve(sandbox: &Sandbox) {
    let changes: [(&str, Value); 6] = [
        ("canvas.users", json!({"kind": "add_column", "column": "nickname", "type": "s255"})),
        ("canvas.users", json!({"kind": "widen_text", "column": "short_name", "max_length": 500})),
        (
            "canvas.courses",
            json!({"kind": "add_required_column", "column": "archived", "type": "bool", "default": false}),
        ),
        (
            "canvas.enrollments",
            json!({"kind": "add_enum_value", "column": "workflow_state", "value": "paused"}),
        ),
        ("canvas.assignments", json!({"kind": "drop_column", "column": "muted"})),
        (
            "canvas.submissions",
            json!({"kind": "add_column", "column": "origin", "type": "enum(web|mobile)"}),
        ),
    ];
    for (table, change) in changes {
        let change: Evolution = serde_json::from_value(change).unwrap();
        sandbox.evolve(table, &change).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

struct OfficialClient {
    executable: PathBuf,
}

impl OfficialClient {
    fn find() -> Option<Self> {
        let executable = provided("STEPWELL_DAP_CLIENT")?.into();
        Some(Self { executable })
    }

    async fn replicate(&self, command: &str, sandbox: &Sandbox, postgres: &Postgres) {
        for (namespace, tables) in REPLICATED {
            let connection = &postgres.connection_string;
            let arguments = [
                command,
                "--namespace",
                namespace,
                "--table",
                tables,
                "--connection-string",
                connection,
            ];
            self.run(sandbox, &arguments).await;
        }
    }

    async fn run(&self, sandbox: &Sandbox, arguments: &[&str]) -> Output {
        let output = self.output(sandbox, arguments).await;
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{log}");
        output
    }

    async fn output(&self, sandbox: &Sandbox, arguments: &[&str]) -> Output {
        Command::new(&self.executable)
            .args(["--non-interactive", "--no-tracking"])
            .args(arguments)
            .env("DAP_API_URL", sandbox.base_url())
            .env("DAP_CLIENT_ID", sandbox.client_id())
            .env("DAP_CLIENT_SECRET", sandbox.client_secret())
            .output()
            .await
            .unwrap()
    }
}

struct Postgres {
    client: Client,
    connection_string: String,
}

impl Postgres {
    async fn create_database() -> Option<Self> {
        let mut config: Config = provided("STEPWELL_TEST_POSTGRES")?.parse().unwrap();
        let database = format!("sandbox_{}", Uuid::new_v4().simple());
        connect(&config).await.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        config.dbname(&database);
        let Some(Host::Tcp(host)) = config.get_hosts().first() else {
            panic!("the server listens on TCP")
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let user = config.get_user().unwrap_or("postgres");
        let connection_string = format!("postgresql://{user}:unused@{host}:{port}/{database}");
        Some(Self { client: connect(&config).await, connection_string })
    }

    async fn assert_equal_to(&self, sandbox: &Sandbox) {
        let replicated = |table: &String| {
            let (namespace, name) = table.split_once('.').unwrap();
            REPLICATED
                .iter()
                .any(|(n, tables)| *n == namespace && (*tables == "all" || *tables == name))
        };
        for table in sandbox.tables().iter().filter(|table| replicated(table)) {
            self.assert_table_equal_to(table, sandbox.rows(table).unwrap().collect()).await;
        }
    }

    /// Lets PostgreSQL read the truth into the table's own types, and compare.
    async fn assert_table_equal_to(&self, table: &str, mut truth: Vec<Value>) {
        let columns = self.columns(table).await;
        let mut expected: Vec<&String> = truth[0].as_object().unwrap().keys().collect();
        expected.sort();
        assert_eq!(columns.iter().collect::<Vec<_>>(), expected, "columns of {table}");
        for column in &columns {
            self.look_up(table, column, &mut truth).await;
        }
        let query = format!(
            "WITH truth AS (SELECT (jsonb_populate_record(NULL::{table}, row)).* FROM jsonb_array_elements($1) row),
                  missing AS (SELECT * FROM truth EXCEPT ALL SELECT * FROM {table}),
                  surplus AS (SELECT * FROM {table} EXCEPT ALL SELECT * FROM truth)
             SELECT 'missing ' || to_jsonb(missing)::text FROM missing UNION ALL SELECT 'surplus ' || to_jsonb(surplus)::text FROM surplus"
        );
        let differences = self.client.query(&query, &[&Value::Array(truth)]).await.unwrap();
        let shown: Vec<String> = differences.iter().take(4).map(|row| row.get(0)).collect();
        assert!(
            shown.is_empty(),
            "{} differences in {table}:\n{}",
            differences.len(),
            shown.join("\n")
        );
    }

    async fn columns(&self, table: &str) -> Vec<String> {
        let query = "SELECT attname::text FROM pg_attribute
                     WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE \"C\"";
        self.client.query(query, &[&table]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The client keeps the values of open enumerations in a table of their own, and a number in the column.
    async fn look_up(&self, table: &str, column: &str, truth: &mut [Value]) {
        let lookup = format!("{table}__{column}");
        let query = "SELECT 1 FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'r'";
        if self.client.query_opt(query, &[&lookup]).await.unwrap().is_none() {
            return;
        }
        let values =
            self.client.query(&format!("SELECT value, id FROM {lookup}"), &[]).await.unwrap();
        let ids: BTreeMap<String, i32> =
            values.iter().map(|row| (row.get(0), row.get(1))).collect();
        for row in truth {
            if let Some(value) = row[column].as_str() {
                row[column] = ids.get(value).copied().into();
            }
        }
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
