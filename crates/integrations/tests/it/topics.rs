//! Who gets what is published to embedded topics, and what becomes of deliveries that fail; then topics of SNS itself.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use stepwell_integrations::sns::{
    Attribute, AwsTopics, Delivery, EmbeddedTopics, Endpoint, Error, FilterPolicy, Message, State,
    Subscription, Topics as _,
};
use stepwell_integrations::sqs::{EmbeddedOptions, EmbeddedQueue, Queue as _, Receive};
use tempfile::TempDir;

use crate::support::{Scripted, Time, connection, http, moto, sqs_client, unique};

struct Fixture {
    topics: EmbeddedTopics,
    time: Time,
    folder: TempDir,
}

impl Fixture {
    fn open(subscriptions: Vec<Subscription>) -> Self {
        let (folder, time) = (tempfile::tempdir().unwrap(), Time::manual());
        let topics = open(&folder, subscriptions, &time);
        Self { topics, time, folder }
    }

    /// After a restart with other subscriptions.
    fn reopened(self, subscriptions: Vec<Subscription>) -> Self {
        Self { topics: open(&self.folder, subscriptions, &self.time), ..self }
    }

    async fn publish(&self, message: Message) -> String {
        self.topics.publish("alerts", &message).await.unwrap()
    }

    async fn deliveries(&self) -> Vec<Delivery> {
        self.topics.deliveries("alerts").await.unwrap()
    }

    async fn only_delivery(&self) -> Delivery {
        let mut deliveries = self.deliveries().await;
        assert_eq!(deliveries.len(), 1, "{deliveries:?}");
        deliveries.remove(0)
    }

    async fn after(&self, seconds: u64) {
        self.time.wait_out(Duration::from_secs(seconds)).await;
        self.topics.deliver_due().await.unwrap();
    }
}

fn open(folder: &TempDir, subscriptions: Vec<Subscription>, time: &Time) -> EmbeddedTopics {
    let subscriptions = BTreeMap::from([("alerts".to_owned(), subscriptions)]);
    let path = folder.path().join("sns.db");
    EmbeddedTopics::open(&path, subscriptions, http(), time.clock()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "it reads better with `json!`")]
fn subscription(name: &str, endpoint: Endpoint, filter: Value) -> Subscription {
    let filter = FilterPolicy::parse(filter.as_object().unwrap()).unwrap();
    Subscription { name: name.to_owned(), endpoint, filter }
}

fn webhook(server: &Scripted) -> Subscription {
    let url = SecretString::from(format!("{}/hook/very-secret-path", server.url));
    subscription("chat", Endpoint::Webhook { url, is_raw: false }, json!({}))
}

#[tokio::test]
async fn a_webhook_gets_what_sns_would_send() {
    let server = Scripted::start(&[(200, "")]).await;
    let fixture = Fixture::open(vec![webhook(&server)]);
    let message = Message::new("3 of 120 failed")
        .with_subject("buoy-17: FAILED")
        .with_attribute("count", Attribute::Number("3".into()));
    let id = fixture.publish(message).await;
    let body: Value = serde_json::from_str(&server.asked()[0]).unwrap();
    let expected = json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": "arn:aws:sns:embedded:000000000000:alerts",
        "Message": "3 of 120 failed",
        "Timestamp": "2026-03-01T09:00:00.000Z",
        "Subject": "buoy-17: FAILED",
        "MessageAttributes": {"count": {"Type": "Number", "Value": "3"}},
    });
    assert_eq!(body, expected);
    let head = server.heads()[0].to_lowercase();
    for header in ["x-amz-sns-message-type: notification", &format!("x-amz-sns-message-id: {id}")] {
        assert!(head.contains(header), "{head}");
    }
    let delivery = fixture.only_delivery().await;
    assert_eq!((delivery.state, delivery.attempts), (State::Delivered, 1));
}

#[tokio::test]
async fn a_delivery_that_fails_is_tried_again_until_it_arrives() {
    let server = Scripted::start(&[(503, ""), (429, ""), (200, "")]).await;
    let fixture = Fixture::open(vec![webhook(&server)]);
    fixture.publish(Message::new("text")).await;
    let waiting = fixture.only_delivery().await;
    assert_eq!((waiting.state, waiting.attempts), (State::Waiting, 1));
    assert!(waiting.reason.unwrap().contains("503"));
    fixture.topics.deliver_due().await.unwrap();
    assert_eq!(server.asked().len(), 1, "a second has to pass first");
    fixture.after(1).await;
    fixture.after(1).await;
    assert_eq!(server.asked().len(), 2, "the second pause is longer");
    fixture.after(1).await;
    let delivered = fixture.only_delivery().await;
    assert_eq!((delivered.state, delivered.attempts), (State::Delivered, 3));
    fixture.after(3600).await;
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_delivery_that_is_refused_is_given_up_with_its_reason() {
    let server = Scripted::start(&[(404, "")]).await;
    let fixture = Fixture::open(vec![webhook(&server)]);
    fixture.publish(Message::new("text")).await;
    let delivery = fixture.only_delivery().await;
    assert_eq!((delivery.state, delivery.attempts), (State::GivenUp, 1));
    assert!(delivery.reason.unwrap().contains("404"));
}

#[tokio::test]
async fn nobody_listens_for_an_hour_and_no_address_is_told() {
    let url = SecretString::from("http://127.0.0.1:1/hook/very-secret-path");
    let fixture = Fixture::open(vec![subscription(
        "chat",
        Endpoint::Webhook { url, is_raw: false },
        json!({}),
    )]);
    fixture.publish(Message::new("text")).await;
    for _ in 0..20 {
        fixture.after(300).await;
    }
    let delivery = fixture.only_delivery().await;
    assert_eq!((delivery.state, delivery.attempts), (State::GivenUp, 20));
    let reason = delivery.reason.unwrap();
    assert!(reason.contains("did not answer") && !reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_holds_nobody_else_back() {
    let (silent, up) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), Scripted::start(&[(200, "")]).await);
    let url = SecretString::from(format!("http://{}", silent.local_addr().unwrap()));
    let silent = subscription("silent", Endpoint::Webhook { url, is_raw: false }, json!({}));
    let fixture = Fixture::open(vec![silent, webhook(&up)]);
    let has_arrived = async {
        while up.asked().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = fixture.publish(Message::new("text")) => panic!("nobody has answered for `silent`"),
        () = has_arrived => {}
    }
}

#[tokio::test]
async fn a_subscription_that_fails_does_not_keep_the_others_from_their_turn() {
    let (down, up) =
        (Scripted::start(&[(503, "")]).await, Scripted::start(&[(503, ""), (200, "")]).await);
    let failing = Subscription { name: "failing".to_owned(), ..webhook(&down) };
    let fixture = Fixture::open(vec![failing, webhook(&up)]);
    for text in ["one", "two", "three"] {
        fixture.publish(Message::new(text)).await;
    }
    fixture.after(1).await;
    assert_eq!((down.asked().len(), up.asked().len()), (4, 4), "one of each is left, or was tried");
}

#[tokio::test]
async fn a_message_is_forgotten_two_weeks_after_it_was_published_unless_somebody_waits() {
    let server = Scripted::start(&[(200, ""), (503, "")]).await;
    let fixture = Fixture::open(vec![webhook(&server)]);
    for text in ["arrives", "does not"] {
        fixture.publish(Message::new(text)).await;
    }
    fixture.after(13 * 86_400).await;
    assert_eq!(fixture.deliveries().await.len(), 2);
    fixture.after(86_401).await;
    assert_eq!(fixture.only_delivery().await.state, State::Waiting);
}

#[tokio::test]
async fn waiting_deliveries_outlive_the_process_and_their_subscription() {
    let down = Scripted::start(&[(503, "")]).await;
    let fixture = Fixture::open(vec![webhook(&down)]);
    fixture.publish(Message::new("text")).await;
    let up = Scripted::start(&[(200, "")]).await;
    let fixture = fixture.reopened(vec![webhook(&up)]);
    fixture.after(1).await;
    assert_eq!(fixture.only_delivery().await.state, State::Delivered);
    assert_eq!(up.asked().len(), 1);

    let fixture = fixture.reopened(vec![webhook(&down)]);
    fixture.publish(Message::new("text")).await;
    let fixture = fixture.reopened(Vec::new());
    fixture.after(1).await;
    let gone = fixture.deliveries().await.remove(1);
    assert_eq!(gone.state, State::GivenUp);
    assert!(gone.reason.unwrap().contains("no such subscription"));
}

#[tokio::test]
async fn each_subscription_gets_what_its_filter_lets_pass() {
    let filter = json!({"severity": ["FAILED"]});
    let all = subscription("all", Endpoint::Log, json!({}));
    let failed = subscription("failed", Endpoint::Log, filter);
    let fixture = Fixture::open(vec![all, failed]);
    let severity = |text: &str| {
        Message::new("text").with_attribute("severity", Attribute::String(text.to_owned()))
    };
    fixture.publish(severity("FAILED")).await;
    fixture.publish(severity("PASSED")).await;
    let names: Vec<_> = fixture.deliveries().await.into_iter().map(|it| it.subscription).collect();
    assert_eq!(names, ["all", "failed", "all"]);
}

#[tokio::test]
async fn a_topic_without_subscriptions_is_written_to_the_log() {
    let fixture = Fixture::open(Vec::new());
    fixture.topics.publish("others", &Message::new("text")).await.unwrap();
    let deliveries = fixture.topics.deliveries("others").await.unwrap();
    assert_eq!((&*deliveries[0].subscription, deliveries[0].state), ("log", State::Delivered));
    // Nobody is what was asked for here.
    fixture.publish(Message::new("text")).await;
    assert_eq!(fixture.deliveries().await, []);
}

#[tokio::test]
async fn a_queue_gets_each_message_in_order() {
    let (folder, time) = (tempfile::tempdir().unwrap(), Time::manual());
    let path = folder.path().join("queue.db");
    let options = EmbeddedOptions::default();
    let queue = EmbeddedQueue::open(&path, "alerts.fifo", options, time.clock()).unwrap();
    let endpoint = Endpoint::Queue(Arc::new(queue.clone()));
    let fixture = Fixture::open(vec![subscription("queue", endpoint, json!({}))]);
    for text in ["one", "two"] {
        fixture.publish(Message::new(text)).await;
    }
    let messages = queue.receive(&Receive::default()).await.unwrap();
    let text = |body: &str| serde_json::from_str::<Value>(body).unwrap()["Message"].clone();
    let texts: Vec<_> = messages.iter().map(|message| text(&message.body)).collect();
    assert_eq!(texts, ["one", "two"]);
    assert!(messages.iter().all(|message| message.group == "alerts"));
}

#[tokio::test]
async fn what_is_published_to_sns_reaches_its_subscribers() {
    let Some(url) = moto() else { return };
    let (topic, queue) = (unique("alerts"), unique("alerts"));
    let topics = AwsTopics::new(&connection(&url).await);
    // Makes the topic.
    topics.publish(&topic, &Message::new("nobody listens yet")).await.unwrap();
    let sqs = sqs_client(&url);
    let queue_url = sqs.create_queue().queue_name(&queue).send().await.unwrap().queue_url.unwrap();
    let arn = |service: &str, name: &str| {
        format!("arn:aws:{service}:{}:123456789012:{name}", crate::support::REGION)
    };
    let sns = crate::support::sns_client(&url);
    let topic_arn = arn("sns", &topic);
    let subscribe =
        sns.subscribe().topic_arn(&topic_arn).protocol("sqs").endpoint(arn("sqs", &queue));
    subscribe.send().await.unwrap();
    let message = Message::new("3 of 120 failed")
        .with_subject("buoy-17")
        .with_attribute("severity", Attribute::String("FAILED".into()));
    let id = topics.publish(&topic_arn, &message).await.unwrap();
    let received = sqs.receive_message().queue_url(queue_url).send().await.unwrap();
    let body = received.messages()[0].body().unwrap().to_owned();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["MessageId"], json!(id));
    assert_eq!(body["Subject"], json!("buoy-17"));
    assert_eq!(body["MessageAttributes"]["severity"]["Value"], json!("FAILED"));

    let missing = arn("sns", "nobody");
    let error = topics.publish(&missing, &message).await.unwrap_err();
    assert!(matches!(&error, Error::NoSuchTopic { topic } if *topic == missing), "{error}");
}
