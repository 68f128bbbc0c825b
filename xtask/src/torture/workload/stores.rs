//! What tasks leave in buckets and tables, and read again.

use serde_json::{Value, json};

use crate::torture::stores::{BUCKET, TABLE};

/// Names an effect: unique in its execution.
const NAME: &str = "States.Format('{}#{}', $$.Execution.Id, $$.State.Name)";

/// Writes an object and an item, each named as the effect that it is, and reads both.
pub(super) fn keep() -> Value {
    let object = json!({"Bucket": BUCKET, "Key.$": "$.name"});
    let named = |next: &str| {
        json!({
            "Type": "Pass", "Parameters": {"name.$": NAME, "value.$": "$.value"}, "Next": next,
        })
    };
    let mut put_object = object.clone();
    put_object["Body.$"] = json!("$.value");
    let item = json!({"id": {"S.$": "$.name"}, "value": {"N.$": "States.Format('{}', $.value)"}});
    json!({"StartAt": "Object", "States": {
        "Object": named("PutObject"),
        "PutObject": call("aws-sdk:s3:putObject", &put_object, Value::Null, "GetObject"),
        "GetObject": call("aws-sdk:s3:getObject", &object, json!({"body.$": "$.Body"}), "Item"),
        "Item": {"Type": "Pass", "Parameters": {
            "name.$": NAME, "value.$": "$.value", "body.$": "$.read.body",
        }, "Next": "PutItem"},
        "PutItem": call("dynamodb:putItem", &json!({"TableName": TABLE, "Item": item}), Value::Null, "GetItem"),
        "GetItem": call(
            "dynamodb:getItem",
            &json!({"TableName": TABLE, "Key": {"id": {"S.$": "$.name"}}, "ConsistentRead": true}),
            json!({"value.$": "$.Item.value.N"}),
            "Done",
        ),
        "Done": {"Type": "Pass", "Parameters": {"object.$": "$.body", "item.$": "$.read.value"}, "End": true},
    }})
}

/// A state that calls a service; what it reads is what `selector` takes of the answer.
fn call(resource: &str, parameters: &Value, selector: Value, next: &str) -> Value {
    let mut state = json!({
        "Type": "Task",
        "Resource": format!("arn:aws:states:::{resource}"),
        "Parameters": parameters,
        "ResultPath": null,
        "Next": next,
    });
    if !selector.is_null() {
        state["ResultSelector"] = selector;
        state["ResultPath"] = json!("$.read");
    }
    state
}
