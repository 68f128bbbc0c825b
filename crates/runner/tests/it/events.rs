//! Asynchronous invocations.

use stepwell_runner::{Invocation, Target};

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
    let target = Target::parse("fails").unwrap();
    fixture.runner.invoke_later(&target, &Invocation::of("\"no\"")).unwrap();
    assert_eq!(left(&fixture), 1);
    until(&fixture, "fails", 3, "REPORT").await;
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
    let target = Target::parse("does").unwrap();
    fixture.runner.invoke_later(&target, &Invocation::of("7")).unwrap();
    let fixture = fixture.restarted().await;
    until(&fixture, "does", 1, "did 7").await;
}

#[tokio::test]
async fn what_cannot_be_invoked_is_refused_at_once() {
    let fixture = Fixture::new().await;
    fixture.python("does", "def handler(event, context):\n    pass\n").await;
    let later = |name: &str, event: &str| {
        let invocation = Invocation::of(event.to_owned());
        fixture.runner.invoke_later(&Target::parse(name).unwrap(), &invocation).unwrap_err().code
    };
    assert_eq!(later("none", "{}"), "ResourceNotFoundException");
    assert_eq!(later("does", "{"), "InvalidRequestContentException");
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(later("does", &large), "RequestTooLargeException");
    assert_eq!(left(&fixture), 0);
}
