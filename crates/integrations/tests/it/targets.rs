//! What topics and rules send to: queues of AWS, which are another installation here, many events at once, and what is started.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
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

    /// What `PutTargets` answers: of the rule of [`Self::rule`].
    async fn targets(&self, targets: Value) -> Result<Value, ServiceError> {
        let events = self.services.iter().find(|it| it.facts().name == "events").unwrap();
        let origin = Origin { base_url: self.url.clone() };
        events.call("PutTargets", json!({"Rule": "all", "Targets": targets}), &origin).await
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

fn machine(name: &str) -> String {
    format!("arn:aws:states:{REGION}:111111111111:stateMachine:{name}")
}

fn function(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:111111111111:function:{name}")
}

#[tokio::test]
async fn state_machines_and_functions_are_started_with_what_their_target_says() {
    let embedded = Embedded::start(&Time::manual()).await;
    embedded.rule("my.app", &arn("none")).await;
    let transformer = json!({
        "InputPathsMap": {"what": "$.detail-type"},
        "InputTemplate": "{\"was\": <what>, \"rule\": \"the rule <aws.events.rule-name>\", \"at\": <aws.events.event.ingestion-time>}",
    });
    let targets = json!([
        {"Id": "1", "Arn": machine("whole"), "RoleArn": "arn:aws:iam::111111111111:role/r"},
        {"Id": "2", "Arn": function("part:live"), "InputPath": "$.detail"},
        {"Id": "3", "Arn": machine("constant"), "Input": "[1]"},
        {"Id": "4", "Arn": function("made"), "InputTransformer": transformer},
    ]);
    embedded.targets(targets.clone()).await.unwrap();
    let listed = embedded.ask("events", "ListTargetsByRule", json!({"Rule": "all"})).await;
    assert_eq!(listed["Targets"], targets, "the first one was replaced");
    let answer = embedded.put_event().await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    let id = answer["Entries"][0]["EventId"].as_str().unwrap();
    let started = embedded.starter.all.lock().unwrap();
    let is_named = |name: &str| name.strip_prefix(id).is_some_and(|rest| rest.starts_with('_'));
    let of_machines = started.iter().filter(|(arn, ..)| arn.contains(":states:"));
    assert!(of_machines.clone().all(|(_, name, _)| is_named(name)), "{started:?}");
    let started: Vec<_> = started.iter().map(|(arn, _, input)| (&**arn, input)).collect();
    let event = json!({
        "version": "0", "id": id, "detail-type": "made", "source": "my.app", "account": "111111111111",
        "time": "2026-03-01T09:00:00Z", "region": REGION, "resources": [], "detail": {},
    });
    let made = json!({"was": "made", "rule": "the rule all", "at": "2026-03-01T09:00:00Z"});
    let arns = [machine("whole"), function("part:live"), machine("constant"), function("made")];
    let inputs = [&event, &json!({}), &json!([1]), &made];
    assert_eq!(started, arns.iter().map(String::as_str).zip(inputs).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_for_what_is_gone_is_missed_and_one_for_what_is_busy_is_told() {
    let embedded = Embedded::start(&Time::manual()).await;
    embedded.rule("my.app", &machine("gone")).await;
    assert_eq!(embedded.put_event().await["FailedEntryCount"], 0, "as at AWS");
    embedded.rule("my.app", &function("busy")).await;
    let answer = embedded.put_event().await;
    assert_eq!(answer["Entries"][0]["ErrorCode"], "InternalFailure", "{answer}");
}

#[tokio::test]
async fn targets_that_cannot_be_are_refused_with_the_reason_and_none_is_kept() {
    let embedded = Embedded::start(&Time::manual()).await;
    embedded.starter.has_no_functions.store(true, Ordering::SeqCst);
    embedded.rule("my.app", &arn("jobs")).await;
    let refusals = [
        (json!({"Arn": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}), "is not supported"),
        (
            json!({"Arn": format!("arn:aws:states:{REGION}:111111111111:activity:a")}),
            "is not supported",
        ),
        (json!({"Arn": "jobs"}), "is not supported"),
        (json!({"Arn": arn("")}), "is not supported"),
        (json!({"Arn": machine("")}), "is not supported"),
        (json!({"Arn": function("").trim_end_matches(':')}), "is not supported"),
        (json!({"Arn": machine("m").replace("111111111111", "222222222222")}), "not of the region"),
        (json!({"Arn": function("f").replace(REGION, "us-east-2")}), "not of the region"),
        (json!({"Arn": function("f")}), "they are elsewhere"),
        (json!({"Arn": machine("m"), "SqsParameters": {"MessageGroupId": "g"}}), "SqsParameters"),
        (json!({"Arn": machine("m"), "Input": "{"}), "JSON syntax error"),
        (json!({"Arn": machine("m"), "InputPath": "detail"}), "Invalid InputPath"),
        (json!({"Arn": machine("m"), "Input": "1", "InputPath": "$"}), "Only one of"),
        (
            json!({"Arn": machine("m"), "InputTransformer": {"InputTemplate": "<x>"}}),
            "invalid placeholder x",
        ),
        (json!({"Arn": machine("m"), "RetryPolicy": {"MaximumRetryAttempts": 1}}), "RetryPolicy"),
    ];
    for (mut target, words) in refusals {
        target["Id"] = json!("2");
        let good = json!({"Id": "3", "Arn": machine("good")});
        let refused = embedded.targets(json!([good, target])).await.unwrap_err();
        assert!(refused.message.contains(words), "{target}: {refused}");
    }
    let listed = embedded.ask("events", "ListTargetsByRule", json!({"Rule": "all"})).await;
    assert_eq!(listed["Targets"], json!([{"Id": "1", "Arn": arn("jobs")}]));
}
