//! What is known of an object beside its content, and what a request says of it.

use std::collections::BTreeMap;
use std::fs::Metadata;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::checksum::Checksum;
use super::names::identity;
use super::tagging::{self, ObjectTags};
use crate::service::seconds;

/// Source: S3 API reference, `PutObject`.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// Source: Amazon S3 User Guide, "Working with object metadata".
const METADATA_BYTES_MAX: usize = 2048;

/// Members of requests and answers that are kept as they are given.
const KEPT: &[&str] = &[
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
];

/// What is known of an object.
///
/// Kept as `{"e_tag": "\"9a0364b9e99bb480dd25e1f0284c8555\"", "last_modified": "2026-03-01T09:00:00Z",
/// "kept": {"ContentType": "text/plain"}, "metadata": {"a": "1"}}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    /// With its quotes.
    pub(super) e_tag: String,
    pub(super) last_modified: Timestamp,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) kept: Map<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "ObjectTags::is_empty")]
    pub(super) tags: ObjectTags,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
}

impl Attributes {
    /// Takes them out of a request; `e_tag`, time and checksum are not among them.
    ///
    /// # Errors
    /// `MetadataTooLarge`; what S3 has and stepwell has not is refused by name.
    pub(super) fn take(input: &mut Map<String, Value>) -> Result<Self, ServiceError> {
        check_settings(input)?;
        let mut attributes = Self::default();
        for name in KEPT {
            if let Some(value) = input.shift_remove(*name) {
                attributes.kept.insert((*name).to_owned(), value);
            }
        }
        if let Some(Value::String(tags)) = input.shift_remove("Tagging") {
            attributes.tags = tagging::of_header(&tags)?;
        }
        if let Some(metadata) = input.shift_remove("Metadata") {
            attributes.metadata = serde_json::from_value(metadata).map_err(|_| {
                ServiceError::sender("InvalidArgument", "Metadata is no map of texts.")
            })?;
        }
        let bytes: usize = attributes.metadata.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            let message = "Your metadata headers exceed the maximum allowed metadata size";
            let error = ServiceError::sender("MetadataTooLarge", message);
            return Err(error
                .with_member("Size", bytes)
                .with_member("MaxSizeAllowed", METADATA_BYTES_MAX));
        }
        Ok(attributes)
    }

    /// Of a file of which nothing is known but itself: somebody put it into the folder.
    pub(super) fn of_file(file: &Metadata) -> Self {
        let modified = file.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Self {
            e_tag: format!("\"{}\"", identity(file)),
            last_modified: modified.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The members of `GetObject` and `HeadObject`.
    pub(super) fn tell(&self) -> Value {
        let mut answer = json!({
            "AcceptRanges": "bytes",
            "LastModified": seconds(self.last_modified),
            "ETag": self.e_tag,
            "ContentType": DEFAULT_CONTENT_TYPE,
            "Metadata": self.metadata,
            "ServerSideEncryption": "AES256",
        });
        for (name, value) in &self.kept {
            answer[name] = value.clone();
        }
        if !self.tags.is_empty() {
            answer["TagCount"] = self.tags.len().into();
        }
        answer
    }
}

/// Settings of S3 that have one value here.
fn check_settings(input: &mut Map<String, Value>) -> Result<(), ServiceError> {
    let settings: [(&str, &[&str]); 2] =
        [("ServerSideEncryption", &["AES256"]), ("StorageClass", &["STANDARD"])];
    check_acl(input)?;
    for (name, allowed) in settings {
        let value = input.shift_remove(name);
        let Some(value) = value.as_ref().and_then(Value::as_str) else { continue };
        if !allowed.contains(&value) {
            let message = format!(
                "A header you provided implies functionality that is not implemented by stepwell: {name} {value}"
            );
            return Err(ServiceError::sender("NotImplemented", message).with_status(501));
        }
    }
    Ok(())
}

/// Buckets have no lists of who may what, as those of AWS since 2023.
pub(super) fn check_acl(input: &mut Map<String, Value>) -> Result<(), ServiceError> {
    let acl = input.shift_remove("ACL");
    match acl.as_ref().and_then(Value::as_str) {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => {
            let message = "The bucket does not allow ACLs";
            Err(ServiceError::sender("AccessControlListNotSupported", message))
        }
    }
}

/// What must hold of an object that is read.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    matching: Option<String>,
    other_than: Option<String>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// Takes `IfMatch` and the others out of a request, or with a prefix: `CopySourceIfMatch`.
    pub(super) fn take(input: &mut Map<String, Value>, prefix: &str) -> Result<Self, ServiceError> {
        let mut text = |name: &str| match input.shift_remove(&format!("{prefix}{name}")) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (matching, other_than) = (text("IfMatch"), text("IfNoneMatch"));
        let (modified, unmodified) = (text("IfModifiedSince"), text("IfUnmodifiedSince"));
        Ok(Self {
            matching,
            other_than,
            modified_since: modified.as_deref().map(time).transpose()?,
            unmodified_since: unmodified.as_deref().map(time).transpose()?,
        })
    }

    /// # Errors
    /// `PreconditionFailed` 412, `NotModified` 304
    pub(super) fn check(&self, object: &Attributes) -> Result<(), ServiceError> {
        let modified = object.last_modified.as_second();
        if let Some(wanted) = &self.matching {
            if !matches(wanted, &object.e_tag) {
                return Err(precondition_failed("If-Match"));
            }
        } else if self.unmodified_since.is_some_and(|limit| modified > limit.as_second()) {
            return Err(precondition_failed("If-Unmodified-Since"));
        }
        let is_unchanged = match &self.other_than {
            Some(known) => matches(known, &object.e_tag),
            None => self.modified_since.is_some_and(|limit| modified <= limit.as_second()),
        };
        if is_unchanged {
            return Err(ServiceError::sender("NotModified", "Not Modified").with_status(304));
        }
        Ok(())
    }
}

/// Whether a condition names a tag, with or without its quotes.
pub(super) fn matches(condition: &str, e_tag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_matches('"').to_owned();
    condition.trim() == "*" || condition.split(',').any(|it| bare(it) == bare(e_tag))
}

pub(super) fn precondition_failed(condition: &str) -> ServiceError {
    let message = "At least one of the pre-conditions you specified did not hold";
    let error = ServiceError::sender("PreconditionFailed", message).with_status(412);
    error.with_member("Condition", condition)
}

fn time(text: &str) -> Result<Timestamp, ServiceError> {
    let parsed = rfc2822::parse(text).map(|it| it.timestamp()).or_else(|_| text.parse());
    parsed.map_err(|_| {
        let message = format!("`{text}` is no instant.");
        ServiceError::sender("InvalidArgument", message)
    })
}
