//! What the embedded services do where only one of the two implementations is asked, or time has to be exact.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
use stepwell_integrations::service::{Facts, Origin, Place, Service};
use stepwell_integrations::sns::EmbeddedSns;
use stepwell_integrations::sqs::Targets;
use tokio::net::TcpListener;

use crate::support::{Embedded, REGION, Time, http};

fn origin() -> Origin {
    Origin { base_url: "http://127.0.0.1:4566".to_owned() }
}

struct Fixture {
    embedded: Embedded,
    time: Time,
}

impl Fixture {
    async fn new() -> Self {
        let time = Time::manual();
        Self { embedded: Embedded::start(&time).await, time }
    }

    async fn try_call(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        let (service, action) = action.split_once(':').unwrap();
        let service = self.embedded.services.iter().find(|it| it.facts().name == service).unwrap();
        service.call(action, input, &origin()).await
    }

    async fn call(&self, action: &str, input: Value) -> Value {
        self.try_call(action, input).await.unwrap()
    }

    async fn refused(&self, action: &str, input: Value) -> String {
        let ServiceError { code, message, .. } = self.try_call(action, input).await.unwrap_err();
        format!("{code}: {message}")
    }

    async fn received(&self, queue: &str) -> Vec<String> {
        let input = json!({"QueueUrl": queue, "VisibilityTimeout": 1, "MaxNumberOfMessages": 10});
        let answer = self.call("sqs:ReceiveMessage", input).await;
        let messages = answer["Messages"].as_array().into_iter().flatten();
        messages.map(|it| it["Body"].as_str().unwrap().to_owned()).collect()
    }

    async fn after(&self, seconds: u64) {
        self.time.wait_out(Duration::from_secs(seconds)).await;
    }
}

#[tokio::test]
async fn a_delayed_message_holds_back_those_after_it_alone() {
    let fixture = Fixture::new().await;
    let attributes = json!({"FifoQueue": "true", "DelaySeconds": "10"});
    fixture.call("sqs:CreateQueue", json!({"QueueName": "q.fifo", "Attributes": attributes})).await;
    let mut received = Vec::new();
    for number in 0..8 {
        let id = number.to_string();
        let message = json!({"QueueUrl": "q.fifo", "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": id});
        fixture.call("sqs:SendMessage", message).await;
        let input = json!({"QueueUrl": "q.fifo", "VisibilityTimeout": 60});
        let answer = fixture.call("sqs:ReceiveMessage", input).await;
        if let Some(message) = answer["Messages"].get(0) {
            received.push(message["Body"].as_str().unwrap().to_owned());
            let gone = json!({"QueueUrl": "q.fifo", "ReceiptHandle": message["ReceiptHandle"]});
            fixture.call("sqs:DeleteMessage", gone).await;
        }
        fixture.after(5).await;
    }
    assert_eq!(received, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_message_stays_where_it_is_if_the_dead_letter_queue_is_gone() {
    let fixture = Fixture::new().await;
    fixture.call("sqs:CreateQueue", json!({"QueueName": "dead"})).await;
    let arn = format!("arn:aws:sqs:{REGION}:111111111111:dead");
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
    let input = json!({"QueueName": "q", "Attributes": {"RedrivePolicy": policy}});
    fixture.call("sqs:CreateQueue", input).await;
    fixture.call("sqs:SendMessage", json!({"QueueUrl": "q", "MessageBody": "a"})).await;
    assert_eq!(fixture.received("q").await, ["a"]);
    fixture.call("sqs:DeleteQueue", json!({"QueueUrl": "dead"})).await;
    fixture.after(1).await;
    assert_eq!(fixture.received("q").await, ["a"]);
}

#[tokio::test]
async fn a_letter_of_a_fifo_queue_is_kept_anew() {
    let fixture = Fixture::new().await;
    let fifo = |name: &str, more: Value| {
        let mut attributes = json!({"FifoQueue": "true", "MessageRetentionPeriod": "60"});
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"QueueName": name, "Attributes": attributes})
    };
    fixture.call("sqs:CreateQueue", fifo("dead.fifo", json!({}))).await;
    let arn = format!("arn:aws:sqs:{REGION}:111111111111:dead.fifo");
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
    fixture.call("sqs:CreateQueue", fifo("q.fifo", json!({"RedrivePolicy": policy}))).await;
    let message = json!({"QueueUrl": "q.fifo", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"});
    fixture.call("sqs:SendMessage", message).await;
    assert_eq!(fixture.received("q.fifo").await, ["a"]);
    fixture.after(50).await;
    assert_eq!(fixture.received("q.fifo").await, [""; 0]);
    fixture.after(50).await;
    assert_eq!(fixture.received("dead.fifo").await, ["a"]);
}

#[tokio::test]
async fn a_group_of_a_standard_queue_is_told_and_orders_nothing() {
    let fixture = Fixture::new().await;
    fixture.call("sqs:CreateQueue", json!({"QueueName": "q"})).await;
    for body in ["a", "b"] {
        let message = json!({"QueueUrl": "q", "MessageBody": body, "MessageGroupId": "tenant"});
        fixture.call("sqs:SendMessage", message).await;
    }
    let one = json!({"QueueUrl": "q", "MessageSystemAttributeNames": ["MessageGroupId"]});
    for body in ["a", "b"] {
        let message = fixture.call("sqs:ReceiveMessage", one.clone()).await["Messages"][0].take();
        assert_eq!(message["Body"], body);
        assert_eq!(message["Attributes"], json!({"MessageGroupId": "tenant"}));
    }
}

#[tokio::test]
async fn secrets_are_listed_as_they_are_asked_for() {
    let fixture = Fixture::new().await;
    for name in ["dev/a", "prod/a", "prod/b"] {
        let input = json!({"Name": name, "SecretString": "s"});
        fixture.call("secretsmanager:CreateSecret", input).await;
    }
    let list = async |input: Value| {
        let answer = fixture.call("secretsmanager:ListSecrets", input).await;
        let listed = answer["SecretList"].as_array().unwrap().iter();
        let names: Vec<_> = listed.map(|it| it["Name"].as_str().unwrap().to_owned()).collect();
        (names, answer["NextToken"].clone())
    };
    let prod = json!([{"Key": "name", "Values": ["prod/"]}]);
    assert_eq!(list(json!({"Filters": prod})).await.0, ["prod/a", "prod/b"]);
    let (first, token) = list(json!({"SortOrder": "desc", "MaxResults": 2})).await;
    assert_eq!(first, ["prod/b", "prod/a"]);
    let rest = json!({"SortOrder": "desc", "MaxResults": 2, "NextToken": token});
    assert_eq!(list(rest).await, (vec!["dev/a".to_owned()], Value::Null));
    for (input, named) in [
        (json!({"Filters": [{"Key": "tag-key", "Values": ["a"]}]}), "tag-key"),
        (json!({"IncludePlannedDeletion": true}), "IncludePlannedDeletion"),
        (json!({"MaxResults": 0}), "MaxResults"),
        (json!({"NextToken": "none"}), "NextToken"),
    ] {
        let refused = fixture.refused("secretsmanager:ListSecrets", input).await;
        assert!(refused.contains(named), "{refused}");
    }
}

#[tokio::test]
async fn members_of_other_actions_are_refused() {
    let fixture = Fixture::new().await;
    for (action, input) in [
        ("secretsmanager:GetSecretValue", json!({"SecretId": "a", "SecretString": "b"})),
        ("ssm:GetParameter", json!({"Name": "a", "Recursive": true})),
        ("events:DescribeRule", json!({"Name": "a", "Targets": []})),
        ("events:PutTargets", json!({"Name": "a", "Targets": []})),
    ] {
        let refused = fixture.refused(action, input).await;
        assert!(refused.starts_with("SerializationException: unknown field"), "{refused}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_no_secret_any_more_leaves_none() {
    let fixture = Fixture::new().await;
    let put = |kind: &str, value: &str| json!({"Name": "/a/b", "Type": kind, "Value": value, "Overwrite": true});
    fixture.call("ssm:PutParameter", put("SecureString", "hidden")).await;
    fixture.call("ssm:PutParameter", put("String", "open")).await;
    let read = json!({"Name": "/a/b", "WithDecryption": true});
    assert_eq!(fixture.call("ssm:GetParameter", read).await["Parameter"]["Value"], "open");
    // Where it was kept is where secrets are.
    let listed = fixture.embedded.vault_names().await;
    assert_eq!(listed, [""; 0]);
    let arn = format!("arn:aws:ssm:{REGION}:111111111111:parameter/a/b");
    fixture.call("ssm:DeleteParameter", json!({"Name": arn})).await;
    let refused = fixture.refused("ssm:DeleteParameter", json!({"Name": "/a/b"})).await;
    assert_eq!(refused, "ParameterNotFound: Parameter /a/b not found.");
}

#[tokio::test]
async fn limits_of_parameters_are_held_to() {
    let fixture = Fixture::new().await;
    let names: Vec<_> = (0..11).map(|number| format!("p{number}")).collect();
    let refused = fixture.refused("ssm:GetParameters", json!({"Names": names})).await;
    assert!(refused.ends_with("Member must have length less than or equal to 10"), "{refused}");
    let refused =
        fixture.refused("ssm:GetParametersByPath", json!({"Path": "/", "MaxResults": 11})).await;
    assert!(refused.ends_with("Member must have value less than or equal to 10"), "{refused}");
}

#[tokio::test]
async fn a_subscription_with_other_attributes_is_refused() {
    let fixture = Fixture::new().await;
    let topic = fixture.call("sns:CreateTopic", json!({"Name": "news"})).await["TopicArn"].take();
    let endpoint = format!("arn:aws:sqs:{REGION}:111111111111:q");
    let subscribe = |attributes: Value| json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "Attributes": attributes});
    let first =
        fixture.call("sns:Subscribe", subscribe(json!({"RawMessageDelivery": "true"}))).await;
    for same in [json!({}), json!({"RawMessageDelivery": "true"})] {
        assert_eq!(fixture.call("sns:Subscribe", subscribe(same)).await, first);
    }
    let filter = json!({"FilterPolicy": "{\"a\":[\"b\"]}"});
    assert_eq!(
        fixture.refused("sns:Subscribe", subscribe(filter)).await,
        "InvalidParameter: Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
    );
}

#[tokio::test]
async fn a_webhook_that_hangs_holds_up_no_publisher() {
    let fixture = Fixture::new().await;
    // Takes connections, as the system does for it, and answers nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/hook", silent.local_addr().unwrap());
    let topic = fixture.call("sns:CreateTopic", json!({"Name": "news"})).await["TopicArn"].take();
    let input = json!({"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint});
    fixture.call("sns:Subscribe", input).await;
    let message = json!({"TopicArn": topic, "Message": "text"});
    let (published, connection) =
        tokio::join!(fixture.call("sns:Publish", message), silent.accept());
    // The first attempt was made, and still waits for its answer.
    connection.unwrap();
    assert!(published["MessageId"].is_string());
}

/// Queues that can be out of order.
#[derive(Default)]
struct Flaky {
    is_broken: AtomicBool,
    sent: Mutex<Vec<String>>,
}

#[async_trait]
impl Service for Flaky {
    fn facts(&self) -> &'static Facts {
        &stepwell_integrations::sqs::FACTS
    }

    async fn call(&self, _: &str, input: Value, _: &Origin) -> Result<Value, ServiceError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(ServiceError::internal());
        }
        self.sent.lock().unwrap().push(input["MessageBody"].as_str().unwrap().to_owned());
        Ok(json!({}))
    }
}

#[tokio::test]
async fn nothing_overtakes_in_a_fifo_topic() {
    let (folder, time, queues) =
        (tempfile::tempdir().unwrap(), Time::manual(), Arc::new(Flaky::default()));
    let place = Place { account: "111111111111".to_owned(), region: REGION.to_owned() };
    let reached = Targets::embedded(queues.clone());
    let path = folder.path().join("topics.db");
    let sns = EmbeddedSns::open(&path, place, reached, http(), time.clock()).await.unwrap();
    let call = async |action: &str, input: Value| sns.call(action, input, &origin()).await.unwrap();
    let create = json!({"Name": "t.fifo", "Attributes": {"FifoTopic": "true"}});
    let topic = call("CreateTopic", create).await["TopicArn"].take();
    let endpoint = format!("arn:aws:sqs:{REGION}:111111111111:q.fifo");
    call("Subscribe", json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": endpoint, "Attributes": {"RawMessageDelivery": "true"}})).await;
    let publish = async |text: &str| {
        let message = json!({"TopicArn": topic, "Message": text, "MessageGroupId": "g", "MessageDeduplicationId": text});
        call("Publish", message).await;
    };
    queues.is_broken.store(true, Ordering::SeqCst);
    publish("1").await;
    queues.is_broken.store(false, Ordering::SeqCst);
    publish("2").await;
    assert_eq!(*queues.sent.lock().unwrap(), [""; 0], "the second waits for the first");
    let running = tokio::spawn({
        let sns = sns.clone();
        async move { sns.run().await }
    });
    time.wait_out(Duration::from_mins(1)).await;
    while queues.sent.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*queues.sent.lock().unwrap(), ["1", "2"]);
    running.abort();
}
