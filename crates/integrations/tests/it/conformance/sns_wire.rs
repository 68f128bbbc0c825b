//! What SNS does over HTTP, seen by the SDK's own client, with queues as subscribers.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata as _;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use serde_json::{Value, json};

use super::implementations;
use crate::support::{Embedded, REGION, Time, sns_client, sqs_client, unique};

struct Fixture {
    sns: Client,
    sqs: aws_sdk_sqs::Client,
    account: &'static str,
    /// moto has words of its own, and takes what it does not know.
    has_words_of_aws: bool,
    _embedded: Option<Embedded>,
}

implementations!(
    a_queue_gets_what_is_published_in_an_envelope_or_as_it_is,
    a_filter_keeps_out_what_it_does_not_want,
    a_batch_tells_of_each_entry,
    topics_and_subscriptions_are_listed_changed_and_deleted,
    what_is_wrong_is_refused_in_the_words_of_aws,
);

async fn embedded() -> Fixture {
    let embedded = Embedded::start(&Time::manual()).await;
    let (sns, sqs) = (sns_client(&embedded.url), sqs_client(&embedded.url));
    let account = "111111111111";
    Fixture { sns, sqs, account, has_words_of_aws: true, _embedded: Some(embedded) }
}

#[expect(clippy::unused_async, reason = "the embedded fixture has to wait")]
async fn moto() -> Option<Fixture> {
    let url = crate::support::moto()?;
    let (sns, sqs) = (sns_client(&url), sqs_client(&url));
    Some(Fixture { sns, sqs, account: "123456789012", has_words_of_aws: false, _embedded: None })
}

/// A queue that is subscribed to a topic.
struct Subscribed {
    queue: String,
    arn: String,
}

impl Fixture {
    async fn topic(&self) -> String {
        let created = self.sns.create_topic().name(unique("t")).send().await.unwrap();
        created.topic_arn.unwrap()
    }

    async fn subscribe(&self, topic: &str, attributes: &[(&str, &str)]) -> Subscribed {
        let name = unique("q");
        let queue = self.sqs.create_queue().queue_name(&name).send().await.unwrap();
        let endpoint = format!("arn:aws:sqs:{REGION}:{}:{name}", self.account);
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(endpoint);
        let request = request.set_attributes(Some(attributes.collect()));
        let arn = request.send().await.unwrap().subscription_arn.unwrap();
        Subscribed { queue: queue.queue_url.unwrap(), arn }
    }

    async fn received(&self, subscribed: &Subscribed) -> Vec<String> {
        let request = self.sqs.receive_message().queue_url(&subscribed.queue);
        let answer = request.max_number_of_messages(10).send().await.unwrap();
        answer.messages.unwrap_or_default().into_iter().map(|it| it.body.unwrap()).collect()
    }
}

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

async fn a_queue_gets_what_is_published_in_an_envelope_or_as_it_is(fixture: &Fixture) {
    let topic = fixture.topic().await;
    let raw = fixture.subscribe(&topic, &[("RawMessageDelivery", "true")]).await;
    let wrapped = fixture.subscribe(&topic, &[]).await;
    let request = fixture.sns.publish().topic_arn(&topic).message("<a> & \"b\"").subject("s");
    let sent = request.message_attributes("kind", text("x")).send().await.unwrap();
    assert_eq!(fixture.received(&raw).await, ["<a> & \"b\""]);
    let envelope: Value = serde_json::from_str(&fixture.received(&wrapped).await[0]).unwrap();
    assert_eq!(envelope["Type"], "Notification");
    assert_eq!(envelope["TopicArn"], topic);
    assert_eq!(envelope["Message"], "<a> & \"b\"");
    assert_eq!(envelope["Subject"], "s");
    assert_eq!(envelope["MessageId"], sent.message_id.unwrap());
    assert_eq!(envelope["MessageAttributes"]["kind"], json!({"Type": "String", "Value": "x"}));
}

async fn a_filter_keeps_out_what_it_does_not_want(fixture: &Fixture) {
    let topic = fixture.topic().await;
    let attributes = [("RawMessageDelivery", "true"), ("FilterPolicy", r#"{"kind": ["a"]}"#)];
    let subscribed = fixture.subscribe(&topic, &attributes).await;
    for kind in ["a", "b"] {
        let request = fixture.sns.publish().topic_arn(&topic).message(kind);
        request.message_attributes("kind", text(kind)).send().await.unwrap();
    }
    assert_eq!(fixture.received(&subscribed).await, ["a"]);
    let set = fixture.sns.set_subscription_attributes().subscription_arn(&subscribed.arn);
    let set = set.attribute_name("FilterPolicy").attribute_value(r#"{"kind": ["b"]}"#);
    set.send().await.unwrap();
    let request = fixture.sns.publish().topic_arn(&topic).message("b");
    request.message_attributes("kind", text("b")).send().await.unwrap();
    assert_eq!(fixture.received(&subscribed).await, ["b"]);
}

async fn a_batch_tells_of_each_entry(fixture: &Fixture) {
    let topic = fixture.topic().await;
    let subscribed = fixture.subscribe(&topic, &[("RawMessageDelivery", "true")]).await;
    let entry = |id: &str| {
        PublishBatchRequestEntry::builder().id(id).message(format!("m-{id}")).build().unwrap()
    };
    let request = fixture.sns.publish_batch().topic_arn(&topic);
    let request = request.publish_batch_request_entries(entry("a"));
    let answer = request.publish_batch_request_entries(entry("b")).send().await.unwrap();
    let ids: Vec<_> = answer.successful().iter().filter_map(|it| it.id.as_deref()).collect();
    assert_eq!(ids, ["a", "b"]);
    let mut received = fixture.received(&subscribed).await;
    received.sort();
    assert_eq!(received, ["m-a", "m-b"]);
}

async fn topics_and_subscriptions_are_listed_changed_and_deleted(fixture: &Fixture) {
    let topic = fixture.topic().await;
    let subscribed = fixture.subscribe(&topic, &[]).await;
    let set = fixture.sns.set_topic_attributes().topic_arn(&topic);
    set.attribute_name("DisplayName").attribute_value("A & B").send().await.unwrap();
    let attributes = fixture.sns.get_topic_attributes().topic_arn(&topic).send().await.unwrap();
    let attributes = attributes.attributes.unwrap();
    assert_eq!(attributes["DisplayName"], "A & B");
    assert!(attributes.contains_key("SubscriptionsConfirmed"));
    let topics = fixture.sns.list_topics().send().await.unwrap();
    assert!(topics.topics().iter().any(|it| it.topic_arn.as_ref() == Some(&topic)));
    let listed = fixture.sns.list_subscriptions_by_topic().topic_arn(&topic).send().await.unwrap();
    assert_eq!(listed.subscriptions()[0].subscription_arn.as_ref(), Some(&subscribed.arn));
    let get = fixture.sns.get_subscription_attributes().subscription_arn(&subscribed.arn);
    assert_eq!(get.send().await.unwrap().attributes.unwrap()["TopicArn"], topic);
    let unsubscribe = fixture.sns.unsubscribe().subscription_arn(&subscribed.arn);
    unsubscribe.send().await.unwrap();
    fixture.sns.publish().topic_arn(&topic).message("a").send().await.unwrap();
    assert_eq!(fixture.received(&subscribed).await, [""; 0]);
    fixture.sns.delete_topic().topic_arn(&topic).send().await.unwrap();
    let gone = fixture.sns.get_topic_attributes().topic_arn(&topic).send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_not_found_exception(), "{gone:?}");
}

async fn what_is_wrong_is_refused_in_the_words_of_aws(fixture: &Fixture) {
    let topic = fixture.topic().await;
    let nowhere = fixture.sns.publish().topic_arn(format!("{topic}-none")).message("a");
    let error = nowhere.send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_not_found_exception(), "{error:?}");
    if !fixture.has_words_of_aws {
        return;
    }
    assert_eq!(error.message(), Some("Topic does not exist"));
    let empty = fixture.sns.publish().topic_arn(&topic).message("").send().await.unwrap_err();
    assert_eq!(empty.code(), Some("InvalidParameter"));
    assert_eq!(empty.message(), Some("Invalid parameter: Empty message"));
    let mail = fixture.sns.subscribe().topic_arn(&topic).protocol("email").endpoint("a@b.example");
    let error = mail.send().await.unwrap_err();
    assert!(error.message().unwrap().contains("email is not supported"), "{error:?}");
    let tags = fixture.sns.list_tags_for_resource().resource_arn(&topic).send().await.unwrap_err();
    assert_eq!(tags.code(), Some("UnsupportedOperation"));
}
