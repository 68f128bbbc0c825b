//! Versions, aliases and tags.

use serde_json::{Value, json};

use crate::server::{ROLE, Server, text};

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const OTHER: &str = r#"{"StartAt":"B","States":{"B":{"Type":"Pass","Result":2,"End":true}}}"#;

/// A state machine whose version 1 gives its input back and whose version 2 gives 2.
async fn two_versions(server: &Server) -> String {
    let request = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true});
    let arn = text(&server.ok("CreateStateMachine", request).await["stateMachineArn"]);
    let request = json!({"stateMachineArn": arn, "definition": OTHER, "publish": true});
    let updated = server.ok("UpdateStateMachine", request).await;
    assert_eq!(updated["stateMachineVersionArn"], format!("{arn}:2"));
    arn
}

fn alias(arn: &str, name: &str, weights: &[(u8, i64)]) -> Value {
    let route = |(number, weight): &(u8, i64)| json!({"stateMachineVersionArn": format!("{arn}:{number}"), "weight": weight});
    json!({"name": name, "routingConfiguration": weights.iter().map(route).collect::<Value>()})
}

async fn output(server: &Server, arn: &str) -> (Value, Value) {
    let started = server.ok("StartExecution", json!({"stateMachineArn": arn})).await;
    let ended = server.ended(&text(&started["executionArn"])).await;
    (ended["output"].clone(), ended)
}

#[tokio::test]
async fn routes_that_make_no_sense_are_refused_and_nothing_is_made() {
    let server = Server::start().await;
    let arn = two_versions(&server).await;
    for (request, name) in [
        (alias(&arn, "a", &[]), "ValidationException"),
        (alias(&arn, "a", &[(1, 99)]), "ValidationException"),
        (alias(&arn, "a", &[(1, 101)]), "ValidationException"),
        (alias(&arn, "a", &[(1, 50), (1, 50)]), "ValidationException"),
        (alias(&arn, "a", &[(1, 40), (2, 40), (1, 20)]), "ValidationException"),
        (alias(&arn, "a", &[(3, 100)]), "ResourceNotFound"),
        (json!({"name": "a"}), "ValidationException"),
    ] {
        let refused = server.refused("CreateStateMachineAlias", request).await;
        assert_eq!(refused.0, name, "{refused:?}");
    }
    let listed = server.ok("ListStateMachineAliases", json!({"stateMachineArn": arn})).await;
    assert_eq!(listed, json!({"stateMachineAliases": []}));
}

#[tokio::test]
async fn what_does_not_exist_starts_nothing() {
    let server = Server::start().await;
    let arn = two_versions(&server).await;
    for qualifier in ["3", "nobody"] {
        let request = json!({"stateMachineArn": format!("{arn}:{qualifier}")});
        let (name, message) = server.refused("StartExecution", request).await;
        assert_eq!(name, "StateMachineDoesNotExist");
        assert_eq!(message, format!("State Machine Does Not Exist: '{arn}:{qualifier}'"));
    }
    let request = json!({"stateMachineAliasArn": format!("{arn}:nobody")});
    assert_eq!(server.refused("DescribeStateMachineAlias", request).await.0, "ResourceNotFound");
}

#[tokio::test]
async fn an_execution_runs_the_version_that_it_was_started_by() {
    let server = Server::start().await;
    let arn = two_versions(&server).await;
    assert_eq!(output(&server, &format!("{arn}:1")).await.0, "{}");
    assert_eq!(output(&server, &format!("{arn}:2")).await.0, "2");
    let made = server.ok("CreateStateMachineAlias", alias(&arn, "live", &[(1, 100)])).await;
    let live = text(&made["stateMachineAliasArn"]);
    assert_eq!(live, format!("{arn}:live"));
    let (given, shown) = output(&server, &live).await;
    assert_eq!(given, "{}");
    assert_eq!(shown["stateMachineVersionArn"], format!("{arn}:1"));
    assert_eq!(shown["stateMachineAliasArn"], live);

    let listed = server.ok("ListExecutions", json!({"stateMachineArn": live})).await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(1), "{listed}");
    let listed = server.ok("ListExecutions", json!({"stateMachineArn": format!("{arn}:1")})).await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(2), "{listed}");
    let listed = server.ok("ListExecutions", json!({"stateMachineArn": arn})).await;
    assert_eq!(listed["executions"].as_array().map(Vec::len), Some(3), "{listed}");
}

#[tokio::test]
async fn a_route_without_weight_gets_nothing() {
    let server = Server::start().await;
    let arn = two_versions(&server).await;
    server.ok("CreateStateMachineAlias", alias(&arn, "live", &[(1, 0), (2, 100)])).await;
    for _ in 0..8 {
        assert_eq!(output(&server, &format!("{arn}:live")).await.0, "2");
    }
}

#[tokio::test]
async fn what_is_deleted_takes_its_versions_and_aliases_along() {
    let server = Server::start().await;
    let arn = two_versions(&server).await;
    server.ok("CreateStateMachineAlias", alias(&arn, "live", &[(1, 100)])).await;
    server.ok("DeleteStateMachine", json!({"stateMachineArn": arn})).await;
    let request = json!({"name": "m", "definition": PASS, "roleArn": ROLE, "publish": true});
    let again = server.ok("CreateStateMachine", request).await;
    assert_eq!(again["stateMachineVersionArn"], format!("{arn}:1"));
    let listed = server.ok("ListStateMachineAliases", json!({"stateMachineArn": arn})).await;
    assert_eq!(listed, json!({"stateMachineAliases": []}));
    let listed = server.ok("ListStateMachineVersions", json!({"stateMachineArn": arn})).await;
    assert_eq!(listed["stateMachineVersions"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn the_first_revision_is_published_by_its_name() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    let publish = |revision: &str| json!({"stateMachineArn": arn, "revisionId": revision});
    let (name, message) = server.refused("PublishStateMachineVersion", publish("x")).await;
    assert_eq!(name, "ConflictException");
    assert!(message.ends_with("The current State Machine revision is INITIAL."), "{message}");
    server.ok("PublishStateMachineVersion", publish("INITIAL")).await;
}

#[tokio::test]
async fn tags_are_few_and_of_what_exists() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    let tag = |key: String| json!({"key": key, "value": "v"});
    let tags = |count: usize| -> Value { (0..count).map(|n| tag(n.to_string())).collect() };
    let request = json!({"resourceArn": arn, "tags": tags(51)});
    assert_eq!(server.refused("TagResource", request).await.0, "TooManyTags");
    let request = json!({"resourceArn": arn, "tags": [{"key": "", "value": "v"}]});
    assert_eq!(server.refused("TagResource", request).await.0, "ValidationException");
    let gone = arn.replace(":m", ":n");
    for operation in ["TagResource", "UntagResource", "ListTagsForResource"] {
        let request = json!({"resourceArn": gone, "tags": [], "tagKeys": []});
        let refused = server.refused(operation, request).await;
        assert_eq!(
            refused,
            ("ResourceNotFound".to_owned(), format!("Resource not found: '{gone}'"))
        );
    }
    let listed = server.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(listed, json!({"tags": []}));
}

#[tokio::test]
async fn activities_have_tags_from_when_they_are_created() {
    let server = Server::start().await;
    let create = |value: &str| json!({"name": "a", "tags": [{"key": "team", "value": value}]});
    let created = server.ok("CreateActivity", create("data")).await;
    assert_eq!(server.ok("CreateActivity", create("other")).await, created, "tags stay");
    let arn = text(&created["activityArn"]);
    let listed = async || server.ok("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(listed().await, json!({"tags": [{"key": "team", "value": "data"}]}));
    let tag = json!({"resourceArn": arn, "tags": [{"key": "cost", "value": "1"}]});
    server.ok("TagResource", tag).await;
    server.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]})).await;
    assert_eq!(listed().await, json!({"tags": [{"key": "cost", "value": "1"}]}));
    let gone = json!({"resourceArn": format!("{arn}x")});
    assert_eq!(server.refused("ListTagsForResource", gone).await.0, "ResourceNotFound");
}

#[tokio::test]
async fn a_state_machine_that_exists_is_created_again_only_if_it_was_published_so() {
    let server = Server::start().await;
    let create = |name: &str, more: Value| {
        let mut request = json!({"name": name, "definition": PASS, "roleArn": ROLE});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let published = json!({"publish": true, "versionDescription": "first"});
    let plain = server.ok("CreateStateMachine", create("plain", json!({}))).await;
    assert_eq!(server.ok("CreateStateMachine", create("plain", json!({}))).await, plain);
    let request = create("plain", published.clone());
    let (name, _) = server.refused("CreateStateMachine", request).await;
    assert_eq!(name, "StateMachineAlreadyExists");
    let listed = json!({"stateMachineArn": plain["stateMachineArn"]});
    let versions = server.ok("ListStateMachineVersions", listed).await;
    assert_eq!(versions["stateMachineVersions"], json!([]), "nothing was published");

    let first = server.ok("CreateStateMachine", create("two", published.clone())).await;
    assert_eq!(server.ok("CreateStateMachine", create("two", published)).await, first);
    for other in
        [json!({}), json!({"publish": true}), json!({"publish": true, "versionDescription": "b"})]
    {
        let (name, _) = server.refused("CreateStateMachine", create("two", other)).await;
        assert_eq!(name, "StateMachineAlreadyExists");
    }
}

#[tokio::test]
async fn metadata_comes_without_data() {
    let server = Server::start().await;
    let arn = server.create("m", PASS).await;
    let execution = server.start_execution(&arn, "e", r#"{"secret":1}"#).await;
    server.ended(&execution).await;
    let more = |member: &str, arn: &str| json!({member: arn, "includedData": "METADATA_ONLY"});
    let shown = server.ok("DescribeExecution", more("executionArn", &execution)).await;
    assert!(shown.get("input").is_none() && shown.get("output").is_none(), "{shown}");
    let shown = server.ok("DescribeStateMachine", more("stateMachineArn", &arn)).await;
    assert!(shown.get("definition").is_none(), "{shown}");
}
