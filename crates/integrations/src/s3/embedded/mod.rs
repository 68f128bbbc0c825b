//! S3 over the folders that embedded buckets are: the same objects that pipelines and Map runs read and write.
//!
//! ```text
//!   HTTP: wire.rs --\
//!   Task states -----+--> EmbeddedS3::perform --> objects, buckets, listing, multipart --> Store --> <bucket>/<key>
//!                             staging.rs: content on its way                              \--> .objects.db: index.rs
//! ```
//!
//! There are no versions, lists of who may what, tags of buckets, encryption by keys of one's own, or classes of storage; whoever asks for them
//! is refused by name. An object that somebody put into the folder has an `ETag` that tells of its file, not of its content.

mod attributes;
mod buckets;
mod checksum;
mod index;
mod listing;
mod multipart;
mod names;
mod objects;
mod operations;
mod staging;
mod store;
mod tagging;
mod tags;
mod wire;

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;
use tokio_util::io::ReaderStream;

use crate::Clock;
use crate::http::RestService;
use crate::members::Members;
use crate::service::{Conventions, Facts, Origin, Place, Protocol, Service, seconds};
use crate::sqlite::StoreError;

use checksum::Algorithm;
use objects::{Content, Reply};
use operations::OPERATIONS;
use staging::{Limit, Promise, Source, Staged, failed, stage};
use store::Store;

pub(super) use tags::Tags;
pub use wire::refused;

/// What S3 is called where.
pub const FACTS: Facts = Facts {
    name: "s3",
    error_prefix: "S3",
    legacy_name: "AmazonS3",
    sdk_name: "S3",
    protocol: Protocol::RestXml,
    actions: &[
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "DeleteBucket",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjects",
        "GetBucketLocation",
        "GetObject",
        "GetObjectTagging",
        "HeadBucket",
        "HeadObject",
        "ListBuckets",
        "ListMultipartUploads",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
        "PutObject",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    ],
    optimised: &[],
    members,
    modelled_errors: &[
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "InvalidRequest",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchUpload",
    ],
    conventions: Conventions { tells_attempts: false, has_extended_id: true, ..Conventions::USUAL },
};

/// Of an object that becomes the result of a Task state; what is longer is refused there anyway.
pub(super) const BODY_BYTES_MAX: u64 = 512 * 1024;

/// S3 over folders. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedS3 {
    store: Arc<Store>,
}

impl fmt::Debug for EmbeddedS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedS3").field("folder", &self.store.folder).finish_non_exhaustive()
    }
}

impl EmbeddedS3 {
    /// Opens the folder that [`Buckets::embedded`](super::Buckets::embedded) has, or makes it.
    ///
    /// # Errors
    /// [`StoreError`] names the file or folder that cannot be used.
    pub fn open(folder: &Path, place: Place, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { store: Arc::new(Store::open(folder, place, clock)?) })
    }

    /// Performs an action; `source` is the content of those that have some.
    async fn perform(
        &self,
        action: &'static str,
        mut input: Map<String, Value>,
        source: Option<Source>,
    ) -> Result<Reply, ServiceError> {
        self.check_owner(&mut input)?;
        match action {
            "PutObject" => self.put_object(input, source).await.map(Reply::from),
            "UploadPart" => self.upload_part(input, source).await.map(Reply::from),
            "CopyObject" => self.copy_object(input).await.map(Reply::from),
            "UploadPartCopy" => self.upload_part_copy(input).await.map(Reply::from),
            _ => self.on_a_thread(move |store| call(store, action, input)).await,
        }
    }

    fn check_owner(&self, input: &mut Map<String, Value>) -> Result<(), ServiceError> {
        for name in ["ExpectedBucketOwner", "ExpectedSourceBucketOwner"] {
            match input.shift_remove(name) {
                Some(owner) if owner != self.store.place.account => {
                    let error = ServiceError::sender("AccessDenied", "Access Denied");
                    return Err(error.with_status(403));
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let store = Arc::clone(&self.store);
        let task = tokio::task::spawn_blocking(move || work(&store));
        task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    async fn put_object(
        &self,
        mut input: Map<String, Value>,
        source: Option<Source>,
    ) -> Result<Value, ServiceError> {
        let promise = Promise::take(&mut input)?;
        let bucket = names::take_text(&mut input.clone(), "Bucket")?;
        self.store.bucket(&bucket)?;
        let staged = self.staged(source, promise).await?;
        self.on_a_thread(move |store| store.put_object(input, &staged)).await
    }

    async fn upload_part(
        &self,
        mut input: Map<String, Value>,
        source: Option<Source>,
    ) -> Result<Value, ServiceError> {
        let promise = Promise::take(&mut input)?;
        let (started, input) =
            self.on_a_thread(move |store| Ok((store.started(&mut input)?, input))).await?;
        let staged = self.staged(source, promise.or_algorithm(started.algorithm())).await?;
        self.on_a_thread(move |store| store.upload_part(&started, input, &staged)).await
    }

    async fn copy_object(&self, mut input: Map<String, Value>) -> Result<Value, ServiceError> {
        let algorithm = Promise::take(&mut input)?;
        let ((from, found), input) =
            self.on_a_thread(move |store| Ok((store.copy_source(&mut input)?, input))).await?;
        let content = Content { file: found.file, length: found.size };
        let known = found.attributes.checksum.as_ref().map(|checksum| checksum.algorithm);
        let staged = self.staged(Some(content.into()), algorithm.or_algorithm(known)).await?;
        let attributes = found.attributes;
        self.on_a_thread(move |store| store.copy_object(input, (&from, attributes), &staged)).await
    }

    async fn upload_part_copy(&self, mut input: Map<String, Value>) -> Result<Value, ServiceError> {
        let range = input.shift_remove("CopySourceRange");
        let (content, started, input) = self
            .on_a_thread(move |store| {
                let (_, found) = store.copy_source(&mut input)?;
                let content = Content::cut(found.file, found.size, range.as_ref())?;
                Ok((content, store.started(&mut input)?, input))
            })
            .await?;
        let promise = Promise::default().or_algorithm(started.algorithm());
        let staged = self.staged(Some(content.into()), promise).await?;
        let mut part =
            self.on_a_thread(move |store| store.upload_part(&started, input, &staged)).await?;
        if let Some(members) = part.as_object_mut() {
            members.shift_remove("ServerSideEncryption");
        }
        part["LastModified"] = seconds(self.store.now()).into();
        Ok(json!({"CopyPartResult": part, "ServerSideEncryption": "AES256"}))
    }

    async fn staged(
        &self,
        source: Option<Source>,
        promise: Promise,
    ) -> Result<Staged, ServiceError> {
        let source = source.unwrap_or_else(|| Source::of(Vec::new()));
        stage(&self.store.folder, source, promise).await
    }
}

/// What stands in the path or the body over HTTP, and not where [`OPERATIONS`] says.
const ELSEWHERE: [&str; 8] = [
    "Body",
    "Bucket",
    "CreateBucketConfiguration",
    "Delete",
    "ExpectedBucketOwner",
    "Key",
    "MultipartUpload",
    "Tagging",
];

/// The members of its actions. Values of some of them are refused when they come.
fn members(action: &str) -> Option<Members> {
    let operation = OPERATIONS.iter().find(|it| it.action == action)?;
    let named = operation.query.iter().chain(operation.headers).map(|(name, ..)| *name);
    Some(named.chain(ELSEWHERE).collect())
}

/// What needs no content.
fn call(
    store: &Store,
    action: &'static str,
    input: Map<String, Value>,
) -> Result<Reply, ServiceError> {
    let members = match action {
        "GetObject" => return store.get_object(action, input),
        "HeadObject" => return Ok(store.get_object(action, input)?.members.into()),
        "AbortMultipartUpload" => store.abort_upload(input)?,
        "CompleteMultipartUpload" => store.complete_upload(input)?,
        "CreateBucket" => store.create_bucket(input)?,
        "CreateMultipartUpload" => store.create_upload(input)?,
        "DeleteBucket" => store.delete_bucket(input)?,
        "DeleteObject" => store.delete_object(input)?,
        "DeleteObjectTagging" => store.delete_object_tagging(input)?,
        "DeleteObjects" => store.delete_objects(input)?,
        "GetBucketLocation" => store.bucket_location(input)?,
        "GetObjectTagging" => store.get_object_tagging(input)?,
        "HeadBucket" => store.head_bucket(input)?,
        "ListBuckets" => store.list_buckets(&input)?,
        "ListMultipartUploads" => store.list_uploads(input)?,
        "ListObjects" => store.list_objects(input)?,
        "ListObjectsV2" => store.list_objects_v2(input)?,
        "ListParts" => store.list_parts(input)?,
        "PutObjectTagging" => store.put_object_tagging(input)?,
        other => return Err(ServiceError::unsupported("s3", other)),
    };
    Ok(members.into())
}

#[async_trait]
impl Service for EmbeddedS3 {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn rest(&self) -> Option<&dyn RestService> {
        Some(self)
    }

    /// Content goes in and out as the text `Body`, and what is put has the checksum that AWS's SDKs add.
    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        let action = FACTS.actions.iter().find(|it| **it == action);
        let action = action.ok_or_else(|| ServiceError::unsupported("s3", "this"))?;
        let Value::Object(mut input) = input else {
            return Err(ServiceError::sender("InvalidRequest", "The parameters are no object."));
        };
        let body = input.shift_remove("Body");
        let has_content = matches!(*action, "PutObject" | "UploadPart");
        if body.is_some() && !has_content {
            let message = format!("The parameter Body is not supported in {action}.");
            return Err(ServiceError::sender("InvalidRequest", message));
        }
        if has_content && checksum::take(&mut input.clone())?.is_none() {
            input.insert("ChecksumAlgorithm".to_owned(), Algorithm::Crc32.name().into());
        }
        let source = body.map(|body| match body {
            Value::String(text) => Source::of(text),
            other => Source::of(other.to_string()),
        });
        let Reply { mut members, content } = self.perform(action, input, source).await?;
        if let Some(content) = content {
            members["Body"] = content.text()?.into();
        }
        Ok(members)
    }
}

impl Content {
    /// As text; what is none in UTF-8 shows in its place that it is not.
    fn text(self) -> Result<String, ServiceError> {
        let mut bytes = Vec::new();
        let length = self.length.min(BODY_BYTES_MAX);
        self.file.take(length).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The part of a file that a range names, or all of it.
    fn cut(
        mut file: std::fs::File,
        size: u64,
        range: Option<&Value>,
    ) -> Result<Self, ServiceError> {
        use std::io::{Seek as _, SeekFrom};
        let range = range.and_then(Value::as_str);
        let range = range.map(|range| objects::byte_range(range, size)).transpose()?.flatten();
        let range = range.unwrap_or(0..size);
        file.seek(SeekFrom::Start(range.start)).map_err(|error| failed(&error))?;
        Ok(Self { file, length: range.end - range.start })
    }

    /// As it is read.
    fn stream(
        self,
    ) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static {
        let file = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(self.file), self.length);
        ReaderStream::with_capacity(file, 64 * 1024)
    }
}

impl From<Content> for Source {
    fn from(content: Content) -> Self {
        let bytes = content.stream().map(|bytes| bytes.map_err(|error| failed(&error)));
        Self { bytes: bytes.boxed(), chunked: None, sha256: None, limit: Limit::CONTENT }
    }
}

/// An answer without members.
fn done() -> Value {
    Value::Object(Map::new())
}

/// Refuses what an action does not have, by its name.
fn nothing_more(action: &str, input: &Map<String, Value>) -> Result<(), ServiceError> {
    match input.iter().find(|(_, value)| !value.is_null()) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("The parameter {name} of {action} is not supported by stepwell.");
            Err(ServiceError::sender("NotImplemented", message).with_status(501))
        }
    }
}
