//! What CloudWatch Logs does over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_integrations::aws::{CallError, JsonClient, Service};

use super::implementations;
use crate::support::{Embedded, Time, connection, unique};

const SERVICE: Service = Service {
    id: "CloudWatch Logs",
    signing_name: "logs",
    target_prefix: "Logs_20140328",
    json_version: "1.1",
};

const DAY: Duration = Duration::from_hours(24);

struct Fixture {
    client: JsonClient,
    time: Time,
    /// What is refused as AWS refuses it is not always refused by a double of it.
    is_embedded: bool,
    _embedded: Option<Embedded>,
}

implementations!(
    groups_and_streams_are_made_once_and_listed,
    what_is_wrong_is_refused_and_changes_nothing,
    events_are_read_in_their_order_page_by_page,
    events_are_found_in_all_streams,
    a_page_looks_at_so_many_events_and_no_more,
    what_is_over_is_not_shown,
    tags_are_kept,
);

async fn embedded() -> Fixture {
    let time = Time::manual();
    let embedded = Embedded::start(&time).await;
    let client = JsonClient::new(&connection(&embedded.url).await, SERVICE);
    Fixture { client, time, is_embedded: true, _embedded: Some(embedded) }
}

async fn moto() -> Option<Fixture> {
    let client = JsonClient::new(&connection(&crate::support::moto()?).await, SERVICE);
    Some(Fixture { client, time: Time::Real, is_embedded: false, _embedded: None })
}

impl Fixture {
    async fn call(&self, operation: &'static str, input: Value) -> Value {
        let answer = self.client.call(operation, &input).await.unwrap();
        if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).unwrap() }
    }

    async fn refused(&self, operation: &'static str, input: Value) -> (String, String) {
        match self.client.call(operation, &input).await.unwrap_err() {
            CallError::Refused { code, message, .. } => (code, message),
            other => panic!("{other}"),
        }
    }

    async fn group(&self) -> String {
        let name = unique("group");
        self.call("CreateLogGroup", json!({"logGroupName": name})).await;
        name
    }

    /// A stream with events of these times, counted from now, each with its place in the list as text.
    async fn put(&self, group: &str, stream: &str, times: &[i64]) {
        let place = json!({"logGroupName": group, "logStreamName": stream});
        self.call("CreateLogStream", place.clone()).await;
        let now = self.time.clock()().as_millisecond();
        let event = |(number, time): (usize, &i64)| json!({"timestamp": now + time, "message": format!("{stream} {number}")});
        let events: Vec<Value> = times.iter().enumerate().map(event).collect();
        let mut request = place;
        request["logEvents"] = json!(events);
        self.call("PutLogEvents", request).await;
    }
}

fn messages(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap()).collect()
}

async fn groups_and_streams_are_made_once_and_listed(fixture: &Fixture) {
    let group = fixture.group().await;
    let again = fixture.refused("CreateLogGroup", json!({"logGroupName": group})).await;
    assert_eq!(again.0, "ResourceAlreadyExistsException");
    let found = fixture.call("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await;
    let arn = found["logGroups"][0]["arn"].as_str().unwrap();
    assert!(arn.ends_with(&format!(":log-group:{group}:*")), "{arn}");
    for stream in ["b", "a", "c"] {
        fixture.put(&group, stream, &[-1]).await;
    }
    let again = json!({"logGroupName": group, "logStreamName": "a"});
    let again = fixture.refused("CreateLogStream", again).await;
    assert_eq!(again.0, "ResourceAlreadyExistsException");
    let first = json!({"logGroupName": group, "limit": 2});
    let first = fixture.call("DescribeLogStreams", first).await;
    let second = json!({"logGroupName": group, "limit": 2, "nextToken": first["nextToken"]});
    let second = fixture.call("DescribeLogStreams", second).await;
    let names = |page: &Value| {
        let streams = page["logStreams"].as_array().unwrap().iter();
        streams.map(|it| it["logStreamName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&first), names(&second)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    fixture.call("DeleteLogGroup", json!({"logGroupName": group})).await;
    let gone = fixture.refused("DescribeLogStreams", json!({"logGroupName": group})).await;
    assert_eq!(gone.0, "ResourceNotFoundException");
}

async fn what_is_wrong_is_refused_and_changes_nothing(fixture: &Fixture) {
    let group = fixture.group().await;
    fixture.put(&group, "a", &[-5]).await;
    let now = fixture.time.clock()().as_millisecond();
    let put = |stream: &str, times: &[i64]| {
        let event = |time: &i64| json!({"timestamp": now + time, "message": "m"});
        let events: Vec<Value> = times.iter().map(event).collect();
        json!({"logGroupName": group, "logStreamName": stream, "logEvents": events})
    };
    for (operation, request, code) in [
        ("PutLogEvents", put("none", &[0]), "ResourceNotFoundException"),
        ("PutLogEvents", put("a", &[0, -1]), "InvalidParameterException"),
        ("PutLogEvents", put("a", &[]), "InvalidParameterException"),
        ("PutLogEvents", put("a", &[-100_000_000, 0]), "InvalidParameterException"),
        ("CreateLogGroup", json!({"logGroupName": "a b"}), "InvalidParameterException"),
        (
            "CreateLogStream",
            json!({"logGroupName": group, "logStreamName": "a:b"}),
            "InvalidParameterException",
        ),
        (
            "PutRetentionPolicy",
            json!({"logGroupName": group, "retentionInDays": 2}),
            "InvalidParameterException",
        ),
        ("DescribeLogGroups", json!({"limit": 51}), "InvalidParameterException"),
        (
            "FilterLogEvents",
            json!({"logGroupName": group, "filterPattern": "[a, b]"}),
            "InvalidParameterException",
        ),
        ("DescribeLogGroups", json!({"accountIdentifiers": ["1"]}), "SerializationException"),
    ] {
        if fixture.is_embedded {
            let refused = fixture.refused(operation, request.clone()).await;
            assert_eq!(refused.0, code, "{operation} {request}: {}", refused.1);
        }
    }
    let all = fixture.call("FilterLogEvents", json!({"logGroupName": group})).await;
    assert_eq!(messages(&all), ["a 0"]);
}

async fn events_are_read_in_their_order_page_by_page(fixture: &Fixture) {
    let group = fixture.group().await;
    fixture.put(&group, "s", &[-50, -40, -40, -30, -20]).await;
    let get = async |more: Value| {
        let mut request = json!({"logGroupName": group, "logStreamName": "s", "limit": 2});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fixture.call("GetLogEvents", request).await
    };
    let newest = get(json!({})).await;
    assert_eq!(messages(&newest), ["s 3", "s 4"]);
    let before = get(json!({"nextToken": newest["nextBackwardToken"]})).await;
    assert_eq!(messages(&before), ["s 1", "s 2"]);
    let first = get(json!({"startFromHead": true})).await;
    assert_eq!(messages(&first), ["s 0", "s 1"]);
    let second = get(json!({"startFromHead": true, "nextToken": first["nextForwardToken"]})).await;
    assert_eq!(messages(&second), ["s 2", "s 3"]);
    let third = get(json!({"startFromHead": true, "nextToken": second["nextForwardToken"]})).await;
    let end = get(json!({"startFromHead": true, "nextToken": third["nextForwardToken"]})).await;
    assert_eq!((messages(&third), messages(&end).len()), (vec!["s 4"], 0));
    assert_eq!(end["nextForwardToken"], third["nextForwardToken"], "there is nothing behind it");
}

async fn events_are_found_in_all_streams(fixture: &Fixture) {
    let group = fixture.group().await;
    fixture.put(&group, "a", &[-40, -20]).await;
    fixture.put(&group, "b", &[-30, -10]).await;
    // moto gives one stream after the other, AWS all of them by time.
    let all = fixture.call("FilterLogEvents", json!({"logGroupName": group})).await;
    let mut all = messages(&all);
    all.sort_unstable();
    assert_eq!(all, ["a 0", "a 1", "b 0", "b 1"]);
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({"logGroupName": group, "limit": 3});
        if !token.is_null() {
            request["nextToken"] = token;
        }
        let page = fixture.call("FilterLogEvents", request).await;
        found.extend(messages(&page).into_iter().map(str::to_owned));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    found.sort_unstable();
    assert_eq!(found, ["a 0", "a 1", "b 0", "b 1"]);
    let in_b = json!({"logGroupName": group, "logStreamNames": ["b"], "filterPattern": "\"b 1\""});
    assert_eq!(messages(&fixture.call("FilterLogEvents", in_b).await), ["b 1"]);
    if fixture.is_embedded {
        let nowhere = json!({"logGroupName": group, "logStreamNames": ["b", "none"]});
        let (code, _) = fixture.refused("FilterLogEvents", nowhere).await;
        assert_eq!(code, "ResourceNotFoundException");
    }
}

async fn a_page_looks_at_so_many_events_and_no_more(fixture: &Fixture) {
    let group = fixture.group().await;
    let times: Vec<_> = (0..10_000).map(|number| number - 20_000).collect();
    fixture.put(&group, "a", &times).await;
    fixture.put(&group, "b", &times).await;
    fixture.put(&group, "needle", &[-1]).await;
    for streams in [json!({}), json!({"logStreamNames": ["a", "needle", "b", "a"]})] {
        let mut request = streams;
        request["logGroupName"] = json!(group);
        request["filterPattern"] = json!("needle");
        let (mut pages, mut found) = (0, Vec::new());
        loop {
            let page = fixture.call("FilterLogEvents", request.clone()).await;
            found.extend(messages(&page).into_iter().map(str::to_owned));
            pages += 1;
            request["nextToken"] = page["nextToken"].clone();
            if request["nextToken"].is_null() {
                break;
            }
        }
        assert_eq!(found, ["needle 0"]);
        assert!(pages == 3 || !fixture.is_embedded, "{pages}");
    }
    if fixture.is_embedded {
        let stored = async || {
            let found = fixture.call("DescribeLogGroups", json!({"logGroupNamePrefix": group}));
            found.await["logGroups"][0]["storedBytes"].clone()
        };
        let of_one = (0..10_000).map(|number| format!("a {number}").len() + 26).sum::<usize>();
        assert_eq!(stored().await, 2 * of_one + "needle 0".len() + 26);
        let stream = json!({"logGroupName": group, "logStreamName": "a"});
        fixture.call("DeleteLogStream", stream).await;
        assert_eq!(stored().await, of_one + "needle 0".len() + 26);
    }
}

async fn what_is_over_is_not_shown(fixture: &Fixture) {
    let group = fixture.group().await;
    fixture.put(&group, "s", &[-1]).await;
    let days = json!({"logGroupName": group, "retentionInDays": 3});
    fixture.call("PutRetentionPolicy", days).await;
    let shown = fixture.call("DescribeLogGroups", json!({"logGroupNamePrefix": group})).await;
    assert_eq!(shown["logGroups"][0]["retentionInDays"], 3);
    if !fixture.is_embedded {
        // Nobody waits for days.
        return;
    }
    let read = json!({"logGroupName": group, "logStreamName": "s"});
    fixture.time.wait_out(DAY * 2).await;
    assert_eq!(messages(&fixture.call("GetLogEvents", read.clone()).await), ["s 0"]);
    fixture.time.wait_out(DAY * 2).await;
    assert!(messages(&fixture.call("GetLogEvents", read.clone()).await).is_empty());
    let now = fixture.time.clock()().as_millisecond();
    let event = |days: i64| json!({"timestamp": now + days * 86_400_000, "message": "m"});
    let mut put = read.clone();
    put["logEvents"] = json!([event(-4)]);
    let put = fixture.call("PutLogEvents", put).await;
    assert_eq!(put["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 1}));
    fixture.call("DeleteRetentionPolicy", json!({"logGroupName": group})).await;
    assert!(messages(&fixture.call("GetLogEvents", read).await).is_empty(), "it was deleted");
}

async fn tags_are_kept(fixture: &Fixture) {
    let name = unique("group");
    fixture.call("CreateLogGroup", json!({"logGroupName": name, "tags": {"a": "1"}})).await;
    let found = fixture.call("DescribeLogGroups", json!({"logGroupNamePrefix": name})).await;
    let arn = found["logGroups"][0]["arn"].as_str().unwrap().trim_end_matches(":*").to_owned();
    fixture.call("TagResource", json!({"resourceArn": arn, "tags": {"b": "2"}})).await;
    fixture.call("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a"]})).await;
    let tags = fixture.call("ListTagsForResource", json!({"resourceArn": arn})).await;
    assert_eq!(tags["tags"], json!({"b": "2"}));
}
