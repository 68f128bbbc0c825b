//! What holds for every pipeline, and settings that are refused by name.

use stepwell_lake::Settings;
use stepwell_pipeline::{Settings as _, testing};

use crate::bench::Bench;

const TABLE: &str = "[tables.orders]\nsource = 'files'\npath = 'in/*.csv'\ncolumns = ['id int', 'at timestamp', 'x json']\n";

#[test]
fn the_definition_and_the_functions_fit() {
    let mut pipeline = Bench::new(TABLE).pipeline().unwrap();
    // An event source of Lambda calls this one, and no state machine.
    pipeline.functions.retain(|function| function.name() != "stepwell-lake-apply-changes");
    testing::check(&pipeline);
}

#[test]
fn what_is_wrong_with_a_dataset_is_told_by_name() {
    for (keys, told) in [
        ("key = ['nope']", "`key` names `nope`"),
        ("event_time = 'id'", "must be a timestamp or a date"),
        ("partition_by = ['day(id)']", "has no days"),
        ("partition_by = ['x']", "cannot be named after a json"),
        ("partition_by = ['day(at) as id']", "`id` is a column already"),
        ("mode = 'overwrite_partitions'", "needs `partition_by`"),
        ("format = 'csv'\ncompression = 'snappy'", "is for Parquet"),
        ("[tables.orders.children.x]\ncolumns = ['a int']", "need the parent's `key`"),
        ("part_rows = 0", "above zero"),
        ("window_seconds = 0", "`window_seconds` is zero"),
        ("delimiter = 'ü'", "no ASCII sign"),
        ("mode = 'append'\noverlap_seconds = 1", "which only a `key` tells apart"),
    ] {
        let problem =
            Bench::new(&format!("{TABLE}{keys}\n")).pipeline().err().expect(keys).to_string();
        assert!(problem.contains("`orders`") && problem.contains(told), "{keys}: {problem}");
    }
}

#[test]
fn the_changes_of_a_table_come_from_one_stream() {
    let dataset = |name: &str, stream: &str| {
        format!(
            "[tables.{name}]\nsource = 'dynamodb'\nread = 'stream'\ntable = 'orders'\nkey = ['pk']\nmode = 'append'\n\
             columns = ['pk string']\n{stream}\n"
        )
    };
    let (a, b) = (dataset("a", "stream = 'one'"), dataset("b", "stream = 'two'"));
    let problem = Bench::new(&format!("{a}{b}")).pipeline().err().unwrap().to_string();
    assert!(problem.contains("are to come from `one` and `two`"), "{problem}");
    assert!(Bench::new(&format!("{a}{}", dataset("b", ""))).pipeline().is_ok());
}

#[test]
fn what_cannot_be_read_is_told_by_name() {
    for (text, told) in [
        ("[tables.a]\ncolumns = []", "`source` is missing"),
        ("[tables.a]\nsource = 'file'", "did you mean `files`?"),
        ("[tables.a]\nsource = 'files'\npaht = 'x'", "unknown field `paht`"),
        ("[tables.a]\nsource = 'files'\ncolumns = ['a varchar']", "no type of a column"),
        ("[tables.a]\nsource = 'files'\nmode = 'replace'", "mode"),
        ("targt = 'x'", "unknown field `targt`"),
    ] {
        let error = toml::from_str::<Settings>(text).expect_err(text).to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn the_template_is_settings_and_names_every_key() {
    let text = Settings::TEMPLATE;
    for key in [
        "target",
        "database",
        "datasets",
        "tables",
        "postgres",
        "athena",
        "grace_seconds",
        "compact_files",
        "max_concurrency",
        "parallel_splits",
        "slice_seconds",
        "silence_seconds",
        "query_mebibytes",
        "notify",
    ] {
        assert!(text.contains(key), "{key}");
    }
    let section: toml::Table = text.parse().unwrap();
    let mut lake = section["pipelines"]["lake"].as_table().unwrap().clone();
    lake.remove("schedule");
    let settings: Settings = lake.try_into().unwrap();
    assert_eq!(settings.problems(&|_| None), []);
}

#[test]
fn datasets_may_lie_in_a_folder() {
    let mut bench = Bench::new("datasets = 'datasets'\n");
    bench.write(
        "datasets/orders.toml",
        "source = 'files'\npath = 'in/*.csv'\ncolumns = ['id int']\n",
    );
    assert!(bench.service().config.datasets.contains_key("orders"));
    bench.write("datasets/broken.toml", "source = 'files'\ncolumns = ['id integer']\n");
    let problem = bench.pipeline().err().unwrap().to_string();
    assert!(problem.contains("broken.toml"), "{problem}");
    // A quote is missing, and the line has a secret.
    let text = "source = 'postgres'\nurl = 'postgres://u:hidden@h/db\n";
    bench.write("datasets/broken.toml", text);
    let problem = bench.pipeline().err().unwrap().to_string();
    assert!(problem.contains("line 2") && !problem.contains("hidden"), "{problem}");
    bench.set("datasets = 'nowhere'\n");
    assert!(bench.pipeline().err().unwrap().to_string().contains("nowhere"));
}
