//! State machines: created, changed, shown, listed, deleted, validated.

use serde_json::{Value, json};

use crate::server::{ROLE, Server, text};

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const OTHER: &str = r#"{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}"#;

fn create(name: &str, definition: &str) -> Value {
    json!({"name": name, "definition": definition, "roleArn": ROLE})
}

#[tokio::test]
async fn the_same_again_is_the_same_and_another_is_refused() {
    let server = Server::start().await;
    let first = server.ok("CreateStateMachine", create("m", PASS)).await;
    assert!(first["creationDate"].is_f64(), "{first}");
    assert_eq!(server.ok("CreateStateMachine", create("m", PASS)).await, first);
    let arn = text(&first["stateMachineArn"]);
    let expected = format!("State Machine Already Exists: '{arn}'");
    for request in [
        create("m", OTHER),
        create("m", &format!("{PASS} ")),
        json!({"name": "m", "definition": PASS, "roleArn": ROLE, "tracingConfiguration": {"enabled": true}}),
    ] {
        let (name, message) = server.refused("CreateStateMachine", request).await;
        assert_eq!((name.as_str(), &message), ("StateMachineAlreadyExists", &expected));
    }
}

#[tokio::test]
async fn a_name_has_the_characters_that_aws_allows() {
    let server = Server::start().await;
    for name in ["a b", "a:b", "a/b", "a<b", "a#b", "a\u{0}", "a\u{7f}", "a\"b", "a\\b"] {
        let refused = server.refused("CreateStateMachine", create(name, PASS)).await;
        assert_eq!(refused, ("InvalidName".to_owned(), format!("Invalid Name: '{name}'")));
    }
    for name in ["a-b_c.d", "gr\u{fc}n"] {
        server.create(name, PASS).await;
    }
}

#[tokio::test]
async fn a_definition_that_is_wrong_is_refused_with_every_finding() {
    let server = Server::start().await;
    for (definition, expected) in [
        ("{}", "'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'"),
        (
            r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}"#,
            "MISSING_TRANSITION_TARGET",
        ),
        ("not json", "INVALID_JSON_DESCRIPTION: Unrecognized token 'not'"),
        (
            r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}}}"#,
            "sqs",
        ),
    ] {
        let (name, message) = server.refused("CreateStateMachine", create("m", definition)).await;
        assert_eq!(name, "InvalidDefinition", "{message}");
        assert!(message.starts_with("Invalid State Machine Definition: '"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(server.ok("ListStateMachines", json!({})).await["stateMachines"], json!([]));
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    let shown = async || server.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    let before = shown().await;
    assert_eq!(before["definition"], PASS);
    assert_eq!(before["status"], "ACTIVE");
    assert_eq!(before["type"], "STANDARD");
    assert!(before.get("revisionId").is_none(), "{before}");

    let update = |more: Value| {
        let mut request = json!({"stateMachineArn": arn});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let first = server.ok("UpdateStateMachine", update(json!({"definition": OTHER}))).await;
    let after = shown().await;
    assert_eq!((&after["definition"], &after["roleArn"]), (&json!(OTHER), &before["roleArn"]));
    assert_eq!(after["revisionId"], first["revisionId"]);
    assert_eq!(after["creationDate"], before["creationDate"]);

    let same = server.ok("UpdateStateMachine", update(json!({"definition": OTHER}))).await;
    assert_eq!(same["revisionId"], first["revisionId"], "nothing changed");
    let role = format!("{ROLE}-2");
    let second = server.ok("UpdateStateMachine", update(json!({"roleArn": role}))).await;
    assert_ne!(second["revisionId"], first["revisionId"]);
    let after = shown().await;
    assert_eq!((&after["definition"], &after["roleArn"]), (&json!(OTHER), &json!(role)));
}

#[tokio::test]
async fn an_update_of_nothing_or_of_nobody_is_refused() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    let (name, _) = server.refused("UpdateStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(name, "MissingRequiredParameter");
    let request = json!({"stateMachineArn": arn, "definition": OTHER, "versionDescription": "v"});
    let (name, message) = server.refused("UpdateStateMachine", request).await;
    let expected = "Version description can only be set when publish is true";
    assert_eq!((name.as_str(), message.as_str()), ("ValidationException", expected));
    let other = arn.replace(":m", ":other");
    let request = json!({"stateMachineArn": other, "definition": OTHER});
    let refused = server.refused("UpdateStateMachine", request).await;
    assert_eq!(refused.0, "StateMachineDoesNotExist");
    let request = json!({"stateMachineArn": arn, "definition": "{}"});
    assert_eq!(server.refused("UpdateStateMachine", request).await.0, "InvalidDefinition");
    let shown = server.ok("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
    assert_eq!(shown["definition"], PASS);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_deleting_it_again_is_no_error() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    for _ in 0..2 {
        assert_eq!(
            server.ok("DeleteStateMachine", json!({"stateMachineArn": arn})).await,
            json!({})
        );
    }
    let expected = format!("State Machine Does Not Exist: '{arn}'");
    for operation in ["DescribeStateMachine", "ListExecutions", "StartExecution"] {
        let (name, message) = server.refused(operation, json!({"stateMachineArn": arn})).await;
        assert_eq!(
            (name.as_str(), &message),
            ("StateMachineDoesNotExist", &expected),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn an_arn_of_something_else_is_told_apart() {
    let server = Server::start().await;
    let describe = async |arn: &str| {
        server.refused("DescribeStateMachine", json!({"stateMachineArn": arn})).await
    };
    let (name, message) = describe("arn:aws:states:us-east-1:111111111111:activity:m").await;
    assert_eq!(name, "InvalidArn");
    assert_eq!(message, "Invalid Arn: 'Resource type not valid in this context: activity'");
    let (name, _) = describe("arn:aws:states:eu-west-1:111111111111:stateMachine:m").await;
    assert_eq!(name, "StateMachineDoesNotExist");
    assert_eq!(describe("arn:aws:s3:::bucket").await.0, "InvalidArn");
}

#[tokio::test]
async fn machines_are_listed_page_by_page() {
    let server = Server::start().await;
    for name in ["c", "a", "e", "b", "d"] {
        server.create(name, PASS).await;
    }
    let (mut names, mut request) = (Vec::new(), json!({"maxResults": 2}));
    loop {
        let page = server.ok("ListStateMachines", request.clone()).await;
        let items = page["stateMachines"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| text(&item["name"])));
        assert!(items.iter().all(|item| item["type"] == "STANDARD"));
        let Some(token) = page.get("nextToken") else { break };
        request["nextToken"] = token.clone();
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let (name, message) =
        server.refused("ListStateMachines", json!({"nextToken": "made up"})).await;
    assert_eq!((name.as_str(), message.as_str()), ("InvalidToken", "Invalid Token: 'made up'"));
}

#[tokio::test]
async fn validation_answers_with_findings_up_to_the_number_that_is_asked_for() {
    let server = Server::start().await;
    let validate = async |more: Value| {
        let mut request = json!({"definition": PASS});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.ok("ValidateStateMachineDefinition", request).await
    };
    let fine = validate(json!({"type": "STANDARD"})).await;
    assert_eq!(fine, json!({"result": "OK", "diagnostics": [], "truncated": false}));

    let wrong = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"X"},"B":{"Type":"Pass","Next":"Y"}}}"#;
    let all = validate(json!({"definition": wrong})).await;
    let findings = all["diagnostics"].as_array().unwrap();
    assert_eq!((all["result"].as_str(), &all["truncated"]), (Some("FAIL"), &json!(false)));
    assert!(findings.len() > 1, "{all}");
    assert!(findings.iter().all(|found| found["severity"] == "ERROR"), "{all}");
    assert_eq!(validate(json!({"definition": wrong, "maxResults": 0})).await, all);
    let first = validate(json!({"definition": wrong, "maxResults": 1})).await;
    assert_eq!(first["diagnostics"], json!([findings[0]]));
    assert_eq!(first["truncated"], true);

    let unreachable = r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Pass","Next":"B"}}}"#;
    let warned = validate(json!({"definition": unreachable, "severity": "WARNING"})).await;
    assert_eq!(warned["result"], "OK", "{warned}");
    assert_eq!(warned["diagnostics"][0]["severity"], "WARNING", "{warned}");
    assert_eq!(validate(json!({"definition": unreachable})).await["diagnostics"], json!([]));
}

#[tokio::test]
async fn the_variables_that_each_state_reads_are_shown() {
    let server = Server::start().await;
    let definition = json!({
        "StartAt": "Set",
        "States": {
            "Set": { "Type": "Pass", "Assign": { "list": [1], "sum": 0, "b": 1 }, "Next": "Each" },
            "Each": {
                "Type": "Map",
                "ItemsPath": "$list",
                "ItemSelector": { "text.$": "States.Format('{} {}', $sum, $$.Map.Item.Value)" },
                "ItemProcessor": {
                    "StartAt": "In",
                    "States": {
                        "In": {
                            "Type": "Pass",
                            "QueryLanguage": "JSONata",
                            "Output": "{% ($own := $b; $map($states.input.x, $string) & $sum & $own) %}",
                            "End": true,
                        },
                    },
                },
                "End": true,
            },
        },
    });
    let arn = server.create("m", &definition.to_string()).await;
    let shown = server.ok("DescribeStateMachine", json!({ "stateMachineArn": arn })).await;
    let expected = json!({ "Each": ["list", "sum"], "In": ["b", "sum"] });
    assert_eq!(shown["variableReferences"], expected);
    let other = server.create("other", PASS).await;
    let shown = server.ok("DescribeStateMachine", json!({ "stateMachineArn": other })).await;
    assert_eq!(shown.get("variableReferences"), None);
}
