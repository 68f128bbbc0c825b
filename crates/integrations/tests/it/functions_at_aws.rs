//! Functions of Lambda behind Task states: what is sent, and what becomes of every kind of answer.

use serde_json::{Value, json};
use stepwell_integrations::lambda::LambdaFunctions;
use stepwell_task::{TaskFailure, TaskHandler as _, TaskOutcome};
use tokio_util::sync::CancellationToken;

use crate::support::{Scripted, connection, http, iam_client, moto, task, unique};

const INVOKE: &str = "arn:aws:states:::lambda:invoke";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111111111111:function:qc:live";

async fn perform(endpoint_url: &str, resource: &str, parameters: Value) -> TaskOutcome {
    let functions = LambdaFunctions::new(&connection(endpoint_url).await);
    functions.handle(task(resource, parameters), CancellationToken::new()).await
}

fn succeeded(outcome: TaskOutcome) -> Value {
    match outcome {
        TaskOutcome::Succeeded(result) => (*result).clone(),
        TaskOutcome::Failed(failure) => panic!("{failure:?}"),
    }
}

fn failed(outcome: TaskOutcome) -> TaskFailure {
    match outcome {
        TaskOutcome::Succeeded(result) => panic!("{result}"),
        TaskOutcome::Failed(failure) => failure,
    }
}

#[tokio::test]
async fn a_function_that_is_not_there_or_fails_is_an_error_as_lambda_names_it() {
    let words = r#"{"__type": "ResourceNotFoundException", "Message": "Function not found: qc"}"#;
    let server = Scripted::start(&[(404, words)]).await;
    let failure = failed(perform(&server.url, INVOKE, json!({"FunctionName": "qc"})).await);
    assert_eq!(failure.error, "Lambda.ResourceNotFoundException");
    let cause = failure.cause.unwrap();
    let words = "Function not found: qc (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ";
    assert!(cause.starts_with(words), "{cause}");
    let other =
        failed(perform(&server.url, INVOKE, json!({"FunctionName": "qc", "TenantId": "x"})).await);
    assert!(other.cause.unwrap().contains("`TenantId`"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_told_once_and_nobody_is_asked_again() {
    let words = r#"{"__type": "TooManyRequestsException", "message": "Rate Exceeded."}"#;
    let server = Scripted::start(&[(429, words)]).await;
    let failure = failed(perform(&server.url, INVOKE, json!({"FunctionName": "qc"})).await);
    assert_eq!(failure.error, "Lambda.TooManyRequestsException");
    assert!(failure.cause.unwrap().starts_with("Rate Exceeded. (Service: AWSLambda; "));
    assert_eq!(server.asked().len(), 1);
    let nobody = failed(perform("http://127.0.0.1:1", INVOKE, json!({"FunctionName": "qc"})).await);
    assert_eq!(nobody.error, "Lambda.SdkClientException");
    let nameless = failed(perform(&server.url, INVOKE, json!({})).await);
    assert_eq!(nameless.error, "States.Runtime");
}

#[tokio::test]
async fn what_is_asked_is_sent_as_lambda_reads_it() {
    let server = Scripted::start(&[(200, r#"{"ok": true}"#)]).await;
    let ask = json!({
        "FunctionName": FUNCTION, "Payload": {"a": 1}, "InvocationType": "RequestResponse", "LogType": "Tail", "Qualifier": "7",
    });
    let result = succeeded(perform(&server.url, INVOKE, ask).await);
    assert_eq!((&result["Payload"], &result["StatusCode"]), (&json!({"ok": true}), &json!(200)));
    assert_eq!(result["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"], "12");
    let head = server.heads()[0].clone();
    let path = "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu%2Dcentral%2D1%3A111111111111%3Afunction%3Aqc%3Alive/invocations?Qualifier=7 ";
    assert!(head.starts_with(path), "{head}");
    let head = head.to_lowercase();
    for header in
        ["x-amz-invocation-type: requestresponse", "x-amz-log-type: tail", "/lambda/aws4_request"]
    {
        assert!(head.contains(header), "{head}");
    }
    assert_eq!(server.asked(), [r#"{"a":1}"#]);
}

#[tokio::test]
async fn the_arn_of_a_function_takes_the_input_and_gives_the_payload() {
    let server = Scripted::start(&[(200, r#"{"verdict": "PASSED"}"#)]).await;
    let result = succeeded(perform(&server.url, FUNCTION, json!({"series": 1})).await);
    assert_eq!(result, json!({"verdict": "PASSED"}));
    assert_eq!(server.asked(), [r#"{"series":1}"#]);
}

/// A function that does what it is told, at the double, which runs none without docker.
#[tokio::test]
async fn a_function_of_the_double_answers() {
    let Some(moto) = moto() else { return };
    let simple = json!({"lambda": {"use_docker": false}});
    let set = http().post(format!("{moto}/moto-api/config")).json(&simple).send().await.unwrap();
    set.error_for_status().unwrap();
    let (name, role) = (unique("qc"), unique("role"));
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let role = iam_client(&moto).create_role().role_name(role).assume_role_policy_document(trust);
    let role = role.send().await.unwrap().role.unwrap().arn;
    let function = json!({
        "FunctionName": name, "Runtime": "python3.12", "Role": role, "Handler": "a.b",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    });
    let made = http()
        .post(format!("{moto}/2015-03-31/functions"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=x/20260301/eu-central-1/lambda/aws4_request",
        )
        .json(&function);
    made.send().await.unwrap().error_for_status().unwrap();
    let ask = json!({"FunctionName": name, "Payload": {"a": 1}});
    let result = succeeded(perform(&moto, INVOKE, ask).await);
    assert_eq!(result["StatusCode"], 200);
    // It gives back what it is given.
    assert_eq!(result["Payload"], json!({"a": 1}));
}
