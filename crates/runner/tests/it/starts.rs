//! When processes start, and what waits for that.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use stepwell_runner::{Function, Invocation, Options, Runner, Target};
use tokio_util::sync::CancellationToken;

use crate::support::{ECHO, Fixture, error_of, function, options};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A script in the place of an interpreter, as version managers put one there.
fn shim(folder: &Path, script: &str) {
    let file = folder.join("python3.12");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whoever reads it waits until somebody writes.
fn gate(folder: &Path) -> PathBuf {
    let gate = folder.join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    gate
}

/// A function of stepwell.toml.
fn configured(folder: &Path) -> Function {
    std::fs::write(folder.join("handler.py"), ECHO).unwrap();
    Function { folder: folder.to_owned(), ..function("echo", "python3.12", "handler.handler") }
}

#[tokio::test]
async fn a_start_waits_for_no_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let gate = gate(folder.path());
    shim(folder.path(), &format!("read line < {}\nexec python3 \"$@\"", gate.display()));
    let options = Options { search: vec![folder.path().to_owned()], ..options(&folder) };
    let opened = Runner::open(options, vec![configured(folder.path())]);
    let runner = tokio::time::timeout(PATIENCE, opened).await.expect("it waits").unwrap();

    let opens = tokio::task::spawn_blocking(move || std::fs::write(gate, "\n").unwrap());
    let (target, stop) = (Target::parse("echo").unwrap(), CancellationToken::new());
    let invoked = runner.invoke(&target, &Invocation::of("[1]".to_owned()), &stop).await.unwrap();
    assert_eq!(Fixture::returned(&invoked), json!([1]));
    opens.await.unwrap();
}

#[tokio::test]
async fn an_interpreter_that_does_not_run_is_told_when_its_function_is_invoked() {
    let folder = tempfile::tempdir().unwrap();
    shim(folder.path(), "exit 1");
    let options = Options { search: vec![folder.path().to_owned()], ..options(&folder) };
    let runner = Runner::open(options, vec![configured(folder.path())]).await.unwrap();
    let (target, stop) = (Target::parse("echo").unwrap(), CancellationToken::new());
    let invoked = runner.invoke(&target, &Invocation::of("[1]".to_owned()), &stop).await.unwrap();
    let (error, message) = error_of(&invoked);
    assert_eq!(error, "Runtime.InvalidEntrypoint");
    assert!(message.contains("does not run: exit status: 1"), "{message}");
}

#[tokio::test]
async fn an_interpreter_that_is_missing_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { search: Vec::new(), ..options(&folder) };
    let opened = Runner::open(options, vec![configured(folder.path())]).await;
    let refusal = opened.err().expect("it cannot run");
    assert!(refusal.message.contains("`python3`"), "{refusal}");
}

#[tokio::test]
async fn who_stops_waits_for_no_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let gate = gate(folder.path());
    shim(folder.path(), &format!("read line < {}", gate.display()));
    let options = Options { search: vec![folder.path().to_owned()], ..options(&folder) };
    let runner = Runner::open(options, vec![configured(folder.path())]).await.unwrap();
    let (target, stop) = (Target::parse("echo").unwrap(), CancellationToken::new());
    let invocation = Invocation::of("1".to_owned());
    let cancel = async { stop.cancel() };
    let invoked = async { tokio::join!(runner.invoke(&target, &invocation, &stop), cancel).0 };
    let invoked = tokio::time::timeout(PATIENCE / 3, invoked).await.expect("it goes on");
    assert!(invoked.unwrap_err().message.contains("given up"));
}

/// Functions in Python whose processes do not come up, and invocations of them.
async fn stuck(fixture: &Fixture) {
    let stuck = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n";
    fixture.python("stuck", stuck).await;
    for _ in 0..16 {
        let runner = fixture.runner.clone();
        tokio::spawn(async move {
            let (target, stop) = (Target::parse("stuck").unwrap(), CancellationToken::new());
            // Nobody hears how it ends.
            drop(runner.invoke(&target, &Invocation::of("1".to_owned()), &stop).await);
        });
    }
}

async fn begun(fixture: &Fixture, processes: usize) {
    let begun = async {
        while fixture.log("stuck").matches("begun").count() < processes {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.expect("so many start");
}

#[tokio::test]
async fn processes_that_do_not_come_up_keep_no_other_function_from_its_own() {
    let fixture = Fixture::new().await;
    fixture.python("warm", ECHO).await;
    fixture.call("warm", "1").await;
    stuck(&fixture).await;
    begun(&fixture, 1).await;
    assert_eq!(fixture.call("warm", "2").await, json!(2));
    fixture.python("cold", ECHO).await;
    assert_eq!(fixture.call("cold", "3").await, json!(3));
}

/// They are given up after more than a minute only.
#[tokio::test]
async fn processes_that_do_not_come_up_let_others_of_their_function_start() {
    let fixture = Fixture::new().await;
    stuck(&fixture).await;
    let at_once = std::thread::available_parallelism().unwrap().get();
    begun(&fixture, at_once + 1).await;
}
