//! Items and results in buckets that are folders.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use stepwell_integrations::s3::Buckets;
use stepwell_map_data::BucketData;
use stepwell_task::{ChildResult, ItemSource, MapData, ResultDestination, Results, TaskFailure};
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
    data: BucketData,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = BucketData::new(Buckets::embedded(folder.path()));
        Self { folder, data }
    }

    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let path = self.folder.path().join("bucket").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    async fn read(&self, key: &str, config: Value) -> Result<Vec<Value>, TaskFailure> {
        self.items("s3:getObject", json!({"Bucket": "bucket", "Key": key}), config, 0).await
    }

    async fn items(
        &self,
        action: &str,
        arguments: Value,
        config: Value,
        skip: u64,
    ) -> Result<Vec<Value>, TaskFailure> {
        let source = ItemSource {
            resource: format!("arn:aws:states:::{action}").into(),
            arguments: Arc::new(arguments),
            config: Arc::new(config),
            skip,
        };
        self.data.read(source).await?.try_collect().await
    }

    async fn cause(&self, key: &str, config: Value) -> String {
        let failure = self.read(key, config).await.unwrap_err();
        assert_eq!(failure.error, "States.ItemReaderFailed");
        failure.cause.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_says_why() {
    let bench = Bench::new();
    bench.put("object.json", r#"{"a": 1}"#);
    bench.put("text.json", r#""a""#);
    bench.put("torn.json", "[1, 2");
    bench.put("twice.csv", "a,a\n1,2\n");
    let json = || json!({"InputType": "JSON"});
    assert_eq!(bench.cause("missing", json()).await, "The specified key does not exist.");
    for key in ["object.json", "text.json"] {
        let cause = bench.cause(key, json()).await;
        assert_eq!(cause, "Attempting to map over non-iterable node.", "{key}");
    }
    assert!(bench.cause("torn.json", json()).await.contains("invalid JSON"));
    let csv = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    assert_eq!(bench.cause("twice.csv", csv).await, "CSV headers cannot contain duplicates.");
    let pointer = json!({"InputType": "JSON", "ItemsPointer": "/b"});
    let cause = bench.cause("object.json", pointer).await;
    assert_eq!(cause, "Attempting to map over non-iterable node.");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_gives_its_items() {
    let bench = Bench::new();
    bench.put("a.json", r#"{"x": [0], "a": {"b/c": [1, {"d": 2}]}, "y": {}}"#);
    let config = json!({"InputType": "JSON", "ItemsPointer": "/a/b~1c"});
    assert_eq!(bench.read("a.json", config).await.unwrap(), [json!(1), json!({"d": 2})]);

    bench.put("a.jsonl", "{\"a\": 1}\n\n[2]\n");
    let config = json!({"InputType": "JSONL"});
    assert_eq!(bench.read("a.jsonl", config).await.unwrap(), [json!({"a": 1}), json!([2])]);

    bench.put("a.csv", "1|\"x|y\"\n2\n");
    let config = json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVDelimiter": "PIPE",
        "CSVHeaders": ["n", "t"]});
    let expected = [json!({"n": "1", "t": "x|y"}), json!({"n": "2", "t": ""})];
    assert_eq!(bench.read("a.csv", config.clone()).await.unwrap(), expected);

    let packed = zstd::encode_all(&b"1|x\n"[..], 1).unwrap();
    bench.put("packed", packed);
    assert_eq!(bench.read("packed", config).await.unwrap(), [json!({"n": "1", "t": "x"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_objects_are_items_or_are_loaded_and_reading_goes_on_behind_the_first_ones() {
    let bench = Bench::new();
    bench.put("in/b.json", "[3]");
    bench.put("in/a.json", "[1, 2]");
    bench.put("out.json", "[4]");
    let arguments = || json!({"Bucket": "bucket", "Prefix": "in/"});
    let listed = bench.items("s3:listObjectsV2", arguments(), Value::Null, 0).await.unwrap();
    let keys: Vec<_> = listed.iter().map(|item| item["Key"].clone()).collect();
    assert_eq!(keys, ["in/a.json", "in/b.json"]);
    assert_eq!(listed[0]["Size"], 6);
    let config = json!({"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"});
    let loaded = bench.items("s3:listObjectsV2", arguments(), config, 1).await.unwrap();
    assert_eq!(loaded, [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_lead_to_their_files() {
    let bench = Bench::new();
    bench.put("data/1.csv", "\"bucket\",\"k1\",\"10\"\n");
    let manifest = json!({"destinationBucket": "arn:aws:s3:::bucket", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{"key": "data/1.csv"}]});
    bench.put("manifest.json", manifest.to_string());
    let items = bench.read("manifest.json", json!({"InputType": "MANIFEST"})).await.unwrap();
    assert_eq!(items, [json!({"Bucket": "bucket", "Key": "k1", "Size": "10"})]);

    bench.put("part.jsonl", "{\"a\": 1}\n");
    bench.put("manifest.csv", "s3://bucket/part.jsonl\n");
    let config = json!({"InputType": "JSONL", "ManifestType": "ATHENA_DATA"});
    assert_eq!(bench.read("manifest.csv", config).await.unwrap(), [json!({"a": 1})]);
}

fn child(status: &'static str, output: Option<&str>) -> ChildResult {
    let at = std::time::SystemTime::UNIX_EPOCH;
    ChildResult {
        execution_arn: "arn:e".to_owned(),
        state_machine_arn: "arn:m".to_owned(),
        name: "c".to_owned(),
        status,
        input: "1".to_owned(),
        output: output.map(str::to_owned),
        error: output.is_none().then(|| "E".to_owned()),
        cause: None,
        started_at: at,
        stopped_at: at,
        redrives: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_written_with_a_manifest() {
    let bench = Bench::new();
    let write = async |config: Value| {
        let destination = ResultDestination {
            map_run_arn: "arn:aws:states:r:a:mapRun:m/l:uuid".into(),
            arguments: Arc::new(json!({"Bucket": "bucket", "Prefix": "done/"})),
            config: Arc::new(config),
        };
        let children = [child("SUCCEEDED", Some("[1,2]")), child("FAILED", None)].map(Ok);
        let results = Results {
            ended: stream::iter(children).boxed(),
            pending: stream::iter(["3".to_owned()]).boxed(),
        };
        bench.data.write(destination, results).await.unwrap()
    };
    let object =
        |key: &str| std::fs::read_to_string(bench.folder.path().join("bucket").join(key)).unwrap();
    let output = write(json!({"Transformation": "FLATTEN", "OutputType": "JSONL"})).await;
    assert_eq!(output["ResultWriterDetails"]["Key"], "done/uuid/manifest.json");
    assert_eq!(object("done/uuid/SUCCEEDED_0.jsonl"), "1\n2\n");
    let manifest: Value = serde_json::from_str(&object("done/uuid/manifest.json")).unwrap();
    let succeeded = json!([{"Key": "done/uuid/SUCCEEDED_0.jsonl", "Size": 4}]);
    assert_eq!(manifest["ResultFiles"]["SUCCEEDED"], succeeded);
    let pending = &manifest["ResultFiles"]["PENDING"][0]["Key"];
    assert_eq!(pending, "done/uuid/PENDING_0.jsonl");
    let pending: Value = serde_json::from_str(&object(pending.as_str().unwrap())).unwrap();
    assert_eq!((&pending["Input"], &pending["Status"]), (&json!("3"), &json!("PENDING")));

    write(Value::Null).await;
    let failed: Value = serde_json::from_str(&object("done/uuid/FAILED_0.json")).unwrap();
    assert_eq!((&failed[0]["Error"], &failed[0]["Status"]), (&json!("E"), &json!("FAILED")));
    let succeeded: Value = serde_json::from_str(&object("done/uuid/SUCCEEDED_0.json")).unwrap();
    assert_eq!(succeeded[0]["Output"], "[1,2]");
}
