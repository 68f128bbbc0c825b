//! `stepwell demo`: every pipeline once, and what it found when it looked into both sides.

use serde_json::{Value, json};

use crate::support::Project;

/// The runs that the demo tells of.
fn runs(project: &Project, arguments: &[&str]) -> Vec<Value> {
    let keep = ["demo", "--keep", "demo"];
    project.json(&[&keep, arguments].concat())["runs"].as_array().unwrap().clone()
}

#[test]
fn the_replica_of_canvas_is_proven_twice() {
    let runs = runs(&Project::new(), &["--only", "canvas", "--rows", "1000"]);
    assert_eq!(runs.len(), 2, "{runs:?}");
    for run in &runs {
        assert_eq!(run["pipeline"], "canvas");
        let tables = run["tables"].as_array().unwrap();
        let is_proven = |table: &Value| table["proven"] == true || table["proven_before"] == true;
        assert!(!tables.is_empty() && tables.iter().all(is_proven), "{run}");
    }
}

#[test]
fn data_products_change_and_go_and_foreign_ones_stay() {
    let runs = runs(&Project::new(), &["--only", "data-products"]);
    assert_eq!(counts(&runs[0]), json!({"created": 50}));
    assert_eq!(counts(&runs[1]), json!({"deleted": 3, "unchanged": 42, "updated": 5}));
    assert!(runs.iter().all(both_sides_agree), "{runs:?}");
}

#[test]
fn agreements_are_granted_ended_and_repaired() {
    let project = Project::new();
    let runs = runs(&project, &["--only", "data-mesh"]);
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert!(counts(&runs[0])["granted"].as_u64() > Some(100), "{runs:?}");
    assert_eq!(counts(&runs[1]), json!({"revoked": 6}));
    assert!(runs.iter().all(both_sides_agree), "{runs:?}");
    let list = project.json(&["-C", "demo", "execution", "list"]);
    assert_eq!(list.as_array().map(Vec::len), Some(3), "{list}");
}

#[test]
fn every_planted_fault_of_the_streams_is_found_and_nothing_else() {
    let runs = runs(&Project::new(), &["--only", "stream-qc"]);
    let streams = runs[0]["streams"].as_array().unwrap();
    let planted: usize = streams.iter().map(|it| it["planted"].as_array().unwrap().len()).sum();
    assert_eq!((streams.len(), planted), (20, 16));
    for stream in streams {
        assert_eq!(
            (&stream["missed"], &stream["false_alarms"]),
            (&json!([]), &json!([])),
            "{stream}"
        );
    }
}

#[test]
fn three_sources_reach_the_lake_and_a_row_that_is_lost_there_is_named() {
    let runs = runs(&Project::new(), &["--only", "lake"]);
    let [first, proven, broken] = &runs[..] else { panic!("{runs:?}") };
    let datasets = |run: &Value, status: &str| -> Vec<String> {
        let of_status = |it: &&Value| it["status"] == status && it["rows"].as_u64() > Some(0);
        let datasets = run["datasets"].as_array().unwrap().iter().filter(of_status);
        datasets.map(|it| it["dataset"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["accounts", "loans", "orders"];
    assert_eq!(datasets(first, "published"), all);
    assert_eq!(datasets(proven, "equal"), all);
    assert_eq!((&proven["planted"], &proven["differences"]), (&json!([]), &json!([])));
    assert_eq!(datasets(broken, "different"), ["orders"]);
    let planted = broken["planted"].as_array().unwrap();
    assert!(planted[0].as_str().unwrap().starts_with("orders order-"), "{broken}");
    assert_eq!(broken["differences"], broken["planted"]);
}

fn both_sides_agree(run: &Value) -> bool {
    run["compared"].as_u64() > Some(40) && run["differences"] == json!([])
}

/// How often each kind of change is there.
fn counts(run: &Value) -> Value {
    let kinds = run["changes"].as_array().unwrap();
    let kind = |it: &Value| (it["what"].as_str().unwrap().to_owned(), it["count"].clone());
    kinds.iter().map(kind).collect::<serde_json::Map<_, _>>().into()
}
