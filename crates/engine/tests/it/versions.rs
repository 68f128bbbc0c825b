//! Versions, aliases and tags survive what executions survive, and the draw of an alias is recorded.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use stepwell_engine::{ExecutionFilter, Page, Publish, Tag, UpdateStateMachine};

use crate::rig::{Engine, Rig, one, wait};

/// Version 1 waits for ten seconds, version 2 gives 2.
async fn two_versions(engine: &Engine) -> String {
    let arn = engine.create("m", wait(10)).await;
    engine.handle.publish_version(&arn, Some("slow".to_owned()), None).await.unwrap();
    let two = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 2, "End": true}}});
    let change = UpdateStateMachine {
        definition: Some(two.to_string()),
        publish: Some(Publish::default()),
        ..Default::default()
    };
    engine.handle.update_state_machine(&arn, change).await.unwrap();
    arn
}

#[tokio::test]
async fn a_crash_loses_none_of_them() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = two_versions(&engine).await;
    let routes = [(format!("{arn}:1"), 100)];
    engine.handle.create_alias("live".to_owned(), None, &routes).await.unwrap();
    let tags = vec![Tag { key: "team".to_owned(), value: "data".to_owned() }];
    engine.handle.tag(&arn, tags.clone()).await.unwrap();
    let before = engine.start(&format!("{arn}:live"), "before", "{}").await;

    let copy = rig.crashed_copy();
    let engine = copy.open();
    assert_eq!(engine.handle.list_tags(&arn).await.unwrap(), tags);
    let versions = engine.handle.list_versions(&arn, Page::default()).await.unwrap().items;
    let numbers: Vec<_> = versions.iter().map(|version| version.arn.as_str()).collect();
    assert_eq!(numbers, [format!("{arn}:2"), format!("{arn}:1")]);
    assert_eq!(versions[1].description.as_deref(), Some("slow"));

    let after = engine.start(&format!("{arn}:live"), "after", "{}").await;
    copy.clock.advance(Duration::from_secs(10));
    engine.handle.nudge();
    for execution in [before, after] {
        let ended = engine.wait(&execution).await;
        assert_eq!(ended.output.as_deref(), Some("{}"), "it runs version 1 to its end");
        assert_eq!(ended.summary.version_arn, Some(format!("{arn}:1")));
        assert_eq!(ended.summary.alias_arn, Some(format!("{arn}:live")));
    }
    let error = engine.handle.delete_version(&format!("{arn}:1")).await.unwrap_err();
    assert_eq!(error.aws_name(), "ConflictException");
}

#[tokio::test]
async fn a_number_is_not_given_twice_even_after_a_crash() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = two_versions(&engine).await;
    engine.handle.delete_version(&format!("{arn}:2")).await.unwrap();

    let engine = rig.crashed_copy().open();
    let published = engine.handle.publish_version(&arn, None, None).await.unwrap();
    assert_eq!(published.arn, format!("{arn}:3"));
}

/// With this seed a dozen draws hit both routes.
#[tokio::test]
async fn both_routes_of_an_alias_are_drawn_and_shown() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = two_versions(&engine).await;
    let routes = [(format!("{arn}:1"), 50), (format!("{arn}:2"), 50)];
    engine.handle.create_alias("live".to_owned(), None, &routes).await.unwrap();
    let mut drawn = BTreeSet::new();
    for number in 0..12 {
        let execution = engine.start(&format!("{arn}:live"), &number.to_string(), "{}").await;
        let shown = engine.handle.describe_execution(&execution).await.unwrap();
        drawn.insert(shown.summary.version_arn.unwrap());
    }
    assert_eq!(drawn, BTreeSet::from([format!("{arn}:1"), format!("{arn}:2")]));
}

/// Its versions count anew, as AWS's do.
#[tokio::test]
async fn a_state_machine_that_was_created_again_lists_what_its_own_versions_started() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = engine.create("m", one(json!({"Type": "Pass"}))).await;
    for name in ["old", "new"] {
        let version = engine.handle.publish_version(&arn, None, None).await.unwrap().arn;
        assert_eq!(version, format!("{arn}:1"));
        let execution = engine.start(&version, name, "{}").await;
        engine.wait(&execution).await;
        let filter =
            ExecutionFilter { state_machine_arn: Some(version), ..ExecutionFilter::default() };
        let listed = engine.handle.list_executions(filter, Page::default()).await.unwrap().items;
        let names: Vec<_> = listed.iter().map(|execution| execution.name.as_str()).collect();
        assert_eq!(names, [name]);
        rig.clock.advance(Duration::from_secs(1));
        engine.handle.delete_state_machine(&arn).await.unwrap();
        engine.create("m", one(json!({"Type": "Pass"}))).await;
    }
}
