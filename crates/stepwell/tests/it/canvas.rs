//! Canvas end to end against the sandbox, into SQLite.

use serde_json::{Value, json};
use stepwell_sandbox::dap::{Advance, Options, Sandbox};
use tokio::runtime::Runtime;

use crate::moto::Moto;
use crate::support::{Ended, Project, provided, runtime};

/// The sandbox allows any number of calls; the documented limits would stretch a run over minutes.
const SETTINGS: &str = "[pipelines.canvas]\nlimits = { create_job = 1000, tables = 1000 }\n";

/// A source with few rows, and a project that the official client's variables configure.
struct Case {
    runtime: Runtime,
    sandbox: Sandbox,
    project: Project,
}

impl Case {
    fn new() -> Self {
        let runtime = runtime();
        let sandbox = runtime
            .block_on(Sandbox::start(Options { total_rows: 500, ..Options::default() }))
            .unwrap();
        let mut project = Project::configured(SETTINGS);
        project.variable("DAP_API_URL", sandbox.base_url());
        project.variable("DAP_CLIENT_ID", sandbox.client_id());
        project.variable("DAP_CLIENT_SECRET", sandbox.client_secret());
        Self { runtime, sandbox, project }
    }

    /// The sandbox serves on the runtime's own threads meanwhile.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.project.run(&[&["run", "canvas"], arguments].concat())
    }

    fn rows(&self, table: &str) -> u64 {
        let connection = rusqlite::Connection::open(self.project.path().join("canvas.db")).unwrap();
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

fn output(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn a_first_load_and_an_increment_are_proven() {
    let case = Case::new();
    let first = output(&case.run(&[]));
    assert_eq!((&first["failed"], &first["proven"]), (&json!(0), &first["tables"]), "{first}");
    let tables =
        case.sandbox.tables().into_iter().filter(|table| table.starts_with("canvas.")).collect();
    case.sandbox.advance(&Advance { seed: 3, changes: 100, tables }).unwrap();
    let second = output(&case.run(&[]));
    assert!(
        second["inserted"].as_u64().unwrap() + second["updated"].as_u64().unwrap() > 0,
        "{second}"
    );
    assert_eq!(second["failed"], 0, "{second}");
    let results = second["results"].as_array().unwrap();
    for changed in results.iter().filter(|result| result["mode"] == "increment") {
        let table = format!("canvas__{}", changed["table"].as_str().unwrap());
        assert_eq!(changed["rows"], case.rows(&table), "{table}");
    }
    drop(case.runtime);
}

#[test]
fn bad_input_gets_one_clear_error() {
    let mut case = Case::new();
    let unknown = case.run(&["--input", r#"{"namespace":"canvas","tables":["usres"]}"#]);
    assert_eq!(unknown.code, Some(1), "other tables could have come through: {unknown:?}");
    assert!(
        unknown.stderr.contains("usres") && unknown.stderr.contains("users"),
        "{}",
        unknown.stderr
    );
    assert!(!unknown.stdout.contains("sandbox-secret"));

    case.project.variable("DAP_CLIENT_SECRET", "wrong-secret-value");
    let refused = case.run(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("client_secret"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("wrong-secret-value"));

    case.project.variable("DAP_API_URL", "not a url");
    assert_eq!(case.run(&[]).code, Some(2));
}

/// The state machine of the pipeline retries for minutes; this one calls its first function once.
const ONCE: &str = r#"{"StartAt":"L","States":{"L":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
"Parameters":{"FunctionName":"stepwell-canvas-list-tables","Payload":{}},"End":true}}}"#;

#[test]
fn a_database_that_cannot_be_reached_is_not_the_executions_fault() {
    let mut case = Case::new();
    // Nothing listens where nothing may listen.
    case.project.variable("DAP_CONNECTION_STRING", "postgres://me@127.0.0.1:1/cd2");
    case.project.write("once.asl.json", ONCE);
    let says = case.project.fails(5, &["run", "once.asl.json"]);
    assert!(says.contains("cannot be reached") && says.contains("127.0.0.1:1"), "{says}");
}

#[test]
fn no_secret_reaches_a_file_or_the_output() {
    let mut case = Case::new();
    let secret = case.sandbox.client_secret().to_owned();
    case.project.variable("DAP_CLIENT_SECRET", "");
    let by_reference = format!("{SETTINGS}client_secret = \"secret:canvas/client-secret\"\n");
    case.project.write("stepwell.toml", &by_reference);
    let set = case.project.run_with(&secret, &["secret", "set", "canvas/client-secret"]);
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let ended = case.project.run(&[
        "--log",
        "trace",
        "run",
        "canvas",
        "--input",
        r#"{"tables":["users"]}"#,
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(&secret));
    }
    assert_eq!(case.project.files_with(&secret), [] as [&str; 0]);
}

/// A secret that is nowhere on this machine is asked for where `[services]` says.
#[test]
fn a_secret_may_lie_in_aws_secrets_manager() {
    let Some(moto) = Moto::find() else { return };
    let mut case = Case::new();
    let secret = case.sandbox.client_secret().to_owned();
    let name = format!("canvas/client-secret-{}", jiff::Timestamp::now().as_nanosecond());
    case.runtime.block_on(moto.create_secret(&name, &secret));
    case.project.variable("DAP_CLIENT_SECRET", "");
    // As the SDKs of AWS read them.
    case.project.variable("AWS_REGION", Moto::REGION);
    case.project.variable("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    case.project.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", &moto.url);
    let services = "[services]\nsecretsmanager = \"aws\"\n[services.aws]\nsecret_access_key = \"secret:aws/key\"\n";
    let settings = format!("{SETTINGS}client_secret = \"secret:{name}\"\n{services}");
    case.project.write("stepwell.toml", &format!("{settings}access_key_id = \"me\"\n"));
    case.project.variable("STEPWELL_SECRET_AWS_KEY", "sealed");
    let only = ["--input", r#"{"tables":["users"]}"#];
    let summary = output(&case.run(&only));
    assert_eq!(summary["failed"], 0, "{summary}");
    assert_eq!(case.project.files_with(&secret), [] as [&str; 0]);

    let settings = settings.replace(&format!("secret:{name}"), "secret:canvas/nobody");
    case.project.write("stepwell.toml", &format!("{settings}access_key_id = \"me\"\n"));
    let ended = case.run(&only);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("create it in AWS Secrets Manager"), "{}", ended.stderr);
}

/// An administrator who is no superuser prepares the database; the role that comes of it is enough.
#[test]
fn init_prepares_postgresql_for_a_proven_run() {
    let Some(superuser) = provided("STEPWELL_TEST_POSTGRES") else { return };
    let case = Case::new();
    let database = case.runtime.block_on(Database::create(&superuser));
    let init =
        ["pipeline", "init", "canvas", "--role", &database.role, "--admin-dsn", &database.admin];
    std::fs::remove_file(case.project.path().join("stepwell.toml")).unwrap();
    let ended = case.project.run(&init);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let written = case.project.read("stepwell.toml").unwrap();
    let written = written
        .replace("client_id =", "# client_id =")
        .replace("client_secret =", "# client_secret =");
    let limits = SETTINGS.lines().nth(1).unwrap();
    case.project.write("stepwell.toml", &format!("{written}{limits}\n"));
    let summary = output(&case.run(&[]));
    assert_eq!(
        (&summary["failed"], &summary["proven"]),
        (&json!(0), &summary["tables"]),
        "{summary}"
    );
    let connection = case.runtime.block_on(connect(&superuser));
    let drop = format!(
        "DROP DATABASE {0} WITH (FORCE); DROP ROLE {0}_role; DROP ROLE {0}_admin",
        database.name
    );
    for statement in drop.split(';') {
        case.runtime.block_on(connection.batch_execute(statement)).unwrap();
    }
}

/// A database with an administrator of its own.
struct Database {
    name: String,
    role: String,
    admin: String,
}

impl Database {
    async fn create(superuser: &str) -> Self {
        let name = format!("stepwell_cli_{}", std::process::id());
        let client = connect(superuser).await;
        for statement in [
            format!("CREATE ROLE {name}_admin LOGIN PASSWORD 'pass' CREATEROLE"),
            format!("CREATE DATABASE {name} OWNER {name}_admin"),
        ] {
            client.batch_execute(&statement).await.unwrap();
        }
        let config: tokio_postgres::Config = superuser.parse().unwrap();
        let tokio_postgres::config::Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("the server is reached by TCP");
        };
        let port = config.get_ports()[0];
        let admin = format!("postgres://{name}_admin:pass@{host}:{port}/{name}?sslmode=disable");
        Self { role: format!("{name}_role"), admin, name }
    }
}

async fn connect(connection: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(connection, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
