//! Objects of S3 at AWS behind Task states, against its double.

use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
use stepwell_integrations::s3::AwsS3;
use stepwell_integrations::service::{Origin, Service as _};

use crate::support::{REGION, connection, http, moto, unique};

struct Fixture {
    s3: AwsS3,
    bucket: String,
}

impl Fixture {
    /// With a bucket that is empty.
    async fn start() -> Option<Self> {
        let url = moto()?;
        let bucket = unique("raw");
        let made = http()
            .put(format!("{url}/{bucket}"))
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential=x/20260301/{REGION}/s3/aws4_request"))
            .body(format!("<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"));
        made.send().await.unwrap().error_for_status().unwrap();
        Some(Self { s3: AwsS3::new(&connection(&url).await), bucket })
    }

    async fn call(&self, action: &str, members: Value) -> Result<Value, ServiceError> {
        let mut input = json!({"Bucket": self.bucket});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.s3.call(action, input, &Origin { base_url: String::new() }).await
    }

    async fn ok(&self, action: &str, members: Value) -> Value {
        self.call(action, members).await.unwrap()
    }

    async fn keys(&self, members: Value) -> Vec<String> {
        let listed = self.ok("ListObjectsV2", members).await;
        let keys = listed["Contents"].as_array().unwrap().iter();
        keys.map(|it| it["Key"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_words_of_s3() {
    let Some(fixture) = Fixture::start().await else { return };
    for action in ["GetObject", "HeadObject"] {
        let error = fixture.call(action, json!({"Key": "none"})).await.unwrap_err();
        assert_eq!((&*error.code, error.status), ("NoSuchKey", 404), "{action}");
    }
    let elsewhere = json!({"Bucket": unique("none"), "Key": "a"});
    let error = fixture.call("GetObject", elsewhere).await.unwrap_err();
    assert_eq!(error.code, "NoSuchBucket");
    fixture.ok("DeleteObject", json!({"Key": "none"})).await;
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let Some(fixture) = Fixture::start().await else { return };
    let put = json!({"Key": "a", "Body": "x", "Tagging": "a=b"});
    assert!(fixture.call("PutObject", put).await.unwrap_err().message.contains("Tagging"));
    let copy = json!({"Key": "b", "CopySource": "elsewhere/a"});
    assert!(fixture.call("CopyObject", copy).await.unwrap_err().message.contains("same bucket"));
    let bad = fixture.call("GetObject", json!({"Key": "a//b"})).await.unwrap_err();
    assert!(bad.message.contains("a//b"), "{bad:?}");
    let bad = fixture.call("GetObject", json!({"Key": "a", "Range": "lines=1"})).await.unwrap_err();
    assert_eq!(bad.code, "InvalidRequest");
}

#[tokio::test]
async fn an_object_is_put_as_json_and_got_as_text() {
    let Some(fixture) = Fixture::start().await else { return };
    let put = json!({
        "Key": "a/b.json", "Body": {"k": [1, true]}, "ContentType": "application/json", "Metadata": {"owner": "x"},
    });
    let put = fixture.ok("PutObject", put).await;
    let got = fixture.ok("GetObject", json!({"Key": "a/b.json"})).await;
    assert_eq!(got["Body"], r#"{"k":[1,true]}"#);
    assert_eq!(got["ETag"], put["ETag"]);
    assert_eq!(got["ContentType"], "application/json");
    assert_eq!(got["Metadata"], json!({"owner": "x"}));
    assert_eq!(got["ContentLength"], 14);
    let part = fixture.ok("GetObject", json!({"Key": "a/b.json", "Range": "bytes=1-3"})).await;
    assert_eq!(part["Body"], "\"k\"");
    assert_eq!(part["ContentRange"], "bytes 1-3/14");
    let head = fixture.ok("HeadObject", json!({"Key": "a/b.json"})).await;
    assert_eq!((&head["ContentLength"], &head["Body"]), (&json!(14), &Value::Null));
}

#[tokio::test]
async fn objects_are_copied_listed_page_by_page_and_deleted() {
    let Some(fixture) = Fixture::start().await else { return };
    for key in ["day/1", "day/2", "days", "other"] {
        fixture.ok("PutObject", json!({"Key": key, "Body": key})).await;
    }
    let source = format!("{}/other", fixture.bucket);
    let copied = fixture.ok("CopyObject", json!({"Key": "day/3", "CopySource": source})).await;
    assert!(copied["CopyObjectResult"]["ETag"].is_string(), "{copied}");
    // A prefix may end within a name.
    assert_eq!(fixture.keys(json!({"Prefix": "da"})).await, ["day/1", "day/2", "day/3", "days"]);
    assert_eq!(fixture.keys(json!({"Prefix": "day/2"})).await, ["day/2"]);
    assert_eq!(fixture.keys(json!({"Prefix": "day/2", "StartAfter": "day/2"})).await, [""; 0]);
    let none = fixture.ok("ListObjectsV2", json!({"MaxKeys": 0})).await;
    assert_eq!((&none["KeyCount"], &none["IsTruncated"]), (&json!(0), &json!(false)));
    let first = fixture.ok("ListObjectsV2", json!({"Prefix": "day/", "MaxKeys": 2})).await;
    assert_eq!((&first["KeyCount"], &first["IsTruncated"]), (&json!(2), &json!(true)));
    let next = json!({"Prefix": "day/", "ContinuationToken": first["NextContinuationToken"]});
    assert_eq!(fixture.keys(next).await, ["day/3"]);
    fixture.ok("DeleteObject", json!({"Key": "day/3"})).await;
    assert_eq!(fixture.keys(json!({"StartAfter": "day/2"})).await, ["days", "other"]);
}
