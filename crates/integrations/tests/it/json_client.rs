//! The client of JSON services: what AWS says that moto never does, and what reaches AWS.

use serde_json::{Value, json};
use stepwell_integrations::aws::{CallError, JsonClient};
use stepwell_integrations::dynamodb::SERVICE;

use crate::support::{SECRET_KEY, Scripted, connection};

async fn call(answers: &[(u16, &str)]) -> (Result<Value, CallError>, Scripted) {
    let server = Scripted::start(answers).await;
    let client = JsonClient::new(&connection(&server.url).await, SERVICE);
    (client.call_as("dynamodb:GetItem", &json!({"TableName": "orders"})).await, server)
}

fn refusal(code: &str) -> String {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "words"})
        .to_string()
}

#[tokio::test]
async fn a_refused_caller_is_not_tried_again_and_sees_no_secret() {
    for code in ["AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"] {
        let (answer, server) = call(&[(400, &refusal(code))]).await;
        let error = answer.unwrap_err();
        assert!(
            matches!(&error, CallError::AccessDenied { message, .. } if message == "words"),
            "{error}"
        );
        assert!(error.to_string().contains("dynamodb:GetItem"), "{error}");
        assert_eq!(server.asked().len(), 1);
        assert!(!format!("{error} {error:?}").contains(SECRET_KEY));
    }
}

#[tokio::test]
async fn another_refusal_has_its_bare_code() {
    let (answer, server) = call(&[(400, &refusal("ResourceNotFoundException"))]).await;
    let expected = CallError::Refused {
        operation: "dynamodb:GetItem",
        code: "ResourceNotFoundException".to_owned(),
        message: "words".to_owned(),
    };
    assert_eq!(answer.unwrap_err(), expected);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn throttling_and_trouble_are_tried_three_times_and_then_retryable() {
    let (answer, server) = call(&[(400, &refusal("ProvisionedThroughputExceededException"))]).await;
    let error = answer.unwrap_err();
    assert!(matches!(&error, CallError::Throttled { .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(server.asked().len(), 3);
    let (answer, server) = call(&[(503, "<html>gateway</html>")]).await;
    let error = answer.unwrap_err();
    assert!(matches!(&error, CallError::Unavailable { .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_passing_failure_is_not_seen_and_every_attempt_is_counted() {
    let server =
        Scripted::start(&[(500, &refusal("InternalServerError")), (200, "{\"Item\": {}}")]).await;
    let connection = connection(&server.url).await;
    let client = JsonClient::new(&connection, SERVICE);
    let answer = client.call("dynamodb:GetItem", &json!({"TableName": "orders"})).await.unwrap();
    assert_eq!(&answer[..], b"{\"Item\": {}}");
    assert_eq!(connection.requests(), 2);
    assert_eq!(server.asked(), [r#"{"TableName":"orders"}"#; 2]);
}

#[tokio::test]
async fn nobody_listens_or_the_endpoint_is_no_url() {
    for (endpoint, is_retryable) in [("http://127.0.0.1:1", true), ("no url", false)] {
        let client = JsonClient::new(&connection(endpoint).await, SERVICE);
        let error = client.call("dynamodb:GetItem", &json!({})).await.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{error:?}");
        assert!(!format!("{error} {error:?}").contains(SECRET_KEY));
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_no_answer() {
    let (answer, _) = call(&[(200, "<html>login</html>")]).await;
    let error = answer.unwrap_err();
    assert!(matches!(&error, CallError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn a_request_is_signed_and_names_its_operation() {
    let (_, server) = call(&[(200, "{}")]).await;
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.starts_with("post / http/1.1"), "{head}");
    for expected in [
        "content-type: application/x-amz-json-1.0",
        "x-amz-target: dynamodb_20120810.getitem",
        "authorization: aws4-hmac-sha256 credential=akiaiosfodnn7example/",
        "/eu-central-1/dynamodb/aws4_request, signedheaders=",
    ] {
        assert!(head.contains(expected), "{expected} in {head}");
    }
    assert!(!head.contains(SECRET_KEY));
}
