//! One object: put, got, copied, deleted.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::ops::Range;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::attributes::{Attributes, Conditions};
use super::names::{Address, take_text};
use super::staging::{Staged, failed};
use super::store::{Found, PutConditions, Store};
use super::{done, nothing_more};
use crate::service::seconds;

/// Source: S3 API reference, `DeleteObjects`.
const KEYS_MAX: usize = 1000;

/// Members by which an answer is changed that others get too. Source: S3 API reference, `GetObject`.
const OVERRIDES: &[&str] = &[
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
];

/// An answer, and the content that goes with it.
pub(super) struct Reply {
    pub(super) members: Value,
    pub(super) content: Option<Content>,
}

/// A part of a file.
pub(super) struct Content {
    /// At the first byte.
    pub(super) file: File,
    pub(super) length: u64,
}

impl From<Value> for Reply {
    fn from(members: Value) -> Self {
        Self { members, content: None }
    }
}

/// Takes bucket and key.
pub(super) fn take_address(
    store: &Store,
    input: &mut Map<String, Value>,
) -> Result<Address, ServiceError> {
    let bucket = store.bucket(&take_text(input, "Bucket")?)?;
    bucket.object(&take_text(input, "Key")?)
}

impl Store {
    /// `PutObject`, with its content on disk.
    pub(super) fn put_object(
        &self,
        mut input: Map<String, Value>,
        staged: &Staged,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        let attributes = Attributes::take(&mut input)?;
        let conditions = take_put_conditions(&mut input)?;
        nothing_more("PutObject", &input)?;
        self.put_staged(&at, staged, attributes, &conditions)
    }

    /// Makes staged content an object and tells of it.
    fn put_staged(
        &self,
        at: &Address,
        staged: &Staged,
        attributes: Attributes,
        conditions: &PutConditions,
    ) -> Result<Value, ServiceError> {
        let attributes = Attributes {
            e_tag: staged.e_tag(),
            last_modified: self.now(),
            checksum: staged.checksum.clone(),
            ..attributes
        };
        self.put(at, staged, &attributes, conditions)?;
        let mut answer = json!({"ETag": attributes.e_tag, "ServerSideEncryption": "AES256"});
        if let Some(checksum) = &attributes.checksum {
            checksum.tell(&mut answer);
        }
        Ok(answer)
    }

    /// `GetObject` and `HeadObject`; the content is there for both.
    pub(super) fn get_object(
        &self,
        action: &str,
        mut input: Map<String, Value>,
    ) -> Result<Reply, ServiceError> {
        let at = take_address(self, &mut input)?;
        let conditions = Conditions::take(&mut input, "")?;
        let range = input.shift_remove("Range");
        let wants_checksum = input.shift_remove("ChecksumMode").is_some();
        let overrides = OVERRIDES
            .iter()
            .filter_map(|name| Some((*name, input.shift_remove(&format!("Response{name}"))?)));
        let overrides: Vec<_> = overrides.collect();
        nothing_more(action, &input)?;
        let mut found = self.find(&at)?;
        conditions.check(&found.attributes)?;
        let mut members = found.attributes.tell();
        members["ContentLength"] = found.size.into();
        for (name, value) in overrides {
            members[name] = value;
        }
        let range = range.as_ref().and_then(Value::as_str).map(|it| byte_range(it, found.size));
        let bytes = match range.transpose()?.flatten() {
            None => {
                if let Some(checksum) = found.attributes.checksum.filter(|_| wants_checksum) {
                    checksum.tell(&mut members);
                }
                0..found.size
            }
            Some(range) => {
                members["ContentRange"] =
                    format!("bytes {}-{}/{}", range.start, range.end - 1, found.size).into();
                members["ContentLength"] = (range.end - range.start).into();
                range
            }
        };
        found.file.seek(SeekFrom::Start(bytes.start)).map_err(|error| failed(&error))?;
        let content = Content { file: found.file, length: bytes.end - bytes.start };
        Ok(Reply { members, content: Some(content) })
    }

    /// `DeleteObject`; one that is not there is no error.
    pub(super) fn delete_object(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        nothing_more("DeleteObject", &input)?;
        self.delete(&at)?;
        Ok(done())
    }

    /// `DeleteObjects`; what fails is told for each.
    pub(super) fn delete_objects(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Delete {
            objects: Vec<Named>,
            quiet: Option<bool>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Named {
            key: String,
        }
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        let delete = input.shift_remove("Delete").unwrap_or_default();
        nothing_more("DeleteObjects", &input)?;
        let Delete { objects, quiet } =
            serde_json::from_value(delete).map_err(|error| malformed(&error))?;
        if !(1..=KEYS_MAX).contains(&objects.len()) {
            return Err(malformed(&format!(
                "it names {} keys, not 1 to {KEYS_MAX}",
                objects.len()
            )));
        }
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for Named { key } in objects {
            match bucket.clone().object(&key).and_then(|at| self.delete(&at)) {
                Ok(()) => deleted.push(json!({"Key": key})),
                Err(error) => {
                    errors.push(json!({"Key": key, "Code": error.code, "Message": error.message}));
                }
            }
        }
        let mut answer = done();
        if !quiet.unwrap_or(false) && !deleted.is_empty() {
            answer["Deleted"] = deleted.into();
        }
        if !errors.is_empty() {
            answer["Errors"] = errors.into();
        }
        Ok(answer)
    }

    /// What `CopyObject` and `UploadPartCopy` read, if their conditions hold.
    pub(super) fn copy_source(
        &self,
        input: &mut Map<String, Value>,
    ) -> Result<(Address, Found), ServiceError> {
        let source = take_text(input, "CopySource")?;
        let conditions = Conditions::take(input, "CopySource")?;
        let source = percent_decode_str(source.trim_start_matches('/')).decode_utf8_lossy();
        if source.contains("?versionId=") {
            return Err(malformed(&"versions of objects are not supported by stepwell"));
        }
        let (bucket, key) = source
            .split_once('/')
            .ok_or_else(|| malformed(&"the copy source is not BUCKET/KEY"))?;
        let at = self.bucket(bucket)?.object(key)?;
        let found = self.find(&at)?;
        // A copy is not made of what has not changed: at S3 the condition fails then.
        conditions.check(&found.attributes).map_err(|error| {
            if error.status == 304 {
                super::attributes::precondition_failed("If-None-Match")
            } else {
                error
            }
        })?;
        Ok((at, found))
    }

    /// `CopyObject`, with the content of the source on disk once more.
    pub(super) fn copy_object(
        &self,
        mut input: Map<String, Value>,
        (from, found): (&Address, Attributes),
        staged: &Staged,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        let replaces = take_directive(&mut input, "MetadataDirective", "metadata")?;
        let replaces_tags = take_directive(&mut input, "TaggingDirective", "tagging")?;
        let given = Attributes::take(&mut input)?;
        let conditions = take_put_conditions(&mut input)?;
        nothing_more("CopyObject", &input)?;
        if at.path == from.path && !replaces {
            let message = "This copy request is illegal because it is trying to copy an object to itself without changing the \
                object's metadata, storage class, website redirect location or encryption attributes.";
            return Err(ServiceError::sender("InvalidRequest", message));
        }
        let tags = if replaces_tags { given.tags.clone() } else { found.tags.clone() };
        let attributes = Attributes { tags, ..if replaces { given } else { found } };
        let mut result = self.put_staged(&at, staged, attributes, &conditions)?;
        result["LastModified"] = seconds(self.now()).into();
        if let Some(members) = result.as_object_mut() {
            members.shift_remove("ServerSideEncryption");
        }
        Ok(json!({"CopyObjectResult": result, "ServerSideEncryption": "AES256"}))
    }
}

/// Whether something comes from the request, and not from what is copied.
fn take_directive(
    input: &mut Map<String, Value>,
    name: &str,
    what: &str,
) -> Result<bool, ServiceError> {
    match input.shift_remove(name) {
        None => Ok(false),
        Some(Value::String(text)) if text == "COPY" => Ok(false),
        Some(Value::String(text)) if text == "REPLACE" => Ok(true),
        Some(_) => {
            Err(ServiceError::sender("InvalidArgument", format!("Unknown {what} directive.")))
        }
    }
}

/// What must hold of the object whose place is taken.
pub(super) fn take_put_conditions(
    input: &mut Map<String, Value>,
) -> Result<PutConditions, ServiceError> {
    let if_match = match input.shift_remove("IfMatch") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let must_be_new = match input.shift_remove("IfNoneMatch") {
        None => false,
        Some(Value::String(text)) if text == "*" => true,
        Some(_) => {
            let message = "A header you provided implies functionality that is not implemented: If-None-Match";
            return Err(ServiceError::sender("NotImplemented", message).with_status(501));
        }
    };
    Ok(PutConditions { if_match, must_be_new })
}

/// `bytes=0-9`, `bytes=5-`, `bytes=-3`; none if it is no range, which is then not looked at.
///
/// # Errors
/// `InvalidRange` 416
pub(super) fn byte_range(text: &str, size: u64) -> Result<Option<Range<u64>>, ServiceError> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|it| it.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Ok(None),
    };
    if range.start >= range.end {
        let message = "The requested range is not satisfiable";
        let error = ServiceError::sender("InvalidRange", message).with_status(416);
        return Err(error
            .with_member("RangeRequested", text)
            .with_member("ActualObjectSize", size));
    }
    Ok(Some(range))
}

/// A body that is not what S3 wants.
pub(super) fn malformed(reason: &dyn std::fmt::Display) -> ServiceError {
    let message = format!(
        "The XML you provided was not well-formed or did not validate against our published schema: {reason}"
    );
    ServiceError::sender("MalformedXML", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_bytes_that_are_there() {
        let of = |text| byte_range(text, 10).unwrap();
        assert_eq!(of("bytes=0-0"), Some(0..1));
        assert_eq!(of("bytes=8-99"), Some(8..10));
        assert_eq!(of("bytes=8-"), Some(8..10));
        assert_eq!(of("bytes=-3"), Some(7..10));
        assert_eq!(of("bytes=-30"), Some(0..10));
        assert_eq!(of("bytes=5-2"), None);
        assert_eq!(of("lines=1-2"), None);
        for bad in ["bytes=10-", "bytes=-0", "bytes=99-100"] {
            assert_eq!(byte_range(bad, 10).unwrap_err().status, 416, "{bad}");
        }
        assert_eq!(byte_range("bytes=0-", 0).unwrap_err().code, "InvalidRange");
    }
}
