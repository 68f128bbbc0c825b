//! Embedded S3 beside what else knows its folders, over a restart, and where signatures are verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use stepwell_integrations::authentication::{self, Keys};
use stepwell_integrations::s3::Buckets;
use stepwell_integrations::service::Origin;

use crate::support::{Embedded, REGION, Time, answer_to_head, http};

impl Embedded {
    async fn s3(&self, action: &str, input: Value) -> Result<Value, String> {
        let service = self.services.iter().find(|it| it.facts().name == "s3").unwrap();
        let origin = Origin { base_url: self.url.clone() };
        service.call(action, input, &origin).await.map_err(|error| error.code)
    }

    /// A request as somebody sends it whose signature nobody looks at.
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Response {
        let scope = format!("AWS4-HMAC-SHA256 Credential=x/20260301/{REGION}/s3/aws4_request");
        let mut all = HeaderMap::new();
        all.insert("authorization", scope.parse().unwrap());
        for (name, value) in headers {
            all.insert(*name, value.parse().unwrap());
        }
        let request = http().request(method, format!("{}{path}", self.url)).headers(all).body(body);
        request.send().await.unwrap()
    }
}

async fn with_bucket() -> Embedded {
    let embedded = Embedded::start(&Time::manual()).await;
    embedded.s3("CreateBucket", json!({"Bucket": "raw"})).await.unwrap();
    embedded
}

const CHUNKED: &[(&str, &str)] = &[
    ("content-encoding", "aws-chunked"),
    ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ("x-amz-trailer", "x-amz-checksum-crc32"),
    ("x-amz-decoded-content-length", "5"),
];

#[tokio::test]
async fn content_comes_in_chunks_with_a_checksum_behind_them() {
    let embedded = with_bucket().await;
    for (trailer, expected) in [("AAAAAA==", 400), ("NhCmhg==", 200)] {
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n");
        let answer = embedded.send(Method::PUT, "/raw/a", CHUNKED, body.into_bytes()).await;
        assert_eq!(answer.status(), expected);
    }
    let broken = embedded.send(Method::PUT, "/raw/b", CHUNKED, b"5\r\nhel".to_vec()).await;
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    assert!(broken.text().await.unwrap().contains("<Code>IncompleteBody</Code>"));
    let answer = embedded.send(Method::GET, "/raw/a", &[], Vec::new()).await;
    assert!(!answer.headers().contains_key("content-encoding"));
    assert_eq!(answer.text().await.unwrap(), "hello");
    assert_eq!(
        embedded.s3("HeadObject", json!({"Bucket": "raw", "Key": "b"})).await.unwrap_err(),
        "NoSuchKey"
    );
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_is_refused() {
    let embedded = with_bucket().await;
    let signed = [("x-amz-content-sha256", &*"0".repeat(64))];
    let answer = embedded.send(Method::PUT, "/raw/a", &signed, b"x".to_vec()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.unwrap().contains("<Code>XAmzContentSHA256Mismatch</Code>"));
}

#[tokio::test]
async fn no_list_of_keys_is_waited_for_that_is_too_long() {
    let embedded = with_bucket().await;
    let scope = format!("AWS4-HMAC-SHA256 Credential=x/20260301/{REGION}/s3/aws4_request");
    let headers = [("authorization".to_owned(), scope)];
    for path in ["raw?delete", "raw/key?uploadId=none"] {
        let url = format!("{}/{path}", embedded.url);
        let answer = answer_to_head("POST", &url, 5 << 20, &headers).await;
        assert_eq!(answer, "HTTP/1.1 400", "{path}");
    }
    let long = vec![b'x'; 5 << 20];
    let answer = embedded.send(Method::POST, "/raw?delete", &CHUNKED[..2], chunks(&long)).await;
    let told = answer.text().await.unwrap();
    assert!(told.contains("<Code>MalformedXML</Code>"), "{told}");
}

/// Content in one chunk.
fn chunks(content: &[u8]) -> Vec<u8> {
    let head = format!("{:x}\r\n", content.len());
    [head.as_bytes(), content, b"\r\n0\r\n\r\n"].concat()
}

#[tokio::test]
async fn nothing_of_a_bucket_runs_in_a_browser() {
    let embedded = with_bucket().await;
    let page = b"<script>alert(1)</script>".to_vec();
    let html = [("content-type", "text/html")];
    embedded.send(Method::PUT, "/raw/a.html", &html, page).await.error_for_status().unwrap();
    for (path, status) in [("/raw/a.html", 200), ("/raw/none", 404), ("/raw", 200), ("/r", 404)] {
        let answer = embedded.send(Method::GET, path, &[], Vec::new()).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers()["content-security-policy"], "sandbox", "{path}");
    }
}

#[tokio::test]
async fn the_bucket_may_stand_in_the_host() {
    let embedded = with_bucket().await;
    let host = [("host", "raw.localhost:4566")];
    let put = embedded.send(Method::PUT, "/a%20b", &host, b"content".to_vec()).await;
    assert_eq!(put.status(), StatusCode::OK);
    let got = embedded.send(Method::GET, "/raw/a%20b", &[], Vec::new()).await;
    assert_eq!(got.text().await.unwrap(), "content");
}

#[tokio::test]
async fn pipelines_and_clients_see_the_same_objects() {
    let embedded = with_bucket().await;
    let buckets = Buckets::embedded(embedded.folder().join("s3"));
    let raw = buckets.bucket("raw").await.unwrap();
    let put =
        json!({"Bucket": "raw", "Key": "by/client", "Body": "1", "ContentType": "text/plain"});
    embedded.s3("PutObject", put).await.unwrap();
    embedded.s3("PutObject", json!({"Bucket": "raw", "Key": "by/"})).await.unwrap();
    raw.put(&Path::from("by/pipeline"), PutPayload::from("22")).await.unwrap();
    let seen: Vec<_> = raw.list(None).try_collect().await.unwrap();
    let mut seen: Vec<_> = seen.into_iter().map(|it| it.location.to_string()).collect();
    seen.sort();
    assert_eq!(seen, ["by/client", "by/pipeline"]);
    // As it was answered, with its quotes.
    let tag = raw.head(&Path::from("by/client")).await.unwrap().e_tag.unwrap();
    assert_eq!(tag, "\"c4ca4238a0b923820dcc509a6f75849b\"");
    let all: Vec<_> = raw.list(Some(&Path::from("by"))).try_collect().await.unwrap();
    assert!(all.iter().any(|object| object.e_tag.as_ref() == Some(&tag)), "{all:?}");
    let listed = embedded.s3("ListObjectsV2", json!({"Bucket": "raw"})).await.unwrap();
    let keys: Vec<_> = listed["Contents"].as_array().unwrap().iter().map(|it| &it["Key"]).collect();
    assert_eq!(keys, ["by/", "by/client", "by/pipeline"]);
    // What was said of an object does not hold for another that took its place.
    raw.put(&Path::from("by/client"), PutPayload::from("other")).await.unwrap();
    let got = embedded.s3("GetObject", json!({"Bucket": "raw", "Key": "by/client"})).await.unwrap();
    assert_eq!(
        (&got["Body"], &got["ContentType"]),
        (&json!("other"), &json!("binary/octet-stream"))
    );
    for key in ["by/", "by/client", "by/pipeline"] {
        embedded.s3("DeleteObject", json!({"Bucket": "raw", "Key": key})).await.unwrap();
    }
    embedded.s3("DeleteBucket", json!({"Bucket": "raw"})).await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let embedded = with_bucket().await;
    let put = json!({"Bucket": "raw", "Key": "a", "Body": "1", "Metadata": {"k": "v"}});
    embedded.s3("PutObject", put).await.unwrap();
    let place = json!({"Bucket": "raw", "Key": "large"});
    let upload = embedded.s3("CreateMultipartUpload", place.clone()).await.unwrap();
    let with = |more: Value| {
        let mut input = place.clone();
        input["UploadId"] = upload["UploadId"].clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let part =
        embedded.s3("UploadPart", with(json!({"PartNumber": 1, "Body": "part"}))).await.unwrap();
    let embedded = embedded.restarted(&Time::manual()).await;
    let got = embedded.s3("GetObject", json!({"Bucket": "raw", "Key": "a"})).await.unwrap();
    assert_eq!((&got["Body"], &got["Metadata"]), (&json!("1"), &json!({"k": "v"})));
    let parts = json!({"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}});
    embedded.s3("CompleteMultipartUpload", with(parts)).await.unwrap();
    let got = embedded.s3("GetObject", place.clone()).await.unwrap();
    assert_eq!(got["Body"], "part");
}

#[tokio::test]
async fn nobody_gets_in_without_a_signature_where_they_are_verified() {
    let time = Time::manual();
    let secrets = BTreeMap::from([("AKIA".to_owned(), SecretString::from("secret"))]);
    let keys = Keys {
        secrets: Arc::new(secrets),
        region: None,
        clock: time.clock(),
        is_known: Arc::new(|_| false),
    };
    let others = axum::Router::new();
    let embedded =
        Embedded::behind(&time, others, |routes| authentication::router(keys, routes)).await;
    let answer = embedded.send(Method::GET, "/raw/a", &[], Vec::new()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let presigned = format!(
        "/raw/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260301%2F{REGION}%2Fs3%2Faws4_request\
         &X-Amz-Date=20260301T090000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    );
    let answer = http().get(format!("{}{presigned}", embedded.url)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.unwrap().contains("<Code>SignatureDoesNotMatch</Code>"));
}
