//! The embedded queue: its file, the window of five minutes, and who wakes whom.

use std::path::Path;
use std::time::Duration;

use stepwell_integrations::sqs::{
    DEDUPLICATION_WINDOW, Depth, EmbeddedOptions, EmbeddedQueue, Entry, Queue as _, Receive,
};

use crate::support::Time;

fn open(folder: &Path, name: &str, time: &Time) -> EmbeddedQueue {
    let path = folder.join("queues.db");
    EmbeddedQueue::open(&path, name, EmbeddedOptions::default(), time.clock()).unwrap()
}

fn entry(group: &str, number: usize) -> Entry {
    Entry {
        group: group.to_owned(),
        deduplication_id: format!("{group}-{number}"),
        body: format!("{group} {number}"),
    }
}

#[tokio::test]
async fn the_window_of_an_id_ends_after_five_minutes() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let queue = open(folder.path(), "events", &time);
    queue.send_batch(&[entry("a", 1)]).await.unwrap();
    let last_moment = Duration::from_millis(1);
    time.wait_out(DEDUPLICATION_WINDOW.checked_sub(last_moment).unwrap()).await;
    queue.send_batch(&[entry("a", 1)]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().waiting, 1);
    time.wait_out(last_moment).await;
    queue.send_batch(&[entry("a", 1)]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().waiting, 2);
}

#[tokio::test]
async fn messages_outlive_the_process_and_what_was_in_flight_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let queue = open(folder.path(), "events", &time);
    queue.send_batch(&[entry("a", 1), entry("b", 1)]).await.unwrap();
    queue.receive(&Receive { max: 1, ..Receive::default() }).await.unwrap();
    drop(queue);
    let queue = open(folder.path(), "events", &time);
    assert_eq!(queue.depth().await.unwrap(), Depth { waiting: 1, in_flight: 1, dead: 0 });
    time.wait_out(Receive::default().visibility).await;
    let messages = queue.receive(&Receive::default()).await.unwrap();
    let seen: Vec<_> = messages.iter().map(|it| (&*it.body, it.receive_count)).collect();
    assert_eq!(seen, [("a 1", 2), ("b 1", 1)]);
}

#[tokio::test]
async fn what_was_kept_in_the_file_of_earlier_versions_is_taken_over_once() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let before = folder.path().join("before");
    std::fs::create_dir(&before).unwrap();
    let options = EmbeddedOptions { max_receive_count: 1 };
    let reopened = |folder: &Path| {
        EmbeddedQueue::open(&folder.join("queues.db"), "events", options, time.clock()).unwrap()
    };
    let old = reopened(&before);
    old.send_batch(&[entry("a", 1), entry("b", 1)]).await.unwrap();
    let received = old.receive(&Receive { max: 1, ..Receive::default() }).await.unwrap();
    old.dead_letter(&received[0], "poison").await.unwrap();
    drop(old);
    for _ in 0..2 {
        // As if the first process had died before it removed the file.
        std::fs::copy(before.join("queues.db"), folder.path().join("queue.db")).unwrap();
        let queue = reopened(folder.path());
        assert_eq!(queue.depth().await.unwrap(), Depth { waiting: 1, in_flight: 0, dead: 1 });
        assert!(!folder.path().join("queue.db").exists());
        queue.send_batch(&[entry("b", 1)]).await.unwrap();
        assert_eq!(queue.depth().await.unwrap().waiting, 1, "its id is known");
    }
    let queue = reopened(folder.path());
    assert_eq!(queue.dead_letters().await.unwrap()[0].reason, "poison");
    assert_eq!(queue.redrive(None).await.unwrap(), 1);
}

#[tokio::test]
async fn queues_of_one_file_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let (events, others) =
        (open(folder.path(), "events", &time), open(folder.path(), "others", &time));
    events.send_batch(&[entry("a", 1)]).await.unwrap();
    others.send_batch(&[entry("a", 1)]).await.unwrap();
    let message = events.receive(&Receive::default()).await.unwrap().remove(0);
    events.dead_letter(&message, "reason").await.unwrap();
    assert_eq!(others.depth().await.unwrap(), Depth { waiting: 1, in_flight: 0, dead: 0 });
    assert_eq!(others.redrive(None).await.unwrap(), 0);
}

#[tokio::test]
async fn a_consumer_that_waits_is_woken_by_a_sender() {
    let folder = tempfile::tempdir().unwrap();
    let time = Time::manual();
    let queue = open(folder.path(), "events", &time);
    let wanted = Receive { wait: Duration::from_mins(1), ..Receive::default() };
    let sender = open(folder.path(), "events", &time);
    let (messages, ()) = tokio::join!(queue.receive(&wanted), async {
        // Another connection, as from another process: found by looking again.
        sender.send_batch(&[entry("a", 1)]).await.unwrap();
    });
    assert_eq!(messages.unwrap().len(), 1);
}

#[tokio::test]
async fn giving_up_twice_makes_one_dead_letter_and_a_deleted_message_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), "events", &Time::manual());
    queue.send_batch(&[entry("a", 1), entry("b", 1)]).await.unwrap();
    let messages = queue.receive(&Receive::default()).await.unwrap();
    for _ in 0..2 {
        queue.dead_letter(&messages[0], "reason").await.unwrap();
    }
    queue.delete_batch(&[messages[1].receipt.clone()]).await.unwrap();
    queue.dead_letter(&messages[1], "too late").await.unwrap();
    assert_eq!(queue.depth().await.unwrap(), Depth { waiting: 0, in_flight: 0, dead: 1 });
}

#[tokio::test]
async fn ten_thousand_messages_are_worked_off_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), "events", &Time::manual());
    let group = |number: usize| format!("g{}", number % 200);
    let entries: Vec<_> = (0..10_000).map(|number| entry(&group(number), number)).collect();
    queue.send_batch(&entries).await.unwrap();
    let mut bodies = Vec::new();
    loop {
        let wanted = Receive { max: 500, ..Receive::default() };
        let messages = queue.receive(&wanted).await.unwrap();
        if messages.is_empty() {
            break;
        }
        let receipts: Vec<_> = messages.iter().map(|it| it.receipt.clone()).collect();
        assert_eq!(queue.delete_batch(&receipts).await.unwrap(), []);
        bodies.extend(messages.into_iter().map(|it| it.body));
    }
    let sent: Vec<_> = entries.into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, sent);
}
