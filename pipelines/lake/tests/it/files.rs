//! Files into partitions: values, quarantine, what is unknown.

use serde_json::json;

use crate::bench::Bench;

const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null', 'amount decimal(20,4)', 'region string', 'modified timestamp']
key = ['id']
partition_by = ['day(modified)', 'region']
settle_seconds = 0
";

const ORDERS: &str = "id,amount,region,modified,colour
1,12345678901234.5678,eu,2026-03-01T23:59:59.999999Z,red
2,0.1,a b/c,2026-03-02T00:00:00Z,
3,,,,blue
x,1,eu,2026-03-01T00:00:00Z,
4,1.00001,eu,2026-03-01T00:00:00Z,
5,1,eu,2026-03-01T00:00:00Z,,
";

#[tokio::test]
async fn rows_go_into_the_folders_of_their_values_and_none_is_lost() {
    let bench = Bench::new(SETTINGS);
    bench.write("in/orders.csv", ORDERS);
    let summary = bench.succeed().await;
    assert_eq!(summary["datasets"][0]["status"], "published");
    assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(3), &json!(3)));
    assert_eq!(summary["datasets"][0]["new_fields"], json!(["colour"]));
    let partitions = bench.partitions("orders").await;
    let expected = [
        ("dt=2026-03-01/region=eu", 1),
        ("dt=2026-03-02/region=a%20b%2Fc", 1),
        ("dt=__HIVE_DEFAULT_PARTITION__/region=__HIVE_DEFAULT_PARTITION__", 1),
    ];
    assert_eq!(partitions, expected.map(|(name, rows)| (name.to_owned(), rows)));
    let rows = bench.rows("orders").await;
    assert!(
        rows.contains("| 1  | 12345678901234.5678 | eu     | 2026-03-01T23:59:59.999999Z |"),
        "{rows}"
    );
    assert!(
        rows.contains("| 2  | 0.1000              | a b/c  | 2026-03-02T00:00:00Z        |"),
        "{rows}"
    );
}

#[tokio::test]
async fn no_text_and_an_empty_one_are_one_folder() {
    let settings = SETTINGS.replace("in/*.csv", "in/*.jsonl");
    let bench = Bench::new(&settings.replace("['day(modified)', 'region']", "['region']"));
    let rows = r#"{"id":1,"region":""}
{"id":2,"region":null}
{"id":3,"region":"__HIVE_DEFAULT_PARTITION__"}
{"id":4,"region":"eu"}
"#;
    bench.write("in/orders.jsonl", rows);
    bench.succeed().await;
    let expected = [("region=__HIVE_DEFAULT_PARTITION__", 3), ("region=eu", 1)];
    let expected = expected.map(|(name, rows)| (name.to_owned(), rows));
    assert_eq!(bench.partitions("orders").await, expected);
}

#[tokio::test]
async fn what_fits_no_row_is_kept_with_its_reason_and_its_place() {
    let bench = Bench::new(SETTINGS);
    bench.write("in/orders.csv", ORDERS);
    bench.succeed().await;
    let quarantine = bench
        .files("orders")
        .into_iter()
        .find(|path| path.to_string_lossy().contains("_quarantine"));
    let text = std::fs::read_to_string(quarantine.unwrap()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["place"], "orders.csv line 5");
    assert_eq!(lines[0]["reason"], "`id`: `x` is no whole number of 64 bits");
    assert_eq!(lines[0]["record"], "x,1,eu,2026-03-01T00:00:00Z,");
    assert_eq!(lines[1]["reason"], "`amount`: `1.00001` has more than 4 digits behind the point");
    assert_eq!(lines[2]["reason"], "it has 6 cells, and there are 5 columns");
}

#[tokio::test]
async fn every_format_goes_in_and_out() {
    for format in ["parquet", "jsonl", "csv"] {
        let bench = Bench::new(&format!("{SETTINGS}format = '{format}'\n"));
        bench.write("in/orders.csv", ORDERS);
        bench.succeed().await;
        let rows = bench.rows("orders").await;
        let mut again = Bench::new(&SETTINGS.replace("in/*.csv", "in/**/*"));
        for (index, path) in bench.files("orders").iter().enumerate() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with('_') || path.to_string_lossy().contains("_quarantine") {
                continue;
            }
            let (_, extension) = name.split_once('.').unwrap();
            again.write(&format!("in/{index}.{extension}"), std::fs::read(path).unwrap());
        }
        // What stands in the path is not in the file.
        again.set(
            &SETTINGS
                .replace("'region string', ", "")
                .replace(", 'region'", "")
                .replace("in/*.csv", "in/*"),
        );
        again.succeed().await;
        assert_eq!(again.table("orders").await.rows(), 3, "{format}: {rows}");
    }
}

#[tokio::test]
async fn one_bad_dataset_hides_no_other() {
    let more = "
[tables.nothing]
source = 'files'
path = 'in/nothing.csv'
columns = ['id int']
[tables.damaged]
source = 'files'
path = 'in/damaged.csv.gz'
columns = ['id int']
";
    let bench = Bench::new(&format!("{SETTINGS}{more}"));
    bench.write("in/orders.csv", ORDERS);
    bench.write("in/damaged.csv.gz", b"\x1f\x8b\x08\x00no gzip");
    let summary = bench.fail().await;
    let told = |index: usize| {
        let result = &summary["datasets"][index];
        format!("{} {} {}", result["dataset"], result["status"], result["error"]).replace('"', "")
    };
    assert_eq!(told(0), "damaged failed Data", "{summary:#}");
    assert_eq!(told(1), "nothing failed Config", "{summary:#}");
    assert_eq!(told(2), "orders published null", "{summary:#}");
    assert_eq!(bench.table("orders").await.rows(), 3);
}
