//! `stepwell validate`

use insta::assert_snapshot;
use serde_json::json;

use crate::support::Project;

const WRONG: &str = r#"{
  "StartAt": "Load",
  "States": {
    "Load": {"Type": "Pass", "Next": "Stor"},
    "Store": {"Type": "Pas", "End": true}
  }
}"#;

#[test]
fn all_problems_of_all_files_are_told_with_their_places() {
    let project = Project::new();
    project.write("wrong.asl.json", WRONG);
    project.write("right.asl.json", r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#);
    let ended = project.run(&["validate", "wrong.asl.json", "right.asl.json"]);
    assert_eq!(ended.code, Some(3));
    assert_snapshot!(ended.stdout);
    assert_eq!(ended.stderr, "right.asl.json: no problems\n");
}

#[test]
fn programs_get_json() {
    let project = Project::new();
    project.write("wrong.asl.json", WRONG);
    let ended = project.run(&["validate", "wrong.asl.json", "--json"]);
    assert_eq!(ended.code, Some(3));
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let place = |index: usize| json!([findings[index]["line"], findings[index]["place"]]);
    assert_eq!(place(0), json!([4, "/States/Load/Next"]));
    assert_eq!(place(1), json!([5, "/States/Store/Type"]));
    assert_eq!(findings.as_array().map(Vec::len), Some(2));
}

#[test]
fn a_resource_that_nobody_serves_is_refused_by_name() {
    let project = Project::new();
    let task = |resource: &str| {
        format!(
            "{{\"StartAt\":\"T\",\"States\":{{\"T\":{{\"Type\":\"Task\",\n \"Resource\":\"{resource}\",\"End\":true}}}}}}"
        )
    };
    for (resource, says) in [
        ("arn:aws:states:::batch:submitJob", "the integration `batch:submitJob` is not there yet"),
        (
            "arn:aws:states:::ecs:runTask.waitForTaskToken",
            "the integration `ecs:runTask.waitForTaskToken` is not there yet",
        ),
        ("arn:aws:states:::lambda:invoke.sync", "the integration `lambda:invoke.sync`"),
    ] {
        project.write("task.asl.json", &task(resource));
        let ended = project.run(&["validate", "task.asl.json"]);
        assert_eq!(ended.code, Some(3), "{resource}");
        assert!(ended.stdout.contains(says), "{}", ended.stdout);
        let place = "--> task.asl.json:2:13  /States/T/Resource\n   = help: ";
        assert!(ended.stdout.contains(place), "{}", ended.stdout);
        assert!(project.fails(3, &["run", "task.asl.json"]).contains(says));
    }
}

/// What the file says is right, and the project has nobody to do it.
#[test]
fn http_tasks_need_connections_of_the_project() {
    let call = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::http:invoke",
        "Parameters":{"Method":"GET","ApiEndpoint":"http://127.0.0.1:1/","Authentication":{"ConnectionArn":"arn:x"}},"End":true}}}"#;
    let project = Project::configured("[services]\nevents = \"aws\"\n");
    project.write("call.asl.json", call);
    let says = project.run(&["run", "call.asl.json"]).stderr;
    assert!(says.contains("`arn:aws:states:::http:invoke`"), "{says}");
    assert!(says.contains("write `events = \"embedded\"` to [services]"), "{says}");
}

#[test]
fn a_member_that_its_action_does_not_have_is_refused_by_name_and_place() {
    let project = Project::new();
    let task = |parameters: &str| {
        format!(
            "{{\"StartAt\":\"T\",\"States\":{{\"T\":{{\"Type\":\"Task\",\"End\":true,\n \"Resource\":\"arn:aws:states:::sqs:sendMessage\",\n \"Parameters\":{{{parameters}}}}}}}}}"
        )
    };
    let wrong = "\"QueueUrl\":\"q\",\n  \"messageBody\":\"m\"";
    project.write("task.asl.json", &task(wrong));
    let ended = project.run(&["validate", "task.asl.json"]);
    assert_eq!(ended.code, Some(3));
    for says in [
        "error[SW0102]: The field \"messageBody\" is not supported by Step Functions\n  --> task.asl.json:4:3  /States/T/Parameters/messageBody",
        "error[SW0101]: The field 'MessageBody' is required but was missing\n  --> task.asl.json:3:2  /States/T/Parameters",
    ] {
        assert!(ended.stdout.contains(says), "{}", ended.stdout);
    }
    assert!(project.fails(3, &["run", "task.asl.json"]).contains("\"messageBody\""));
    project.write("task.asl.json", &task("\"QueueUrl\":\"q\",\"MessageBody.$\":\"$.m\""));
    project.ok(&["validate", "task.asl.json"]);
}

/// Whoever serves decides what there is.
#[test]
fn services_of_aws_are_checked_as_the_configuration_names_them() {
    let task = |resource: &str| {
        format!(
            "{{\"StartAt\":\"T\",\"States\":{{\"T\":{{\"Type\":\"Task\",\"End\":true,\"Resource\":\"arn:aws:states:::{resource}\",\"Parameters\":{{}}}}}}}}"
        )
    };
    let refused = |project: &Project, resource: &str| {
        project.write("task.asl.json", &task(resource));
        let ended = project.run(&["validate", "task.asl.json"]);
        (ended.code == Some(3)).then_some(ended.stdout)
    };
    let embedded = Project::new();
    let at_aws = Project::configured(
        "[services]\ns3 = \"aws\"\nsqs = \"aws\"\nkms = \"aws\"\nkinesis = \"aws\"\nlambda = \"aws\"\n",
    );
    for (resource, embedded_says, aws_says) in [
        ("aws-sdk:kms:encrypt", Some("with `kms = \"aws\"` in [services]"), None),
        ("aws-sdk:kinesis:putRecord", Some("with `kinesis = \"aws\"` in [services]"), None),
        ("aws-sdk:sqs:startMessageMoveTask", Some("supported of `aws-sdk:sqs` are"), None),
        ("aws-sdk:s3:createBucket", None, Some("supported of `aws-sdk:s3` are copyObject, ")),
        ("aws-sdk:s3:listObjectsV2", None, None),
        (
            "aws-sdk:kms:encript",
            Some("`kms` is not embedded"),
            Some("`kms` has no action `encript`"),
        ),
        ("aws-sdk:rds:stopDBInstance", Some("`rds` speaks query"), Some("`rds` speaks query")),
        (
            "aws-sdk:lambda:invoke",
            Some("`lambda` speaks rest-json"),
            Some("`lambda` speaks rest-json"),
        ),
        ("aws-sdk:nowhere:go", Some("no service `nowhere`"), Some("no service `nowhere`")),
    ] {
        for (project, says) in [(&embedded, embedded_says), (&at_aws, aws_says)] {
            let refusal = refused(project, resource);
            assert_eq!(refusal.is_some(), says.is_some(), "{resource}: {refusal:?}");
            if let (Some(refusal), Some(says)) = (refusal, says) {
                assert!(refusal.contains(says), "{refusal}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let says = Project::new().fails(3, &["validate", "none.asl.json"]);
    assert!(says.starts_with("error: `none.asl.json` cannot be read"), "{says}");
}
