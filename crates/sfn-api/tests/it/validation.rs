//! Constraints of the service model, with AWS's texts.

use serde_json::{Value, json};
use stepwell_engine::Options;

use crate::server::{ROLE, Server};

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const ARN: &str = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:111111111111:execution:m:one";

fn one(value: &str, member: &str, must: &str) -> String {
    format!("1 validation error detected: {}", broken(value, member, must))
}

fn broken(value: &str, member: &str, must: &str) -> String {
    format!("Value {value} at '{member}' failed to satisfy constraint: Member must {must}")
}

async fn check(operation: &str, request: Value, message: String) {
    let server = Server::start().await;
    let refused = server.refused(operation, request).await;
    assert_eq!(refused, ("ValidationException".to_owned(), message), "{operation}");
}

#[tokio::test]
async fn every_operation_needs_what_the_model_requires() {
    let server = Server::start().await;
    for (operation, members) in [
        ("CreateStateMachine", &["name", "definition", "roleArn"][..]),
        ("DeleteStateMachine", &["stateMachineArn"]),
        ("DescribeExecution", &["executionArn"]),
        ("DescribeStateMachine", &["stateMachineArn"]),
        ("DescribeStateMachineForExecution", &["executionArn"]),
        ("GetExecutionHistory", &["executionArn"]),
        ("ListExecutions", &["stateMachineArn"]),
        ("StartExecution", &["stateMachineArn"]),
        ("StopExecution", &["executionArn"]),
        ("UpdateStateMachine", &["stateMachineArn"]),
        ("ValidateStateMachineDefinition", &["definition"]),
    ] {
        let (name, message) = server.refused(operation, json!({})).await;
        let all: Vec<_> =
            members.iter().map(|member| broken("null", member, "not be null")).collect();
        let errors = if all.len() == 1 { "error" } else { "errors" };
        assert_eq!(name, "ValidationException", "{operation}");
        let expected = format!("{} validation {errors} detected: {}", all.len(), all.join("; "));
        assert_eq!(message, expected, "{operation}");
    }
}

#[tokio::test]
async fn every_arn_has_at_most_256_characters_and_a_form() {
    let server = Server::start().await;
    for (operation, member) in [
        ("DeleteStateMachine", "stateMachineArn"),
        ("DescribeExecution", "executionArn"),
        ("DescribeStateMachine", "stateMachineArn"),
        ("DescribeStateMachineForExecution", "executionArn"),
        ("GetExecutionHistory", "executionArn"),
        ("ListExecutions", "stateMachineArn"),
        ("StartExecution", "stateMachineArn"),
        ("StopExecution", "executionArn"),
    ] {
        let long = "a".repeat(257);
        let expected = one(&format!("'{long}'"), member, "have length less than or equal to 256");
        let (name, message) = server.refused(operation, json!({ member: long })).await;
        assert_eq!((name.as_str(), message), ("ValidationException", expected), "{operation}");
        let expected = one("''", member, "have length greater than or equal to 1");
        let (_, message) = server.refused(operation, json!({ member: "" })).await;
        assert_eq!(message, expected, "{operation}");
        let (name, message) = server.refused(operation, json!({ member: "nonsense" })).await;
        let expected = "Invalid Arn: 'Invalid ARN prefix: nonsense'";
        assert_eq!((name.as_str(), message.as_str()), ("InvalidArn", expected), "{operation}");
    }
}

#[tokio::test]
async fn what_is_broken_is_told_at_once() {
    let long = "n".repeat(81);
    let request = json!({"name": long, "definition": "", "roleArn": ROLE, "type": "FAST"});
    let expected = [
        broken("'FAST'", "type", "satisfy enum value set: [STANDARD, EXPRESS]"),
        broken(&format!("'{long}'"), "name", "have length less than or equal to 80"),
        broken("''", "definition", "have length greater than or equal to 1"),
    ];
    let message = format!("3 validation errors detected: {}", expected.join("; "));
    check("CreateStateMachine", request, message).await;
}

#[tokio::test]
async fn the_name_of_an_execution_has_1_to_80_characters() {
    let request = |name: &str| json!({"stateMachineArn": ARN, "name": name});
    let must = "have length greater than or equal to 1";
    check("StartExecution", request(""), one("''", "name", must)).await;
    let long = "\u{fc}".repeat(81);
    let must = "have length less than or equal to 80";
    check("StartExecution", request(&long), one(&format!("'{long}'"), "name", must)).await;
}

#[tokio::test]
async fn pages_have_0_to_1000_items() {
    for (operation, request) in [
        ("ListStateMachines", json!({})),
        ("ListExecutions", json!({"stateMachineArn": ARN})),
        ("GetExecutionHistory", json!({"executionArn": EXECUTION})),
    ] {
        for (limit, must) in [
            (1_001, "have value less than or equal to 1000"),
            (-1, "have value greater than or equal to 0"),
        ] {
            let mut request = request.clone();
            request["maxResults"] = json!(limit);
            check(operation, request, one(&format!("'{limit}'"), "maxResults", must)).await;
        }
    }
}

#[tokio::test]
async fn tokens_are_as_long_as_each_operation_allows() {
    for (operation, request, most) in [
        ("ListStateMachines", json!({}), 1_024),
        ("ListExecutions", json!({"stateMachineArn": ARN}), 3_096),
        ("GetExecutionHistory", json!({"executionArn": EXECUTION}), 1_024),
    ] {
        let (mut request, long) = (request, "x".repeat(most + 1));
        let must = format!("have length less than or equal to {most}");
        let message = one(&format!("'{long}'"), "nextToken", &must);
        request["nextToken"] = json!(long);
        check(operation, request, message).await;
    }
}

#[tokio::test]
async fn filters_and_severities_are_the_ones_of_the_model() {
    let set =
        "satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]";
    let request = json!({"stateMachineArn": ARN, "statusFilter": "DONE"});
    check("ListExecutions", request, one("'DONE'", "statusFilter", set)).await;
    let request = json!({"definition": PASS, "severity": "INFO"});
    let set = "satisfy enum value set: [ERROR, WARNING]";
    check("ValidateStateMachineDefinition", request, one("'INFO'", "severity", set)).await;
    let request = json!({"definition": PASS, "maxResults": 101});
    let must = "have value less than or equal to 100";
    check("ValidateStateMachineDefinition", request, one("'101'", "maxResults", must)).await;
}

#[tokio::test]
async fn a_stop_has_a_short_error_and_a_long_cause() {
    let long = "e".repeat(257);
    let request = json!({"executionArn": EXECUTION, "error": long});
    let must = "have length less than or equal to 256";
    check("StopExecution", request, one(&format!("'{long}'"), "error", must)).await;
    let request = json!({"executionArn": EXECUTION, "cause": "c".repeat(32_769)});
    let shown = format!("'{}...'", "c".repeat(4_096));
    let must = "have length less than or equal to 32768";
    check("StopExecution", request, one(&shown, "cause", must)).await;
}

#[tokio::test]
async fn a_definition_has_at_most_a_mebicharacter_where_aws_s_limits_are_wanted() {
    let server = Server::start_with(Options { aws_limits: true, ..Options::default() }).await;
    let of = |length: usize| format!("{PASS}{}", " ".repeat(length - PASS.len()));
    let request =
        |definition: String| json!({"name": "m", "definition": definition, "roleArn": ROLE});
    let (name, message) = server.refused("CreateStateMachine", request(of(1_048_577))).await;
    assert_eq!(name, "ValidationException");
    assert!(
        message.ends_with("Member must have length less than or equal to 1048576"),
        "{message}"
    );
    server.ok("CreateStateMachine", request(of(1_048_576))).await;
    let server = Server::start().await;
    server.ok("CreateStateMachine", request(of(1_048_577))).await;
}

#[tokio::test]
async fn an_output_of_a_task_is_bounded_where_aws_s_limits_are_wanted() {
    let report = || json!({"taskToken": "t", "output": "1".repeat(262_145)});
    let server = Server::start_with(Options { aws_limits: true, ..Options::default() }).await;
    let (name, message) = server.refused("SendTaskSuccess", report()).await;
    assert_eq!(name, "ValidationException");
    assert!(message.ends_with("Member must have length less than or equal to 262144"), "{message}");
    let server = Server::start().await;
    assert_eq!(server.refused("SendTaskSuccess", report()).await.0, "InvalidToken");
}

/// What AWS has and stepwell does not act on is refused by name: it never pretends.
#[tokio::test]
async fn members_without_effect_are_refused() {
    let server = Server::start().await;
    let create = |more: Value| {
        let mut request = json!({"name": "m", "definition": PASS, "roleArn": ROLE});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let member = "encryptionConfiguration.type";
    let keys = json!({"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"});
    let request = create(json!({"encryptionConfiguration": keys}));
    let (name, message) = server.refused("CreateStateMachine", request).await;
    assert_eq!(name, "ValidationException");
    assert_eq!(message, format!("stepwell does not support '{member}' yet; leave it out"));
    let off = create(json!({
        "publish": false, "tags": [], "tracingConfiguration": {"enabled": false},
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": false, "destinations": []}}));
    server.ok("CreateStateMachine", off).await;
}
