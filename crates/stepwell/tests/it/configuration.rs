//! `stepwell.toml` and the environment.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::Project;

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let project = Project::configured(
        r#"
[store]
path = "stepwell.db"
retention = 5

[services]
rds = "aws"

[pipelines.canvas]
scedule = "rate(3 hours)"
client_id = 5
skip_tables = "web_logs"
base_url = "api-gateway.instructure.com"
target = "postgre://me:hunter2@db/cd2"
max_concurrency = 0
silence_seconds = 0
namespaces = []
limits = { tables = 0 }

[pipelines.canvass]

[state-machines.nightly]
definition = "nightly.asl.json"
schedule = "cron(0 25 * * ? *)"
timezone = "Europe/Berln"

[state-machines.weekly]
definition = "weekly.asl.json"
timezone = "Europe/Berlin"

[state-machines.yearly]
schedule = "rate(365 days)"

[functionz]
"#,
    );
    assert_snapshot!(project.fails(2, &["pipeline", "list"]));
}

#[test]
fn services_are_checked_and_can_be_set_by_the_environment() {
    let mut project = Project::configured(
        r#"
[services]
sqs = "amazon"
iam = "aws"
sts = "aws"
kinesys = "aws"

[services.aws]
endpoint_url = "localhost:5000"
access_key_id = "me"
secret_key = "hunter2"
"#,
    );
    assert_snapshot!(project.fails(2, &["pipeline", "list"]));

    project.write("stepwell.toml", "[services.aws]\nsecret_access_key = \"hunter2\"\n");
    project.variable("STEPWELL_SERVICES_AWS_ACCESS_KEY_ID", "me");
    let says = project.run(&["pipeline", "list"]).stderr;
    assert!(says.contains("`stepwell secret set aws/secret-access-key`"), "{says}");
    assert!(!says.contains("hunter2"), "{says}");
    project.variable("STEPWELL_SERVICES_SQS", "azure");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("--> environment variable STEPWELL_SERVICES_SQS"), "{says}");
}

#[test]
fn subscriptions_are_checked_and_their_secrets_are_warned_of() {
    let mut project = Project::configured(
        r#"
[services.topics.alerts.chat]
to = { webhook = "https://hooks.example.com/hunter2" }
filter = { severity = ["FAILED"] }
"#,
    );
    let says = project.run(&["pipeline", "list"]).stderr;
    assert!(says.contains("`stepwell secret set topics/alerts/chat`"), "{says}");
    assert!(!says.contains("hunter2"), "{says}");
    project.variable("STEPWELL_SERVICES_SNS", "aws");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("`topics` says nothing with `sns = \"aws\"`"), "{says}");
    project.variable("STEPWELL_SERVICES_SNS", "embedded");
    let wrong = "[services.topics.alerts.all]\nto = \"log\"\nfilter = { a = [{ cidr = \"x\" }] }\n";
    project.write("stepwell.toml", wrong);
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("topics.alerts.all: the filter of attribute `a` is wrong"), "{says}");
    project.write("stepwell.toml", "[services.topics.alerts.all]\nto = \"mail\"\n");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("unknown value `mail`"), "{says}");
}

#[test]
fn arrays_and_tables_can_come_from_the_environment() {
    let mut project = Project::new();
    project.variable("STEPWELL_PIPELINES_CANVAS_TABLES", "users, courses");
    project.variable("STEPWELL_PIPELINES_CANVAS_NOTIFY", r#"["log", { file = "last.json" }]"#);
    project.variable("STEPWELL_PIPELINES_CANVAS_LIMITS", "{ tables = 0 }");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("one of the `limits` is 0\n  --> environment variable"), "{says}");
    project.variable("STEPWELL_PIPELINES_CANVAS_LIMITS", "{ tables = 1, views = 2 }");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("unknown key `views`\n  --> environment variable"), "{says}");
    project.variable("STEPWELL_PIPELINES_CANVAS_LIMITS", "{ tables = 1 }");
    project.ok(&["pipeline", "list"]);
}

#[test]
fn a_mistake_of_syntax_is_pointed_at() {
    let project = Project::configured("[store]\npath = \n");
    let says = project.fails(2, &["pipeline", "list"]);
    assert!(says.contains("--> stepwell.toml:2:8"), "{says}");
}

#[test]
fn a_setting_from_the_environment_wins_and_its_mistakes_name_the_variable() {
    let mut project = Project::configured("[store]\npath = \"file.db\"\n");
    project.write("a.asl.json", r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#);
    project.variable("STEPWELL_STORE_PATH", "variable.db");
    project.ok(&["run", "a.asl.json"]);
    assert!(project.path().join("variable.db").exists());
    project.variable("STEPWELL_STORE_RETENTION_DAYS", "soon");
    let says = project.fails(2, &["run", "a.asl.json"]);
    assert!(says.contains("--> environment variable STEPWELL_STORE_RETENTION_DAYS"), "{says}");
    assert!(says.contains("`soon` is not a whole number"), "{says}");
}

#[test]
fn executions_are_held_to_the_limits_of_aws_where_that_is_wanted() {
    let mut project = Project::new();
    let double = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}}}"#;
    project.write("double.asl.json", double);
    project.write("input.json", &format!("\"{}\"", "x".repeat(200_000)));
    let run = ["run", "double.asl.json", "--input", "@input.json"];
    project.ok(&run);
    let limited = [&run[..], &["--aws-limits"]].concat();
    assert!(project.fails(1, &limited).contains("States.DataLimitExceeded"));
    project.write("stepwell.toml", "aws_limits = true\n");
    assert!(project.fails(1, &run).contains("States.DataLimitExceeded"));
    project.variable("STEPWELL_AWS_LIMITS", "false");
    project.ok(&run);
    project.variable("STEPWELL_AWS_LIMITS", "perhaps");
    let says = project.fails(2, &run);
    assert!(says.contains("--> environment variable STEPWELL_AWS_LIMITS"), "{says}");
}

#[test]
fn a_first_run_needs_no_file_and_all_that_canvas_misses_is_named() {
    let says = Project::new().fails(2, &["run", "canvas"]);
    for missing in ["`client_id`", "DAP_CLIENT_ID", "`client_secret`", "DAP_CLIENT_SECRET"] {
        assert!(says.contains(missing), "{says}");
    }
    assert!(says.contains("hint: `stepwell pipeline init canvas`"), "{says}");
    let project = Project::configured("[store]\n[pipelines.canvas]\nclient_id = \"me\"\n");
    let says = project.fails(2, &["run", "canvas"]);
    assert!(says.contains("`client_secret` is missing\n  --> stepwell.toml:2:12\n"), "{says}");
    assert!(!says.contains("`client_id`"), "{says}");
}

#[test]
fn pipelines_are_listed_and_shown_with_what_they_need() {
    let mut project = Project::new();
    let list = project.json(&["pipeline", "list"]);
    assert_eq!(
        (&list[0]["name"], &list[0]["configured"], &list[0]["missing"]),
        (&json!("canvas"), &json!(false), &json!(["client_id", "client_secret"]))
    );
    let shown = project.ok(&["pipeline", "show", "canvas"]);
    assert!(shown.contains("configured  no: client_id, client_secret missing"), "{shown}");
    assert!(shown.contains("or set DAP_CLIENT_SECRET"), "{shown}");
    assert!(shown.contains("\"StartAt\": \"ListTables\""), "{shown}");
    let says = project.fails(3, &["pipeline", "show", "canvass"]);
    assert!(says.contains("hint: did you mean `canvas`?"), "{says}");

    project.variable("DAP_CLIENT_ID", "me");
    project.variable("DAP_CLIENT_SECRET", "hush");
    assert_eq!(project.json(&["pipeline", "show", "canvas"])["configured"], true);
}

#[test]
fn what_is_wrong_with_a_pipeline_is_of_no_concern_to_others() {
    let project = Project::configured("[pipelines.canvas]\nmax_concurrency = 0\n");
    project.write("a.asl.json", r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#);
    for command in [
        &["validate", "a.asl.json"][..],
        &["explain"],
        &["completions", "bash"],
        &["secret", "list"],
        &["execution", "list"],
    ] {
        project.ok(command);
    }
    let says = project.fails(2, &["run", "a.asl.json"]);
    assert!(says.contains("--> stepwell.toml:2:19"), "{says}");
    project.write("stepwell.toml", "");
    project.ok(&["run", "a.asl.json"]);
    project.write("stepwell.toml", "[pipelines.canvas]\nmax_concurrency = 0\n");
    project.ok(&["store", "backup", "copy.db"]);
    assert_eq!(project.json(&["execution", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn a_secret_in_the_file_is_told_and_never_shown() {
    let file = r#"[pipelines.canvas]
client_id = "me"
client_secret = "hunter2"
target = "postgres://me:hunter2@db/cd2"
"#;
    let mut project = Project::configured(file);
    let ended = project.run(&["pipeline", "list"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for (place, secret) in [("3:17", "canvas/client-secret"), ("4:10", "canvas/target")] {
        assert!(ended.stderr.contains(&format!("--> stepwell.toml:{place}\n")), "{}", ended.stderr);
        let help = format!("`stepwell secret set {secret}`");
        assert!(ended.stderr.contains(&help), "{}", ended.stderr);
    }
    assert!(ended.stderr.starts_with("warning: `client_secret` holds the secret itself"));
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);

    // By reference, from the environment, or without a password there is nothing to warn of.
    project.write("stepwell.toml", "[pipelines.canvas]\ntarget = \"postgres://me@db/cd2\"\n");
    project.variable("STEPWELL_PIPELINES_CANVAS_CLIENT_SECRET", "hunter2");
    assert_eq!(project.run(&["pipeline", "list"]).stderr, "");
}

#[test]
fn init_writes_a_configuration_once() {
    let project = Project::new();
    let shown = project.ok(&["pipeline", "init", "canvas", "--dry-run"]);
    assert!(project.read("stepwell.toml").is_none());
    project.ok(&["pipeline", "init", "canvas"]);
    assert_eq!(project.read("stepwell.toml").unwrap(), shown);
    assert_eq!(project.json(&["pipeline", "list"])[0]["schedule"], "rate(4 hours)");
    let says = project.fails(3, &["pipeline", "init", "canvas"]);
    assert!(says.contains("has `[pipelines.canvas]` already"), "{says}");

    let other = Project::new();
    let plan = other.json(&["pipeline", "init", "canvas", "--dry-run"]);
    assert_eq!((&plan["settings"], &plan["statements"]), (&json!(shown), &json!([])));
    let written = other.json(&["pipeline", "init", "canvas"]);
    assert_eq!((&written["target"], &written["role"]), (&json!("sqlite:canvas.db"), &json!(null)));
    assert_eq!(other.read("stepwell.toml"), Some(shown));
}

#[test]
fn init_refuses_a_connection_string_that_cannot_be_read_before_anything_happens() {
    for dsn in ["host=db user=me", "postgres://me:hunter2@db:port/cd2", "postgres:///cd2"] {
        for more in [&["--dry-run"][..], &[]] {
            let project = Project::new();
            let init = ["pipeline", "init", "canvas", "--admin-dsn", dsn];
            let says = project.fails(2, &[&init, more].concat());
            assert!(says.contains("`--admin-dsn`") && says.contains("hint: "), "{says}");
            assert!(!says.contains("hunter2"), "{says}");
            assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0);
        }
    }
}

#[test]
fn init_shows_the_statements_for_an_administrator() {
    let project = Project::new();
    let dsn = "postgres://admin:hunter2@db.example:5432/cd2";
    let ended = project.run(&["pipeline", "init", "canvas", "--dry-run", "--admin-dsn", dsn]);
    assert_eq!(ended.code, Some(0));
    assert_snapshot!(ended.stdout);
    assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"));
}

#[test]
fn wrong_alarms_and_logs_are_refused_all_at_once() {
    let project = Project::configured(
        r#"
        [logs]
        folder = "logs"
        [alarms.slow]
        metric = "duration"
        [alarms.long]
        metric = "errors"
        minutes = 61
        [alarms.one]
        metric = "throttles"
        of = "f"
        [alarms.odd]
        metric = "latency"
        "#,
    );
    let says = project.fails(2, &["pipeline", "list"]);
    for told in ["`above` is missing", "`minutes` is 61", "all functions together", "`latency`"] {
        assert!(says.contains(told), "{told}: {says}");
    }
}
