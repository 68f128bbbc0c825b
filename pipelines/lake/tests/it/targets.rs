//! Datasets that lie elsewhere than the others.

use serde_json::json;

use crate::bench::Bench;
use crate::curated::ask;

const SETTINGS: &str = "
[tables.orders]
source = 'files'
path = 'in/orders.jsonl'
columns = ['id bigint not null', 'customer string']
key = ['id']
TARGET
[tables.orders.children.lines]
columns = ['sku string']
[tables.customers]
source = 'files'
path = 'in/customers.jsonl'
columns = ['name string not null']
key = ['name']
";

fn bench(target: &str) -> Bench {
    let bench = Bench::new(&SETTINGS.replace("TARGET", target));
    bench
        .write("in/orders.jsonl", r#"{"id":1,"customer":"ada","lines":[{"sku":"a"},{"sku":"b"}]}"#);
    bench.write("in/customers.jsonl", r#"{"name":"ada"}"#);
    bench.catch_up();
    bench
}

#[tokio::test]
async fn a_dataset_with_a_target_of_its_own_is_asked_and_proven_like_the_others() {
    let bench = bench("target = 'archive'");
    bench.succeed().await;
    for (pointer, is_there) in [
        ("archive/datalake_raw/orders/_table.json", true),
        ("archive/datalake_raw/orders_lines/_table.json", true),
        ("archive/datalake_raw/customers/_table.json", false),
        ("lake/datalake_raw/orders", false),
        ("lake/datalake_raw/customers/_table.json", true),
    ] {
        assert_eq!(bench.path().join(pointer).exists(), is_there, "{pointer}");
    }
    let joined = "SELECT sku, name FROM customers JOIN orders ON customer = name JOIN orders_lines ON orders.id = orders_lines.id ORDER BY sku";
    let joined = ask(&bench, joined).await.unwrap();
    assert!(joined.contains("| a   | ada  |") && joined.contains("| b   | ada  |"), "{joined}");
    let proof = bench.prove(&json!({})).await;
    assert_eq!(proof["equal"], json!(3), "{proof:#}");
}

#[tokio::test]
async fn a_dataset_that_moves_is_read_anew_where_it_lies_now() {
    let mut bench = bench("");
    bench.succeed().await;
    bench.set(&SETTINGS.replace("TARGET", "target = 'archive'"));
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 1);
    assert!(bench.path().join("archive/datalake_raw/orders/_table.json").exists());
    let names = ask(&bench, "SELECT id FROM orders").await.unwrap();
    assert_eq!(names.matches("| 1  |").count(), 1, "{names}");
}

#[test]
fn a_web_server_is_no_target() {
    let error = bench("target = 'https://example.com/lake'").pipeline().err().unwrap().to_string();
    assert!(error.contains("the dataset `orders`: `target` is a web server"), "{error}");
}
