//! S3 over HTTP: a request becomes the members of an action, its answer headers, XML, or the content of an object.

use async_trait::async_trait;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::rest::{self, Element, Kind, Level, Member, Operation};
use stepwell_aws_wire::{Chunked, ServiceError};

use super::super::is_bucket_name;
use super::objects::{Reply, malformed};
use super::operations::OPERATIONS;
use super::staging::{Limit, Source};
use super::{EmbeddedS3, FACTS};
use crate::http::RestService;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Of bodies that are XML; a thousand keys of the longest fit.
const XML: Limit = Limit::new(4 << 20, || malformed(&"it is too long"));

#[async_trait]
impl RestService for EmbeddedS3 {
    async fn respond(&self, parts: Parts, body: Body, request_id: &str) -> Response {
        let is_head = parts.method == "HEAD";
        let response = match self.serve(parts, body).await {
            Ok(response) => response,
            Err(error) => refusal(&error, is_head, request_id),
        };
        marked(response, request_id)
    }
}

/// How S3 tells that it does not serve a request.
pub fn refused(error: &ServiceError, request_id: &str) -> Response {
    marked(refusal(error, false, request_id), request_id)
}

/// An answer with its id. What somebody opens in a browser is shown and runs nothing: it would run as this server's own.
fn marked(mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("content-security-policy", HeaderValue::from_static("sandbox"));
    for name in ["x-amz-request-id", "x-amz-id-2"] {
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(name, id);
        }
    }
    response
}

impl EmbeddedS3 {
    async fn serve(&self, mut parts: Parts, body: Body) -> Result<Response, ServiceError> {
        let owner = parts.headers.remove("x-amz-expected-bucket-owner");
        let (bucket, key) = rest::place(&parts, bucket_of_host(&parts.headers));
        let level = match (&bucket, &key) {
            (None, _) => Level::Service,
            (Some(_), None) => Level::Bucket,
            (Some(_), Some(_)) => Level::Object,
        };
        let (operation, mut input) = rest::read(&parts, level, OPERATIONS)?;
        let owner = owner.and_then(|owner| owner.to_str().map(str::to_owned).ok());
        for (name, value) in [("Bucket", bucket), ("Key", key), ("ExpectedBucketOwner", owner)] {
            if let Some(value) = value {
                input.insert(name.to_owned(), value.into());
            }
        }
        let source = self.read_body(operation, &parts, body, &mut input).await?;
        let action = FACTS.actions.iter().find(|it| **it == operation.action);
        let action = action.expect("an operation is one of the actions");
        let reply = self.perform(action, input, source).await?;
        Ok(answer(operation, reply))
    }

    /// The content of an object; of other actions, the members that stand in the body.
    async fn read_body(
        &self,
        operation: &Operation,
        parts: &Parts,
        body: Body,
        input: &mut Map<String, Value>,
    ) -> Result<Option<Source>, ServiceError> {
        if matches!(operation.action, "PutObject" | "UploadPart") {
            prepare(&parts.headers, input);
            return source(&parts.headers, body, Limit::CONTENT).map(Some);
        }
        let read = match operation.action {
            "DeleteObjects" => read_delete,
            "CompleteMultipartUpload" => read_completed,
            "CreateBucket" => read_configuration,
            "PutObjectTagging" => read_tagging,
            _ => return Ok(None),
        };
        // It is compared with what was promised as content is.
        let promise = match operation.action {
            "DeleteObjects" | "PutObjectTagging" => super::Promise::take(input)?,
            _ => super::Promise::default(),
        };
        let source = source(&parts.headers, body, XML)?;
        let staged = self.staged(Some(source), promise).await?;
        let xml = tokio::fs::read(&staged.path).await.map_err(|error| super::failed(&error))?;
        if let Some(root) = rest::parse(&xml)? {
            let (name, value) = read(&root);
            input.insert(name.to_owned(), value);
        }
        Ok(None)
    }
}

/// Chunks are how content came, not what it is; the algorithm of a checksum that stands behind them is named by the trailer.
fn prepare(headers: &HeaderMap, input: &mut Map<String, Value>) {
    if let Some(Value::String(encodings)) = input.shift_remove("ContentEncoding") {
        let kept =
            encodings.split(',').map(str::trim).filter(|it| *it != "aws-chunked" && !it.is_empty());
        let kept = kept.collect::<Vec<_>>().join(",");
        if !kept.is_empty() {
            input.insert("ContentEncoding".to_owned(), kept.into());
        }
    }
    let trailer = text(headers, "x-amz-trailer");
    if let Some(algorithm) = trailer.and_then(|name| name.strip_prefix("x-amz-checksum-")) {
        input.insert("ChecksumAlgorithm".to_owned(), algorithm.to_ascii_uppercase().into());
    }
}

/// The body of a request, as far as it comes. One that is announced to be too long is refused before it does.
fn source(headers: &HeaderMap, body: Body, limit: Limit) -> Result<Source, ServiceError> {
    let content_length =
        text(headers, "x-amz-decoded-content-length").and_then(|it| it.parse().ok());
    limit.check(content_length.unwrap_or(body.size_hint().lower()))?;
    let broken = |error| {
        tracing::debug!(%error, "the body of a request broke off");
        let message =
            "You did not provide the number of bytes specified by the Content-Length HTTP header";
        ServiceError::sender("IncompleteBody", message)
    };
    let bytes = body.into_data_stream().map(move |bytes: Result<Bytes, _>| bytes.map_err(broken));
    let signed = text(headers, "x-amz-content-sha256");
    let is_streaming = signed.is_some_and(|it| it.starts_with("STREAMING-"))
        || text(headers, CONTENT_ENCODING.as_str()).is_some_and(|it| it.contains("aws-chunked"));
    let is_digest = |it: &&str| it.len() == 64 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(Source {
        bytes: bytes.boxed(),
        chunked: is_streaming.then(Chunked::default),
        sha256: signed.filter(is_digest).map(str::to_owned),
        limit,
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The bucket in the name of a host: `bucket.localhost:4566`, `bucket.s3.us-east-1.localhost`.
fn bucket_of_host(headers: &HeaderMap) -> Option<&str> {
    let host = text(headers, HOST.as_str())?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let bucket = match host.split_once(".s3.") {
        Some((bucket, _)) => bucket,
        None => host.strip_suffix(".localhost")?,
    };
    (bucket != "s3" && !bucket.starts_with("s3.") && is_bucket_name(bucket)).then_some(bucket)
}

/// What does not belong there becomes a member that is refused by its name.
fn read_delete(root: &Element) -> (&'static str, Value) {
    let mut delete = json!({"Objects": []});
    for child in &root.children {
        match child.name.as_str() {
            "Quiet" => delete["Quiet"] = (child.text.trim() == "true").into(),
            "Object" => {
                let objects = delete["Objects"].as_array_mut().expect("it was made a list");
                objects.push(texts(child));
            }
            other => delete[other] = child.text.as_str().into(),
        }
    }
    ("Delete", delete)
}

fn read_completed(root: &Element) -> (&'static str, Value) {
    let part = |part: &Element| {
        let mut members = texts(part);
        if let Some(number) = part.child("PartNumber").and_then(|it| it.trim().parse::<u64>().ok())
        {
            members["PartNumber"] = number.into();
        }
        members
    };
    ("MultipartUpload", json!({"Parts": root.children.iter().map(part).collect::<Vec<_>>()}))
}

fn read_configuration(root: &Element) -> (&'static str, Value) {
    ("CreateBucketConfiguration", texts(root))
}

fn read_tagging(root: &Element) -> (&'static str, Value) {
    let sets = root.children.iter().filter(|it| it.name == "TagSet");
    let tags: Vec<_> = sets.flat_map(|set| set.children.iter().map(texts)).collect();
    ("Tagging", json!({"TagSet": tags}))
}

/// The children of an element by their names.
fn texts(element: &Element) -> Value {
    element.children.iter().map(|it| (it.name.clone(), Value::from(it.text.as_str()))).collect()
}

fn answer(operation: &Operation, reply: Reply) -> Response {
    let Reply { mut members, content } = reply;
    let headers = take_headers(&mut members, operation.answer_headers);
    let status = if headers.contains_key("content-range") { 206 } else { operation.status };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if let Some(content) = content {
        return (status, headers, Body::from_stream(content.stream())).into_response();
    }
    let Some(root) = operation.root else { return (status, headers).into_response() };
    let xml = rest::document(root, NAMESPACE, &xml_members(root, members), &item_name);
    (status, headers, [(CONTENT_TYPE, "application/xml")], xml).into_response()
}

/// Takes the members that stand in headers.
fn take_headers(members: &mut Value, places: &[Member]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut insert = |name: &str, text: &str| {
        let value = HeaderValue::from_bytes(text.as_bytes());
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value) {
            headers.insert(name, value);
        }
    };
    for (member, name, kind) in places {
        let Some(value) = members.as_object_mut().and_then(|it| it.shift_remove(*member)) else {
            continue;
        };
        match (kind, value) {
            (Kind::Map, Value::Object(all)) => {
                for (key, value) in &all {
                    insert(&format!("{name}{key}"), value.as_str().unwrap_or_default());
                }
            }
            (Kind::Time, Value::String(text)) => insert(name, &http_date(&text)),
            (_, Value::String(text)) => insert(name, &text),
            (_, other) => insert(name, &other.to_string()),
        }
    }
    headers
}

/// `Sun, 01 Mar 2026 09:00:00 GMT`
fn http_date(text: &str) -> String {
    let time: Timestamp = text.parse().unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The content of the document: a member that has its name is the document itself.
fn xml_members(root: &str, mut members: Value) -> Value {
    if let Some(own) = members.as_object_mut().and_then(|it| it.shift_remove(root)) {
        return own;
    }
    for (list, item) in [("Buckets", "Bucket"), ("TagSet", "Tag")] {
        if let Some(items) = members.get_mut(list) {
            *items = json!({ item: items.take() });
        }
    }
    members
}

/// Lists have no element of their own, and those of some actions another name.
fn item_name(list: &str) -> String {
    match list {
        "Errors" => "Error",
        "Parts" => "Part",
        "Uploads" => "Upload",
        other => other,
    }
    .to_owned()
}

fn refusal(error: &ServiceError, is_head: bool, request_id: &str) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    if is_head || status == StatusCode::NOT_MODIFIED {
        return (status, [(CONTENT_LENGTH, "0")]).into_response();
    }
    let xml = rest::error_body(error, request_id, request_id);
    (status, [(CONTENT_TYPE, "application/xml")], xml).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_stand_in_the_host() {
        let bucket = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            bucket_of_host(&headers).map(str::to_owned)
        };
        assert_eq!(bucket("raw.localhost:4566").as_deref(), Some("raw"));
        assert_eq!(bucket("a.b.s3.eu-central-1.localhost").as_deref(), Some("a.b"));
        for host in
            ["localhost:4566", "127.0.0.1:4566", "s3.localhost", "s3.eu-central-1.localhost"]
        {
            assert_eq!(bucket(host), None, "{host}");
        }
    }
}
