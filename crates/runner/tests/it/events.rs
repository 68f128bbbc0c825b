//! Asynchronous invocations.

use serde_json::json;
use stepwell_runner::{Invocation, Target};
use uuid::Uuid;

use crate::support::Fixture;

async fn until(fixture: &Fixture, name: &str, wanted: usize, mark: &str) -> String {
    loop {
        let log = fixture.log(name);
        if log.matches(mark).count() >= wanted {
            return log;
        }
        tokio::task::yield_now().await;
    }
}

fn left(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.folder.path().join(".stepwell/functions/events")).unwrap().count()
}

#[tokio::test]
async fn an_event_is_tried_three_times() {
    let fixture = Fixture::new().await;
    fixture.python("fails", "def handler(event, context):\n    raise Exception(event)\n").await;
    let id = fixture.invoke_later("fails", "\"no\"").await.unwrap();
    assert_eq!(left(&fixture), 1);
    // Each try is the same request.
    until(&fixture, "fails", 3, &format!("REPORT RequestId: {id}")).await;
    while left(&fixture) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.log("fails").matches("[ERROR] Exception: no").count(), 3);
}

#[tokio::test]
async fn an_event_survives_a_restart() {
    let fixture = Fixture::new().await;
    let source = "def handler(event, context):\n    print('did', event)\n";
    fixture.python("does", source).await;
    fixture.invoke_later("does", "7").await.unwrap();
    let fixture = fixture.restarted().await;
    until(&fixture, "does", 1, "did 7").await;
}

#[tokio::test]
async fn what_cannot_be_invoked_is_refused_at_once() {
    let fixture = Fixture::new().await;
    fixture.python("does", "def handler(event, context):\n    pass\n").await;
    let later =
        async |name: &str, event: &str| fixture.invoke_later(name, event).await.unwrap_err().code;
    assert_eq!(later("none", "{}").await, "ResourceNotFoundException");
    assert_eq!(later("does", "{").await, "InvalidRequestContentException");
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(later("does", &large).await, "RequestTooLargeException");
    assert_eq!(left(&fixture), 0);
}

#[tokio::test]
async fn an_event_that_waits_is_not_taken_twice() {
    let fixture = Fixture::new().await;
    let source = "import socket\ndef handler(event, context):\n    print('did')\n    socket.create_connection(('127.0.0.1', event)).recv(1)\n";
    fixture.python("waits", source).await;
    let gate = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (target, id) = (Target::parse("waits").unwrap(), Uuid::new_v4());
    let event = Invocation::of(json!(gate.local_addr().unwrap().port()).to_string());
    for _ in 0..2 {
        fixture.runner.invoke_later(&target, &event, id).await.unwrap();
    }
    assert_eq!(left(&fixture), 1);
    drop(gate.accept().await.unwrap());
    while left(&fixture) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.log("waits").matches("did").count(), 1);
}

#[tokio::test]
async fn an_event_of_yesterday_is_given_up() {
    let fixture = Fixture::new().await;
    fixture.python("does", "def handler(event, context):\n    print('did', event)\n").await;
    let Fixture { runner, folder } = fixture;
    drop(runner);
    let event = json!({"payload": "7", "client_context": null, "accepted_at": "2026-01-01T00:00:00Z", "failures": 0});
    let file = format!(".stepwell/functions/events/{}.does.json", Uuid::new_v4());
    std::fs::write(folder.path().join(file), event.to_string()).unwrap();
    let fixture = Fixture::at(folder).await;
    while left(&fixture) > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.log("does"), "");
}

#[tokio::test]
async fn what_a_crash_left_half_done_goes() {
    let fixture = Fixture::new().await;
    fixture.python("does", "def handler(event, context):\n    return 1\n").await;
    let Fixture { runner, folder } = fixture;
    drop(runner);
    let functions = folder.path().join(".stepwell/functions");
    let left = ["events/.unfinished-a", "created/does/.unfinished-b", "tmp/c", "created/.DS_Store"];
    for file in left {
        std::fs::write(functions.join(file), "").unwrap();
    }
    let fixture = Fixture::at(folder).await;
    // The last is not ours.
    let still = left.map(|file| functions.join(file).exists());
    assert_eq!(still, [false, false, false, true]);
    assert_eq!(fixture.call("does", "{}").await, json!(1));
}
