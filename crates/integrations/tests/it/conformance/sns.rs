//! What all topics do; who gets what is published is of each one's own making.

use std::collections::BTreeMap;

use stepwell_integrations::sns::{
    Attribute, AwsTopics, EmbeddedTopics, Error, MESSAGE_BYTES_MAX, Message, Structure, Topics,
};
use tempfile::TempDir;

use super::implementations;
use crate::support::{Time, connection, http, unique};

struct Fixture {
    topics: Box<dyn Topics>,
    topic: String,
    _folder: Option<TempDir>,
}

implementations!(
    a_message_gets_an_id_of_its_own,
    a_message_that_sns_does_not_take_is_refused,
    attributes_and_structure_are_taken,
    a_topic_that_cannot_be_is_refused,
);

#[expect(clippy::unused_async, reason = "the fixtures of other services have to wait")]
async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sns.db");
    let clock = Time::manual().clock();
    let topics = EmbeddedTopics::open(&path, BTreeMap::new(), http(), clock).unwrap();
    Fixture { topics: Box::new(topics), topic: "alerts".to_owned(), _folder: Some(folder) }
}

async fn moto() -> Option<Fixture> {
    let topics = AwsTopics::new(&connection(&crate::support::moto()?).await);
    Some(Fixture { topics: Box::new(topics), topic: unique("alerts"), _folder: None })
}

async fn a_message_gets_an_id_of_its_own(fixture: &Fixture) {
    let publish = async || fixture.topics.publish(&fixture.topic, &Message::new("text")).await;
    let (first, second) = (publish().await.unwrap(), publish().await.unwrap());
    assert_ne!(first, second);
    // A UUID.
    assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
}

async fn a_message_that_sns_does_not_take_is_refused(fixture: &Fixture) {
    let long_subject = Message::new("text").with_subject("x".repeat(100));
    let json = Message { structure: Structure::Json, ..Message::new(r#"{"sqs": "x"}"#) };
    let long = Message::new("x".repeat(MESSAGE_BYTES_MAX + 1));
    for bad in [Message::new(""), long_subject, json, long] {
        let error = fixture.topics.publish(&fixture.topic, &bad).await.unwrap_err();
        assert!(matches!(&error, Error::InvalidMessage { .. }), "{error}");
        assert!(!error.is_retryable());
    }
}

async fn attributes_and_structure_are_taken(fixture: &Fixture) {
    let texts = r#"{"default": "a", "sqs": "b"}"#;
    let message = Message { structure: Structure::Json, ..Message::new(texts) }
        .with_subject("ü: FAILED")
        .with_attribute("severity", Attribute::String("FAILED".into()))
        .with_attribute("count", Attribute::Number("3".into()))
        .with_attribute("tests", Attribute::StringArray(vec!["gap".into(), "spike".into()]))
        .with_attribute("raw", Attribute::Binary(vec![0, 255]));
    fixture.topics.publish(&fixture.topic, &message).await.unwrap();
}

async fn a_topic_that_cannot_be_is_refused(fixture: &Fixture) {
    for bad in ["", "a b"] {
        let error = fixture.topics.publish(bad, &Message::new("text")).await.unwrap_err();
        assert!(matches!(&error, Error::NoSuchTopic { topic } if topic == bad), "{error}");
    }
    let error = fixture.topics.publish("alerts.fifo", &Message::new("text")).await.unwrap_err();
    assert!(error.to_string().contains("FIFO"), "{error}");
}
