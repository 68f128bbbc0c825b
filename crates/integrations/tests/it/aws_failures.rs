//! What AWS says that moto never does, from a server that answers as it is told.

use serde_json::json;
use stepwell_integrations::aws::CallError;
use stepwell_integrations::iam::{AwsRolePolicies, Error, RolePolicies as _};
use stepwell_integrations::sqs::{self, AwsQueue, Entry, Queue as _};

use crate::support::{SECRET_KEY, Scripted, connection};

const DOCUMENT: &str = "{}";

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    )
}

async fn put(answers: &[(u16, &str)]) -> (Error, Scripted) {
    let server = Scripted::start(answers).await;
    let policies = AwsRolePolicies::new(&connection(&server.url).await);
    (policies.put_role_policy("r", "p", DOCUMENT).await.unwrap_err(), server)
}

#[tokio::test]
async fn iams_own_codes_have_their_own_errors() {
    let limit = "Maximum policy size of 10240 bytes exceeded for role r";
    let (error, _) = put(&[(409, &refusal("LimitExceeded", limit))]).await;
    assert!(matches!(&error, Error::LimitExceeded { message, .. } if message == limit), "{error}");
    let (error, _) = put(&[(400, &refusal("UnmodifiableEntity", "service-linked"))]).await;
    assert!(matches!(&error, Error::Unmodifiable { role } if role == "r"), "{error}");
    let (error, _) = put(&[(400, &refusal("MalformedPolicyDocument", "bad"))]).await;
    assert!(matches!(&error, Error::MalformedPolicyDocument { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_caller_is_not_tried_again_and_sees_no_secret() {
    let (error, server) =
        put(&[(403, &refusal("AccessDenied", "User: x is not authorized"))]).await;
    assert!(matches!(&error, Error::Call(CallError::AccessDenied { .. })), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(server.asked().len(), 1);
    assert!(!format!("{error} {error:?}").contains(SECRET_KEY));
}

#[tokio::test]
async fn nothing_that_is_shown_for_debugging_shows_a_secret() {
    let connection = connection("http://127.0.0.1:1").await;
    let shown = format!("{connection:?} {:?}", AwsRolePolicies::new(&connection));
    assert!(!shown.contains(SECRET_KEY));
}

#[tokio::test]
async fn throttling_and_trouble_are_tried_three_times_and_then_retryable() {
    let (error, server) = put(&[(400, &refusal("Throttling", "Rate exceeded"))]).await;
    assert!(matches!(&error, Error::Call(CallError::Throttled { .. })), "{error}");
    assert!(error.is_retryable());
    assert_eq!(server.asked().len(), 3);
    let (error, _) = put(&[(503, "<html>gateway</html>")]).await;
    assert!(matches!(&error, Error::Call(CallError::Unavailable { .. })), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_passing_failure_is_not_seen() {
    let good = "<PutRolePolicyResponse><ResponseMetadata/></PutRolePolicyResponse>";
    let server = Scripted::start(&[(500, &refusal("ServiceFailure", "x")), (200, good)]).await;
    let connection = connection(&server.url).await;
    AwsRolePolicies::new(&connection).put_role_policy("r", "p", DOCUMENT).await.unwrap();
    assert_eq!(connection.requests(), 2);
}

#[tokio::test]
async fn nobody_listens() {
    let policies = AwsRolePolicies::new(&connection("http://127.0.0.1:1").await);
    let error = policies.get_role("r").await.unwrap_err();
    assert!(matches!(&error, Error::Call(CallError::Unavailable { .. })), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_policy_is_missing_in_iams_words() {
    let words = "The role policy with name p cannot be found.";
    let server = Scripted::start(&[(404, &refusal("NoSuchEntity", words))]).await;
    let policies = AwsRolePolicies::new(&connection(&server.url).await);
    let error = policies.delete_role_policy("r", "p").await.unwrap_err();
    assert!(matches!(&error, Error::NoSuchPolicy { .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
    let words = "The role with name r cannot be found.";
    let (error, server) = put(&[(404, &refusal("NoSuchEntity", words))]).await;
    assert!(matches!(&error, Error::NoSuchRole { .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_document_comes_percent_encoded_and_names_come_in_pages() {
    let encoded = "<GetRolePolicyResponse><GetRolePolicyResult><RoleName>r</RoleName><PolicyName>p</PolicyName>\
        <PolicyDocument>%7B%22a%22%3A%20%22b%252F%2B%22%7D</PolicyDocument></GetRolePolicyResult></GetRolePolicyResponse>";
    let server = Scripted::start(&[(200, encoded)]).await;
    let policies = AwsRolePolicies::new(&connection(&server.url).await);
    assert_eq!(policies.get_role_policy("r", "p").await.unwrap(), r#"{"a": "b%2F+"}"#);

    let page = |name: &str, more: &str| {
        format!(
            "<ListRolePoliciesResponse><ListRolePoliciesResult><PolicyNames><member>{name}</member></PolicyNames>\
             {more}</ListRolePoliciesResult></ListRolePoliciesResponse>"
        )
    };
    let first = page("b", "<IsTruncated>true</IsTruncated><Marker>m1</Marker>");
    let last = page("a", "<IsTruncated>false</IsTruncated>");
    let server = Scripted::start(&[(200, &first), (200, &last)]).await;
    let policies = AwsRolePolicies::new(&connection(&server.url).await);
    assert_eq!(policies.list_role_policies("r").await.unwrap(), ["a", "b"]);
    assert!(server.asked()[1].contains("Marker=m1"), "{:?}", server.asked());
}

/// A queue whose send answers as told; it has no dead-letter queue.
async fn queue(answers: &[(u16, &str)]) -> (AwsQueue, Scripted) {
    let attributes = [(200, "{}")];
    let server = Scripted::start(&[&attributes, answers].concat()).await;
    let url = format!("{}/123456789012/events.fifo", server.url);
    (AwsQueue::connect(&connection(&server.url).await, &url, None).await.unwrap(), server)
}

fn entries(count: usize) -> Vec<Entry> {
    let entry = |number: usize| Entry {
        group: "g".to_owned(),
        deduplication_id: number.to_string(),
        body: "b".to_owned(),
    };
    (0..count).map(entry).collect()
}

#[tokio::test]
async fn what_was_not_sent_is_named_and_what_follows_is_not_tried() {
    let half = json!({
        "Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "92eb5ffee6ae2fec3ad71c777531578f"}],
        "Failed": [{"Id": "3", "SenderFault": false, "Code": "InternalError", "Message": "x"}]
    });
    let (queue, server) = queue(&[(200, &half.to_string())]).await;
    let error = queue.send_batch(&entries(12)).await.unwrap_err();
    assert!(error.is_retryable());
    let sqs::Error::NotSent { failed } = error else { panic!("{error}") };
    let indices: Vec<_> = failed.iter().map(|it| it.index).collect();
    assert_eq!(indices, [3, 10, 11]);
    assert_eq!(failed[0].reason, "InternalError: x");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_queue_that_is_missing_or_not_fifo_or_without_dead_letters_says_so() {
    let missing =
        json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}).to_string();
    let server = Scripted::start(&[(400, &missing)]).await;
    let connection = connection(&server.url).await;
    for name in ["events.fifo", "standard"] {
        let error = AwsQueue::connect(&connection, name, None).await.unwrap_err();
        assert!(matches!(&error, sqs::Error::NoSuchQueue { queue } if queue == name), "{error}");
    }
    let (queue, _) = queue(&[]).await;
    let error = queue.dead_letters().await.unwrap_err();
    assert!(matches!(error, sqs::Error::NoDeadLetterQueue { .. }), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_not_tried_again() {
    let policies = AwsRolePolicies::new(&connection("no url").await);
    let error = policies.get_role("r").await.unwrap_err();
    assert!(matches!(&error, Error::Call(CallError::Misconfigured { .. })), "{error:?}");
    // The SDK quotes its request in this one, in which a token may stand.
    assert!(!format!("{error:?}").contains("Request {"), "{error:?}");
    assert!(!error.is_retryable());
}
