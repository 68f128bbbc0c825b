//! Executions that were recorded on AWS and need more than the interpreter, but no other service than Step Functions:
//! activities with their workers, and executions that start others.

use std::path::Path;

use serde_json::{Value, json};

use crate::conformance::{filled, is_known, perform};
use crate::matcher::Matcher;
use crate::server::{ROLE, Server, text};

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
#[expect(clippy::disallowed_methods, reason = "a variable names the recorded cases")]
async fn executions_that_need_step_functions_alone_go_as_aws_recorded_them() {
    let Ok(folder) = std::env::var("STEPWELL_CONFORMANCE_DIR") else {
        eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        return;
    };
    let mut wrong = Vec::new();
    for case in cases(Path::new(&folder)) {
        let id = text(&case["id"]);
        if let Err(why) = play(&case).await
            && !is_known(&id)
        {
            wrong.push(format!("{id}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn cases(folder: &Path) -> Vec<Value> {
    let groups = ["activity.jsonl", "nested-execution.jsonl", "services-other.jsonl"];
    let read = |group: &str| std::fs::read_to_string(folder.join(group)).expect("readable");
    let texts = groups.map(read);
    let lines = texts.iter().flat_map(|text| text.lines());
    let cases = lines.map(|line| serde_json::from_str(line).expect("a case is JSON"));
    let broken = std::fs::read_to_string(folder.join("broken.txt")).unwrap_or_default();
    let is_broken = |case: &Value| broken.lines().any(|id| case["id"] == id);
    cases.filter(|case| is_ours(case) && !is_broken(case)).collect()
}

/// Whether a case needs nothing but Step Functions, and no second account.
fn is_ours(case: &Value) -> bool {
    let needs = case["needs"].as_array().into_iter().flatten();
    let mut needs = needs.peekable();
    let has_needs = needs.peek().is_some();
    let is_here = |need: &Value| need == "states" || need == "activity";
    has_needs && needs.all(is_here) && !case.to_string().contains("secondary")
}

async fn play(case: &Value) -> Result<(), String> {
    let server = Server::start().await;
    let mut matcher = Matcher::new(&case["wildcards"]);
    let mut responses = Vec::new();
    for call in case["setup"].as_array().into_iter().flatten() {
        responses.push(perform(&server, call, &responses, &mut matcher).await?);
    }
    let [definition, input] = ["definition", "input"].map(|it| filled(&case[it], &responses));
    let create = json!({"name": "case", "definition": definition.to_string(), "roleArn": ROLE});
    let machine = server.ok("CreateStateMachine", create).await["stateMachineArn"].take();
    let mut start = json!({"stateMachineArn": machine, "input": input.to_string()});
    if let Some(name) = case.get("name") {
        start["name"] = name.clone();
    }
    let arn = text(&server.ok("StartExecution", start).await["executionArn"]);
    let ended = server.ended(&arn).await;
    compare(&server, &mut matcher, &case["expected"], &ended).await
}

async fn compare(
    server: &Server,
    matcher: &mut Matcher,
    expected: &Value,
    ended: &Value,
) -> Result<(), String> {
    let request = json!({"executionArn": ended["executionArn"]});
    let history = server.ok("GetExecutionHistory", request).await["events"].take();
    let actual = history.as_array().expect("events");
    let recorded = expected["history"].as_array().expect("a case has its history");
    for (recorded, actual) in recorded.iter().zip(actual) {
        if !matcher.matches(recorded, actual) {
            return Err(format!("{actual}\n  recorded {recorded}"));
        }
    }
    let is_same = recorded.len() == actual.len() && expected["status"] == ended["status"];
    if is_same { Ok(()) } else { Err(format!("ended otherwise: {ended}")) }
}
