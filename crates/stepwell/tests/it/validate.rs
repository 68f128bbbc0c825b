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
fn a_file_that_is_not_there_is_named() {
    let says = Project::new().fails(3, &["validate", "none.asl.json"]);
    assert!(says.starts_with("error: `none.asl.json` cannot be read"), "{says}");
}
