//! Files into a log: each version of a file once, whenever it comes and whatever times it has.

use std::time::Duration;

use jiff::SignedDuration;
use stepwell_machine::Phase;

use crate::bench::{Bench, Driving};

const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null', 'modified timestamp']
key = ['id']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)']
";

fn rows(ids: &[u32], at: &str) -> String {
    let rows = ids.iter().map(|id| format!("{id},{at}\n"));
    std::iter::once("id,modified\n".to_owned()).chain(rows).collect()
}

/// So much has settled.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn days(bench: &Bench) -> Vec<(String, u64)> {
    bench.partitions("orders").await
}

#[tokio::test]
async fn a_late_file_with_old_rows_and_one_with_an_old_time_are_read_and_none_twice() {
    let bench = Bench::new(SETTINGS);
    bench.deliver("in/1.csv", rows(&[1], "2026-03-05T11:00:00Z"));
    bench.pass(HOUR);
    bench.succeed().await;
    // Rows of yesterday, and one without a time.
    bench.deliver("in/2.csv", rows(&[2], "2026-03-04T09:00:00Z") + "3,\n");
    // Moved here from elsewhere, with its own time.
    let long_ago = "2026-03-01T00:00:00Z".parse().unwrap();
    bench.write_at("in/3.csv", rows(&[4], "2026-03-01T00:00:00Z"), long_ago);
    bench.pass(HOUR);
    let summary = bench.succeed().await;
    assert_eq!(summary["rows"], 3, "{summary:#}");
    bench.pass(HOUR);
    assert_eq!(bench.succeed().await["rows"], 0);
    let expected = [
        ("dt=2026-03-01", 1),
        ("dt=2026-03-04", 1),
        ("dt=2026-03-05", 1),
        ("dt=__HIVE_DEFAULT_PARTITION__", 1),
    ];
    assert_eq!(days(&bench).await, expected.map(|(day, rows)| (day.to_owned(), rows)));
}

#[tokio::test]
async fn a_file_that_is_written_anew_comes_again_and_one_that_has_not_settled_later() {
    let bench = Bench::new(SETTINGS);
    bench.deliver("in/1.csv", rows(&[1], "2026-03-05T11:00:00Z"));
    assert_eq!(bench.succeed().await["rows"], 0, "it is a minute old");
    bench.pass(HOUR);
    assert_eq!(bench.succeed().await["rows"], 1);
    bench.deliver("in/1.csv", rows(&[1, 2], "2026-03-05T11:00:00Z"));
    bench.pass(HOUR);
    assert_eq!(bench.succeed().await["rows"], 2);
}

#[tokio::test]
async fn a_file_that_is_gone_or_another_one_between_two_slices_is_not_mixed_with_what_was_read() {
    for is_gone in [true, false] {
        let settings = SETTINGS.replace("mode = 'append'", "mode = 'overwrite'\npart_rows = 1");
        for settings in [SETTINGS, settings.as_str()] {
            let bench = Bench::new(settings);
            let many: Vec<_> = (0..20_000).collect();
            bench.deliver("in/1.csv", rows(&many, "2026-03-05T11:00:00Z"));
            bench.pass(HOUR);
            let interrupted = Driving { crash_after: 3, slice: Duration::ZERO, twice: false };
            assert_eq!(bench.drive(interrupted).await.phase, Phase::Running);
            if is_gone {
                std::fs::remove_file(bench.path().join("in/1.csv")).unwrap();
            }
            let name = if is_gone { "in/2.csv" } else { "in/1.csv" };
            bench.deliver(name, rows(&[30_000], "2026-03-05T11:00:00Z"));
            bench.pass(HOUR);
            let told = bench.fail().await;
            assert!(told["message"].as_str().unwrap().contains("next run"), "{told:#}");
            bench.succeed().await;
            assert_eq!(days(&bench).await, [("dt=2026-03-05".to_owned(), 1)]);
            // What was written of the other file is gone.
            let files = bench.files("orders");
            let parquet =
                files.iter().filter(|it| it.extension().is_some_and(|it| it == "parquet"));
            assert_eq!(parquet.count(), 1, "{files:?}");
        }
    }
}

#[tokio::test]
async fn a_log_without_anything_new_copies_nothing() {
    let settings = SETTINGS.replace("partition_by = ['day(modified)']\n", "");
    let bench = Bench::new(&settings);
    bench.deliver("in/1.csv", rows(&[1], "2026-03-05T11:00:00Z"));
    bench.pass(HOUR);
    bench.succeed().await;
    let before = bench.table("orders").await.partitions;
    for _ in 0..20 {
        bench.pass(HOUR);
        bench.succeed().await;
    }
    assert_eq!(bench.table("orders").await.partitions, before);
    for run in 2..30 {
        bench.deliver(&format!("in/{run}.csv"), rows(&[run], "2026-03-05T11:00:00Z"));
        bench.pass(HOUR);
        bench.succeed().await;
    }
    let partition = &bench.table("orders").await.partitions[""];
    assert_eq!((partition.rows, partition.runs.len()), (29, 16));
}

#[tokio::test]
async fn what_says_nothing_for_a_log_of_files_is_refused() {
    let bench = Bench::new(&format!("{SETTINGS}overlap_seconds = 60\n"));
    let Err(error) = bench.pipeline() else { panic!("it was taken") };
    assert!(error.to_string().contains("takes each file once"), "{error}");
}
