//! Buckets and tables, as clients of S3 and DynamoDB use them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::sfn::{Client, Error};

/// Before the operations of DynamoDB.
pub(super) const DYNAMODB: &str = "DynamoDB_20120810";

/// Where tasks leave objects and items. Each is named as the effect that it is.
pub(super) const BUCKET: &str = "torture-effects";
/// See [`BUCKET`].
pub(super) const TABLE: &str = "torture-effects";
/// Where clients leave theirs.
pub(super) const REGISTERS: &str = "torture-registers";

pub(super) fn create(client: &mut Client) -> Result<()> {
    for name in [BUCKET, REGISTERS] {
        client.call_object("PUT", &format!("/{name}"), "")?;
    }
    for name in [TABLE, REGISTERS] {
        let table = json!({
            "TableName": name,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        call_table(client, "CreateTable", &table)?;
    }
    Ok(())
}

pub(super) fn call_table(
    client: &mut Client,
    operation: &str,
    request: &Value,
) -> Result<Value, Error> {
    client.call_service(DYNAMODB, operation, request)
}

/// The keys of all objects that tasks left.
pub(super) fn objects(client: &mut Client) -> Result<Vec<String>, Error> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().map(|last| format!("&start-after={}", escaped(last)));
        let path = format!("/{BUCKET}?list-type=2{}", after.unwrap_or_default());
        let page = client.call_object("GET", &path, "")?;
        let found = page.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let count = keys.len();
        keys.extend(found.map(str::to_owned));
        if !page.contains("<IsTruncated>true") || keys.len() == count {
            return Ok(keys);
        }
    }
}

/// The names of all items that tasks left.
pub(super) fn items(client: &mut Client) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut request = json!({"TableName": TABLE, "ConsistentRead": true});
    loop {
        let mut page = call_table(client, "Scan", &request)?;
        let items = page["Items"].as_array().into_iter().flatten();
        names.extend(items.filter_map(|item| Some(item["id"]["S"].as_str()?.to_owned())));
        match page["LastEvaluatedKey"].take() {
            Value::Null => return Ok(names),
            last => request["ExclusiveStartKey"] = last,
        }
    }
}

/// As a value in a query.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_query_is_escaped() {
        assert_eq!(escaped("arn:a#B/0"), "arn%3Aa%23B%2F0");
    }
}
