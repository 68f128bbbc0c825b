//! What becomes of what is there already.

use jiff::SignedDuration;

use crate::bench::{Bench, Driving};

fn settings(keys: &str) -> String {
    format!(
        "grace_seconds = 0\n[tables.orders]\nsource = 'files'\npath = 'in/*.csv'\nkey = ['id']\nsettle_seconds = 0\n\
         columns = ['id bigint not null', 'amount decimal(10,2)', 'modified timestamp']\n{keys}\n"
    )
}

const DAY_1: &str =
    "id,amount,modified\n1,1.00,2026-03-01T10:00:00Z\n2,2.00,2026-03-02T10:00:00Z\n";

#[tokio::test]
async fn overwrite_switches_the_whole_table_and_removes_what_was_there() {
    let bench = Bench::new(&settings("partition_by = ['day(modified)']"));
    bench.write("in/a.csv", DAY_1);
    bench.succeed().await;
    let before = bench.files("orders");
    bench.write("in/a.csv", "id,amount,modified\n3,3.00,2026-03-02T11:00:00Z\n");
    bench.succeed().await;
    assert_eq!(bench.partitions("orders").await, [("dt=2026-03-02".to_owned(), 1)]);
    let after = bench.files("orders");
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(before.iter().filter(|it| !it.ends_with("_table.json")).all(|it| !after.contains(it)));
}

#[tokio::test]
async fn what_is_replaced_stays_for_its_grace_time() {
    let bench = Bench::new(&settings("").replace("grace_seconds = 0", "grace_seconds = 3600"));
    bench.write("in/a.csv", DAY_1);
    bench.succeed().await;
    bench.succeed().await;
    assert_eq!(bench.files("orders").len(), 3, "two runs and the pointer");
    assert_eq!(bench.table("orders").await.rows(), 2);
}

#[tokio::test]
async fn what_is_replaced_stays_until_the_catalog_knows() {
    let bench = Bench::new(&settings(""));
    bench.write("in/a.csv", DAY_1);
    bench.succeed().await;
    let before = bench.files("orders");
    let catalog = std::fs::read_dir(bench.path().join("lake")).unwrap();
    let mut catalog = catalog.map(|entry| entry.unwrap().path());
    let catalog = catalog.find(|it| it.to_string_lossy().ends_with(".catalog.json")).unwrap();
    let good = std::fs::read(&catalog).unwrap();
    std::fs::write(&catalog, "{").unwrap();
    bench.write("in/a.csv", "id,amount,modified\n3,3.00,\n");
    bench.fail().await;
    assert_eq!(bench.table("orders").await.rows(), 1, "it is published");
    let after = bench.files("orders");
    assert!(before.iter().all(|it| after.contains(it)), "{after:?}");
    std::fs::write(&catalog, good).unwrap();
    // Until the execution that failed does not hold the dataset any more.
    bench.pass(SignedDuration::from_mins(2));
    bench.succeed().await;
    assert_eq!(bench.files("orders").len(), 2, "one run and the pointer");
}

#[tokio::test]
async fn a_source_that_is_suddenly_empty_empties_no_table() {
    let mut bench = Bench::new(&settings(""));
    bench.write("in/a.csv", DAY_1);
    bench.succeed().await;
    bench.write("in/a.csv", "id,amount,modified\n");
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("allow_empty"), "{summary:#}");
    std::fs::remove_file(bench.path().join("in/a.csv")).unwrap();
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("allow_empty"), "{summary:#}");
    assert_eq!(bench.table("orders").await.rows(), 2);
    // It was empty for a moment: what it has now is read, and not what it had then.
    bench.write("in/a.csv", "id,amount,modified\n7,7.00,\n");
    bench.succeed().await;
    assert!(bench.rows("orders").await.contains("| 7  |"));
    bench.write("in/a.csv", "id,amount,modified\n");
    bench.set(&settings("allow_empty = true"));
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 0);
}

#[tokio::test]
async fn a_log_grows_by_what_is_new_and_says_when_it_was_read() {
    let keys = "mode = 'append'\nevent_time = 'modified'\npartition_by = ['day(modified)']\nsince = '2026-03-01T00:00:00Z'\nwindow_seconds = 86400\n";
    let bench = Bench::new(&settings(keys));
    let (first, second) = DAY_1.split_at(DAY_1.rfind("2,2.00").unwrap());
    bench.write_at("in/a.csv", first, "2026-03-01T11:00:00Z".parse().unwrap());
    let second = format!("id,amount,modified\n{second}");
    bench.write_at("in/b.csv", second, "2026-03-02T11:00:00Z".parse().unwrap());
    let summary = bench.succeed().await;
    let windows = summary["datasets"][0]["windows"].as_u64().unwrap();
    assert_eq!(windows, 4, "day by day, whole ones first");
    assert_eq!(summary["rows"], 2);
    assert_eq!(
        bench.partitions("orders").await,
        [("dt=2026-03-01".to_owned(), 1), ("dt=2026-03-02".to_owned(), 1)]
    );
    let rows = bench.rows("orders").await;
    assert!(
        rows.contains("| 1  | 1.00   | 2026-03-01T10:00:00Z | 2026-03-02T00:00:00Z |"),
        "{rows}"
    );
    assert!(
        rows.contains("| 2  | 2.00   | 2026-03-02T10:00:00Z | 2026-03-03T00:00:00Z |"),
        "{rows}"
    );
}

#[tokio::test]
async fn appending_to_a_partition_keeps_what_it_has_and_small_files_are_put_together() {
    let keys = "mode = 'append'\npart_rows = 1\n";
    let bench = Bench::new(&format!("compact_files = 4\n{}", settings(keys)));
    let mut expected = 0;
    for run in 0..6 {
        bench.deliver(&format!("in/{run}.csv"), format!("id,amount,modified\n{run},1.00,\n"));
        bench.succeed().await;
        expected += 1;
        assert_eq!(bench.table("orders").await.rows(), expected, "run {run}");
        bench.drive(Driving { twice: true, ..Driving::default() }).await;
        assert_eq!(bench.table("orders").await.rows(), expected, "run {run} again");
    }
    let table = bench.table("orders").await;
    let partition = &table.partitions[""];
    assert!(partition.files.len() < 5, "{:?}", partition.files);
    assert!(partition.files.iter().any(|file| file.name.contains("merged")));
    let on_disk = bench.files("orders").len();
    assert_eq!(
        on_disk,
        partition.files.len() + 1,
        "nothing but the published files and the pointer"
    );
}

#[tokio::test]
async fn large_files_stay_as_they_are_when_small_ones_are_put_together() {
    let keys = "mode = 'append'\ncompression = 'none'\npart_mebibytes = 64\n";
    let settings = settings(keys).replace("'amount decimal(10,2)'", "'amount string'");
    let bench = Bench::new(&format!("compact_files = 4\n{settings}"));
    let rows = (0..1024).map(|id| format!("{id},{id:017000},\n"));
    let large: String = std::iter::once("id,amount,modified\n".to_owned()).chain(rows).collect();
    bench.deliver("in/large.csv", large);
    bench.succeed().await;
    let large = bench.table("orders").await.partitions[""].files[0].clone();
    assert!(large.bytes > 16 << 20, "{}", large.bytes);
    for run in 0..5 {
        bench.deliver(&format!("in/{run}.csv"), format!("id,amount,modified\n{run},1,\n"));
        bench.succeed().await;
    }
    let files = &bench.table("orders").await.partitions[""].files;
    assert!(files.contains(&large) && files.len() < 6, "{files:?}");
    assert!(files.iter().any(|file| file.name.contains("merged")), "{files:?}");
}

#[tokio::test]
async fn a_log_keeps_its_format() {
    let mut bench = Bench::new(&settings("mode = 'append'"));
    bench.deliver("in/a.csv", DAY_1);
    bench.succeed().await;
    bench.set(&settings("mode = 'append'\nformat = 'jsonl'"));
    bench.deliver("in/b.csv", DAY_1);
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("another `format`"), "{summary:#}");
    assert_eq!(bench.table("orders").await.rows(), 2);
}

#[tokio::test]
async fn a_day_that_has_become_empty_is_published_as_empty() {
    let keys = "mode = 'overwrite_partitions'\nevent_time = 'modified'\npartition_by = ['day(modified)']\noverlap_seconds = 100000000\n";
    let bench = Bench::new(&settings(keys));
    bench.write("in/a.csv", DAY_1);
    bench.succeed().await;
    let days = bench.partitions("orders").await;
    assert_eq!(
        days[..3],
        [
            ("dt=2026-03-01".to_owned(), 1),
            ("dt=2026-03-02".to_owned(), 1),
            ("dt=2026-03-03".to_owned(), 0)
        ]
    );
    bench.pass(SignedDuration::from_secs(1));
    bench.write("in/a.csv", "id,amount,modified\n2,2.50,2026-03-02T10:00:00Z\n");
    bench.succeed().await;
    let days = bench.partitions("orders").await;
    let day = |name: &str| days.iter().find(|(day, _)| day == name).map(|(_, rows)| *rows);
    assert_eq!((day("dt=2026-03-01"), day("dt=2026-03-02")), (Some(0), Some(1)));
    assert!(bench.rows("orders").await.contains("2.50"));
}

#[tokio::test]
async fn columns_may_come_and_not_go_or_change() {
    let mut bench = Bench::new(&settings("mode = 'append'"));
    bench.deliver("in/a.csv", DAY_1);
    bench.succeed().await;
    bench.set(
        &settings("mode = 'append'")
            .replace("'modified timestamp'", "'modified timestamp', 'colour string'"),
    );
    bench.deliver("in/b.csv", "id,amount,modified,colour\n9,1,,red\n");
    bench.succeed().await;
    let rows = bench.rows("orders").await;
    assert!(rows.contains("| red    |"), "{rows}");
    bench.set(&settings("mode = 'append'").replace("decimal(10,2)", "double"));
    bench.deliver("in/c.csv", "id,amount,modified\n10,1,\n");
    let summary = bench.fail().await;
    assert!(
        summary["message"]
            .as_str()
            .unwrap()
            .contains("`amount decimal(10,2)`, which is double now"),
        "{summary:#}"
    );
}
