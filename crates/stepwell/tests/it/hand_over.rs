//! Commands beside a running server.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::{Project, poll};

const WAITING: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"Next":"P"},"P":{"Type":"Pass","End":true}}}"#;
const FAIL: &str =
    r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"NoLuck","Cause":"not today"}}}"#;

fn project() -> Project {
    let project = Project::configured("[state-machines.known]\ndefinition = \"known.asl.json\"\n");
    project.write("known.asl.json", WAITING);
    project
}

#[test]
fn a_run_is_handed_to_the_server_and_followed() {
    let project = project();
    let server = Server::start(&project, &[]);
    let ended = project.run(&["run", "known", "--input", "5", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&format!("a server runs on this project at {}", server.address)),
        "{}",
        ended.stderr
    );
    let whole: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&whole["output"], &whole["stateMachine"]), (&json!(5), &json!("known")));

    project.write("mine.asl.json", FAIL);
    assert!(project.fails(1, &["run", "mine.asl.json"]).contains("NoLuck: not today"));
    assert_eq!(project.json(&["execution", "list"]).as_array().map(Vec::len), Some(2));
    project.ok(&["run", "./known.asl.json"]);
    project.write("known.asl.json", FAIL);
    let says = project.fails(3, &["run", "./known.asl.json"]);
    assert!(
        says.contains("has another definition in the server") && says.contains("hint: restart"),
        "{says}"
    );
    server.stop();
}

#[test]
fn a_redrive_is_handed_to_the_server() {
    let project = project();
    let server = Server::start(&project, &[]);
    project.write("mine.asl.json", FAIL);
    project.fails(1, &["run", "mine.asl.json"]);
    let list = project.json(&["execution", "list"]);
    let name = list[0]["name"].as_str().unwrap();
    let says = project.fails(3, &["execution", "redrive", name, "--from", "X"]);
    assert!(says.contains("The execution has no state 'X'"), "{says}");
    project.ok(&["execution", "redrive", name]);
    project.ok(&["execution", "redrive", name, "--from", "F", "--input", "7"]);
    let history = project.ok(&["execution", "history", name]);
    assert_eq!(history.matches("ExecutionRedriven").count(), 2, "{history}");
    server.stop();
}

#[test]
fn limits_are_the_servers_to_decide() {
    let project = project();
    let server = Server::start(&project, &["--aws-limits"]);
    let says = project.fails(2, &["run", "known", "--aws-limits"]);
    assert!(
        says.contains("decides on the limits") && says.contains("hint: start the server"),
        "{says}"
    );
    server.stop();
}

#[test]
fn what_a_server_refuses_ends_as_it_would_here() {
    let project = project();
    project.write("known.asl.json", &WAITING.replace("\"Seconds\":1", "\"Seconds\":600"));
    let server = Server::start(&project, &[]);
    server.start_execution("known", "1");
    let says = project.fails(4, &["run", "known", "--input", "2"]);
    assert!(says.contains("is unfinished and has another input"), "{says}");
    server.stop();
}

#[test]
fn a_command_that_holds_the_store_is_no_server() {
    let project = project();
    // A server that was killed leaves its file behind.
    Server::start(&project, &[]).kill();
    project.write("known.asl.json", &WAITING.replace("\"Seconds\":1", "\"Seconds\":600"));
    let mut running = project.command(&["run", "known"]).stderr(Stdio::null()).spawn().unwrap();
    poll("the first run", || {
        let list = project.run(&["execution", "list"]).stdout;
        list.contains("RUNNING").then_some(())
    });
    let says = project.fails(4, &["run", "known"]);
    assert!(says.contains("is in use by process"), "{says}");
    let name = project.json(&["execution", "list"])[0]["name"].as_str().unwrap().to_owned();
    let says = project.fails(4, &["execution", "stop", &name]);
    assert!(says.contains(&format!("`kill -INT {}`", running.id())), "{says}");
    running.kill().unwrap();
    running.wait().unwrap();
    let stopped = project.json(&["execution", "stop", &name, "--error", "Enough"]);
    assert_eq!((&stopped["status"], &stopped["error"]), (&json!("ABORTED"), &json!("Enough")));
}

#[test]
fn only_who_can_read_the_project_may_hand_over() {
    let project = project();
    let server = Server::start(&project, &[]);
    let body = json!({"name": "known", "definition": null, "input": null}).to_string();
    for token in [None, Some("Bearer wrong")] {
        let headers: Vec<_> = token.into_iter().map(|token| ("authorization", token)).collect();
        assert_eq!(server.post("/_stepwell/run", &headers, &body).status, 401);
    }
    assert_eq!(project.json(&["execution", "list"]), json!([]));
    server.stop();
}

#[test]
fn an_execution_is_stopped_through_the_server() {
    let project = project();
    project.write("known.asl.json", &WAITING.replace("\"Seconds\":1", "\"Seconds\":600"));
    let server = Server::start(&project, &[]);
    let arn = server.start_execution("known", "{}");
    project.ok(&["execution", "stop", &arn]);
    assert_eq!(project.json(&["execution", "show", &arn])["status"], "ABORTED");
    server.stop();
}

#[test]
fn a_second_server_is_refused() {
    let project = project();
    let server = Server::start(&project, &[]);
    let says = project.fails(4, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(says.contains("is in use by process") && says.contains("hint: "), "{says}");
    server.stop();
}
