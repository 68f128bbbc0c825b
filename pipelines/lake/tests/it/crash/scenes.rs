//! What processes die in: one dataset of each source, and a proof.

use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{EmbeddedTables, Item, KeyAttribute, Table, Tables};
use stepwell_lake::published;
use stepwell_machine::Phase;
use stepwell_sandbox::{mambu, salesforce};

use super::{Left, Scene};
use crate::bench::{Bench, Execution, each_file};
use crate::proof::of_lake::{NESTED, ORDERS};
use crate::proof::of_stream::write_export;
use crate::{mambu as of_mambu, on_postgres, salesforce as of_salesforce};

/// What was told of a run, and the published files of its table by partition. No other rows are left on disk.
async fn published_only(bench: &Bench, ended: &Execution, table: &str) -> Left {
    let mut left = bench.bytes(table).await;
    let is_part = |path: &&PathBuf| path.extension().is_some_and(|it| it == "parquet");
    let on_disk = bench.files(table).iter().filter(is_part).count();
    assert_eq!(on_disk, left.values().map(Vec::len).sum::<usize>(), "{:?}", bench.files(table));
    assert_eq!(below(&bench.path().join(".stepwell/lake-spool")), Vec::<PathBuf>::new());
    left.insert("summary".to_owned(), vec![ended.summary["datasets"].to_string().into_bytes()]);
    left
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    each_file(folder, &mut found);
    found
}

/// Two segments of several pages each.
pub(super) struct DynamoDbScan;

impl Scene for DynamoDbScan {
    const CALLS_MIN: usize = 10;

    async fn bench(&self) -> Bench {
        let bench = Bench::new(
            "grace_seconds = 0\n[tables.orders]\nsource = 'dynamodb'\nread = 'scan'\ntable = 'orders'\nsegments = 2\n\
             columns = ['id string not null', 'total decimal(10,2)', 'text string']\nkey = ['id']\nsettle_seconds = 0\npart_rows = 4\n",
        );
        let state = bench.path().join(".stepwell");
        std::fs::create_dir_all(&state).unwrap();
        let tables = EmbeddedTables::open(&state.join("dynamodb.db")).unwrap();
        let keys = Table { name: "orders".into(), hash: KeyAttribute::text("id"), range: None };
        tables.ensure_table(&keys).await.unwrap();
        let item = |id: usize| -> Item {
            let text = "x".repeat(200_000);
            serde_json::from_value(json!({"id": {"S": format!("o#{id}")}, "total": {"N": format!("{id}.25")}, "text": {"S": text}}))
                .unwrap()
        };
        tables.batch_put("orders", &(0..14).map(item).collect::<Vec<_>>()).await.unwrap();
        bench
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        assert_eq!(bench.table("orders").await.rows(), 14);
        published_only(bench, ended, "orders").await
    }
}

/// Three files, so three splits.
pub(super) struct DynamoDbExport;

impl Scene for DynamoDbExport {
    const CALLS_MIN: usize = 6;

    async fn bench(&self) -> Bench {
        let bench = Bench::new(
            "grace_seconds = 0\n[tables.orders]\nsource = 'dynamodb'\nread = 'export'\nexport = 'exports'\nkey = ['pk']\n\
             columns = ['pk string not null', 'total decimal(10,2)']\nsettle_seconds = 0\npart_rows = 2\n",
        );
        let files: [&[_]; 3] =
            [&[("a", "1"), ("b", "2"), ("c", "3")], &[("d", "4")], &[("e", "5"), ("f", "no")]];
        write_export(&bench, &files);
        bench
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        assert_eq!(bench.table("orders").await.rows(), 5);
        published_only(bench, ended, "orders").await
    }
}

/// Two windows of a log, the first one in two chunks.
pub(super) struct Postgres {
    url: String,
}

impl Postgres {
    pub(super) async fn new() -> Option<Self> {
        let (client, url) = on_postgres::database("crash").await?;
        client
            .batch_execute(
                "CREATE TABLE orders (id int PRIMARY KEY, amount numeric, modified timestamptz);
                 INSERT INTO orders SELECT it, it + 0.25, timestamptz '2026-03-05Z' + it / 8600 * interval '6 hours'
                   FROM generate_series(1, 9000) it",
            )
            .await
            .unwrap();
        Some(Self { url })
    }
}

impl Scene for Postgres {
    const CALLS_MIN: usize = 10;

    async fn bench(&self) -> Bench {
        Bench::new(&format!(
            "grace_seconds = 0\n[tables.orders]\nsource = 'postgres'\nurl = '{}'\ntable = 'public.orders'\nkey = ['id']\nmode = 'append'\n\
             columns = ['id int not null', 'amount decimal(20,4)', 'modified timestamp']\nevent_time = 'modified'\n\
             partition_by = ['day(modified)']\npart_rows = 5000\nsince = '2026-03-05T00:00:00Z'\nwindow_seconds = 18000\n",
            self.url
        ))
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        assert_eq!(bench.table("orders").await.rows(), 9_000);
        published_only(bench, ended, "orders").await
    }
}

/// An object, some of whose records have one stamp.
pub(super) struct Salesforce {
    sandbox: salesforce::Sandbox,
    keys: &'static str,
}

impl Salesforce {
    pub(super) async fn new(keys: &'static str) -> Self {
        let options = salesforce::Options { records: 90, query_page_max: 30, ..Default::default() };
        let sandbox = salesforce::Sandbox::start(options).await.unwrap();
        Self { sandbox, keys }
    }
}

impl Scene for Salesforce {
    const CALLS_MIN: usize = 6;

    async fn bench(&self) -> Bench {
        let keys = format!("mode = 'append'\npart_rows = 20\n{}", self.keys);
        let settings = of_salesforce::settings(&self.sandbox, "bulk_page_records = 30", &keys);
        Bench::new(&format!("grace_seconds = 0\n{settings}"))
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        let records = self.sandbox.records("Account").len();
        assert_eq!(bench.table("accounts").await.rows(), records as u64);
        published_only(bench, ended, "accounts").await
    }
}

/// A table, some of whose records have one time.
pub(super) struct Mambu {
    sandbox: mambu::Sandbox,
}

impl Mambu {
    pub(super) async fn new() -> Self {
        let options = mambu::Options { records: 60, ..Default::default() };
        Self { sandbox: mambu::Sandbox::start(options).await.unwrap() }
    }
}

impl Scene for Mambu {
    const CALLS_MIN: usize = 6;

    async fn bench(&self) -> Bench {
        let columns =
            ["key string not null from encodedKey", "modified timestamp from lastModifiedDate"];
        let keys = "key = ['key']\nmode = 'append'\nevent_time = 'modified'\npart_rows = 20";
        let settings =
            of_mambu::settings(&self.sandbox, "page_records = 15", "loan_accounts", &columns, keys);
        Bench::new(&format!("grace_seconds = 0\n{settings}"))
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        let records = self.sandbox.records("loan_accounts").len();
        assert_eq!(bench.table("t").await.rows(), records as u64);
        published_only(bench, ended, "t").await
    }
}

/// A dataset with the table of its arrays that differ from their source, which a second look confirms, and one that is equal.
pub(super) struct Proof;

impl Scene for Proof {
    const MACHINE: &'static str = "lake-reconcile";
    const CALLS_MIN: usize = 8;

    async fn bench(&self) -> Bench {
        let users = "[tables.users]\nsource = 'files'\npath = 'in/users.csv'\ncolumns = ['id bigint']\nkey = ['id']\n";
        let bench = Bench::new(&format!("{NESTED}{users}"));
        bench.write("in/orders.jsonl", ORDERS);
        bench.write("in/users.csv", "id\n1\n2\n");
        bench.succeed().await;
        bench.write(
            "in/orders.jsonl",
            ORDERS.replace("1.50", "1.60").replace(r#"{"id":2,"#, r#"{"id":4,"#),
        );
        bench
    }

    async fn left(&self, bench: &Bench, ended: &Execution) -> Left {
        let state = bench.path().join(".stepwell/lake");
        assert_eq!(below(&state.join("proving")), Vec::<PathBuf>::new());
        let proofs = below(&state.join("proofs"));
        assert_eq!(proofs.len(), 1, "{proofs:?}");
        let proofs = std::fs::read_to_string(&proofs[0]).unwrap();
        let mut left = Left::new();
        left.insert("proofs".to_owned(), vec![without_times(&proofs)]);
        left.insert(
            "summary".to_owned(),
            vec![without_times(&ended.summary["datasets"].to_string())],
        );
        for dataset in ["reconciliation_daily", "reconciliation_differences"] {
            assert_eq!(bench.partitions(dataset).await.len(), 1);
            assert_eq!(bench.files(dataset).len(), 2, "{:?}", bench.files(dataset));
            left.insert(dataset.to_owned(), vec![rows_without_times(bench, dataset).await]);
        }
        left
    }

    fn is_right(phase: &Phase) -> bool {
        matches!(phase, Phase::Failed { error, .. } if error.as_deref() == Some("Different"))
    }
}

/// Each proof says when it was made.
fn without_times(text: &str) -> Vec<u8> {
    let mut proofs: Vec<Value> = serde_json::from_str(text).unwrap();
    for proof in &mut proofs {
        proof.as_object_mut().unwrap().remove("checked_at");
    }
    json!(proofs).to_string().into_bytes()
}

async fn rows_without_times(bench: &Bench, dataset: &str) -> Vec<u8> {
    let (service, mut table) = (bench.looking(), bench.table(dataset).await);
    table.columns.retain(|it| !["checked_at", "checked_on", "proof"].contains(&it.name.as_str()));
    let rows: Vec<RecordBatch> =
        published::rows(&service.world.stores, &service.config.target, &table, |_| true)
            .try_collect()
            .await
            .unwrap();
    pretty_format_batches(&rows).unwrap().to_string().into_bytes()
}
