//! The pages of the static report.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use jiff::civil::Date;
use stepwell_lake::reconcile::proof::{Counts, DatasetProof, DayProof, Found, FoundKind, Status};
use stepwell_lake::report::{Reported, write};

fn now() -> Timestamp {
    "2026-03-10T06:00:00Z".parse().unwrap()
}

fn different() -> DatasetProof {
    let counts =
        Counts { source_rows: 100, lake_rows: 99, missing: 1, late: 4, ..Counts::default() };
    let day = DayProof {
        day: Some(Date::constant(2026, 3, 9)),
        partition: None,
        status: Status::Different,
        counts,
        late_by_days: BTreeMap::from([(2, 4)]),
        columns: BTreeMap::new(),
    };
    let key = BTreeMap::from([("id".to_owned(), Some("<script>7".to_owned()))]);
    let found =
        Found { kind: FoundKind::Missing, day: day.day, partition: None, key, columns: Vec::new() };
    DatasetProof {
        checked_at: now(),
        cutoff: Some(now()),
        counts,
        days: vec![day],
        differences: vec![found],
        omitted: 3,
        note: None,
        ..DatasetProof::unknown("orders", Status::Different, "")
    }
}

fn reported(name: &str, proofs: Vec<DatasetProof>) -> Reported {
    Reported { name: name.to_owned(), proofs, in_step_until: Some(now()), quarantined: 2 }
}

#[test]
fn a_page_for_all_and_one_for_each_without_anything_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = DatasetProof::unknown("users", Status::SourceUnavailable, "503");
    let datasets = [
        reported("orders", vec![different()]),
        reported("users", vec![unknown]),
        reported("new", Vec::new()),
    ];
    let written = write(folder.path(), &datasets, now()).unwrap();
    assert_eq!(written.len(), 4);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for page in ["index.html", "dataset-orders.html", "dataset-users.html", "dataset-new.html"] {
        let html = read(page);
        for word in ["<script", "http://", "https://", "style="] {
            assert!(!html.contains(word), "{page}: {word}");
        }
    }
    let orders = read("dataset-orders.html");
    for told in ["&lt;script&gt;7", "3 more were counted", "2 d", "2026-03-09", "different"] {
        assert!(orders.contains(told), "{told}: {orders}");
    }
    let index = read("index.html");
    assert!(index.contains("0 of 3 datasets are proven"), "{index}");
    assert!(index.contains("never proven"), "{index}");
}

#[test]
fn what_is_unknown_does_not_read_as_zero() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = DatasetProof::unknown("users", Status::SourceUnavailable, "503");
    write(folder.path(), &[reported("users", vec![unknown])], now()).unwrap();
    for page in ["index.html", "dataset-users.html"] {
        let html = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(html.contains("source unavailable") && html.contains("unknown"), "{page}: {html}");
        assert!(!html.contains(r#"<td class="number">0</td>"#), "{page}: {html}");
    }
}
