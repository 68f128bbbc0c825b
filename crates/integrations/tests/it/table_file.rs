//! The file of embedded tables: one for pipelines and clients, from the first format on.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{EmbeddedTables, Item, KeyAttribute, Table, Tables};
use stepwell_integrations::service::Origin;

use crate::support::{Embedded, Time};

impl Embedded {
    async fn dynamodb(&self, action: &str, input: Value) -> Value {
        let service = self.services.iter().find(|it| it.facts().name == "dynamodb").unwrap();
        let origin = Origin { base_url: self.url.clone() };
        service.call(action, input, &origin).await.unwrap()
    }
}

fn item(value: Value) -> Item {
    serde_json::from_value(value).unwrap()
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("dynamodb.db")
}

#[tokio::test]
async fn a_file_of_the_first_format_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let old = Connection::open(file(folder.path())).unwrap();
    old.execute_batch(
        r#"CREATE TABLE definition (name TEXT PRIMARY KEY, keys TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE item (
            table_name TEXT NOT NULL REFERENCES definition (name), hash BLOB NOT NULL, range BLOB NOT NULL,
            spread INTEGER NOT NULL, item TEXT NOT NULL, PRIMARY KEY (table_name, hash, range)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO definition VALUES ('orders', '{"name":"orders","hash":{"name":"pk","kind":"S"},"range":null}');
        INSERT INTO item VALUES ('orders', x'61', x'', 1, '{"pk":{"S":"a"},"n":{"N":"1"}}');
        PRAGMA application_id = 0x53574431;
        PRAGMA user_version = 1;"#,
    )
    .unwrap();
    drop(old);
    let embedded = Embedded::open(folder, &Time::manual()).await;
    let described = embedded.dynamodb("DescribeTable", json!({"TableName": "orders"})).await;
    assert_eq!(described["Table"]["ItemCount"], 1);
    let get = json!({"TableName": "orders", "Key": {"pk": {"S": "a"}}});
    let found = embedded.dynamodb("GetItem", get).await;
    assert_eq!(found, json!({"Item": {"pk": {"S": "a"}, "n": {"N": "1"}}}));
}

#[tokio::test]
async fn pipelines_and_clients_see_the_same_tables_and_indexes() {
    let embedded = Embedded::start(&Time::manual()).await;
    let tables = EmbeddedTables::open(&file(embedded.folder())).unwrap();
    let by_pipeline =
        Table { name: "runs".to_owned(), hash: KeyAttribute::text("pk"), range: None };
    tables.ensure_table(&by_pipeline).await.unwrap();
    tables.put("runs", &item(json!({"pk": {"S": "a"}}))).await.unwrap();
    let found = embedded.dynamodb("Scan", json!({"TableName": "runs"})).await;
    assert_eq!(found["Items"], json!([{"pk": {"S": "a"}}]));
    let create = json!({
        "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "state", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-state", "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    });
    embedded.dynamodb("CreateTable", create).await;
    tables.put("orders", &item(json!({"pk": {"S": "b"}, "state": {"S": "NEW"}}))).await.unwrap();
    tables.put("orders", &item(json!({"pk": {"S": "c"}, "state": {"S": "NEW"}}))).await.unwrap();
    tables.delete("orders", &item(json!({"pk": {"S": "c"}}))).await.unwrap();
    let embedded = embedded.restarted(&Time::manual()).await;
    let query = json!({
        "TableName": "orders", "IndexName": "by-state", "KeyConditionExpression": "#s = :s",
        "ExpressionAttributeNames": {"#s": "state"}, "ExpressionAttributeValues": {":s": {"S": "NEW"}},
    });
    let found = embedded.dynamodb("Query", query).await;
    assert_eq!(found["Items"], json!([{"pk": {"S": "b"}, "state": {"S": "NEW"}}]));
}
