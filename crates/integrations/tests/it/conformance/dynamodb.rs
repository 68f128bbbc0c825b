//! What all tables do.

use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{
    AttributeValue, AwsTables, EmbeddedTables, Error, ITEM_BYTES_MAX, Item, KeyAttribute, KeyKind,
    Query, RangeCondition, Scan, Segment, Table, Tables,
};
use tempfile::TempDir;

use super::implementations;
use crate::support::{connection, unique};

struct Fixture {
    tables: Box<dyn Tables>,
    /// There, with the keys `pk` and `sk`, both text.
    table: String,
    /// moto fails at an update without attributes (`update_item` reads an expression that is not there); DynamoDB makes the item.
    takes_updates_of_nothing: bool,
    /// moto has no words for a key without its sort key (`get_item` says `Validation Exception`).
    says_what_is_wrong_with_keys: bool,
    _folder: Option<TempDir>,
}

implementations!(
    a_table_is_made_once_and_described,
    a_table_with_other_keys_is_refused,
    a_missing_table_is_named,
    an_item_of_all_types_is_read_back,
    putting_replaces_the_whole_item,
    a_key_that_is_missing_empty_or_of_another_type_is_refused,
    a_key_of_other_attributes_is_refused,
    an_item_that_is_too_large_is_refused,
    put_if_absent_writes_once_and_returns_what_is_there,
    an_update_sets_what_it_names_and_leaves_the_rest,
    an_update_of_a_key_is_refused,
    a_deleted_item_is_gone_and_deleting_twice_is_no_error,
    more_than_a_batch_is_written,
    a_batch_with_one_key_twice_is_refused,
    a_query_is_in_the_order_of_the_sort_key,
    conditions_on_the_sort_key,
    numbers_are_sorted_as_numbers,
    a_query_goes_on_where_it_stopped,
    segments_share_a_table_and_miss_nothing,
);

async fn with_table(tables: Box<dyn Tables>, folder: Option<TempDir>) -> Fixture {
    let is_ours = folder.is_some();
    let fixture = Fixture {
        tables,
        table: unique("orders"),
        takes_updates_of_nothing: is_ours,
        says_what_is_wrong_with_keys: is_ours,
        _folder: folder,
    };
    fixture.tables.ensure_table(&fixture.keys()).await.unwrap();
    fixture
}

async fn embedded() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let tables = EmbeddedTables::open(&folder.path().join("tables.db")).unwrap();
    with_table(Box::new(tables), Some(folder)).await
}

async fn moto() -> Option<Fixture> {
    let tables = AwsTables::new(&connection(&crate::support::moto()?).await);
    Some(with_table(Box::new(tables), None).await)
}

fn item(json: Value) -> Item {
    serde_json::from_value(json).unwrap()
}

fn row(pk: &str, sk: &str) -> Item {
    item(json!({"pk": {"S": pk}, "sk": {"S": sk}}))
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::text(text)
}

impl Fixture {
    fn keys(&self) -> Table {
        let (hash, range) = (KeyAttribute::text("pk"), Some(KeyAttribute::text("sk")));
        Table { name: self.table.clone(), hash, range }
    }

    async fn put(&self, item: &Item) {
        self.tables.put(&self.table, item).await.unwrap();
    }

    async fn refused(&self, item: Value) -> Error {
        self.tables.put(&self.table, &self::item(item)).await.unwrap_err()
    }

    async fn get(&self, pk: &str, sk: &str) -> Option<Item> {
        self.tables.get(&self.table, &row(pk, sk)).await.unwrap()
    }

    fn query(&self, pk: &str) -> Query {
        Query::new(&self.table, "pk", text(pk))
    }

    /// The sort keys that a query finds.
    async fn found(&self, query: &Query) -> Vec<String> {
        let items = self.tables.query_all(query).await.unwrap();
        items.into_iter().map(|mut item| self::word(item.remove("sk").unwrap())).collect()
    }
}

fn word(value: AttributeValue) -> String {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text,
        other => panic!("{other:?}"),
    }
}

async fn a_table_is_made_once_and_described(fixture: &Fixture) {
    fixture.tables.ensure_table(&fixture.keys()).await.unwrap();
    assert_eq!(fixture.tables.describe_table(&fixture.table).await.unwrap(), fixture.keys());
}

async fn a_table_with_other_keys_is_refused(fixture: &Fixture) {
    let other = Table { range: None, ..fixture.keys() };
    let error = fixture.tables.ensure_table(&other).await.unwrap_err();
    assert!(
        matches!(&error, Error::OtherKeys { found, .. } if found == "pk (S), sk (S)"),
        "{error}"
    );
}

async fn a_missing_table_is_named(fixture: &Fixture) {
    let missing = |error: Error| {
        assert!(matches!(&error, Error::NoSuchTable { table } if table == "nobody"), "{error}");
    };
    missing(fixture.tables.get("nobody", &row("a", "1")).await.unwrap_err());
    missing(fixture.tables.put("nobody", &row("a", "1")).await.unwrap_err());
    missing(fixture.tables.describe_table("nobody").await.unwrap_err());
    missing(
        fixture.tables.scan(&Scan { table: "nobody".into(), ..Scan::default() }).await.unwrap_err(),
    );
}

async fn an_item_of_all_types_is_read_back(fixture: &Fixture) {
    let all = item(json!({
        "pk": {"S": "a"}, "sk": {"S": "ü\u{1F600}"},
        "n": {"N": "12345678901234567890.123456789012345678"}, "b": {"B": "AAH/"},
        "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2.5"]}, "bs": {"BS": ["AA==", "AQ=="]},
        "m": {"M": {"l": {"L": [{"NULL": true}, {"BOOL": false}, {"S": ""}]}, "empty": {"M": {}}}}
    }));
    fixture.put(&all).await;
    let mut found = fixture.get("a", "ü\u{1F600}").await.unwrap();
    // Sets have no order.
    for value in found.values_mut() {
        match value {
            AttributeValue::SS(texts) | AttributeValue::NS(texts) => texts.sort(),
            AttributeValue::BS(all) => all.sort(),
            _ => {}
        }
    }
    assert_eq!(found, all);
    assert_eq!(fixture.get("a", "b").await, None);
}

async fn putting_replaces_the_whole_item(fixture: &Fixture) {
    fixture.put(&item(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "old": {"S": "x"}}))).await;
    fixture.put(&row("a", "1")).await;
    assert_eq!(fixture.get("a", "1").await, Some(row("a", "1")));
}

async fn a_key_that_is_missing_empty_or_of_another_type_is_refused(fixture: &Fixture) {
    for bad in [
        json!({"pk": {"S": "a"}}),
        json!({"pk": {"S": ""}, "sk": {"S": "1"}}),
        json!({"pk": {"S": "a"}, "sk": {"N": "1"}}),
    ] {
        let error = fixture.refused(bad.clone()).await;
        assert!(matches!(&error, Error::Validation { .. }), "{bad}: {error}");
        assert!(!error.is_retryable());
    }
    let error = fixture.refused(json!({"pk": {"S": "a"}, "sk": {"N": "1"}})).await;
    assert!(
        error.to_string().contains("Type mismatch for key sk expected: S actual: N"),
        "{error}"
    );
}

async fn a_key_of_other_attributes_is_refused(fixture: &Fixture) {
    for bad in [json!({"pk": {"S": "a"}}), json!({"pk": {"S": "a"}, "other": {"S": "b"}})] {
        let error = fixture.tables.get(&fixture.table, &item(bad.clone())).await.unwrap_err();
        assert!(matches!(&error, Error::Validation { .. }), "{bad}: {error}");
        if fixture.says_what_is_wrong_with_keys {
            assert!(error.to_string().contains("does not match the schema"), "{error}");
        }
    }
}

async fn an_item_that_is_too_large_is_refused(fixture: &Fixture) {
    let long = |length| json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "t": {"S": "x".repeat(length)}});
    let error = fixture.refused(long(ITEM_BYTES_MAX)).await;
    assert!(
        error.to_string().contains("Item size has exceeded the maximum allowed size"),
        "{error}"
    );
    assert_eq!(fixture.get("a", "1").await, None);
    // moto's limit is 405,000.
    fixture.put(&item(long(404_000))).await;
}

async fn put_if_absent_writes_once_and_returns_what_is_there(fixture: &Fixture) {
    let first = item(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "by": {"S": "first"}}));
    let second = item(json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "by": {"S": "second"}}));
    let put = async |item| fixture.tables.put_if_absent(&fixture.table, item).await.unwrap();
    assert_eq!(put(&first).await, None);
    assert_eq!(put(&second).await, Some(first.clone()));
    assert_eq!(fixture.get("a", "1").await, Some(first));
}

async fn an_update_sets_what_it_names_and_leaves_the_rest(fixture: &Fixture) {
    let update = async |attributes: Value| {
        let attributes = item(attributes);
        fixture.tables.update(&fixture.table, &row("a", "1"), &attributes).await.unwrap();
    };
    // A word that expressions reserve, too.
    update(json!({"status": {"S": "RUNNING"}, "count": {"N": "1"}})).await;
    update(json!({"status": {"S": "ENDED"}})).await;
    if fixture.takes_updates_of_nothing {
        update(json!({})).await;
    }
    let expected = json!({
        "pk": {"S": "a"}, "sk": {"S": "1"}, "status": {"S": "ENDED"}, "count": {"N": "1"}
    });
    assert_eq!(fixture.get("a", "1").await, Some(item(expected)));
}

async fn an_update_of_a_key_is_refused(fixture: &Fixture) {
    let attributes = item(json!({"sk": {"S": "2"}}));
    let error =
        fixture.tables.update(&fixture.table, &row("a", "1"), &attributes).await.unwrap_err();
    assert!(error.to_string().contains("Cannot update attribute sk"), "{error}");
    assert_eq!(fixture.get("a", "1").await, None);
}

async fn a_deleted_item_is_gone_and_deleting_twice_is_no_error(fixture: &Fixture) {
    fixture.put(&row("a", "1")).await;
    for _ in 0..2 {
        fixture.tables.delete(&fixture.table, &row("a", "1")).await.unwrap();
        assert_eq!(fixture.get("a", "1").await, None);
    }
}

async fn more_than_a_batch_is_written(fixture: &Fixture) {
    let items: Vec<_> = (0..60).map(|number| row("a", &format!("{number:02}"))).collect();
    fixture.tables.batch_put(&fixture.table, &items).await.unwrap();
    fixture.tables.batch_put(&fixture.table, &[]).await.unwrap();
    let found = fixture.found(&fixture.query("a")).await;
    assert_eq!(found.len(), 60);
}

async fn a_batch_with_one_key_twice_is_refused(fixture: &Fixture) {
    let items = [row("a", "1"), row("a", "2"), row("a", "1")];
    let error = fixture.tables.batch_put(&fixture.table, &items).await.unwrap_err();
    assert!(matches!(&error, Error::Validation { .. }), "{error}");
    assert!(error.to_string().contains("duplicates"), "{error}");
}

async fn a_query_is_in_the_order_of_the_sort_key(fixture: &Fixture) {
    // In UTF-8, which is not the order of UTF-16.
    let expected = ["A", "a", "aa", "ü", "\u{FF61}", "\u{1F600}"];
    for sk in ["ü", "\u{1F600}", "A", "aa", "\u{FF61}", "a"] {
        fixture.put(&row("a", sk)).await;
        fixture.put(&row("b", sk)).await;
    }
    let query = fixture.query("a");
    assert_eq!(fixture.found(&query).await, expected);
    let descending = Query { descending: true, ..query };
    let backwards: Vec<_> = expected.into_iter().rev().collect();
    assert_eq!(fixture.found(&descending).await, backwards);
    assert_eq!(fixture.found(&fixture.query("nobody")).await, [""; 0]);
}

async fn conditions_on_the_sort_key(fixture: &Fixture) {
    for sk in ["a", "b", "b1", "b2", "c"] {
        fixture.put(&row("a", sk)).await;
    }
    let found = async |condition| {
        let range = Some(("sk".to_owned(), condition));
        fixture.found(&Query { range, ..fixture.query("a") }).await.join(" ")
    };
    assert_eq!(found(RangeCondition::Equal(text("b"))).await, "b");
    assert_eq!(found(RangeCondition::Below(text("b1"))).await, "a b");
    assert_eq!(found(RangeCondition::AtMost(text("b1"))).await, "a b b1");
    assert_eq!(found(RangeCondition::AtLeast(text("b2"))).await, "b2 c");
    assert_eq!(found(RangeCondition::Above(text("b2"))).await, "c");
    assert_eq!(found(RangeCondition::Between(text("b"), text("b1"))).await, "b b1");
    assert_eq!(found(RangeCondition::BeginsWith(text("b"))).await, "b b1 b2");
    let range = Some(("other".to_owned(), RangeCondition::Equal(text("b"))));
    let error = fixture.tables.query(&Query { range, ..fixture.query("a") }).await.unwrap_err();
    assert!(matches!(&error, Error::Validation { .. }), "{error}");
}

async fn numbers_are_sorted_as_numbers(fixture: &Fixture) {
    let name = unique("numbers");
    let table = Table {
        name: name.clone(),
        hash: KeyAttribute { name: "pk".into(), kind: KeyKind::B },
        range: Some(KeyAttribute::number("sk")),
    };
    fixture.tables.ensure_table(&table).await.unwrap();
    let expected = ["-100", "-2.5", "-2", "0", "0.001", "9", "10", "1000"];
    for number in ["10", "-2", "0", "1000", "9", "-100", "0.001", "-2.5"] {
        let row = item(json!({"pk": {"B": "AAE="}, "sk": {"N": number}}));
        fixture.tables.put(&name, &row).await.unwrap();
    }
    let query = Query::new(&name, "pk", AttributeValue::B(vec![0, 1]));
    assert_eq!(fixture.found(&query).await, expected);
    let above = RangeCondition::Above(AttributeValue::integer(0_i64));
    let query = Query { range: Some(("sk".into(), above)), limit: Some(2), ..query };
    assert_eq!(fixture.found(&query).await, ["0.001", "9"]);
}

async fn a_query_goes_on_where_it_stopped(fixture: &Fixture) {
    for sk in ["1", "2", "3", "4", "5"] {
        fixture.put(&row("a", sk)).await;
    }
    for descending in [false, true] {
        let mut query = Query { limit: Some(2), descending, ..fixture.query("a") };
        let mut seen = Vec::new();
        loop {
            let page = fixture.tables.query(&query).await.unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items.into_iter().map(|mut item| word(item.remove("sk").unwrap())));
            query.start = page.last_key;
            if query.start.is_none() {
                break;
            }
        }
        if descending {
            seen.reverse();
        }
        assert_eq!(seen, ["1", "2", "3", "4", "5"]);
        let three = Query { limit: Some(3), descending, ..fixture.query("a") };
        assert_eq!(fixture.found(&three).await.len(), 3);
    }
}

async fn segments_share_a_table_and_miss_nothing(fixture: &Fixture) {
    let items: Vec<_> = (0..50).map(|number| row(&format!("p{number}"), "1")).collect();
    fixture.tables.batch_put(&fixture.table, &items).await.unwrap();
    let mut seen = Vec::new();
    for number in 0..3 {
        let segment = Some(Segment { number, total: 3 });
        let mut scan = Scan { table: fixture.table.clone(), segment, limit: Some(7), start: None };
        loop {
            let page = fixture.tables.scan(&scan).await.unwrap();
            seen.extend(page.items.into_iter().map(|mut item| word(item.remove("pk").unwrap())));
            scan.start = page.last_key;
            if scan.start.is_none() {
                break;
            }
        }
    }
    seen.sort();
    let mut expected: Vec<_> = (0..50).map(|number| format!("p{number}")).collect();
    expected.sort();
    assert_eq!(seen, expected);
    let segment = Some(Segment { number: 3, total: 3 });
    let scan = Scan { table: fixture.table.clone(), segment, ..Scan::default() };
    let error = fixture.tables.scan(&scan).await.unwrap_err();
    assert!(matches!(&error, Error::Validation { .. }), "{error}");
}
