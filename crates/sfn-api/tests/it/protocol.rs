//! AWS JSON 1.0: what is wrong with a request before any operation looks at it.

use serde_json::json;

use crate::server::{Answer, Server};

const JSON: (&str, &str) = ("Content-Type", "application/x-amz-json-1.0");
const LIST: (&str, &str) = ("X-Amz-Target", "AWSStepFunctions.ListStateMachines");

#[track_caller]
fn is_error(answer: &Answer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.error().0.as_str()), (status, name), "{answer:?}");
    assert!(answer.head.contains("content-type: application/x-amz-json-1.0"), "{answer:?}");
    assert!(answer.head.contains("x-amzn-requestid: "), "{answer:?}");
}

#[tokio::test]
async fn a_request_as_boto3_sends_it_is_answered_with_its_id() {
    let server = Server::start().await;
    let answer = server.call("ListStateMachines", &json!({})).await;
    assert_eq!(answer.json(), json!({"stateMachines": []}));
    assert!(answer.head.contains("content-type: application/x-amz-json-1.0"), "{answer:?}");
    assert!(answer.head.contains("x-amzn-requestid: "), "{answer:?}");
}

/// Some clients send no body for a request without members, and null for a member that is not set.
#[tokio::test]
async fn no_body_and_null_are_a_request_without_members() {
    let server = Server::start().await;
    assert_eq!(server.send("ListStateMachines", b"").await.status, 200);
    let nulls = json!({"maxResults": null, "nextToken": null});
    assert_eq!(server.call("ListStateMachines", &nulls).await.status, 200);
    let machine = server.create("m", r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    let nulls = json!({"executionArn": arn, "reverseOrder": null, "includeExecutionData": null});
    assert_eq!(server.call("GetExecutionHistory", &nulls).await.status, 200);
}

#[tokio::test]
async fn an_operation_that_aws_does_not_know_is_named() {
    let server = Server::start().await;
    is_error(&server.send("Frobnicate", b"{}").await, 400, "UnknownOperationException");
    is_error(&server.send("liststatemachines", b"{}").await, 400, "UnknownOperationException");
    is_error(&server.post(&[JSON], b"{}").await, 400, "UnknownOperationException");
    let other = ("X-Amz-Target", "DynamoDB_20120810.ListTables");
    is_error(&server.post(&[JSON, other], b"{}").await, 400, "UnknownOperationException");
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let server = Server::start().await;
    for content in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let answer = server.post(&[("Content-Type", content), LIST], b"{}").await;
        is_error(&answer, 400, "SerializationException");
    }
    is_error(&server.post(&[LIST], b"{}").await, 400, "SerializationException");
    let newer = ("Content-Type", "application/x-amz-json-1.1");
    assert_eq!(server.post(&[newer, LIST], b"{}").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let server = Server::start().await;
    let deep = "[".repeat(10_000);
    for body in [
        b"not json".as_slice(),
        b"{\"name\": \"a\"",
        b"{\"name\": \"a\"} more",
        b"[1, 2]",
        b"null",
        b"{\"name\": \"\xff\xfe\"}",
        b"{\"name\": 5}",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"a\", \"name\": \"b\"}",
        b"\0",
        deep.as_bytes(),
    ] {
        let answer = server.send("CreateStateMachine", body).await;
        is_error(&answer, 400, "SerializationException");
    }
    let number = server.send("ListStateMachines", br#"{"maxResults": "5"}"#).await;
    is_error(&number, 400, "SerializationException");
    assert_eq!(server.ok("ListStateMachines", json!({})).await["stateMachines"], json!([]));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_next_is_served() {
    let server = Server::start().await;
    let body = vec![b' '; stepwell_sfn_api::REQUEST_BYTES_MAX + 1];
    is_error(&server.send("StartExecution", &body).await, 413, "RequestEntityTooLarge");
    assert_eq!(server.send("ListStateMachines", b"{}").await.status, 200);
}

/// Members that a newer client knows and this service does not.
#[tokio::test]
async fn unknown_members_are_ignored_as_aws_does() {
    let server = Server::start().await;
    let request = json!({"maxResults": 5, "whatComesNext": true});
    assert_eq!(server.call("ListStateMachines", &request).await.status, 200);
}

#[tokio::test]
async fn a_web_page_is_turned_away() {
    let server = Server::start().await;
    let origin = ("Origin", "http://evil.example");
    is_error(&server.post(&[JSON, LIST, origin], b"{}").await, 403, "AccessDeniedException");
    let fetched = ("Sec-Fetch-Site", "cross-site");
    is_error(&server.post(&[JSON, LIST, fetched], b"{}").await, 403, "AccessDeniedException");
}
