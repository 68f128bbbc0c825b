//! What AWS answered to sequences of requests, against what this service answers.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the recorded cases; without it the test says that it was skipped. Only cases
//! run here that ask for nothing but the operations that are served, each against an engine of its own. Where
//! `STEPWELL_CONFORMANCE_REPORT` names a folder, a file in it gets their verdicts, for `cargo xtask conformance`.

use std::path::Path;

use serde_json::{Value, json};

use crate::matcher::Matcher;
use crate::server::{ACCOUNT, Server, text};

/// The operations that are served.
const SERVED: [&str; 23] = [
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeExecution",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetExecutionHistory",
    "ListExecutions",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "StartExecution",
    "StopExecution",
    "TagResource",
    "UntagResource",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// How the ids of cases begin that are known to differ, and why.
const DIFFERENT: [(&str, &str); 4] = [
    ("test_sfn_api_express/", "no Express workflows yet"),
    (
        "test_sfn_api_variable_references/test_base_variable_references_in_assign_templates[MAP_STATE_REFERENCE_IN_MAX_ITEMS_PATH]",
        "no Distributed Map yet",
    ),
    (
        "test_sfn_api_variable_references/",
        "recorded with an `encryptionConfiguration`, which earlier recordings and we do not show",
    ),
    (
        "test_sfn_api_versioning/test_start_version",
        "recorded before AWS showed `redriveCount`, which later recordings and we show",
    ),
];

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
#[expect(clippy::disallowed_methods, reason = "a variable names the recorded cases")]
async fn requests_are_answered_as_aws_recorded_them() {
    let Ok(folder) = std::env::var("STEPWELL_CONFORMANCE_DIR") else {
        eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        return;
    };
    let mut verdicts = Vec::new();
    for case in cases(Path::new(&folder)) {
        let id = text(&case["id"]);
        let reason = DIFFERENT.iter().find(|(start, _)| id.starts_with(start));
        let (verdict, reason) = match (play(&case).await, reason) {
            (Ok(()), _) => ("passed", String::new()),
            (Err(_), Some((_, reason))) => ("known", (*reason).to_owned()),
            (Err(why), None) => ("failed", why),
        };
        verdicts.push(
            json!({ "id": id, "group": case["group"], "verdict": verdict, "reason": reason }),
        );
    }
    if let Some(reports) = std::env::var_os("STEPWELL_CONFORMANCE_REPORT") {
        let report = Value::Array(verdicts.clone()).to_string();
        let file = Path::new(&reports).join("sfn-api.json");
        std::fs::write(file, report).expect("the report can be written");
    }
    let wrong: Value = verdicts.into_iter().filter(|it| it["verdict"] == "failed").collect();
    assert_eq!(wrong, json!([]));
}

/// The cases that ask for served operations only.
fn cases(folder: &Path) -> Vec<Value> {
    let read = |group: &str| std::fs::read_to_string(folder.join(group)).expect("readable");
    let texts = ["api.jsonl", "validation.jsonl"].map(read);
    let lines = texts.iter().flat_map(|text| text.lines());
    let cases = lines.map(|line| serde_json::from_str(line).expect("a case is JSON"));
    let broken = std::fs::read_to_string(folder.join("broken.txt")).unwrap_or_default();
    let is_broken = |case: &Value| broken.lines().any(|id| case["id"] == id);
    cases.filter(|case| is_served(case) && !is_broken(case)).collect()
}

fn is_served(case: &Value) -> bool {
    let is_known = |call: &Value| match call["operation"].as_str() {
        Some(operation) => SERVED.contains(&operation),
        None => call.get("await").is_some(),
    };
    case["calls"].as_array().is_some_and(|calls| calls.iter().all(is_known))
}

/// Performs the calls of a case, up to the first that is answered otherwise.
async fn play(case: &Value) -> Result<(), String> {
    let server = Server::start().await;
    let mut matcher = Matcher::new(&case["wildcards"]);
    let mut responses = Vec::new();
    for (number, call) in case["calls"].as_array().into_iter().flatten().enumerate() {
        let response = match call["await"].as_str() {
            Some(condition) => {
                wait(&server, condition, call, &responses).await.map(|()| Value::Null)
            }
            None => perform(&server, call, &responses, &mut matcher).await,
        };
        responses.push(response.map_err(|why| format!("call {number}: {why}"))?);
    }
    Ok(())
}

async fn perform(
    server: &Server,
    call: &Value,
    responses: &[Value],
    matcher: &mut Matcher,
) -> Result<Value, String> {
    let request = filled(&call["request"], responses);
    let answer = server.call(&text(&call["operation"]), &request).await;
    if let Some(error) = call.get("error") {
        let (name, message) = answer.error();
        let is_match = name == error["code"]
            && matcher.matches(&error["message"], &Value::String(message.clone()));
        return if is_match {
            Ok(Value::Null)
        } else {
            Err(format!("{name} {message}\n  recorded {error}"))
        };
    }
    if answer.status != 200 {
        return Err(format!("refused: {}", answer.body));
    }
    let response = answer.json();
    if let Some(recorded) = call.get("response")
        && !matcher.matches(recorded, &response)
    {
        return Err(format!("{response}\n  recorded {recorded}"));
    }
    Ok(response)
}

/// Polls until a condition of the recordings holds.
async fn wait(
    server: &Server,
    condition: &str,
    call: &Value,
    responses: &[Value],
) -> Result<(), String> {
    let arns = filled(&call["arns"], responses);
    let arn = text(arns.as_array().and_then(|arns| arns.last()).unwrap_or(&Value::Null));
    let describe = |arn: &str| serde_json::json!({"executionArn": arn});
    match condition {
        "execution-started"
        | "state-machine-listed"
        | "state-machine-version-listed"
        | "state-machine-version-not-listed"
        | "state-machine-alias-is-created"
        | "state-machine-alias-is-deleted" => {}
        "execution-success"
        | "execution-terminated"
        | "execution-aborted"
        | "execution-lists-terminated" => {
            server.ended(&arn).await;
        }
        "on-execution-events" => {
            let has_begun = |read: &Value| read["events"].as_array().is_some_and(|it| it.len() > 1);
            server.until("GetExecutionHistory", describe(&arn), has_begun).await;
        }
        other => return Err(format!("`{other}` is not waited for")),
    }
    Ok(())
}

/// Replaces the tokens in the texts of a request.
fn filled(value: &Value, responses: &[Value]) -> Value {
    match value {
        Value::String(text) => Value::String(filled_text(text, responses)),
        Value::Array(items) => items.iter().map(|item| filled(item, responses)).collect(),
        Value::Object(fields) => {
            let fill = |(name, value): (&String, &Value)| (name.clone(), filled(value, responses));
            fields.iter().map(fill).collect()
        }
        other => other.clone(),
    }
}

/// Innermost first: a token has no square bracket inside.
fn filled_text(text: &str, responses: &[Value]) -> String {
    let mut text = text.to_owned();
    while let Some((start, end)) = innermost(&text) {
        let value = token(&text[start + 2..end], responses);
        text.replace_range(start..end + 2, &value);
    }
    text
}

fn innermost(text: &str) -> Option<(usize, usize)> {
    const HEADS: [&str; 5] = ["uid:", "region", "partition", "role", "call:"];
    let starts = text.match_indices("[[").map(|(start, _)| start);
    let mut tokens = starts.filter_map(|start| {
        let length = text[start + 2..].find(['[', ']'])?;
        let end = start + 2 + length;
        let is_known = HEADS.iter().any(|head| text[start + 2..].starts_with(head));
        (is_known && text[end..].starts_with("]]")).then_some((start, end))
    });
    tokens.next()
}

fn token(token: &str, responses: &[Value]) -> String {
    match token.split_once(':') {
        Some(("uid", number)) => format!("unique{number}"),
        Some(("call", path)) => {
            let (number, path) = path.split_once(':').expect("a call has a path");
            let number: usize = number.parse().expect("a call has a number");
            from_response(&responses[number], path)
        }
        _ => match token {
            "region" => "us-east-1".to_owned(),
            "partition" => "aws".to_owned(),
            role => format!("{role}-{ACCOUNT}"),
        },
    }
}

/// A member of an earlier response, perhaps cut: `executionArn.slice(,-4)`.
fn from_response(response: &Value, path: &str) -> String {
    let (member, cut) = path.split_once(".slice(").unwrap_or((path, ",0)"));
    let value = text(&response[member]);
    let end: usize = cut.trim_start_matches(",-").trim_end_matches(')').parse().unwrap_or(0);
    value[..value.len() - end].to_owned()
}
