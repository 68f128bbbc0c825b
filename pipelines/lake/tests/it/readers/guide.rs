//! The Python of the guide, run as it stands there.

use std::process::Command;

use serde_json::{Value, json};

use crate::aws::provided;
use crate::bench::Bench;

const GUIDE: &str = include_str!("../../../../../docs/guides/lake.md");

/// The dataset of the guide's beginning.
const SETTINGS: &str = "
[tables.orders]
source = 'files'
path = 'incoming/orders-*.csv'
columns = ['id bigint not null', 'amount decimal(18,2)', 'modified timestamp']
key = ['id']
mode = 'append'
event_time = 'modified'
partition_by = ['day(modified)']
settle_seconds = 0
";

/// What the reader of the guide has in hand at the end of each part.
const SHOWN: &str = "
import json
def shown(rows):
    return sorted([row['id'], str(row['amount']), str(row['dt'])] for row in rows)
print(json.dumps([shown(rows.to_pylist()), shown(newest.to_arrow_table().to_pylist())]))
";

#[tokio::test]
async fn the_guide_reads_what_is_published_and_the_newest_rows_of_a_log() {
    let Some(python) = provided("STEPWELL_LAKE_PYTHON") else { return };
    let bench = Bench::new(SETTINGS);
    bench.deliver(
        "incoming/orders-1.csv",
        "id,amount,modified\n1,1.10,2026-03-01T10:00:00Z\n2,2.20,2026-03-01T10:00:00Z\n",
    );
    bench.succeed().await;
    bench.deliver("incoming/orders-1.csv", "id,amount,modified\n1,1.50,2026-03-02T10:00:00Z\n");
    bench.succeed().await;
    let blocks = GUIDE.split("```python\n").skip(1).map(|it| it.split("```").next().unwrap());
    let code: Vec<_> = blocks.chain([SHOWN]).collect();
    assert_eq!(code.len(), 3, "two blocks of Python");
    let run =
        Command::new(python).args(["-c", &code.join("\n")]).current_dir(bench.path()).output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let shown: Value = serde_json::from_slice(&run.stdout).unwrap();
    let (old, two) = (json!(["1.10", "2026-03-01"]), json!([2, "2.20", "2026-03-01"]));
    let one = json!([1, "1.50", "2026-03-02"]);
    let before = json!([1, old[0], old[1]]);
    assert_eq!(shown, json!([[before, one, two], [one, two]]));
    let latest = "SELECT id, amount FROM orders_latest ORDER BY id";
    let ours = crate::curated::ask(&bench, latest).await.unwrap();
    assert!(ours.contains("| 1  | 1.50   |") && ours.contains("| 2  | 2.20   |"), "{ours}");
}
