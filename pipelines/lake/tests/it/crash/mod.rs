//! The process dies anywhere, behind a call or in the midst of it, and another one goes on: what is left is the same.

mod files;
mod scenes;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use stepwell_machine::Phase;

use crate::bench::{Bench, Death, Driving, Execution};
use scenes::{DynamoDbExport, DynamoDbScan, Mambu, Postgres, Proof, Salesforce};

const SHORT: Driving = Driving { slice: Duration::ZERO, twice: false, crash_after: usize::MAX };

/// By its name, what a run leaves.
type Left = BTreeMap<String, Vec<Vec<u8>>>;

/// An execution that processes die in.
trait Scene {
    /// The state machine.
    const MACHINE: &'static str = "lake";

    /// No execution has fewer calls, or there would be little to die in.
    const CALLS_MIN: usize;

    /// A project folder as it is before the execution.
    fn bench(&self) -> impl Future<Output = Bench>;

    /// Everything that has to be the same, whenever a process died.
    fn left(&self, bench: &Bench, ended: &Execution) -> impl Future<Output = Left>;

    fn is_right(phase: &Phase) -> bool {
        matches!(phase, Phase::Succeeded { .. })
    }
}

/// Processes die one after the other while they work on an execution, until one does not; what that leaves.
struct Work<'a, S> {
    scene: &'a S,
    bench: Bench,
    execution: Execution,
}

impl<'a, S: Scene> Work<'a, S> {
    async fn begin(scene: &'a S) -> Self {
        Self { scene, bench: scene.bench().await, execution: Execution::begin(S::MACHINE) }
    }

    /// Lets a process work; whether it died.
    fn dies(&mut self, death: Death) -> bool {
        self.bench.work_on(&mut self.execution, SHORT, death);
        !self.execution.is_over()
    }

    async fn ended(mut self) -> Left {
        self.dies(Death::Never);
        let Self { scene, bench, execution } = &self;
        assert!(S::is_right(execution.phase()), "{:#}", execution.summary);
        scene.left(bench, execution).await
    }
}

async fn converges<S: Scene>(scene: S) {
    let mut clean = Work::begin(&scene).await;
    clean.dies(Death::Never);
    let calls = clean.execution.calls;
    assert!(calls >= S::CALLS_MIN, "{calls}");
    let expected = clean.ended().await;
    for calls in 1..=calls {
        let mut work = Work::begin(&scene).await;
        assert!(work.dies(Death::Behind { calls }));
        check_same(&work.ended().await, &expected, &format!("behind call {calls}"));
    }
    for first in 0..POLLS_STEP {
        let mut work = Work::begin(&scene).await;
        let deaths = die_within_every_call(&mut work, first);
        assert!(deaths > calls, "{deaths}");
        check_same(&work.ended().await, &expected, &format!("within calls, from {first} on"));
    }
}

/// So much further the next process gets in a call, counted in how often the call got on.
const POLLS_STEP: usize = 4;

/// Every process dies, the next one a little further on in the same call; how many did.
fn die_within_every_call<S: Scene>(work: &mut Work<'_, S>, first: usize) -> usize {
    let (mut deaths, mut polls, mut answers) = (0, first, 0);
    while work.dies(Death::Within { polls }) {
        deaths += 1;
        let is_same = answers == work.execution.answers;
        polls = if is_same { polls + POLLS_STEP } else { first };
        answers = work.execution.answers;
    }
    deaths
}

#[track_caller]
fn check_same(left: &Left, expected: &Left, died: &str) {
    for (name, expected) in expected {
        assert!(left.get(name) == Some(expected), "died {died}: `{name}` is another one");
    }
    assert_eq!(left.len(), expected.len(), "died {died}: {:?}", left.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_of_dynamodb() {
    converges(DynamoDbScan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_dynamodb() {
    converges(DynamoDbExport).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_postgresql() {
    let Some(scene) = Postgres::new().await else { return };
    converges(scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_salesforce_over_rest() {
    converges(Salesforce::new("api = 'rest'").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_salesforce_by_jobs() {
    converges(Salesforce::new("api = 'bulk'").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_mambu() {
    converges(Mambu::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof() {
    converges(Proof).await;
}
