//! `stepwell.toml` and the environment.

use insta::assert_snapshot;

use crate::support::Project;

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let project = Project::configured(
        r#"
[store]
path = "stepwell.db"
retention = 5

[services]
sns = "aws"

[pipelines.canvas]
scedule = "rate(3 hours)"
client_id = 5
skip_tables = "web_logs"

[pipelines.canvass]

[state-machines.nightly]
definition = "nightly.asl.json"
schedule = "cron(0 25 * * ? *)"
timezone = "Europe/Berlin"

[state-machines.weekly]
definition = "weekly.asl.json"
timezone = "Europe/Berlin"

[state-machines.yearly]
schedule = "rate(365 days)"

[[functions]]
name = "x"
"#,
    );
    assert_snapshot!(project.fails(2, &["pipeline", "list"]));
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
fn a_first_run_needs_no_file_and_what_canvas_misses_is_named() {
    let says = Project::new().fails(2, &["run", "canvas"]);
    assert!(says.contains("`client_id`") && says.contains("DAP_CLIENT_ID"), "{says}");
    assert!(Project::new().json(&["pipeline", "list"]).as_array().unwrap().is_empty());
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
