//! Data products end to end against the sandbox of Starburst Enterprise and Galaxy.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_sandbox::starburst::{Advance, Options, Sandbox};
use tokio::runtime::Runtime;

use crate::support::{Ended, Project, poll, runtime};

/// Both sides, and a project that knows them by settings, environment and secrets.
struct Case {
    project: Project,
    sandbox: Sandbox,
    _runtime: Runtime,
}

impl Case {
    fn new(products: usize) -> Self {
        Self::with(options(products))
    }

    fn with(options: Options) -> Self {
        let runtime = runtime();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let mut project = Project::configured(&settings(&sandbox));
        // Every endpoint can be set by the environment too.
        project.variable("STEPWELL_PIPELINES_DATA_PRODUCTS_SEP_HOST", sandbox.sep_url());
        for (name, value) in secrets(&sandbox) {
            let set = project.run_with(value, &["secret", "set", name]);
            assert_eq!(set.code, Some(0), "{}", set.stderr);
        }
        Self { project, sandbox, _runtime: runtime }
    }

    /// The sandbox serves on the runtime's own threads meanwhile.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.project.run(&[&["run", "data-products"], arguments].concat())
    }

    #[track_caller]
    fn output(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// Galaxy has what SEP has, and what was there before.
    #[track_caller]
    fn assert_in_step(&self, foreign: &BTreeSet<String>) {
        let expected: BTreeSet<_> = self.sandbox.expected().into_iter().map(|it| it.name).collect();
        assert_eq!(self.names(), expected.union(foreign).cloned().collect());
        for it in self.sandbox.expected() {
            let found = self.sandbox.galaxy_product(&it.name).unwrap();
            assert_eq!((found.summary, found.schema_name), (it.summary, it.schema.clone()));
            let catalog = &self.sandbox.options().target_catalog;
            let schema = self.sandbox.galaxy_schema(catalog, &it.schema).unwrap();
            assert!(schema.relations.keys().eq(it.views.keys()), "{schema:?}");
        }
    }

    fn names(&self) -> BTreeSet<String> {
        self.sandbox.galaxy_products().into_iter().map(|it| it.name).collect()
    }
}

/// The values of secrets are found nowhere else.
fn options(products: usize) -> Options {
    Options {
        products,
        awkward: false,
        sep_password: "hush-of-sep".to_owned(),
        client_secret: "hush-of-galaxy".to_owned(),
        sql_password: "hush-of-trino".to_owned(),
        ..Options::default()
    }
}

fn settings(sandbox: &Sandbox) -> String {
    let options = sandbox.options();
    format!(
        r#"[pipelines.data-products]
sep_username = "{}"
sep_password = "secret:data-products/sep-password"
galaxy_host = "{}"
galaxy_client_id = "{}"
galaxy_client_secret = "secret:data-products/galaxy-client-secret"
galaxy_sql_username = "{}"
galaxy_sql_password = "secret:data-products/galaxy-sql-password"
galaxy_sql_cluster_url = "{}"
data_product_catalog = "{}"
default_cluster = "{}"
"#,
        options.sep_user,
        sandbox.galaxy_url(),
        options.client_id,
        options.sql_user,
        sandbox.trino_url(),
        options.target_catalog,
        sandbox.cluster_name()
    )
}

fn secrets(sandbox: &Sandbox) -> [(&'static str, &str); 3] {
    let Options { sep_password, client_secret, sql_password, .. } = sandbox.options();
    [
        ("data-products/sep-password", sep_password),
        ("data-products/galaxy-client-secret", client_secret),
        ("data-products/galaxy-sql-password", sql_password),
    ]
}

#[test]
fn a_run_brings_galaxy_in_step_and_the_next_one_writes_nothing() {
    let case = Case::new(6);
    let foreign = case.names();
    let first = case.output(&[]);
    assert_eq!(
        (&first["created"], &first["failed"], &first["proven"]),
        (&json!(6), &json!(0), &json!(true)),
        "{first}"
    );
    case.assert_in_step(&foreign);

    case.sandbox.forget_requests();
    let second = case.output(&[]);
    assert_eq!((&second["unchanged"], &second["proven"]), (&json!(6), &json!(true)), "{second}");
    assert_eq!(case.sandbox.writes().total(), 0, "{:?}", case.sandbox.log());

    case.sandbox.advance(&Advance { seed: 3, changed: 2, deleted: 1, ..Advance::default() });
    let third = case.output(&[]);
    assert_eq!(
        (&third["updated"], &third["deleted"], &third["failed"]),
        (&json!(2), &json!(1), &json!(0)),
        "{third}"
    );
    case.assert_in_step(&foreign);
}

#[test]
fn a_comparison_says_by_its_code_whether_both_sides_agree_and_changes_nothing() {
    let case = Case::new(4);
    let before = case.names();
    let compare = || case.project.run(&["reconcile", "data-products"]);
    let ended = compare();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(!output["plan"].as_array().unwrap().is_empty(), "{output}");
    assert_eq!(case.names(), before);

    case.output(&[]);
    let ended = compare();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(output["plan"], json!([]), "{output}");
}

#[test]
fn a_plan_is_shown_and_changes_nothing() {
    let case = Case::new(3);
    let ended = case.run(&["--plan"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    let plan = output["plan"].as_array().unwrap();
    assert_eq!(plan.len(), 3, "{output}");
    for line in plan {
        assert_eq!(line["action"], "create", "{line}");
        // For people beside the data, for programs in it.
        assert!(ended.stderr.contains(line["subject"].as_str().unwrap()), "{}", ended.stderr);
    }
    assert_eq!(case.sandbox.writes().total(), 0, "{:?}", case.sandbox.log());
    assert_eq!(case.output(&[])["created"], 3, "a plan is not remembered as done");
    let whole: Value =
        serde_json::from_str(&case.project.ok(&["run", "data-products", "--plan", "--json"]))
            .unwrap();
    assert_eq!(
        (&whole["input"], &whole["output"]["plan"]),
        (&json!({"plan": true}), &json!([])),
        "{whole}"
    );
}

#[test]
fn so_many_deletions_are_held_back_until_they_are_allowed() {
    let case = Case::new(5);
    let foreign = case.names();
    case.output(&[]);
    case.sandbox.advance(&Advance { seed: 1, deleted: 3, ..Advance::default() });
    let held = case.run(&[]);
    assert_eq!(held.code, Some(1), "{}", held.stderr);
    assert!(held.stderr.contains("--allow-deletes"), "{}", held.stderr);
    assert_eq!(case.names().len(), 5 + foreign.len());
    assert_eq!(case.output(&["--allow-deletes"])["deleted"], 3);
    case.assert_in_step(&foreign);
}

#[test]
fn a_killed_run_goes_on_and_converges() {
    let latency = Duration::from_millis(20);
    let case = Case::with(Options { latency, ..options(8) });
    let foreign = case.names();
    for writes in [2, 8] {
        let mut child = case
            .project
            .command(&["run", "data-products"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        poll("writes", || (case.sandbox.writes().total() >= writes).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        case.sandbox.forget_requests();
    }
    let ended = case.run(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("resuming "), "{}", ended.stderr);
    case.assert_in_step(&foreign);
    case.sandbox.forget_requests();
    case.output(&[]);
    assert_eq!(case.sandbox.writes().total(), 0, "{:?}", case.sandbox.log());
}

#[test]
fn no_secret_reaches_a_file_or_the_output() {
    let case = Case::new(2);
    let ended = case.project.run(&["--log", "trace", "run", "data-products", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let name = serde_json::from_str::<Value>(&ended.stdout).unwrap()["name"].clone();
    let history = case.project.ok(&["execution", "history", name.as_str().unwrap(), "--json"]);
    for (_, secret) in secrets(&case.sandbox) {
        for text in [&ended.stdout, &ended.stderr, &history] {
            assert!(
                !text.contains(secret),
                "{}",
                text.lines().find(|it| it.contains(secret)).unwrap()
            );
        }
        assert_eq!(case.project.files_with(secret), [] as [&str; 0]);
    }
}

#[test]
fn bad_credentials_are_a_setting_to_correct() {
    let mut case = Case::new(1);
    case.project.variable("STEPWELL_SECRET_DATA_PRODUCTS_SEP_PASSWORD", "wrong-secret-value");
    let refused = case.run(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("sep_password"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("wrong-secret-value"));
    assert_eq!(case.sandbox.writes().total(), 0);
}
