//! Objects of S3 at AWS itself behind Task states, over the buckets that pipelines and Map runs have there.
//!
//! Keys are those that [`object_store`] has: parts between single `/`. The rest of S3 is not served there: its protocol is none
//! of JSON.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutOptions,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::{Buckets, Error};
use crate::aws::{Connection, chain};
use crate::members::{Members, members_of};
use crate::service::{Facts, Origin, Service, read, without_nulls};

/// What S3 of AWS is asked for here.
pub const AWS_FACTS: Facts = Facts {
    actions: &[
        "CopyObject",
        "DeleteObject",
        "GetObject",
        "HeadObject",
        "ListObjectsV2",
        "PutObject",
    ],
    members,
    ..super::FACTS
};

/// Keys of one answer. Source: API reference, `ListObjectsV2`.
const KEYS_MAX: usize = 1000;

/// S3 of AWS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsS3 {
    buckets: Buckets,
}

/// `{"Bucket": "raw", "Key": "a.json", "Range": "bytes=0-99"}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    bucket: String,
    key: String,
    range: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    bucket: String,
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    bucket: String,
    key: String,
    body: Option<Value>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// `{"Bucket": "raw", "Key": "b.json", "CopySource": "raw/a.json"}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Copy {
    bucket: String,
    key: String,
    #[serde(rename = "CopySource")]
    source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    bucket: String,
    #[serde(default)]
    prefix: String,
    max_keys: Option<usize>,
    start_after: Option<String>,
    /// The key that the last answer ended with.
    continuation_token: Option<String>,
}

fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CopyObject" => members_of::<Copy>(),
        "DeleteObject" => members_of::<Delete>(),
        "GetObject" | "HeadObject" => members_of::<Get>(),
        "ListObjectsV2" => members_of::<List>(),
        "PutObject" => members_of::<Put>(),
        _ => return None,
    })
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::sender("InvalidRequest", message)
}

fn path(key: &str) -> Result<Path, ServiceError> {
    let path = Path::parse(key).ok().filter(|path| path.as_ref() == key && !key.is_empty());
    path.ok_or_else(|| invalid(format!("The key {key} is not supported by stepwell.")))
}

/// The words of S3 for what went wrong.
fn failed(error: &object_store::Error) -> ServiceError {
    use object_store::Error as E;
    let words = chain(error);
    match error {
        E::NotFound { .. } if words.contains("NoSuchBucket") => {
            ServiceError::sender("NoSuchBucket", "The specified bucket does not exist")
                .with_status(404)
        }
        E::NotFound { .. } => {
            ServiceError::sender("NoSuchKey", "The specified key does not exist.").with_status(404)
        }
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            ServiceError::sender("AccessDenied", words).with_status(403)
        }
        _ => ServiceError { status: 503, ..ServiceError::sender("ServiceUnavailable", words) },
    }
}

impl AwsS3 {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { buckets: Buckets::aws(connection) }
    }

    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, ServiceError> {
        self.buckets.bucket(name).await.map_err(|error| match error {
            Error::InvalidName { .. } => {
                ServiceError::sender("InvalidBucketName", "The specified bucket is not valid.")
            }
            Error::Call(error) => error.into(),
            Error::Folder { .. } => ServiceError::internal(),
        })
    }

    async fn found(&self, get: &Get, head: bool) -> Result<GetResult, ServiceError> {
        let range = get.range.as_deref().map(range).transpose()?;
        let options = GetOptions { head, range, ..GetOptions::default() };
        let bucket = self.bucket(&get.bucket).await?;
        bucket.get_opts(&path(&get.key)?, options).await.map_err(|error| failed(&error))
    }

    async fn head(&self, get: &Get) -> Result<Value, ServiceError> {
        Ok(told(&self.found(get, true).await?))
    }

    async fn get(&self, get: &Get) -> Result<Value, ServiceError> {
        let found = self.found(get, false).await?;
        let mut answer = told(&found);
        let length = found.range.end - found.range.start;
        if length > super::BODY_BYTES_MAX {
            return Err(invalid("The object is longer than the result of a task may be."));
        }
        if get.range.is_some() {
            let last = found.range.end.saturating_sub(1);
            let size = found.meta.size;
            answer["ContentRange"] = format!("bytes {}-{last}/{size}", found.range.start).into();
        }
        answer["ContentLength"] = length.into();
        let bytes = found.bytes().await.map_err(|error| failed(&error))?;
        answer["Body"] = String::from_utf8_lossy(&bytes).into();
        Ok(answer)
    }

    async fn put(&self, put: Put) -> Result<Value, ServiceError> {
        let attributes = put.attributes();
        let body = match put.body {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(json) => json.to_string(),
        };
        let options = PutOptions { attributes, ..PutOptions::default() };
        let bucket = self.bucket(&put.bucket).await?;
        let done = bucket.put_opts(&path(&put.key)?, body.into(), options).await;
        let done = done.map_err(|error| failed(&error))?;
        Ok(without_nulls(json!({"ETag": done.e_tag, "VersionId": done.version})))
    }

    async fn delete(&self, delete: &Delete) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&delete.bucket).await?;
        match bucket.delete(&path(&delete.key)?).await {
            // One that is not there is no error.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(json!({})),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn copy(&self, copy: &Copy) -> Result<Value, ServiceError> {
        let source = copy.source.trim_start_matches('/');
        let (from, key) =
            source.split_once('/').ok_or_else(|| invalid("CopySource has no key."))?;
        if from != copy.bucket {
            return Err(invalid("Only objects of the same bucket can be copied by stepwell."));
        }
        let bucket = self.bucket(&copy.bucket).await?;
        let to = path(&copy.key)?;
        bucket.copy(&path(key)?, &to).await.map_err(|error| failed(&error))?;
        let copied = bucket.head(&to).await.map_err(|error| failed(&error))?;
        let result = json!({"ETag": copied.e_tag, "LastModified": modified(&copied)});
        Ok(json!({"CopyObjectResult": without_nulls(result)}))
    }

    async fn list(&self, list: List) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&list.bucket).await?;
        let max = list.max_keys.unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let folder = list.prefix.rsplit_once('/').map(|(folder, _)| path(folder)).transpose()?;
        // S3 is asked for a folder: it begins near the prefix, and its answer is read no further than that.
        let after = list.continuation_token.as_ref().or(list.start_after.as_ref());
        let after = after.cloned().max(shortly_before(&list.prefix));
        let objects = match after {
            None => bucket.list(folder.as_ref()),
            Some(key) => bucket.list_with_offset(folder.as_ref(), &path(&key)?),
        };
        let is_before = |meta: &ObjectMeta| meta.location.as_ref() < &*list.prefix;
        let has_prefix = |meta: &ObjectMeta| meta.location.as_ref().starts_with(&list.prefix);
        let objects = objects
            .try_skip_while(|meta| ready(Ok(is_before(meta))))
            .try_take_while(|meta| ready(Ok(has_prefix(meta))));
        // One more tells whether there are more.
        let found: Vec<_> = futures_util::StreamExt::take(objects, max + 1)
            .try_collect()
            .await
            .map_err(|error| failed(&error))?;
        Ok(list.answer(max, &found))
    }
}

impl Put {
    fn attributes(&self) -> Attributes {
        let named = [
            (Attribute::CacheControl, &self.cache_control),
            (Attribute::ContentDisposition, &self.content_disposition),
            (Attribute::ContentEncoding, &self.content_encoding),
            (Attribute::ContentLanguage, &self.content_language),
            (Attribute::ContentType, &self.content_type),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let metadata = self.metadata.iter();
        let metadata =
            metadata.map(|(name, value)| (Attribute::Metadata(name.clone().into()), value.clone()));
        named.chain(metadata).collect()
    }
}

impl List {
    fn answer(&self, max: usize, found: &[ObjectMeta]) -> Value {
        let shown = &found[..found.len().min(max)];
        let is_truncated = max > 0 && found.len() > max;
        let content = |meta: &ObjectMeta| {
            without_nulls(json!({
                "ETag": meta.e_tag, "Key": meta.location.as_ref(), "LastModified": modified(meta), "Size": meta.size,
            }))
        };
        let contents: Vec<_> = shown.iter().map(content).collect();
        let last = shown.last().filter(|_| is_truncated).map(|meta| meta.location.as_ref());
        without_nulls(json!({
            "Contents": contents, "ContinuationToken": self.continuation_token, "IsTruncated": is_truncated,
            "KeyCount": shown.len(), "MaxKeys": max, "Name": self.bucket, "NextContinuationToken": last,
            "Prefix": self.prefix, "StartAfter": self.start_after,
        }))
    }
}

/// A key that stands before all with a prefix, and behind most that do not have it: `day/1~` for `day/2`.
fn shortly_before(prefix: &str) -> Option<String> {
    let last = prefix.bytes().next_back().filter(u8::is_ascii_alphanumeric)?;
    let before = char::from(last - 1);
    let is_plain = before.is_ascii_alphanumeric();
    is_plain.then(|| format!("{}{before}~", &prefix[..prefix.len() - 1]))
}

/// `bytes=0-99`, `bytes=100-`, `bytes=-5`
fn range(text: &str) -> Result<GetRange, ServiceError> {
    let bounds = text.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-'));
    let number = |text: &str| text.parse::<u64>().ok();
    let range = match bounds {
        Some(("", last)) => number(last).map(GetRange::Suffix),
        Some((first, "")) => number(first).map(GetRange::Offset),
        Some((first, last)) => number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| GetRange::Bounded(first..last.saturating_add(1))),
        None => None,
    };
    range.ok_or_else(|| invalid(format!("The range {text} is not valid.")))
}

/// What is told of an object beside its content.
fn told(found: &GetResult) -> Value {
    let mut metadata = Map::new();
    let mut answer = json!({
        "AcceptRanges": "bytes", "ContentLength": found.meta.size, "ETag": found.meta.e_tag,
        "LastModified": modified(&found.meta), "VersionId": found.meta.version,
    });
    for (name, value) in &found.attributes {
        let value = Value::from(value.as_ref());
        match name {
            Attribute::CacheControl => answer["CacheControl"] = value,
            Attribute::ContentDisposition => answer["ContentDisposition"] = value,
            Attribute::ContentEncoding => answer["ContentEncoding"] = value,
            Attribute::ContentLanguage => answer["ContentLanguage"] = value,
            Attribute::ContentType => answer["ContentType"] = value,
            Attribute::Metadata(name) => {
                metadata.insert(name.clone().into_owned(), value);
            }
            _ => {}
        }
    }
    answer["Metadata"] = Value::Object(metadata);
    without_nulls(answer)
}

/// `2026-03-01T09:00:00Z`
fn modified(meta: &ObjectMeta) -> String {
    meta.last_modified.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[async_trait]
impl Service for AwsS3 {
    fn facts(&self) -> &'static Facts {
        &AWS_FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        match action {
            "CopyObject" => self.copy(&read(input)?).await,
            "DeleteObject" => self.delete(&read(input)?).await,
            "GetObject" => self.get(&read(input)?).await,
            "HeadObject" => self.head(&read(input)?).await,
            "ListObjectsV2" => self.list(read(input)?).await,
            "PutObject" => self.put(read(input)?).await,
            other => Err(ServiceError::unsupported("s3", other)),
        }
    }
}
