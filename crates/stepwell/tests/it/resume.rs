//! What survives a kill.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Project, poll};

/// Waits long enough to be killed, and then tells what it was given.
const WAITING: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":4,"Next":"P"},"P":{"Type":"Pass","End":true}}}"#;

/// The executions that the store shows, once there is a store.
fn executions(project: &Project) -> Vec<Value> {
    let ended = project.run(&["execution", "list", "--json"]);
    serde_json::from_str(&ended.stdout).unwrap_or_default()
}

#[track_caller]
fn killed_while_running(project: &Project, input: &str) -> Value {
    let mut child = project
        .command(&["run", "waiting.asl.json", "--input", input])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = poll("an execution", || executions(project).pop());
    assert_eq!(running["status"], "RUNNING");
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

#[test]
fn an_execution_that_a_kill_left_goes_on_where_it_was() {
    let project = Project::new();
    project.write("waiting.asl.json", WAITING);
    let running = killed_while_running(&project, r#"{"n":1}"#);

    let ended = project.run(&["run", "waiting.asl.json", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("resuming arn:aws:states:"), "{}", ended.stderr);
    let whole: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&whole["name"], &whole["output"]), (&running["name"], &json!({"n": 1})));
    assert_eq!(executions(&project).len(), 1);
}

#[test]
fn another_definition_is_not_what_is_unfinished() {
    let project = Project::new();
    project.write("waiting.asl.json", WAITING);
    killed_while_running(&project, "1");

    project.write("waiting.asl.json", &WAITING.replace("4,", "5,"));
    let says = project.fails(4, &["run", "waiting.asl.json"]);
    assert!(says.contains("is unfinished and has another definition"), "{says}");
    project.write("waiting.asl.json", WAITING);
    assert_eq!(project.ok(&["run", "waiting.asl.json"]), "1\n");
}

#[test]
fn another_input_is_not_what_is_unfinished() {
    let project = Project::new();
    project.write("waiting.asl.json", WAITING);
    let running = killed_while_running(&project, r#"{"n":1}"#);
    let name = running["name"].as_str().unwrap();

    let says = project.fails(4, &["run", "waiting.asl.json", "--input", r#"{"n":2}"#]);
    assert!(says.contains("is unfinished and has another input"), "{says}");
    project.ok(&["execution", "stop", name, "--error", "Enough", "--cause", "by hand"]);
    let stopped = project.json(&["execution", "show", name]);
    assert_eq!((&stopped["status"], &stopped["error"]), (&json!("ABORTED"), &json!("Enough")));
    let output = project.ok(&["run", "waiting.asl.json", "--input", r#"{"n":2}"#]);
    assert_eq!(output, "{\"n\":2}\n");
}

#[test]
fn an_unfinished_run_of_a_pipeline_is_not_lost_by_running_something_else() {
    let mut project = Project::new();
    project.write("other.asl.json", r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#);
    // Nothing listens where nothing may listen: the pipeline tries again and again.
    for (name, value) in [
        ("DAP_API_URL", "http://127.0.0.1:1"),
        ("DAP_CLIENT_ID", "me"),
        ("DAP_CLIENT_SECRET", "hush"),
    ] {
        project.variable(name, value);
    }
    let mut child = project.command(&["run", "canvas"]).stderr(Stdio::null()).spawn().unwrap();
    let running = poll("an execution", || executions(&project).pop());
    child.kill().unwrap();
    child.wait().unwrap();
    let name = running["name"].as_str().unwrap();

    project.variable("DAP_CLIENT_SECRET", "");
    for command in [&["run", "other.asl.json"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let says = project.fails(4, command);
        let hint = format!("`stepwell execution stop {name}`");
        assert!(says.contains("is unfinished") && says.contains(&hint), "{says}");
    }
    assert_eq!(project.json(&["execution", "show", name])["status"], "RUNNING");

    project.variable("DAP_CLIENT_SECRET", "hush");
    project.ok(&["run", "other.asl.json"]);
    project.variable("DAP_CLIENT_SECRET", "");
    project.ok(&["execution", "stop", name]);
    project.ok(&["run", "other.asl.json"]);
}
