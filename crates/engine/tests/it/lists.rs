//! Lists and histories, page by page.

use serde_json::json;
use stepwell_engine::{Entropy, ExecutionFilter, Page, Paged, Reader, Status};

use crate::rig::{Engine, Rig, count_down, one, wait};

fn page(limit: usize, token: Option<String>) -> Page {
    Page { limit, token }
}

async fn names(engine: &Engine, filter: ExecutionFilter, limit: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let page = page(limit, token);
        let Paged { items, next } =
            engine.handle.list_executions(filter.clone(), page).await.unwrap();
        pages.push(items.into_iter().map(|item| item.name).collect());
        token = next;
        if token.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn executions_are_listed_newest_first() {
    let engine = Rig::new().open();
    let short = engine.create("short", one(json!({"Type": "Pass"}))).await;
    let long = engine.create("long", wait(3_600)).await;
    for name in ["a", "b", "c"] {
        let arn = engine.start(&short, name, "{}").await;
        engine.wait(&arn).await;
        engine.start(&long, name, "{}").await;
    }
    let arn = engine.start(&long, "d", "{}").await;
    engine.handle.stop_execution(&arn, None, None).await.unwrap();

    let of = |arn: &str, status| ExecutionFilter {
        state_machine_arn: Some(arn.to_owned()),
        status,
        ..ExecutionFilter::default()
    };
    assert_eq!(names(&engine, of(&long, None), 3).await, [vec!["d", "c", "b"], vec!["a"]]);
    assert_eq!(names(&engine, of(&long, None), 2).await, [["d", "c"], ["b", "a"]]);
    let running = of(&long, Some(Status::Running));
    assert_eq!(names(&engine, running, 10).await, [["c", "b", "a"]]);
    assert_eq!(names(&engine, of(&short, Some(Status::Failed)), 10).await, [[""; 0]]);
    let all = ExecutionFilter::default();
    assert_eq!(
        names(&engine, all.clone(), 4).await,
        [vec!["d", "c", "c", "b"], vec!["b", "a", "a"]]
    );
    let succeeded = ExecutionFilter { status: Some(Status::Succeeded), ..all };
    assert_eq!(names(&engine, succeeded, 2).await, [vec!["c", "b"], vec!["a"]]);
}

#[tokio::test]
async fn a_history_is_read_in_pages_both_ways() {
    let engine = Rig::new().open();
    let record = engine.run(count_down(), r#"{"n": 700}"#).await;
    let read = async |reverse: bool, limit: usize| {
        let (mut ids, mut token) = (Vec::new(), None);
        loop {
            let page = page(limit, token);
            let read = engine.handle.history(&record.summary.arn, reverse, page).await.unwrap();
            assert!(read.items.len() <= limit);
            ids.extend(read.items.iter().map(|event| event["id"].as_i64().unwrap()));
            token = read.next;
            if token.is_none() {
                return ids;
            }
        }
    };
    let forward = read(false, 1_000).await;
    assert_eq!(forward, (1..=forward.len() as i64).collect::<Vec<_>>());
    assert!(forward.len() > 2_000, "more than one batch: {}", forward.len());
    assert_eq!(read(false, 97).await, forward);
    let mut backward = read(true, 97).await;
    backward.reverse();
    assert_eq!(backward, forward);
}

#[tokio::test]
async fn state_machines_are_listed_by_name() {
    let engine = Rig::new().open();
    for name in ["c", "a", "b"] {
        engine.create(name, wait(1)).await;
    }
    let first = engine.handle.list_state_machines(page(2, None)).await.unwrap();
    assert_eq!(first.items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["a", "b"]);
    let rest = engine.handle.list_state_machines(page(2, first.next)).await.unwrap();
    assert_eq!(rest.items[0].name, "c");
    assert_eq!(rest.next, None);
}

#[tokio::test]
async fn a_made_up_token_is_refused() {
    let engine = Rig::new().open();
    let record = engine.run(wait(0), "{}").await;
    for token in ["", "e1-", "e2-4", "h1-1", "h1-x-1", "h1--1-0", "m1", "h1-999999999999-0"] {
        let token = || page(1, Some(token.to_owned()));
        let error = engine.handle.list_executions(ExecutionFilter::default(), token()).await;
        assert_eq!(error.unwrap_err().aws_name(), "InvalidToken");
        let error = engine.handle.history(&record.summary.arn, false, token()).await;
        assert_eq!(error.unwrap_err().aws_name(), "InvalidToken");
    }
}

#[tokio::test]
async fn a_store_can_be_read_beside_and_without_its_engine() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(wait(0), "{}").await;
    let arns = stepwell_engine::Arns::new("us-east-1", "000000000000");
    let reader = Reader::open(&rig.store(), arns.clone()).unwrap();
    assert_eq!(reader.describe_execution(&record.summary.arn).unwrap(), record);
    engine.close().await.unwrap();
    let reader = Reader::open(&rig.store(), arns).unwrap();
    assert_eq!(reader.describe_execution(&record.summary.arn).unwrap(), record);
}

/// Every event of a chain repeats its data; the store does not.
#[tokio::test]
async fn large_data_is_stored_about_once() {
    let rig = Rig::new();
    let engine = rig.open();
    let mut entropy = stepwell_engine::ManualEntropy::new(1);
    let words = (0..1_000).map(|_| format!("{:016x}", entropy.next_u64()));
    let input = json!(words.collect::<Vec<_>>()).to_string();
    let states = (0..9).map(|index| {
        (format!("S{index}"), json!({"Type": "Pass", "Next": format!("S{}", index + 1)}))
    });
    let mut states: serde_json::Map<_, _> = states.collect();
    states.insert("S9".to_owned(), json!({"Type": "Succeed"}));
    let record = engine.run(json!({"StartAt": "S0", "States": states}), &input).await;
    assert_eq!(record.output.as_deref(), Some(&*input));
    assert_eq!(engine.history(&record.summary.arn).await.len(), 22);

    let store = rusqlite::Connection::open(rig.store()).unwrap();
    let sum = "SELECT sum(length(entries)) FROM journal";
    let bytes: usize = store.query_row(sum, [], |row| row.get(0)).unwrap();
    assert!(bytes < input.len() * 2, "{bytes} bytes for {} of input", input.len());
}
