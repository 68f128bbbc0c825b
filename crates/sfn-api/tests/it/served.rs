//! What a definition asks for and nobody does is refused with the definition, by name and place.

use serde_json::{Value, json};

use crate::server::{ROLE, STRICT, Server};

fn machine(state: Value) -> String {
    let mut state = state;
    state["Type"] = "Task".into();
    state["End"] = true.into();
    json!({"StartAt": "T", "States": {"T": state}}).to_string()
}

fn strict(parameters: &Value) -> String {
    machine(json!({"Resource": STRICT, "Parameters": parameters}))
}

async fn refused(server: &Server, definition: &str) -> String {
    let request = json!({"name": "m", "roleArn": ROLE, "definition": definition});
    let (name, message) = server.refused("CreateStateMachine", request).await;
    assert_eq!(name, "InvalidDefinition");
    message
}

const PLACE: &str = "/States/T/Parameters";

#[tokio::test]
async fn members_that_do_not_fit_are_refused_in_aws_s_words() {
    let server = Server::start().await;
    let of = |problem: &str| {
        format!(
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {problem} at {PLACE}'"
        )
    };
    assert_eq!(
        refused(&server, &strict(&json!({"Name": "a", "name.$": "$.b"}))).await,
        of("The field \"name\" is not supported by Step Functions")
    );
    assert_eq!(
        refused(&server, &strict(&json!({"Name": "a", "Size": 1}))).await,
        of("The field \"Size\" of test:strict is not supported by stepwell")
    );
    assert_eq!(
        refused(&server, &strict(&json!({"Colour": "red"}))).await,
        of("The field 'Name' is required but was missing")
    );
    let task = json!({"Resource": format!("{STRICT}.waitForTaskToken"), "Parameters": {}});
    assert!(refused(&server, &machine(task)).await.contains("'Name' is required"));
    assert_eq!(
        server.ok("ListStateMachines", json!({})).await["stateMachines"],
        json!([]),
        "nothing has changed"
    );
}

#[tokio::test]
async fn a_changed_definition_is_held_to_the_same() {
    let server = Server::start().await;
    let arn = server.create("m", &strict(&json!({"Name.$": "$.a", "Colour": "red"}))).await;
    let update = json!({"stateMachineArn": arn, "definition": strict(&json!({"Colour": "red"}))});
    let (name, message) = server.refused("UpdateStateMachine", update).await;
    assert_eq!(name, "InvalidDefinition");
    assert!(message.contains("The field 'Name' is required but was missing"), "{message}");
}

#[tokio::test]
async fn every_misfit_is_a_diagnostic_with_its_place() {
    let server = Server::start().await;
    let branch = json!({"StartAt": "T", "States": {"T": {
        "Type": "Task", "Resource": STRICT, "QueryLanguage": "JSONata", "End": true,
        "Arguments": {"Size": "{% 1 %}", "Other": 2},
    }}});
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Branches": [branch], "Next": "N"},
        "N": {"Type": "Task", "Resource": "arn:aws:states:::test:none", "End": true},
    }});
    let request = json!({"definition": definition.to_string()});
    let answer = server.ok("ValidateStateMachineDefinition", request).await;
    assert_eq!(answer["result"], "FAIL");
    let found = |message: &str, location: &str| json!({"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": message, "location": location});
    let arguments = "/States/P/Branches[0]/States/T/Arguments";
    let expected = [
        found("The field 'Name' is required but was missing", arguments),
        found("The field \"Size\" of test:strict is not supported by stepwell", arguments),
        found("The field \"Other\" is not supported by Step Functions", arguments),
        found(
            "the resource `arn:aws:states:::test:none` is not supported: there are no functions here",
            "/States/N/Resource",
        ),
    ];
    assert_eq!(answer["diagnostics"], json!(expected));
}

#[tokio::test]
async fn what_only_the_execution_knows_is_accepted() {
    let server = Server::start().await;
    let whole =
        json!({"Resource": STRICT, "QueryLanguage": "JSONata", "Arguments": "{% $states.input %}"});
    server.create("whole", &machine(whole)).await;
    server.create("none", &machine(json!({"Resource": STRICT}))).await;
    let function = "arn:aws:states:::test:echo";
    server.create("echo", &machine(json!({"Resource": function, "Parameters": {"any": 1}}))).await;
}
