//! Queues that topics and rules send to: those of AWS, which are another installation here, and many events at once.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_integrations::aws::AwsService;
use stepwell_integrations::events::Announced;
use stepwell_integrations::service::Origin;
use stepwell_integrations::sqs::{self, Targets};

use crate::support::{Embedded, REGION, Time, connection};

impl Embedded {
    async fn ask(&self, service: &str, action: &str, input: Value) -> Value {
        let service = self.services.iter().find(|it| it.facts().name == service).unwrap();
        let origin = Origin { base_url: self.url.clone() };
        service.call(action, input, &origin).await.unwrap()
    }

    /// The bodies of the messages of a queue, which is empty afterwards.
    async fn emptied(&self, queue: &str) -> Vec<Value> {
        let mut bodies = Vec::new();
        loop {
            let input = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10});
            let answer = self.ask("sqs", "ReceiveMessage", input).await;
            let Some(messages) = answer["Messages"].as_array() else { return bodies };
            for message in messages {
                bodies.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
                let input = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
                self.ask("sqs", "DeleteMessage", input).await;
            }
        }
    }

    /// A rule that sends all events of a source to a queue.
    async fn rule(&self, source: &str, queue_arn: &str) {
        let pattern = json!({"source": [source]}).to_string();
        self.ask("events", "PutRule", json!({"Name": "all", "EventPattern": pattern})).await;
        let targets = json!([{"Id": "1", "Arn": queue_arn}]);
        self.ask("events", "PutTargets", json!({"Rule": "all", "Targets": targets})).await;
    }

    async fn put_event(&self) -> Value {
        let entry = json!({"Source": "my.app", "DetailType": "made", "Detail": "{}"});
        self.ask("events", "PutEvents", json!({"Entries": [entry]})).await
    }
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:111111111111:{queue}")
}

/// The queues at an address, as those of AWS are reached.
async fn queues_at(url: &str) -> Targets {
    let queues = AwsService::new(&connection(url).await, &sqs::FACTS).unwrap();
    Targets::at_aws(Arc::new(queues))
}

#[tokio::test]
async fn an_event_for_a_queue_that_cannot_be_reached_is_told_and_one_for_none_is_gone() {
    let time = Time::manual();
    let nobody = Embedded::beside(&time, queues_at("http://127.0.0.1:1").await).await;
    nobody.rule("my.app", &arn("jobs")).await;
    let answer = nobody.put_event().await;
    assert_eq!(answer["FailedEntryCount"], 1, "{answer}");
    assert_eq!(answer["Entries"][0]["ErrorCode"], "InternalFailure");
    let aws = Embedded::start(&time).await;
    let here = Embedded::beside(&time, queues_at(&aws.url).await).await;
    here.rule("my.app", &arn("jobs")).await;
    assert_eq!(here.put_event().await["FailedEntryCount"], 0, "as at AWS");
}

#[tokio::test]
async fn topics_and_rules_send_to_queues_of_aws() {
    let time = Time::manual();
    let aws = Embedded::start(&time).await;
    aws.ask("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await;
    let here = Embedded::beside(&time, queues_at(&aws.url).await).await;
    here.ask("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await;
    let topic = here.ask("sns", "CreateTopic", json!({"Name": "news"})).await;
    let topic = &topic["TopicArn"];
    let subscription = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn("jobs")});
    here.ask("sns", "Subscribe", subscription).await;
    here.ask("sns", "Publish", json!({"TopicArn": topic, "Message": "published"})).await;
    here.rule("my.app", &arn("jobs")).await;
    here.put_event().await;
    let received = aws.emptied("jobs").await;
    assert_eq!(received.len(), 2);
    assert_eq!(
        (&received[0]["Message"], &received[1]["source"]),
        (&json!("published"), &json!("my.app"))
    );
    assert_eq!(here.emptied("jobs").await, [Value::Null; 0]);
}

#[tokio::test]
async fn many_events_arrive_once_and_in_their_order() {
    let embedded = Embedded::start(&Time::manual()).await;
    embedded.ask("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await;
    embedded.rule("aws.states", &arn("jobs")).await;
    let announced = |number| Announced {
        resources: vec![format!("arn:{number}")],
        detail: json!({"number": number}),
    };
    let all = (0..1_234).map(announced).collect();
    embedded.events.announce("aws.states", "changed", async { all }).await.unwrap();
    let received = embedded.emptied("jobs").await;
    let numbers: Vec<_> =
        received.iter().map(|it| it["detail"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..1_234).collect::<Vec<_>>());
}
