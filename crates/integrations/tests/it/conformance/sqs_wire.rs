//! What SQS does over HTTP, seen by the SDK's own client.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use super::implementations;
use crate::support::{Embedded, Time, sqs_client, unique};

struct Fixture {
    client: Client,
    time: Time,
    /// moto has no sequence numbers for repeated messages, gives them new ids, and takes entries of any size.
    is_exact: bool,
    _embedded: Option<Embedded>,
}

implementations!(
    what_is_sent_is_received_with_digests_and_attributes,
    a_message_comes_again_after_its_time_out_and_not_after_it_was_deleted,
    the_order_of_a_group_holds_and_an_id_is_taken_once,
    a_message_that_fails_too_often_goes_to_the_dead_letter_queue,
    batches_tell_of_each_entry,
    what_is_delayed_comes_later,
    queues_are_made_found_changed_and_deleted,
    a_purged_queue_is_empty,
    tags_stay_until_they_are_taken_off,
    what_is_wrong_is_refused_in_the_words_of_aws,
);

async fn embedded() -> Fixture {
    let time = Time::manual();
    let embedded = Embedded::start(&time).await;
    let client = sqs_client(&embedded.url);
    Fixture { client, time, is_exact: true, _embedded: Some(embedded) }
}

#[expect(clippy::unused_async, reason = "the embedded fixture has to wait")]
async fn moto() -> Option<Fixture> {
    let client = sqs_client(&crate::support::moto()?);
    Some(Fixture { client, time: Time::Real, is_exact: false, _embedded: None })
}

impl Fixture {
    async fn create(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
        let request = self.client.create_queue().queue_name(name);
        let request = request.set_attributes(Some(attributes.collect()));
        request.send().await.unwrap().queue_url.unwrap()
    }

    async fn create_fifo(&self) -> String {
        let attributes = [
            (QueueAttributeName::FifoQueue, "true"),
            (QueueAttributeName::ContentBasedDeduplication, "true"),
        ];
        self.create(&format!("{}.fifo", unique("q")), &attributes).await
    }

    async fn send(&self, url: &str, body: &str) {
        self.client.send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    async fn receive(&self, url: &str) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(url).max_number_of_messages(10);
        let request = request
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .visibility_timeout(1);
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    async fn received(&self, url: &str) -> Vec<String> {
        self.receive(url).await.into_iter().map(|message| message.body.unwrap()).collect()
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> String {
        let request = self.client.get_queue_attributes().queue_url(url);
        let answer = request.attribute_names(name.clone()).send().await.unwrap();
        answer.attributes.unwrap()[&name].clone()
    }
}

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

async fn what_is_sent_is_received_with_digests_and_attributes(fixture: &Fixture) {
    let url = fixture.create(&unique("q"), &[]).await;
    let request = fixture.client.send_message().queue_url(&url).message_body("test_message_body");
    let request = request
        .message_attributes("my_attribute_no_1", text("Hello"))
        .message_attributes("my_attribute_no_2", text("World"));
    let sent = request.send().await.unwrap();
    let message = fixture.receive(&url).await.remove(0);
    assert_eq!(message.message_id, sent.message_id);
    assert_eq!(message.md5_of_body, sent.md5_of_message_body);
    assert_eq!(message.md5_of_message_attributes, sent.md5_of_message_attributes);
    assert_eq!(sent.md5_of_message_body.unwrap(), "3caa9a099bc4e58ae7923f68c5d7d081");
    let attributes = message.message_attributes.unwrap();
    assert_eq!(attributes["my_attribute_no_2"], text("World"));
    let system = message.attributes.unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
}

async fn a_message_comes_again_after_its_time_out_and_not_after_it_was_deleted(fixture: &Fixture) {
    let url = fixture.create(&unique("q"), &[]).await;
    fixture.send(&url, "a").await;
    fixture.receive(&url).await;
    assert_eq!(fixture.received(&url).await, [""; 0]);
    fixture.time.wait_out(Duration::from_secs(1)).await;
    let again = fixture.receive(&url).await.remove(0);
    let count =
        &again.attributes.as_ref().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(count, "2");
    let receipt = again.receipt_handle.unwrap();
    let give_back = fixture.client.change_message_visibility().queue_url(&url);
    give_back.receipt_handle(&receipt).visibility_timeout(0).send().await.unwrap();
    let last = fixture.receive(&url).await.remove(0).receipt_handle.unwrap();
    for _ in 0..2 {
        let delete = fixture.client.delete_message().queue_url(&url).receipt_handle(&last);
        delete.send().await.unwrap();
    }
    fixture.time.wait_out(Duration::from_secs(1)).await;
    assert_eq!(fixture.received(&url).await, [""; 0]);
}

async fn the_order_of_a_group_holds_and_an_id_is_taken_once(fixture: &Fixture) {
    let url = fixture.create_fifo().await;
    let mut ids = Vec::new();
    for body in ["a-1", "a-2", "b-1", "a-1"] {
        let request = fixture.client.send_message().queue_url(&url).message_body(body);
        let sent = request.message_group_id(&body[..1]).send().await.unwrap();
        ids.push((sent.message_id.unwrap(), sent.sequence_number.unwrap_or_default()));
    }
    if fixture.is_exact {
        assert_eq!(ids[3], ids[0]);
        assert!(ids[0].1 < ids[1].1 && ids[0].1.len() == 20, "{ids:?}");
    }
    let one = fixture.client.receive_message().queue_url(&url).visibility_timeout(30);
    let first = one.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(first.body.unwrap(), "a-1");
    assert_eq!(fixture.received(&url).await, ["b-1"]);
    let delete = fixture.client.delete_message().queue_url(&url);
    delete.receipt_handle(first.receipt_handle.unwrap()).send().await.unwrap();
    assert_eq!(fixture.received(&url).await, ["a-2"]);
}

async fn a_message_that_fails_too_often_goes_to_the_dead_letter_queue(fixture: &Fixture) {
    let dead = fixture.create(&unique("dead"), &[]).await;
    let arn = fixture.attribute(&dead, QueueAttributeName::QueueArn).await;
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    let attributes = [(QueueAttributeName::RedrivePolicy, policy.as_str())];
    let url = fixture.create(&unique("q"), &attributes).await;
    fixture.send(&url, "a").await;
    for _ in 0..2 {
        assert_eq!(fixture.received(&url).await, ["a"]);
        fixture.time.wait_out(Duration::from_secs(1)).await;
    }
    assert_eq!(fixture.received(&url).await, [""; 0]);
    assert_eq!(fixture.received(&dead).await, ["a"]);
    let sources = fixture.client.list_dead_letter_source_queues().queue_url(&dead);
    assert_eq!(sources.send().await.unwrap().queue_urls, [url]);
}

async fn batches_tell_of_each_entry(fixture: &Fixture) {
    let url =
        fixture.create(&unique("q"), &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let request = fixture.client.send_message_batch().queue_url(&url).entries(entry("a", "1"));
    let request =
        if fixture.is_exact { request.entries(entry("b", &"x".repeat(2000))) } else { request };
    let answer = request.entries(entry("c", "3")).send().await.unwrap();
    let successful: Vec<_> = answer.successful.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(successful, ["a", "c"]);
    if fixture.is_exact {
        let failed = &answer.failed[0];
        assert_eq!(
            (&*failed.id, &*failed.code, failed.sender_fault),
            ("b", "InvalidParameterValue", true)
        );
    }
    let messages = fixture.receive(&url).await;
    let change = |(index, message): (usize, &Message)| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
        entry
            .receipt_handle(message.receipt_handle.as_ref().unwrap())
            .visibility_timeout(60)
            .build()
            .unwrap()
    };
    let changes = messages.iter().enumerate().map(change).collect();
    let request = fixture.client.change_message_visibility_batch().queue_url(&url);
    assert_eq!(request.set_entries(Some(changes)).send().await.unwrap().successful.len(), 2);
    let delete = |(index, message): (usize, &Message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
        entry.receipt_handle(message.receipt_handle.as_ref().unwrap()).build().unwrap()
    };
    let deletes = messages.iter().enumerate().map(delete).collect();
    let request = fixture.client.delete_message_batch().queue_url(&url).set_entries(Some(deletes));
    let answer = request.send().await.unwrap();
    assert_eq!((answer.successful.len(), answer.failed.len()), (2, 0));
}

async fn what_is_delayed_comes_later(fixture: &Fixture) {
    let url = fixture.create(&unique("q"), &[]).await;
    let request = fixture.client.send_message().queue_url(&url).message_body("a").delay_seconds(1);
    request.send().await.unwrap();
    assert_eq!(fixture.received(&url).await, [""; 0]);
    let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    assert_eq!(fixture.attribute(&url, delayed).await, "1");
    fixture.time.wait_out(Duration::from_secs(1)).await;
    assert_eq!(fixture.received(&url).await, ["a"]);
}

async fn queues_are_made_found_changed_and_deleted(fixture: &Fixture) {
    let name = unique("q");
    let url = fixture.create(&name, &[(QueueAttributeName::VisibilityTimeout, "45")]).await;
    assert_eq!(fixture.create(&name, &[(QueueAttributeName::VisibilityTimeout, "45")]).await, url);
    let found = fixture.client.get_queue_url().queue_name(&name).send().await.unwrap();
    assert_eq!(found.queue_url.as_ref(), Some(&url));
    let listed = fixture.client.list_queues().queue_name_prefix(&name).send().await.unwrap();
    assert_eq!(listed.queue_urls.unwrap(), std::slice::from_ref(&url));
    let set = fixture.client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::DelaySeconds, "7").send().await.unwrap();
    assert_eq!(fixture.attribute(&url, QueueAttributeName::DelaySeconds).await, "7");
    assert_eq!(fixture.attribute(&url, QueueAttributeName::VisibilityTimeout).await, "45");
    fixture.client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = fixture.client.get_queue_url().queue_name(&name).send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_queue_does_not_exist(), "{gone:?}");
}

async fn a_purged_queue_is_empty(fixture: &Fixture) {
    let url = fixture.create(&unique("q"), &[]).await;
    fixture.send(&url, "a").await;
    fixture.client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(fixture.received(&url).await, [""; 0]);
}

async fn tags_stay_until_they_are_taken_off(fixture: &Fixture) {
    let url = fixture.create(&unique("q"), &[]).await;
    let tag = fixture.client.tag_queue().queue_url(&url).tags("a", "1").tags("b", "2");
    tag.send().await.unwrap();
    fixture.client.untag_queue().queue_url(&url).tag_keys("a").send().await.unwrap();
    let tags = fixture.client.list_queue_tags().queue_url(&url).send().await.unwrap().tags;
    assert_eq!(tags.unwrap(), HashMap::from([("b".to_owned(), "2".to_owned())]));
}

async fn what_is_wrong_is_refused_in_the_words_of_aws(fixture: &Fixture) {
    let (client, url) = (&fixture.client, fixture.create(&unique("q"), &[]).await);
    let nowhere = client.send_message().queue_url(format!("{url}-none")).message_body("a");
    let error = nowhere.send().await.unwrap_err();
    assert_eq!(error.message(), Some("The specified queue does not exist."));
    assert!(error.as_service_error().unwrap().is_queue_does_not_exist());
    let bad = client.create_queue().queue_name("a b").send().await.unwrap_err();
    let words =
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    assert_eq!(bad.message(), Some(words));
    let fifo = fixture.create_fifo().await;
    let error = client.send_message().queue_url(&fifo).message_body("a").send().await.unwrap_err();
    assert_eq!(error.message(), Some("The request must contain the parameter MessageGroupId."));
    let empty =
        client.delete_message().queue_url(&url).receipt_handle("x").send().await.unwrap_err();
    assert!(empty.as_service_error().unwrap().is_receipt_handle_is_invalid(), "{empty:?}");
    assert_eq!(fixture.received(&url).await, [""; 0]);
}
