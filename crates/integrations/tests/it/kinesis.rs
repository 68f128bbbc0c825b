//! Streams of Kinesis, as its double has them, and what that never says.

use serde_json::json;
use stepwell_integrations::aws::{CallError, Connection, JsonClient};
use stepwell_integrations::kinesis::{Error, Kinesis, NewRecord, Position, SERVICE};

use crate::support::{Scripted, connection, moto, unique};

async fn stream(shards: u32) -> Option<(Kinesis, Connection, String)> {
    let connection = connection(&moto()?).await;
    let name = unique("orders");
    let input = json!({"StreamName": name, "ShardCount": shards});
    let client = JsonClient::new(&connection, SERVICE);
    client.call("kinesis:CreateStream", &input).await.unwrap();
    Some((Kinesis::new(&connection), connection, name))
}

fn records(numbers: std::ops::Range<u32>) -> Vec<NewRecord> {
    let record =
        |number: u32| NewRecord { partition_key: "k".into(), data: number.to_be_bytes().to_vec() };
    numbers.map(record).collect()
}

#[tokio::test]
async fn records_are_read_from_every_position() {
    let Some((kinesis, _, stream)) = stream(1).await else { return };
    let described = kinesis.describe(&stream).await.unwrap();
    assert_eq!(described.status, "ACTIVE");
    // By its ARN here, by its name below.
    kinesis.put_records(&described.arn, &records(0..3)).await.unwrap();
    let shard = kinesis.list_shards(&described.arn).await.unwrap().remove(0);
    assert!(!shard.is_closed());
    let read = async |position: Position| {
        let iterator = kinesis.shard_iterator(&stream, &shard.id, &position).await.unwrap();
        kinesis.get_records(&iterator, 10).await.unwrap()
    };
    let all = read(Position::TrimHorizon).await;
    let data: Vec<_> = all.records.iter().map(|it| it.data.clone()).collect();
    assert_eq!(data, [0_u32, 1, 2].map(|number| number.to_be_bytes().to_vec()));
    assert_eq!(all.milliseconds_behind, 0);
    let first = all.records[0].sequence_number.clone();
    assert_eq!(read(Position::AfterSequenceNumber(first.clone())).await.records, all.records[1..]);
    assert_eq!(read(Position::AtSequenceNumber(first)).await.records, all.records);
    let start = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(read(Position::AtTimestamp(start)).await.records, all.records);
    let latest = read(Position::Latest).await;
    assert_eq!(latest.records, []);
    kinesis.put_records(&stream, &records(3..4)).await.unwrap();
    let more = kinesis.get_records(&latest.next.unwrap(), 10).await.unwrap();
    assert_eq!(more.records.len(), 1);
}

#[tokio::test]
async fn shards_know_their_parents_and_more_than_a_call_is_put() {
    let Some((kinesis, connection, stream)) = stream(2).await else { return };
    kinesis.put_records(&stream, &records(0..1100)).await.unwrap();
    let input = json!({"StreamName": stream, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "1000"});
    JsonClient::new(&connection, SERVICE).call("kinesis:SplitShard", &input).await.unwrap();
    let shards = kinesis.list_shards(&stream).await.unwrap();
    assert_eq!(shards.len(), 4);
    let parent = &shards[0];
    assert!(parent.is_closed(), "{parent:?}");
    let children = shards.iter().filter(|it| it.parents().any(|id| id == parent.id));
    assert_eq!(children.count(), 2);
}

#[tokio::test]
async fn a_missing_stream_is_named() {
    let Some((kinesis, ..)) = stream(1).await else { return };
    for error in [
        kinesis.describe("nobody").await.unwrap_err(),
        kinesis.list_shards("nobody").await.unwrap_err(),
        kinesis.put_records("nobody", &records(0..1)).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::NotFound { name } if name == "nobody"), "{error}");
    }
}

async fn refused(code: &str) -> Error {
    let body = json!({"__type": code, "message": "words"}).to_string();
    let server = Scripted::start(&[(400, &body)]).await;
    let kinesis = Kinesis::new(&connection(&server.url).await);
    kinesis.get_records("iterator", 10).await.unwrap_err()
}

#[tokio::test]
async fn an_iterator_expires_and_the_rate_is_limited() {
    let expired = refused("ExpiredIteratorException").await;
    assert!(matches!(&expired, Error::ExpiredIterator), "{expired}");
    let throttled = refused("ProvisionedThroughputExceededException").await;
    assert!(matches!(&throttled, Error::Call(CallError::Throttled { .. })), "{throttled}");
    assert!(throttled.is_retryable());
    let limited = refused("LimitExceededException").await;
    assert!(matches!(&limited, Error::Call(CallError::Throttled { .. })), "{limited}");
}

#[tokio::test]
async fn shards_come_in_pages_and_the_token_stands_for_the_stream() {
    let page = |id: &str, more: bool| {
        let mut page = json!({"Shards": [{
            "ShardId": id,
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"}
        }]});
        if more {
            page["NextToken"] = json!("t");
        }
        page.to_string()
    };
    let server = Scripted::start(&[(200, &page("a", true)), (200, &page("b", false))]).await;
    let kinesis = Kinesis::new(&connection(&server.url).await);
    let shards = kinesis.list_shards("orders").await.unwrap();
    assert_eq!(shards.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(server.asked()[1], r#"{"NextToken":"t"}"#);
}

#[tokio::test]
async fn records_that_were_not_put_are_told() {
    let answer = json!({"FailedRecordCount": 1, "Records": [
        {"SequenceNumber": "1", "ShardId": "a"},
        {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
    ]});
    let server = Scripted::start(&[(200, &answer.to_string())]).await;
    let kinesis = Kinesis::new(&connection(&server.url).await);
    let error = kinesis.put_records("orders", &records(0..2)).await.unwrap_err();
    assert!(matches!(&error, Error::NotPut { failed: 1, .. }), "{error}");
    assert!(error.is_retryable());
}
