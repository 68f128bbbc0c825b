//! `watch`: the rules that would be put, and what stands in the way of putting them.

use serde_json::json;

use crate::support::Project;

#[test]
fn rules_are_shown_and_nothing_is_asked_for() {
    let project = Project::new();
    let rules = project.json(&["watch", "lake-apply", "lake-consume", "--stream", "never"]);
    let names: Vec<_> =
        rules.as_array().unwrap().iter().map(|it| &it["logGroup"]["logGroupName"]).collect();
    assert_eq!(names, [&json!("/aws/lambda/lake-apply"), &json!("/aws/lambda/lake-consume")]);
    assert_eq!(rules[0]["logGroup"]["retentionInDays"], json!(14));
    assert_eq!(rules[0]["alarms"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_retention_that_is_unknown_and_an_aws_that_is_not_there() {
    let mut project = Project::configured(
        "[services.aws]\nregion = \"eu-central-1\"\nendpoint_url = \"http://127.0.0.1:1\"\n",
    );
    let says = project.fails(2, &["watch", "f", "--retention-days", "10"]);
    assert!(says.contains("the next that CloudWatch knows is 14"), "{says}");
    project.variable("STEPWELL_SERVICES_AWS_ACCESS_KEY_ID", "me");
    project.variable("STEPWELL_SERVICES_AWS_SECRET_ACCESS_KEY", "hunter2");
    let says = project.fails(5, &["watch", "f", "--apply"]);
    assert!(says.contains("logs:CreateLogGroup") && !says.contains("hunter2"), "{says}");
}
