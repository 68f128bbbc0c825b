//! The process dies anywhere, calls are delivered twice, machines run beside each other: the same end.

use serde_json::json;
use stepwell_machine::Phase;
use stepwell_sandbox::dmm::{Awkward, Options};

use crate::driver::Driving;
use crate::support::{Bench, an_active, consumer_of, expected, set_custom};

fn options() -> Options {
    let awkward = [Awkward::MissingRoleName, Awkward::TeamConsumer].into();
    Options { agreements: 10, awkward, ..Options::default() }
}

/// Changes of every kind, between two runs.
fn change(bench: &Bench) {
    let sandbox = &bench.sandbox;
    let active: Vec<_> = sandbox.agreements().into_iter().filter(|it| it.active).collect();
    sandbox.deactivate(&active[0].id).unwrap();
    sandbox.delete_access(&active[1].id).unwrap();
    let consumer = consumer_of(sandbox, &active[2].id);
    sandbox
        .change_data_product(&consumer, |it| set_custom(it, "aws-role-name", "renamed-consumer"))
        .unwrap();
    let inactive = sandbox.agreements().into_iter().find(|it| !it.active).unwrap();
    sandbox.activate(&inactive.id).unwrap();
}

/// After each count of calls that came back, whatever runs then is dropped; then a new process runs it again.
#[tokio::test]
async fn a_crash_after_any_call_ends_the_same() {
    for machine in ["data-mesh", "data-mesh-reconcile"] {
        let mut calls = 1;
        loop {
            let mut bench = Bench::settled(options()).await;
            change(&bench);
            let driving = Driving { crash_after: Some(calls), twice: false };
            let ended = bench.drive(machine, json!({}), driving).await;
            bench.restart();
            bench.succeed(machine, json!({"allow_deletes": true})).await;
            let found = bench.granted().await;
            assert_eq!(found, expected(&bench.sandbox), "{machine}, died after {calls} calls");
            assert!(bench.dead_letters().await.is_empty());
            if ended.phase != Phase::Running {
                break;
            }
            calls += 3;
        }
        assert!(calls > 15, "{machine}: {calls}");
    }
}

#[tokio::test]
async fn a_crash_in_the_first_start_ends_the_same() {
    for calls in [1, 2, 3, 5, 8, 13, 21, 34] {
        let mut bench = Bench::new(options()).await;
        let driving = Driving { crash_after: Some(calls), twice: false };
        bench.drive("data-mesh", json!({}), driving).await;
        bench.restart();
        bench.follow().await;
        bench.assert_in_step().await;
    }
}

#[tokio::test]
async fn calls_that_are_delivered_twice_change_nothing() {
    let bench = Bench::new(options()).await;
    let twice = Driving { twice: true, crash_after: None };
    for _ in 0..2 {
        let ended = bench.drive("data-mesh", json!({}), twice).await;
        assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:#}", ended.summary);
        bench.assert_in_step().await;
        change(&bench);
    }
    let ended = bench.drive("data-mesh-reconcile", json!({}), twice).await;
    assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:#}", ended.summary);
    bench.assert_in_step().await;
}

#[tokio::test]
async fn both_machines_beside_each_other_end_the_same() {
    let bench = Bench::settled(Options { agreements: 40, ..Options::default() }).await;
    for _ in 0..3 {
        change(&bench);
        tokio::join!(bench.follow(), bench.reconcile());
        bench.follow().await;
        bench.assert_in_step().await;
    }
}

/// A deletion that was done and not recorded is told all the same.
#[tokio::test]
async fn the_owner_is_told_after_a_crash() {
    let bench = Bench::settled(options()).await;
    let (access, _) = an_active(&bench.sandbox);
    bench.sandbox.deactivate(&access).unwrap();
    let mut calls = 1;
    while bench.granted().await.iter().any(|(_, policy)| policy.ends_with(&access)) {
        bench
            .drive("data-mesh", json!({}), Driving { crash_after: Some(calls), twice: false })
            .await;
        calls += 1;
    }
    bench.follow().await;
    assert_eq!(bench.sandbox.provisioning(&access).unwrap()["status"], "deprovisioned");
}
