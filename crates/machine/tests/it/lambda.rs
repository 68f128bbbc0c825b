//! Lambda functions whose behaviour is data, called by ARN or through `lambda:invoke`, answering as AWS does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_machine::{ScheduledTask, TaskResult};

use crate::conformance::spaced;
use crate::world::{ACCOUNT, Ending, REGION};

/// Calls a function as the resource of a task says.
pub(crate) fn call(functions: &Value, task: &ScheduledTask, call_number: u64) -> Option<Ending> {
    let resource = &*task.resource;
    if let Some(name) = resource.split(":function:").nth(1) {
        let behaviour = functions.get(name)?;
        return Some(by_arn(behaviour, &task.parameters, call_number));
    }
    if resource == "arn:aws:states:::lambda:invoke" {
        return Some(by_integration(functions, &task.parameters, call_number));
    }
    None
}

/// What a function does with a payload.
struct Answer {
    seconds: u64,
    result: Result<String, Value>,
}

fn answer(behaviour: &Value, payload: &Value, call_number: u64) -> Answer {
    let text = |value: &Value| Ok(spaced(value));
    let result = match behaviour["behaviour"].as_str() {
        Some("echo") => text(payload),
        Some("return") => text(&behaviour["value"]),
        Some("return-raw") => {
            let repeat = behaviour["repeat"].as_u64().unwrap_or(1) as usize;
            Ok(behaviour["text"].as_str().unwrap_or_default().repeat(repeat))
        }
        Some("sleep") => {
            let then = answer(&as_behaviour(&behaviour["then"]), payload, call_number);
            let seconds = behaviour["seconds"].as_u64().unwrap_or_default();
            return Answer { seconds: seconds + then.seconds, ..then };
        }
        Some("raise") => Err(json!({
            "errorMessage": behaviour["errorMessage"],
            "errorType": behaviour["errorType"],
            "requestId": request_id(call_number),
            "stackTrace": behaviour.get("stackTrace").cloned().unwrap_or(json!(["trace"])),
        })),
        other => panic!("unknown behaviour {other:?}"),
    };
    Answer { seconds: 0, result }
}

fn as_behaviour(value: &Value) -> Value {
    if value.is_string() { json!({ "behaviour": value }) } else { value.clone() }
}

fn request_id(call_number: u64) -> String {
    format!("00000000-0000-4000-8000-{call_number:012}")
}

fn by_arn(behaviour: &Value, payload: &Value, call_number: u64) -> Ending {
    let Answer { seconds, result } = answer(behaviour, payload, call_number);
    let outcome = match result {
        Ok(text) => succeeded(serde_json::from_str(&text).unwrap_or(Value::String(text))),
        Err(error) => failed(error["errorType"].as_str().unwrap_or_default(), spaced(&error)),
    };
    Ending { after: Duration::from_secs(seconds), outcome }
}

fn by_integration(functions: &Value, parameters: &Value, call_number: u64) -> Ending {
    let name = parameters["FunctionName"].as_str().unwrap_or_default();
    let name = name.split(":function:").last().unwrap_or(name);
    let Some(behaviour) = functions.get(name) else { return not_found(name, call_number) };
    // A text is the payload itself, not a JSON string around it.
    let payload = match parameters.get("Payload") {
        None | Some(Value::Null) => json!({}),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(json!(text)),
        Some(other) => other.clone(),
    };
    let Answer { seconds, result } = answer(behaviour, &payload, call_number);
    let outcome = match result {
        Ok(text) => {
            let mut response = invoke_response(&text, call_number);
            if parameters["LogType"] == "Tail" {
                add_log(&mut response);
            }
            succeeded(response)
        }
        Err(error) => failed(error["errorType"].as_str().unwrap_or_default(), error.to_string()),
    };
    Ending { after: Duration::from_secs(seconds), outcome }
}

fn not_found(name: &str, call_number: u64) -> Ending {
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST");
    let id = request_id(call_number);
    let cause = format!(
        "Function not found: {arn} (Service: AWSLambda; Status Code: 404; Error Code: \
         ResourceNotFoundException; Request ID: {id}; Proxy: null)"
    );
    let outcome = failed("Lambda.ResourceNotFoundException", cause);
    Ending { after: Duration::ZERO, outcome }
}

fn succeeded(output: Value) -> TaskResult {
    TaskResult::Succeeded { output: Arc::new(output) }
}

fn failed(error: &str, cause: String) -> TaskResult {
    TaskResult::Failed { error: error.to_owned(), cause: Some(cause) }
}

fn invoke_response(text: &str, call_number: u64) -> Value {
    let payload: Value = serde_json::from_str(text).unwrap_or(json!(text));
    let id = request_id(call_number);
    let length = text.len().to_string();
    let date = "Mon, 15 Jul 2024 12:00:00 GMT";
    let trace = "Root=1-00000000-000000000000000000000000;Sampled=0";
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "X-Amz-Executed-Version": ["$LATEST"],
                "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [id],
                "Content-Length": [length],
                "Date": [date],
                "X-Amzn-Trace-Id": [trace],
                "Content-Type": ["application/json"],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": "application/json",
                "Date": date,
                "X-Amz-Executed-Version": "$LATEST",
                "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": id,
                "X-Amzn-Trace-Id": trace,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": { "RequestId": id },
        "StatusCode": 200,
    })
}

fn add_log(response: &mut Value) {
    let log = "TG9n";
    response["LogResult"] = json!(log);
    response["SdkHttpMetadata"]["AllHttpHeaders"]["X-Amz-Log-Result"] = json!([log]);
    response["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Log-Result"] = json!(log);
}
