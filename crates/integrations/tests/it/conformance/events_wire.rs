//! What EventBridge does over HTTP.

use serde_json::{Value, json};
use stepwell_integrations::aws::{CallError, JsonClient, Service};

use super::implementations;
use crate::support::{Embedded, REGION, Time, connection, sqs_client, unique};

const SERVICE: Service = Service {
    id: "EventBridge",
    signing_name: "events",
    target_prefix: "AWSEvents",
    json_version: "1.1",
};

struct Fixture {
    client: JsonClient,
    sqs: aws_sdk_sqs::Client,
    account: &'static str,
    /// moto takes malformed patterns and every target, and asks rules that are switched off.
    is_exact: bool,
    _embedded: Option<Embedded>,
}

implementations!(
    an_event_reaches_the_queues_of_the_rules_that_match,
    a_rule_is_listed_switched_and_deleted_without_its_targets,
    what_is_wrong_is_refused_and_the_rest_of_the_entries_is_taken,
);

async fn embedded() -> Fixture {
    let embedded = Embedded::start(&Time::manual()).await;
    let client = JsonClient::new(&connection(&embedded.url).await, SERVICE);
    let sqs = sqs_client(&embedded.url);
    Fixture { client, sqs, account: "111111111111", is_exact: true, _embedded: Some(embedded) }
}

async fn moto() -> Option<Fixture> {
    let url = crate::support::moto()?;
    let client = JsonClient::new(&connection(&url).await, SERVICE);
    let sqs = sqs_client(&url);
    Some(Fixture { client, sqs, account: "123456789012", is_exact: false, _embedded: None })
}

impl Fixture {
    async fn call(&self, operation: &'static str, input: Value) -> Value {
        self.client.call_as(operation, &input).await.unwrap()
    }

    async fn refused(&self, operation: &'static str, input: Value) -> String {
        match self.client.call(operation, &input).await.unwrap_err() {
            CallError::Refused { code, .. } => code,
            other => panic!("{other}"),
        }
    }

    /// A rule for a source, and the address of its queue.
    async fn rule(&self, rule: &str, source: &str) -> String {
        let name = unique("q");
        let queue = self.sqs.create_queue().queue_name(&name).send().await.unwrap();
        let pattern = json!({"source": [source], "detail": {"kind": [{"prefix": "a"}]}});
        self.call("PutRule", json!({"Name": rule, "EventPattern": pattern.to_string()})).await;
        let arn = format!("arn:aws:sqs:{REGION}:{}:{name}", self.account);
        let targets = json!({"Rule": rule, "Targets": [{"Id": "1", "Arn": arn}]});
        assert_eq!(self.call("PutTargets", targets).await["FailedEntryCount"], 0);
        queue.queue_url.unwrap()
    }

    async fn received(&self, queue: &str) -> Vec<Value> {
        let request = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10);
        let messages = request.send().await.unwrap().messages.unwrap_or_default();
        messages.iter().map(|it| serde_json::from_str(it.body.as_ref().unwrap()).unwrap()).collect()
    }
}

fn entry(source: &str, detail: &Value) -> Value {
    json!({"Source": source, "DetailType": "made", "Detail": detail.to_string(), "Resources": ["r"]})
}

async fn an_event_reaches_the_queues_of_the_rules_that_match(fixture: &Fixture) {
    let (rule, source) = (unique("r"), unique("s"));
    let queue = fixture.rule(&rule, &source).await;
    let entries = [
        entry(&source, &json!({"kind": "ab"})),
        entry(&source, &json!({"kind": "b"})),
        entry("other", &json!({"kind": "a"})),
    ];
    let answer = fixture.call("PutEvents", json!({"Entries": entries})).await;
    assert_eq!(
        (&answer["FailedEntryCount"], answer["Entries"].as_array().unwrap().len()),
        (&json!(0), 3)
    );
    let received = fixture.received(&queue).await;
    assert_eq!(received.len(), 1, "{received:?}");
    let event = &received[0];
    assert_eq!(event["detail"], json!({"kind": "ab"}));
    assert_eq!((&event["source"], &event["detail-type"]), (&json!(source), &json!("made")));
    assert_eq!((&event["id"], &event["version"]), (&answer["Entries"][0]["EventId"], &json!("0")));
    assert_eq!((&event["region"], &event["resources"]), (&json!(REGION), &json!(["r"])));
}

async fn a_rule_is_listed_switched_and_deleted_without_its_targets(fixture: &Fixture) {
    let (rule, source) = (unique("r"), unique("s"));
    let queue = fixture.rule(&rule, &source).await;
    fixture.client.call("DisableRule", &json!({"Name": rule})).await.unwrap();
    assert_eq!(fixture.call("DescribeRule", json!({"Name": rule})).await["State"], "DISABLED");
    fixture.call("PutEvents", json!({"Entries": [entry(&source, &json!({"kind": "a"}))]})).await;
    if fixture.is_exact {
        assert_eq!(fixture.received(&queue).await, [Value::Null; 0]);
    }
    let listed = fixture.call("ListRules", json!({"NamePrefix": rule})).await;
    assert_eq!(listed["Rules"].as_array().unwrap().len(), 1);
    let again = json!({"NamePrefix": rule, "Limit": 1});
    assert_eq!(fixture.call("ListRules", again).await["Rules"], listed["Rules"]);
    let targets = fixture.call("ListTargetsByRule", json!({"Rule": rule})).await;
    assert_eq!(targets["Targets"][0]["Id"], "1");
    assert_eq!(fixture.refused("DeleteRule", json!({"Name": rule})).await, "ValidationException");
    fixture.call("RemoveTargets", json!({"Rule": rule, "Ids": ["1"]})).await;
    fixture.client.call("DeleteRule", &json!({"Name": rule})).await.unwrap();
    let gone = fixture.refused("DescribeRule", json!({"Name": rule})).await;
    assert_eq!(gone, "ResourceNotFoundException");
}

async fn what_is_wrong_is_refused_and_the_rest_of_the_entries_is_taken(fixture: &Fixture) {
    let entries = json!([
        {"Source": "s", "DetailType": "t", "Detail": "\"text\""},
        {"DetailType": "t", "Detail": "{}"},
        {"Source": "s", "DetailType": "t", "Detail": "{}"},
    ]);
    if !fixture.is_exact {
        let answer = fixture.call("PutEvents", json!({"Entries": [entries[2]]})).await;
        assert_eq!(answer["FailedEntryCount"], 0);
        return;
    }
    let answer = fixture.call("PutEvents", json!({"Entries": entries})).await;
    assert_eq!(answer["FailedEntryCount"], 2);
    let malformed = json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."});
    assert_eq!(answer["Entries"][0], malformed);
    assert_eq!(answer["Entries"][1]["ErrorCode"], "InvalidArgument");
    assert!(answer["Entries"][2]["EventId"].is_string());
    let pattern = fixture.refused("PutRule", json!({"Name": "r", "EventPattern": "{\"a\": 1}"}));
    assert_eq!(pattern.await, "InvalidEventPatternException");
    fixture.rule("r", "s").await;
    let target = json!([{"Id": "1", "Arn": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}]);
    let refused = fixture.refused("PutTargets", json!({"Rule": "r", "Targets": target})).await;
    assert_eq!(refused, "ValidationException");
    let other = json!({"Name": "r2", "EventPattern": "{\"a\": [1]}", "EventBusName": "mine"});
    assert_eq!(fixture.refused("PutRule", other).await, "ResourceNotFoundException");
}
