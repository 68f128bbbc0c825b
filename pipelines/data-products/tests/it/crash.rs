//! A crash anywhere: everything in memory is dropped after so many requests, and the next process comes to the same end.

use std::time::Duration;

use serde_json::json;
use stepwell_sandbox::starburst::{Advance, Options};

use crate::support::{Bench, few};

async fn wait_for_requests(bench: &Bench, requests: usize) {
    while bench.sandbox.log().len() < requests {
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

/// The process dies once the sandbox has seen so many requests; false if the run ended before.
async fn dies_after(bench: &mut Bench, requests: usize) -> bool {
    let seen = wait_for_requests(bench, requests);
    let died = tokio::select! {
        biased;
        () = seen => true,
        _ = bench.execute(json!({})) => false,
    };
    bench.restart();
    died
}

#[tokio::test]
async fn a_crash_anywhere_in_a_first_run_converges() {
    let mut after = 5;
    loop {
        let mut bench = Bench::start(Options { products: 2, ..Options::default() }).await;
        if !dies_after(&mut bench, after).await {
            break;
        }
        bench.sync().await;
        bench.assert_in_step();
        after += 61;
    }
    assert!(after > 100, "the run was crashed many times");
}

#[tokio::test]
async fn a_crash_anywhere_among_changes_converges() {
    let mut after = 5;
    loop {
        let mut bench =
            Bench::start(Options { products: 8, awkward: false, ..Options::default() }).await;
        bench.sync().await;
        bench.sandbox.forget_requests();
        bench.sandbox.advance(&Advance {
            seed: 3,
            changed: 2,
            deleted: 1,
            added: 1,
            renamed: 1,
            moved: 1,
            refreshed: 1,
        });
        if !dies_after(&mut bench, after).await {
            break;
        }
        bench.sync().await;
        bench.assert_in_step();
        after += 29;
    }
    assert!(after > 30, "the run was crashed several times");
}

/// Again and again, each time a little later.
#[tokio::test]
async fn crash_after_crash_converges() {
    let mut bench = Bench::start(few()).await;
    let mut after = 20;
    while dies_after(&mut bench, after).await {
        bench.sandbox.forget_requests();
        after += 40;
        assert!(after < 2_000);
    }
    bench.assert_in_step();
    bench.assert_settled().await;
}

/// The execution goes on in anbench process, which has read nothing: each function reads again.
#[tokio::test]
async fn a_run_goes_on_in_a_new_process_at_every_function() {
    let input = json!({"run": "one", "input": {}});
    let minute = Duration::from_mins(1);
    let mut bench = Bench::start(few()).await;
    let planned = call(&mut bench, "plan", &input, minute).await;
    let mut applied = Vec::new();
    for item in planned["changes"].as_array().unwrap() {
        applied.push(call(&mut bench, "apply", &json!({"run": "one", "item": item}), minute).await);
    }
    let verify =
        json!({"run": "one", "notices": planned["notices"], "applied": applied, "removed": []});
    let verified = call(&mut bench, "verify", &verify, minute).await;
    assert_eq!((&verified["differences"], &verified["compared"]), (&json!([]), &json!(4)));
    bench.assert_in_step();
    bench.assert_settled().await;
}

/// Calls a function in a process of its own, twice, as after a crash before its outcome was recorded.
async fn call(
    bench: &mut Bench,
    function: &str,
    input: &serde_json::Value,
    slice: Duration,
) -> serde_json::Value {
    let name = format!("stepwell-data-products-{function}");
    let ctx = stepwell_pipeline::Context::starting_now("test", slice);
    let mut outcome = serde_json::Value::Null;
    for _ in 0..2 {
        bench.restart();
        let function = bench.pipeline.functions.iter().find(|it| it.name() == name).unwrap();
        let again = function.call_json(input, &ctx).await.unwrap();
        if outcome.is_null() {
            outcome = again;
        }
    }
    outcome
}
