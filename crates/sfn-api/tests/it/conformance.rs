//! What AWS answered to sequences of requests, against what this service answers.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the recorded cases; without it the test says that it was skipped. Only cases
//! run here that ask for nothing but the operations that are served, each against an engine of its own. `cargo xtask conformance`
//! runs them all.

use std::path::Path;

use serde_json::{Value, json};

use crate::matcher::Matcher;
use crate::server::{ACCOUNT, ROLE, Server, text};

/// The operations that are served.
const SERVED: [&str; 43] = [
    "(read) execution-logs",
    "CreateActivity",
    "CreateBucket",
    "CreateLogGroup",
    "CreateQueue",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteLogGroup",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeLogGroups",
    "DescribeMapRun",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "PutObject",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// What is known to differ, with the reasons.
const KNOWN: &str = include_str!("../../../../xtask/src/conformance/known.txt");

pub(crate) fn is_known(id: &str) -> bool {
    KNOWN.lines().any(|known| known == id)
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
#[expect(clippy::disallowed_methods, reason = "a variable names the recorded cases")]
async fn requests_are_answered_as_aws_recorded_them() {
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Executions with a Distributed Map. AWS changed its mind once: in recordings since November 2024 the event that leaves
/// the state follows `MapRunStarted`, in those before, which are more, `MapRunSucceeded`.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
#[expect(clippy::disallowed_methods, reason = "a variable names the recorded cases")]
async fn distributed_maps_go_as_aws_recorded_them() {
    let Ok(folder) = std::env::var("STEPWELL_CONFORMANCE_DIR") else {
        eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        return;
    };
    let mut wrong = Vec::new();
    for case in executions(Path::new(&folder)) {
        let is_newer = case["recorded"].as_str().is_some_and(|date| date >= "2024-11");
        match execute(&case).await {
            Err(why) if !(is_newer && why.contains("MapStateExited")) => {
                wrong.push(format!("{}: {why}", case["id"]));
            }
            Ok(()) | Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The executions that need nothing but buckets.
fn executions(folder: &Path) -> Vec<Value> {
    let read = |group: &str| std::fs::read_to_string(folder.join(group)).expect("readable");
    let texts = ["distributed-map.jsonl", "map.jsonl", "variables.jsonl"].map(read);
    let lines = texts.iter().flat_map(|text| text.lines());
    let cases = lines.map(|line| serde_json::from_str::<Value>(line).expect("a case is JSON"));
    let is_ours = |case: &Value| {
        let mut needs = case["needs"].as_array().into_iter().flatten();
        case["definition"].to_string().contains("DISTRIBUTED") && needs.all(|need| need == "s3")
    };
    cases.filter(is_ours).collect()
}

async fn execute(case: &Value) -> Result<(), String> {
    let server = Server::start().await;
    let setup = case["setup"].as_array().into_iter().flatten();
    for call in setup.filter(|call| call["operation"] == "PutObject") {
        server.put_object(&filled(&call["request"], &[]));
    }
    let definition = filled(&case["definition"], &[]).to_string();
    let machine = server.create("machine", &definition).await;
    let input = spaced(&filled(&case["input"], &[]));
    let arn = server.start_execution(&machine, "one", &input).await;
    let ended = server.ended(&arn).await;
    let request = json!({"executionArn": arn, "includeExecutionData": true});
    let history = server.ok("GetExecutionHistory", request).await;
    let mut matcher = Matcher::new(&case["wildcards"]);
    let expected = &case["expected"];
    let recorded = expected["history"].as_array().map_or(&[][..], Vec::as_slice);
    let actual = history["events"].as_array().map_or(&[][..], Vec::as_slice);
    for (recorded, actual) in recorded.iter().zip(actual) {
        if !matcher.matches(recorded, actual) {
            return Err(format!("{actual}\n  recorded {recorded}"));
        }
    }
    let end = |name: &str| expected.get(name).cloned().unwrap_or(Value::Null);
    let is_end = ["status", "output", "error", "cause"].iter().all(|name| {
        matcher.matches(&end(name), &ended[*name])
            || (end(name).is_null() && ended[*name].is_null())
    });
    if recorded.len() == actual.len() && is_end {
        return Ok(());
    }
    Err(format!("{} events, {} recorded; {ended}", actual.len(), recorded.len()))
}

/// JSON with a blank after `,` and `:`, as it was sent.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), spaced(value))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

/// The cases that ask for served operations only.
fn cases(folder: &Path) -> Vec<Value> {
    let read = |group: &str| std::fs::read_to_string(folder.join(group)).expect("readable");
    let texts = ["api.jsonl", "test-state.jsonl", "validation.jsonl"].map(read);
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
    // There are neither functions nor queues here, but a queue that nobody uses does no harm.
    let whole = case.to_string();
    let uses_queues = whole.contains("CreateQueue") && whole.contains(":sqs:");
    let needs_functions =
        case["needs"].as_array().is_some_and(|needs| needs.contains(&json!("lambda")));
    !needs_functions
        && !uses_queues
        && case["calls"].as_array().is_some_and(|calls| calls.iter().all(is_known))
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

pub(crate) async fn perform(
    server: &Server,
    call: &Value,
    responses: &[Value],
    matcher: &mut Matcher,
) -> Result<Value, String> {
    let request = filled(&call["request"], responses);
    if call["operation"] == "(read) execution-logs" {
        return read_logs(server, call, &text(&request["logGroupName"]), matcher).await;
    }
    if call["service"] == "logs" {
        return Ok(server.logs(&text(&call["operation"]), request).await);
    }
    if call["service"] == "sqs" {
        // No case here sends a message to its queue.
        return Ok(Value::Null);
    }
    if call["service"] == "s3" {
        if call["operation"] == "PutObject" {
            server.put_object(&request);
        }
        return Ok(Value::Null);
    }
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

/// The record of the end of an execution.
async fn read_logs(
    server: &Server,
    call: &Value,
    group: &str,
    matcher: &mut Matcher,
) -> Result<Value, String> {
    let records = server.log_records(group, |records| records.iter().any(is_end)).await;
    let end = records.into_iter().find(is_end).unwrap_or_default();
    if matcher.matches(&call["response"], &end) {
        return Ok(end);
    }
    Err(format!("{end}\n  recorded {}", call["response"]))
}

fn is_end(record: &Value) -> bool {
    let ends = ["ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"];
    ends.iter().any(|end| record["type"] == *end)
}

/// Executions of Express state machines, and what executions log.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
#[expect(clippy::disallowed_methods, reason = "a variable names the recorded cases")]
async fn express_executions_and_logs_are_as_aws_recorded_them() {
    let Ok(folder) = std::env::var("STEPWELL_CONFORMANCE_DIR") else {
        eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        return;
    };
    let mut wrong = Vec::new();
    for case in logging_executions(Path::new(&folder)) {
        if let Err(why) = log_execution(&case).await {
            wrong.push(format!("{}: {why}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Those that need no functions.
fn logging_executions(folder: &Path) -> Vec<Value> {
    let read = |group: &str| std::fs::read_to_string(folder.join(group)).expect("readable");
    let texts = ["express.jsonl", "logging.jsonl"].map(read);
    let lines = texts.iter().flat_map(|text| text.lines());
    let cases = lines.map(|line| serde_json::from_str::<Value>(line).expect("a case is JSON"));
    cases.filter(|case| case["needs"] == json!([])).collect()
}

/// Plays an execution and compares everything that is recorded of it.
async fn log_execution(case: &Value) -> Result<(), String> {
    let (server, group) = (Server::start().await, "/aws/vendedlogs/states/recorded");
    server.logs("CreateLogGroup", json!({ "logGroupName": group })).await;
    let definition = filled(&case["definition"], &[]).to_string();
    let mut create = json!({"name": "machine", "definition": definition, "roleArn": ROLE,
        "type": case["type"]});
    if let Some(logging) = case.get("logging") {
        let arn = format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*");
        create["loggingConfiguration"] = logging.clone();
        create["loggingConfiguration"]["destinations"] =
            json!([{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]);
    }
    let machine = server.ok("CreateStateMachine", create).await["stateMachineArn"].clone();
    let input = spaced(&filled(&case["input"], &[]));
    let start = json!({"stateMachineArn": machine, "input": input});
    let (expected, mut matcher) = (&case["expected"], Matcher::new(&case["wildcards"]));
    let ended = if expected.get("sync_response").is_some() {
        server.ok("StartSyncExecution", start).await
    } else {
        let started = server.ok("StartExecution", start).await;
        if case["type"] == "EXPRESS" {
            let records = server.log_records(group, |records| records.iter().any(is_end)).await;
            records.into_iter().find(is_end).unwrap_or_default()
        } else {
            server.ended(&text(&started["executionArn"])).await
        }
    };
    for whole in ["sync_response", "log_end_event"] {
        let recorded = expected.get(whole);
        if recorded.is_some_and(|recorded| !matcher.matches(recorded, &ended)) {
            return Err(format!("{ended}\n  recorded {}", expected[whole]));
        }
    }
    let Some(recorded) = expected["log_events"].as_array() else { return Ok(()) };
    let records = server.log_records(group, |records| records.len() >= recorded.len()).await;
    for (recorded, record) in recorded.iter().zip(&records) {
        if !matcher.matches(recorded, record) {
            return Err(format!("{record}\n  recorded {recorded}"));
        }
    }
    let are_same = records.len() == recorded.len();
    if are_same { Ok(()) } else { Err(format!("{} records", records.len())) }
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
pub(crate) fn filled(value: &Value, responses: &[Value]) -> Value {
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
    const HEADS: [&str; 6] = ["uid:", "region", "partition", "role", "call:", "now"];
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
        // Eight characters, as in the recordings: `Content-Length` headers count them.
        Some(("uid", number)) => format!("unique{number:0>2}"),
        Some(("call", path)) => {
            let (number, path) = path.split_once(':').expect("a call has a path");
            let number: usize = number.parse().expect("a call has a number");
            from_response(&responses[number], path)
        }
        _ => match token {
            "now" => "2026-01-01T00:00:00".to_owned(),
            "region" => "us-east-1".to_owned(),
            "partition" => "aws".to_owned(),
            role => format!("{role}-{ACCOUNT}"),
        },
    }
}

/// A member of an earlier response, perhaps cut: `executionArn.slice(,-4)`.
fn from_response(response: &Value, path: &str) -> String {
    let (member, cut) = path.split_once(".slice(").unwrap_or((path, ",0)"));
    let pointer = format!("/{}", member.replace('.', "/"));
    let value = text(response.pointer(&pointer).unwrap_or(&Value::Null));
    let end: usize = cut.trim_start_matches(",-").trim_end_matches(')').parse().unwrap_or(0);
    value[..value.len() - end].to_owned()
}
