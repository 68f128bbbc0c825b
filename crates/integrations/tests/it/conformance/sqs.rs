//! What every queue does.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use stepwell_integrations::sqs::{
    AwsQueue, EmbeddedOptions, EmbeddedQueue, Entry, Error, Message, Queue, Receipt, Receive,
};
use tempfile::TempDir;

use super::implementations;
use crate::support::{Time, connection, sqs_client, unique};

/// For messages that are to come again: SQS counts whole seconds, and a test against another process has to wait them out.
const BRIEF: Duration = Duration::from_secs(1);

const MAX_RECEIVE_COUNT: u32 = 2;

struct Fixture {
    queue: Box<dyn Queue>,
    time: Time,
    /// moto forgets a deduplication id with its message (`Queue.add_message` looks at what is there); SQS does not.
    remembers_deleted_ids: bool,
    /// moto deletes by the receipt of any earlier delivery (`Queue.delete_message`, "regardless of pending state"); SQS refuses it
    /// for FIFO queues once the visibility time-out has passed.
    refuses_old_receipts: bool,
    _folder: Option<TempDir>,
}

implementations!(
    order_holds_within_a_group_and_groups_do_not_wait_for_each_other,
    a_group_waits_for_its_message_in_flight,
    a_message_that_is_not_deleted_comes_again_first,
    a_message_that_is_given_back_comes_again_at_once,
    visibility_can_be_prolonged,
    an_entry_sent_twice_is_queued_once,
    what_is_deleted_stays_deleted_and_deleting_twice_is_no_error,
    an_old_receipt_deletes_nothing,
    a_message_received_too_often_is_dead_and_its_group_goes_on,
    a_message_that_is_given_up_is_dead_with_its_reason,
    dead_letters_come_back_to_their_group,
    more_than_ten_at_a_time,
    a_bad_entry_leaves_nothing_queued,
    waiting_ends_without_a_message,
);

#[expect(clippy::unused_async, reason = "the fixtures of other services have to wait")]
async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let options = EmbeddedOptions { max_receive_count: MAX_RECEIVE_COUNT };
    let path = folder.path().join("queues.db");
    let queue = EmbeddedQueue::open(&path, "events", options, time.clock()).unwrap();
    Fixture {
        queue: Box::new(queue),
        time,
        remembers_deleted_ids: true,
        refuses_old_receipts: true,
        _folder: Some(folder),
    }
}

async fn moto() -> Option<Fixture> {
    let url = crate::support::moto()?;
    let client = sqs_client(&url);
    let name = unique("events");
    let dead = format!("{name}-dead.fifo");
    let create =
        client.create_queue().queue_name(&dead).attributes(QueueAttributeName::FifoQueue, "true");
    create.send().await.unwrap();
    let arn = format!("arn:aws:sqs:{}:123456789012:{dead}", crate::support::REGION);
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
    let name = format!("{name}.fifo");
    let create = client
        .create_queue()
        .queue_name(&name)
        .attributes(QueueAttributeName::FifoQueue, "true")
        .attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    create.send().await.unwrap();
    let queue = AwsQueue::connect(&connection(&url).await, &name, None).await.unwrap();
    Some(Fixture {
        queue: Box::new(queue),
        time: Time::Real,
        remembers_deleted_ids: false,
        refuses_old_receipts: false,
        _folder: None,
    })
}

impl Fixture {
    /// Entries are `GROUP NUMBER`, and so are their bodies and ids.
    async fn send(&self, texts: &[&str]) {
        self.queue.send_batch(&entries(texts)).await.unwrap();
    }

    async fn receive(&self, max: usize) -> Vec<Message> {
        self.queue.receive(&Receive { max, ..Receive::default() }).await.unwrap()
    }

    /// Of messages that are to come again.
    async fn receive_briefly(&self, max: usize) -> Vec<Message> {
        let wanted = Receive { max, visibility: BRIEF, ..Receive::default() };
        self.queue.receive(&wanted).await.unwrap()
    }

    async fn received(&self, max: usize) -> Vec<String> {
        self.receive(max).await.into_iter().map(|message| message.body).collect()
    }

    async fn delete(&self, messages: &[Message]) {
        let receipts: Vec<_> = messages.iter().map(|it| it.receipt.clone()).collect();
        assert_eq!(self.queue.delete_batch(&receipts).await.unwrap(), []);
    }

    async fn wait_until_visible(&self) {
        self.time.wait_out(BRIEF).await;
    }
}

fn entries(texts: &[&str]) -> Vec<Entry> {
    let entry = |text: &&str| Entry {
        group: text.split('-').next().unwrap().to_owned(),
        deduplication_id: (*text).to_owned(),
        body: (*text).to_owned(),
    };
    texts.iter().map(entry).collect()
}

async fn order_holds_within_a_group_and_groups_do_not_wait_for_each_other(fixture: &Fixture) {
    fixture.send(&["a-1", "a-2", "b-1", "a-3"]).await;
    let messages = fixture.receive(10).await;
    let of = |group| {
        let of_group = messages.iter().filter(|message| message.group == group);
        of_group.map(|message| message.body.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((of("a"), of("b")), (vec!["a-1", "a-2", "a-3"], vec!["b-1"]));
    let first = &messages[0];
    assert_eq!((first.deduplication_id.as_str(), first.receive_count), ("a-1", 1));
}

async fn a_group_waits_for_its_message_in_flight(fixture: &Fixture) {
    fixture.send(&["a-1", "a-2", "b-1"]).await;
    let first = fixture.receive(1).await;
    assert_eq!(first[0].body, "a-1");
    assert_eq!(fixture.received(10).await, ["b-1"]);
    fixture.delete(&first).await;
    assert_eq!(fixture.received(10).await, ["a-2"]);
}

async fn a_message_that_is_not_deleted_comes_again_first(fixture: &Fixture) {
    fixture.send(&["a-1", "a-2"]).await;
    assert_eq!(fixture.receive_briefly(1).await[0].body, "a-1");
    fixture.wait_until_visible().await;
    let again = fixture.receive(10).await;
    let seen: Vec<_> = again.iter().map(|it| (it.body.as_str(), it.receive_count)).collect();
    assert_eq!(seen, [("a-1", 2), ("a-2", 1)]);
}

async fn a_message_that_is_given_back_comes_again_at_once(fixture: &Fixture) {
    fixture.send(&["a-1"]).await;
    let receipt = fixture.receive(1).await.remove(0).receipt;
    assert_eq!(fixture.received(1).await, [""; 0]);
    fixture.queue.change_visibility(&receipt, Duration::ZERO).await.unwrap();
    assert_eq!(fixture.received(1).await, ["a-1"]);
}

async fn visibility_can_be_prolonged(fixture: &Fixture) {
    fixture.send(&["a-1"]).await;
    let messages = fixture.receive_briefly(1).await;
    fixture.queue.change_visibility(&messages[0].receipt, BRIEF * 60).await.unwrap();
    fixture.wait_until_visible().await;
    assert_eq!(fixture.received(1).await, [""; 0]);
    fixture.delete(&messages).await;
    let nobody = fixture.queue.change_visibility(&messages[0].receipt, BRIEF).await;
    assert!(matches!(nobody, Err(Error::ReceiptExpired)), "{nobody:?}");
}

async fn an_entry_sent_twice_is_queued_once(fixture: &Fixture) {
    fixture.send(&["a-1", "a-1", "a-2"]).await;
    fixture.send(&["a-2"]).await;
    let messages = fixture.receive(10).await;
    assert_eq!(messages.len(), 2);
    fixture.delete(&messages).await;
    if fixture.remembers_deleted_ids {
        fixture.send(&["a-1"]).await;
        assert_eq!(fixture.received(10).await, [""; 0]);
    }
}

async fn what_is_deleted_stays_deleted_and_deleting_twice_is_no_error(fixture: &Fixture) {
    fixture.send(&["a-1", "b-1"]).await;
    let messages = fixture.receive_briefly(10).await;
    fixture.delete(&messages).await;
    fixture.delete(&messages).await;
    fixture.wait_until_visible().await;
    assert_eq!(fixture.received(10).await, [""; 0]);
    assert_eq!(fixture.queue.depth().await.unwrap(), stepwell_integrations::sqs::Depth::default());
}

async fn an_old_receipt_deletes_nothing(fixture: &Fixture) {
    fixture.send(&["a-1"]).await;
    let first = fixture.receive_briefly(1).await;
    fixture.wait_until_visible().await;
    let receipts = if fixture.refuses_old_receipts {
        assert_eq!(fixture.received(1).await, ["a-1"]);
        vec![first[0].receipt.clone()]
    } else {
        vec![Receipt::from("of-nobody".to_owned())]
    };
    let not_deleted = fixture.queue.delete_batch(&receipts).await.unwrap();
    assert_eq!(not_deleted.len(), 1);
    assert_eq!(not_deleted[0].receipt, receipts[0]);
    let depth = fixture.queue.depth().await.unwrap();
    assert_eq!(depth.waiting + depth.in_flight, 1, "{depth:?}");
}

async fn a_message_received_too_often_is_dead_and_its_group_goes_on(fixture: &Fixture) {
    fixture.send(&["a-1", "a-2"]).await;
    for _ in 0..MAX_RECEIVE_COUNT {
        assert_eq!(fixture.receive_briefly(1).await[0].body, "a-1");
        fixture.wait_until_visible().await;
    }
    assert_eq!(fixture.received(10).await, ["a-2"]);
    let dead = fixture.queue.dead_letters().await.unwrap();
    assert_eq!((dead[0].body.as_str(), dead[0].group.as_str()), ("a-1", "a"));
    assert!(dead[0].reason.contains("without being deleted"), "{}", dead[0].reason);
    assert_eq!(fixture.queue.depth().await.unwrap().dead, 1);
}

async fn a_message_that_is_given_up_is_dead_with_its_reason(fixture: &Fixture) {
    fixture.send(&["a-1", "a-2"]).await;
    let first = fixture.receive(1).await.remove(0);
    fixture.queue.dead_letter(&first, "agreement `ü` has no role").await.unwrap();
    assert_eq!(fixture.received(10).await, ["a-2"]);
    // Listing twice shows the same.
    for _ in 0..2 {
        let dead = fixture.queue.dead_letters().await.unwrap();
        let seen: Vec<_> =
            dead.iter().map(|it| (&*it.body, &*it.group, &*it.deduplication_id)).collect();
        assert_eq!(seen, [("a-1", "a", "a-1")]);
        assert_eq!(dead[0].reason, "agreement `ü` has no role");
    }
}

async fn dead_letters_come_back_to_their_group(fixture: &Fixture) {
    fixture.send(&["a-1", "b-1", "c-1"]).await;
    for message in fixture.receive(10).await {
        fixture.queue.dead_letter(&message, "no reason").await.unwrap();
    }
    let dead = fixture.queue.dead_letters().await.unwrap();
    assert_eq!(dead.len(), 3);
    let one = dead.iter().find(|letter| letter.body == "b-1").unwrap().id.clone();
    let nobody = "of-nobody".to_owned();
    assert_eq!(fixture.queue.redrive(Some(&[one, nobody])).await.unwrap(), 1);
    let back = fixture.receive(10).await;
    let seen: Vec<_> = back.iter().map(|it| (&*it.body, &*it.group, it.receive_count)).collect();
    assert_eq!(seen, [("b-1", "b", 1)]);
    assert_eq!(fixture.queue.redrive(None).await.unwrap(), 2);
    assert_eq!(fixture.queue.dead_letters().await.unwrap(), []);
    let mut rest = fixture.received(10).await;
    rest.sort();
    assert_eq!(rest, ["a-1", "c-1"]);
}

async fn more_than_ten_at_a_time(fixture: &Fixture) {
    let texts: Vec<_> = (0..25).map(|number| format!("g{number}-1")).collect();
    fixture.send(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let messages = fixture.receive(23).await;
    assert_eq!(messages.len(), 23);
    fixture.delete(&messages).await;
    assert_eq!(fixture.received(23).await.len(), 2);
}

async fn a_bad_entry_leaves_nothing_queued(fixture: &Fixture) {
    let mut bad = entries(&["a-1", "a-2"]);
    bad[1].group.push_str(" ä");
    let refused = fixture.queue.send_batch(&bad).await;
    assert!(matches!(refused, Err(Error::InvalidEntry { index: 1, .. })), "{refused:?}");
    assert_eq!(fixture.received(10).await, [""; 0]);
    fixture.queue.send_batch(&[]).await.unwrap();
}

async fn waiting_ends_without_a_message(fixture: &Fixture) {
    let wanted = Receive { wait: Duration::from_secs(1), ..Receive::default() };
    let started = tokio::time::Instant::now();
    assert_eq!(fixture.queue.receive(&wanted).await.unwrap(), []);
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
}
