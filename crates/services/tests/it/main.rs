//! The services of a project, as `[services]` names them.

use std::path::Path;
use std::sync::Arc;

use object_store::{ObjectStoreExt as _, PutPayload};
use serde_json::Value;
use stepwell_integrations::dynamodb::{AttributeValue, Item, KeyAttribute, Table};
use stepwell_integrations::sns::{Attribute, Message};
use stepwell_integrations::sqs::Receive;
use stepwell_pipeline::surroundings::Services;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{HandlerError, Surroundings};
use stepwell_services::Opener;

fn opener(folder: &Path, services: &str) -> Opener {
    let services: Services = toml::from_str(services).unwrap();
    let secrets = Arc::new(Keys::none());
    Opener::new(Surroundings { secrets, services, state: folder.join(".stepwell") })
}

#[tokio::test]
async fn what_is_not_embedded_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let opener = opener(folder.path(), "");
    for (error, service) in [
        (opener.kinesis().await.unwrap_err(), "kinesis"),
        (opener.athena().await.unwrap_err(), "athena"),
    ] {
        assert!(matches!(error, HandlerError::Config(_)), "{error}");
        assert!(error.to_string().contains(&format!("`{service} = \"aws\"`")), "{error}");
    }
    assert!(!folder.path().join(".stepwell").exists());
}

#[tokio::test]
async fn what_is_embedded_lies_in_the_projects_folder() {
    let folder = tempfile::tempdir().unwrap();
    let opener = opener(folder.path(), "");
    let tables = opener.tables().await.unwrap();
    let table = Table { name: "runs".into(), hash: KeyAttribute::text("pk"), range: None };
    tables.ensure_table(&table).await.unwrap();
    let item = Item::from([("pk".to_owned(), AttributeValue::text("a"))]);
    tables.put("runs", &item).await.unwrap();
    let bucket = opener.buckets().await.unwrap().bucket("raw").await.unwrap();
    bucket.put(&"orders/a".into(), PutPayload::from("text")).await.unwrap();
    let catalog = opener.catalog(&folder.path().join("lake")).await.unwrap();
    catalog.ensure_database("raw").await.unwrap();
    for file in [".stepwell/dynamodb.db", ".stepwell/s3/raw/orders/a", "lake/raw.catalog.json"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    assert_eq!(opener.aws_requests(), 0);
}

#[tokio::test]
async fn subscribers_are_those_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let opener = opener(
        folder.path(),
        r#"
        [topics.alerts.tickets]
        to = { queue = "tickets.fifo" }
        filter = { severity = ["FAILED"] }
        "#,
    );
    let topics = opener.topics().await.unwrap();
    for severity in ["PASSED", "FAILED"] {
        let attribute = Attribute::String(severity.to_owned());
        let message = Message::new(severity).with_attribute("severity", attribute);
        topics.publish("alerts", &message).await.unwrap();
    }
    let queue = opener.queue("tickets.fifo", None, 5).await.unwrap();
    let messages = queue.receive(&Receive::default()).await.unwrap();
    let text = |body: &str| serde_json::from_str::<Value>(body).unwrap()["Message"].clone();
    let texts: Vec<_> = messages.iter().map(|message| text(&message.body)).collect();
    assert_eq!(texts, ["FAILED"]);
}

#[tokio::test]
async fn a_webhook_whose_secret_is_missing_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let webhook = "[topics.alerts.chat]\nto = { webhook = \"secret:chat/webhook\" }\n";
    let error = opener(folder.path(), webhook).topics().await.unwrap_err();
    assert!(matches!(error, HandlerError::Config(_)), "{error}");
    let says = error.to_string();
    assert!(says.contains("topic `alerts`") && says.contains("chat/webhook"), "{says}");
}
