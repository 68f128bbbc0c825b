//! Access agreements end to end against the sandbox of Data Mesh Manager, into the embedded access ledger and into
//! IAM.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_integrations::iam::{EmbeddedOptions, EmbeddedRolePolicies, RolePolicies};
use stepwell_sandbox::dmm::{Options, Sandbox};
use tokio::runtime::Runtime;

use crate::moto::Moto;
use crate::serve::Server;
use crate::support::{Ended, Project, poll, runtime};

const ACCOUNT: &str = "123456789012";

/// Role and policy of every grant.
type Grants = BTreeSet<(String, String)>;

/// A source, and a project that knows it.
struct Case {
    project: Project,
    sandbox: Sandbox,
    runtime: Runtime,
}

impl Case {
    fn new(agreements: usize) -> Self {
        Self::with(Options { agreements, ..Options::default() }, "")
    }

    fn with(options: Options, more: &str) -> Self {
        let runtime = runtime();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let settings = format!(
            r#"{more}
[pipelines.data-mesh]
api_key = "secret:data-mesh/api-key"
accounts = ["{ACCOUNT}"]
role_patterns = ["*-consumer", "*-consumer-*", "team-*"]
"#
        );
        let mut project = Project::configured(&settings);
        project.variable("STEPWELL_PIPELINES_DATA_MESH_BASE_URL", sandbox.base_url());
        let set = project.run_with(sandbox.api_key(), &["secret", "set", "data-mesh/api-key"]);
        assert_eq!(set.code, Some(0), "{}", set.stderr);
        Self { project, sandbox, runtime }
    }

    fn run(&self, machine: &str, arguments: &[&str]) -> Ended {
        self.project.run(&[&["run", machine], arguments].concat())
    }

    #[track_caller]
    fn output(&self, machine: &str, arguments: &[&str]) -> Value {
        let ended = self.run(machine, arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }

    /// The embedded access ledger.
    fn ledger(&self) -> EmbeddedRolePolicies {
        let options = EmbeddedOptions { account: ACCOUNT.to_owned(), ..EmbeddedOptions::default() };
        let file = self.project.path().join(".stepwell/iam.db");
        EmbeddedRolePolicies::open(&file, options, Arc::new(Timestamp::now)).unwrap()
    }

    fn grants(&self) -> Grants {
        let roles = self.runtime.block_on(self.ledger().roles_with_policies()).unwrap();
        let of_role = roles.into_iter().flat_map(|it| {
            let role = it.role.name;
            it.policies.into_keys().map(move |policy| (role.clone(), policy))
        });
        of_role.collect()
    }

    /// What should be granted.
    fn expected(&self) -> Grants {
        let active = self.sandbox.agreements().into_iter().filter(|it| it.active);
        let policy = |id: &str| format!("DMM_DataUsageAgreement_{id}");
        active.map(|it| (it.role.unwrap(), policy(&it.id))).collect()
    }

    fn an_active(&self) -> String {
        self.sandbox.agreements().into_iter().find(|it| it.active).unwrap().id
    }
}

#[test]
fn a_run_polls_once_works_off_what_is_queued_and_exits() {
    let case = Case::new(12);
    let granted = case.expected();
    let first = case.output("data-mesh", &[]);
    assert_eq!(
        (&first["granted"], &first["failed"], &first["proven"]),
        (&json!(granted.len()), &json!(0), &json!(true)),
        "{first}"
    );
    assert_eq!(case.grants(), granted);

    let second = case.output("data-mesh", &[]);
    assert_eq!((&second["granted"], &second["revoked"]), (&json!(0), &json!(0)), "{second}");
    case.sandbox.deactivate(&case.an_active()).unwrap();
    assert_eq!(case.output("data-mesh", &[])["revoked"], 1);
    assert_eq!((case.grants(), granted.len() - 1), (case.expected(), case.grants().len()));
}

#[test]
fn policies_are_exported_as_json() {
    let case = Case::new(4);
    case.output("data-mesh", &[]);
    for (role, policy) in case.grants() {
        let file = format!("data-mesh-policies/roles/{role}/{policy}.json");
        let text = case.project.read(&file).unwrap_or_else(|| panic!("no {file}"));
        let policy: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(policy["Version"], "2012-10-17", "{policy}");
    }
}

#[test]
fn plans_of_both_state_machines_change_nothing() {
    let case = Case::new(6);
    let wanted = case.expected().len();
    for machine in ["data-mesh", "data-mesh-reconcile"] {
        let plan = case.output(machine, &["--plan"]);
        assert_eq!(plan["plan"].as_array().map(Vec::len), Some(wanted), "{plan}");
        assert_eq!(case.sandbox.writes(), 0);
        assert_eq!(case.grants(), Grants::new());
    }
    assert_eq!(case.output("data-mesh", &[])["granted"], wanted);
    let ended = case.run("data-mesh", &["--plan", "--json"]);
    let whole: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(whole["output"]["plan"], json!([]), "{whole}");
}

#[test]
fn a_reconcile_repairs_drift_both_ways() {
    let case = Case::new(8);
    case.output("data-mesh", &[]);
    let (role, policy) = case.grants().into_iter().next().unwrap();
    let foreign = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#;
    case.runtime.block_on(async {
        let ledger = case.ledger();
        ledger.delete_role_policy(&role, &policy).await.unwrap();
        ledger.put_role_policy(&role, "by-hand", foreign).await.unwrap();
    });
    case.sandbox.delete_access(&case.an_active()).unwrap();
    let plan = case.output("data-mesh-reconcile", &["--plan"]);
    assert!(!plan["plan"].as_array().unwrap().is_empty(), "{plan}");
    assert!(!case.grants().contains(&(role.clone(), policy)), "only shown");
    let summary = case.output("data-mesh-reconcile", &[]);
    assert_eq!((&summary["failed"], &summary["proven"]), (&json!(0), &json!(true)), "{summary}");
    let mut expected = case.expected();
    expected.insert((role, "by-hand".to_owned()));
    assert_eq!(case.grants(), expected, "somebody else's policy is none of ours");
}

#[test]
fn a_comparison_says_by_its_code_whether_both_sides_agree_and_changes_nothing() {
    let case = Case::new(6);
    let compare = || case.project.run(&["reconcile", "data-mesh"]);
    let ended = compare();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(output["plan"].as_array().map(Vec::len), Some(case.expected().len()), "{output}");
    assert!(ended.stderr.contains("ACTION"), "{}", ended.stderr);
    assert_eq!((case.sandbox.writes(), case.grants()), (0, Grants::new()));

    case.output("data-mesh-reconcile", &[]);
    let ended = compare();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    case.sandbox.deactivate(&case.an_active()).unwrap();
    assert_eq!(compare().code, Some(1));
}

#[test]
fn a_comparison_without_its_source_is_not_equal() {
    let mut case = Case::new(2);
    case.project.variable("STEPWELL_PIPELINES_DATA_MESH_BASE_URL", "http://127.0.0.1:9");
    let says = case.project.fails(5, &["reconcile", "data-mesh"]);
    assert!(says.contains("127.0.0.1:9"), "{says}");
}

#[test]
fn what_a_comparison_does_not_know_is_refused_with_what_it_knows() {
    let case = Case::new(1);
    for choice in [["--dataset", "x"], ["--day", "2026-03-01"], ["--level", "counts"]] {
        let says = case.project.fails(2, &[&["reconcile", "data-mesh"], &choice[..]].concat());
        assert!(says.contains("leave `--dataset`, `--day` and `--level` out"), "{says}");
    }
    let says = case.project.fails(3, &["reconcile", "stream-qc"]);
    assert!(says.contains("`lake`, `data-products` and `data-mesh` have"), "{says}");
    let says = case.project.fails(3, &["reconcile", "data-mash"]);
    assert!(says.contains("did you mean `data-mesh`?"), "{says}");
}

#[test]
fn a_killed_run_goes_on_and_converges() {
    let latency = Duration::from_millis(10);
    let case = Case::with(Options { agreements: 20, latency, ..Options::default() }, "");
    let mut child = case
        .project
        .command(&["run", "data-mesh"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = case.project.path().join(".stepwell/iam.db");
    poll("a grant", || (file.exists() && !case.grants().is_empty()).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = case.run("data-mesh", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("resuming "), "{}", ended.stderr);
    assert_eq!(case.grants(), case.expected());
}

#[test]
fn no_secret_reaches_a_file_or_the_output() {
    let case = Case::new(3);
    let ended = case.project.run(&["--log", "trace", "run", "data-mesh", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let name = serde_json::from_str::<Value>(&ended.stdout).unwrap()["name"].clone();
    let history = case.project.ok(&["execution", "history", name.as_str().unwrap(), "--json"]);
    let secret = case.sandbox.api_key();
    for text in [&ended.stdout, &ended.stderr, &history] {
        assert!(!text.contains(secret));
    }
    assert_eq!(case.project.files_with(secret), [] as [&str; 0]);
}

#[test]
fn both_state_machines_are_listed_each_with_its_schedule() {
    let mut project = Project::configured(
        "[pipelines.data-mesh]\nschedule = \"rate(1 minute)\"\n[pipelines.data-mesh.reconcile]\nschedule = \"rate(1 day)\"\n",
    );
    let schedules = |project: &Project| {
        let list = project.json(&["pipeline", "list"]);
        let schedule = |it: &Value| (it["name"].to_string(), it["schedule"].clone());
        list.as_array().unwrap().iter().map(schedule).collect::<BTreeMap<_, _>>()
    };
    let found = schedules(&project);
    assert_eq!(found["\"data-mesh\""], "rate(1 minute)");
    assert_eq!(found["\"data-mesh-reconcile\""], "rate(1 day)");
    project.variable("STEPWELL_PIPELINES_DATA_MESH_RECONCILE_SCHEDULE", "rate(2 days)");
    assert_eq!(schedules(&project)["\"data-mesh-reconcile\""], "rate(2 days)");
    project.write("stepwell.toml", "[pipelines.data-mesh.reconcile]\nscedule = \"rate(1 day)\"\n");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("--> stepwell.toml:2:1\n   = help: did you mean `schedule`?"), "{says}");
}

#[test]
fn a_server_runs_each_by_its_schedule_and_takes_plans() {
    let more = "[pipelines.data-mesh.reconcile]\nschedule = \"rate(1 day)\"\n";
    let case = Case::with(Options { agreements: 4, ..Options::default() }, more);
    // As if the schedule had been seen, and had fired, long ago.
    let memory = json!({"expression": "rate(1 day)", "since": "2026-01-01T00:00:00Z", "fired": "2026-01-01T00:00:00Z"});
    let memory = json!({"format": 1, "schedules": {"data-mesh-reconcile": memory}});
    case.project.write(".stepwell/schedules.json", &memory.to_string());
    let server = Server::start(&case.project, &[]);
    let list =
        ["execution", "list", "--state-machine", "data-mesh-reconcile", "--status", "succeeded"];
    poll("the reconcile", || {
        case.project.json(&list).as_array().filter(|it| !it.is_empty()).cloned()
    });
    assert_eq!(case.grants(), case.expected());
    let ended = case.run("data-mesh", &["--plan"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("a server runs on this project"), "{}", ended.stderr);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(output["plan"], json!([]), "{output}");
    server.stop();
}

/// The same, with a queue of SQS and roles of IAM, for both of which moto stands.
#[test]
fn queue_and_policies_may_be_those_of_aws() {
    let Some(moto) = Moto::find() else { return };
    let services = format!(
        "[services]\nsqs = \"aws\"\niam = \"aws\"\n[services.aws]\nregion = \"{}\"\nendpoint_url = \"{}\"\n\
         access_key_id = \"me\"\nsecret_access_key = \"secret:aws/key\"\n",
        Moto::REGION,
        moto.url
    );
    let mut case = Case::with(Options { agreements: 6, ..Options::default() }, &services);
    case.project.variable("STEPWELL_SECRET_AWS_KEY", "sealed");
    let queue = format!("stepwell-cli-{}.fifo", std::process::id());
    case.project.variable("STEPWELL_PIPELINES_DATA_MESH_QUEUE", &queue);
    let roles: BTreeSet<_> =
        case.sandbox.agreements().into_iter().filter_map(|it| it.role).collect();
    case.runtime.block_on(async {
        moto.create_queue(&queue).await;
        for role in &roles {
            moto.create_role(role).await;
        }
    });
    let summary = case.output("data-mesh", &[]);
    assert_eq!((&summary["failed"], &summary["proven"]), (&json!(0), &json!(true)), "{summary}");
    for (role, policy) in case.expected() {
        let found = case.runtime.block_on(moto.role_policies(&role));
        assert!(found.contains(&policy), "{role}: {found}");
    }
    assert!(!case.project.path().join(".stepwell/iam.db").exists());
}
