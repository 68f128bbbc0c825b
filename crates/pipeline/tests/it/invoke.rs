//! Functions behind the port of the engine.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_pipeline::invoke::Functions;
use stepwell_pipeline::progress::Silent;
use stepwell_pipeline::{AnyFunction, Context, Function, HandlerError, Pipeline};
use stepwell_task::{IdempotencyKey, Job, Pulse, TaskHandler, TaskOutcome, TaskRequest};
use tokio_util::sync::CancellationToken;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    what: String,
}

/// Does what its input says.
struct Obey;

#[async_trait]
impl Function for Obey {
    type Input = Wish;
    type Output = Value;

    fn name(&self) -> &'static str {
        "stepwell-test-obey"
    }

    async fn call(&self, wish: Wish, ctx: &Context) -> Result<Value, HandlerError> {
        match wish.what.as_str() {
            "slice" => Ok(json!(ctx.remaining().as_secs())),
            "key" => Ok(json!(&*ctx.idempotency_key)),
            "panic" => panic!("as wished"),
            "retry" => Err(HandlerError::retryable("busy")),
            "stop" => {
                ctx.stop.cancelled().await;
                Ok(json!(ctx.slice_is_over()))
            }
            other => Err(HandlerError::Data(format!("no such wish: {other}"))),
        }
    }
}

fn functions() -> Functions {
    let obey: Arc<dyn AnyFunction> = Arc::new(Obey);
    let pipeline = Pipeline {
        name: "test",
        machines: &[],
        functions: vec![obey],
        slice: Duration::from_mins(10),
    };
    Functions::new([&pipeline], Arc::new(Silent))
}

fn request(parameters: Value) -> TaskRequest {
    TaskRequest {
        execution_arn: "arn:execution".into(),
        state_name: "Obey".into(),
        resource: "arn:aws:states:::lambda:invoke".into(),
        parameters: Arc::new(parameters),
        key: IdempotencyKey::new("arn:execution", 7),
        deadline: None,
        heartbeat: None,
        pulse: Pulse::silent(),
        job: Job::detached(),
    }
}

fn wish(what: &str) -> TaskRequest {
    request(json!({"FunctionName": "stepwell-test-obey", "Payload": {"what": what}}))
}

async fn outcome(request: TaskRequest) -> Result<Value, (String, Value)> {
    match functions().handle(request, CancellationToken::new()).await {
        TaskOutcome::Succeeded(result) => Ok(Value::clone(&result)),
        TaskOutcome::Failed(failure) => {
            let cause = serde_json::from_str(&failure.cause.unwrap()).unwrap();
            Err((failure.error, cause))
        }
    }
}

#[tokio::test]
async fn a_result_has_the_shape_that_lambda_gives() {
    assert_eq!(
        outcome(wish("key")).await,
        Ok(json!({"ExecutedVersion": "$LATEST", "Payload": "arn:execution#7", "StatusCode": 200}))
    );
}

#[tokio::test]
async fn a_failure_has_the_name_that_retry_matches_and_a_cause_in_json() {
    let cause = json!({"errorMessage": "busy", "errorType": "Retryable"});
    assert_eq!(outcome(wish("retry")).await, Err(("Retryable".to_owned(), cause)));
}

#[tokio::test]
async fn a_panic_fails_only_its_invocation() {
    let (error, cause) = outcome(wish("panic")).await.unwrap_err();
    assert_eq!(error, "Fatal");
    assert!(cause["errorMessage"].as_str().unwrap().contains("stepwell-test-obey"));
}

#[tokio::test]
async fn an_unknown_function_fails_by_its_aws_name_and_the_known_ones_are_told() {
    let request = request(json!({"FunctionName": "nope", "Payload": {}}));
    let outcome = functions().handle(request, CancellationToken::new()).await;
    let TaskOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.error, "Lambda.ResourceNotFoundException");
    let cause = failure.cause.unwrap();
    assert_eq!(cause, "Function not found: nope; the functions here are: stepwell-test-obey");
}

#[tokio::test]
async fn an_input_of_another_shape_names_the_member() {
    let wrong = json!({"FunctionName": "stepwell-test-obey", "Payload": {"what": 7}});
    let (error, cause) = outcome(request(wrong)).await.unwrap_err();
    assert_eq!(error, "Config");
    assert!(cause["errorMessage"].as_str().unwrap().contains("what"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the port says deadlines by the clock of the machine"
)]
#[tokio::test]
async fn a_near_deadline_shortens_the_slice() {
    let mut request = wish("slice");
    request.deadline = Some(SystemTime::now() + Duration::from_secs(100));
    let slice = outcome(request).await.unwrap()["Payload"].as_u64().unwrap();
    assert!((70..=80).contains(&slice), "{slice}");
}

#[tokio::test]
async fn a_stop_reaches_the_function() {
    let stop = CancellationToken::new();
    stop.cancel();
    let outcome = functions().handle(wish("stop"), stop).await;
    let TaskOutcome::Succeeded(result) = outcome else { panic!("{outcome:?}") };
    assert_eq!(result["Payload"], json!(true));
}
