//! The objects of a bucket in the order of their keys, a page at a time.

use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::attributes::Attributes;
use super::names::{Bucket, FOLDER_FILE, identity, is_hidden, take_text};
use super::staging::failed;
use super::store::Store;
use super::{index, nothing_more};
use crate::service::seconds;

/// Source: S3 API reference, `ListObjectsV2`.
const KEYS_MAX: u64 = 1000;

/// What `EncodingType` `url` leaves as it is.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b'~');

/// Which keys are listed.
#[derive(Debug, Default)]
struct Request {
    prefix: String,
    delimiter: String,
    after: Start,
    max_keys: u64,
    is_encoded: bool,
}

/// Where a page begins.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Start {
    #[default]
    First,
    /// Behind a key.
    Key(String),
    /// Behind all keys with a prefix.
    Prefix(String),
}

/// One line of a listing.
enum Entry {
    Object(String, Metadata),
    Prefix(String),
}

impl Entry {
    fn text(&self) -> &str {
        match self {
            Self::Object(text, _) | Self::Prefix(text) => text,
        }
    }

    fn start(&self) -> Start {
        match self {
            Self::Object(key, _) => Start::Key(key.clone()),
            Self::Prefix(prefix) => Start::Prefix(prefix.clone()),
        }
    }
}

impl Start {
    fn is_before(&self, key: &str) -> bool {
        match self {
            Self::First => true,
            Self::Key(after) => key > after.as_str(),
            Self::Prefix(after) => key > after.as_str() && !key.starts_with(after.as_str()),
        }
    }

    /// Whether a folder may have keys behind it.
    fn may_be_in(&self, folder: &str) -> bool {
        match self {
            Self::First => true,
            Self::Key(after) => folder > after.as_str() || after.starts_with(folder),
            Self::Prefix(after) => {
                self.is_before(folder) || (after.starts_with(folder) && after != folder)
            }
        }
    }

    /// Opaque for whoever gets it.
    fn token(&self) -> String {
        STANDARD.encode(match self {
            Self::First => String::new(),
            Self::Key(key) => format!("k{key}"),
            Self::Prefix(prefix) => format!("p{prefix}"),
        })
    }

    fn of_token(token: &str) -> Result<Self, ServiceError> {
        let decoded = STANDARD.decode(token).ok().and_then(|it| String::from_utf8(it).ok());
        match decoded.as_deref().map(|it| it.split_at_checked(1)) {
            Some(Some(("k", key))) => Ok(Self::Key(key.to_owned())),
            Some(Some(("p", prefix))) => Ok(Self::Prefix(prefix.to_owned())),
            _ => {
                let message = "The continuation token provided is incorrect";
                Err(ServiceError::sender("InvalidArgument", message)
                    .with_member("ArgumentName", "continuation-token"))
            }
        }
    }
}

impl Request {
    /// What both versions have.
    fn take(input: &mut Map<String, Value>) -> Result<Self, ServiceError> {
        let mut text = |name: &str| match input.shift_remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (prefix, delimiter) = (text("Prefix"), text("Delimiter"));
        let encoding = text("EncodingType");
        if !["", "url"].contains(&&*encoding) {
            let message = "Invalid Encoding Method specified in Request";
            return Err(ServiceError::sender("InvalidArgument", message));
        }
        let max_keys = match input.shift_remove("MaxKeys") {
            None => KEYS_MAX,
            Some(value) => value.as_u64().ok_or_else(|| {
                ServiceError::sender(
                    "InvalidArgument",
                    "Argument maxKeys must be an integer between 0 and 2147483647",
                )
            })?,
        };
        let is_encoded = !encoding.is_empty();
        Ok(Self { prefix, delimiter, after: Start::First, max_keys, is_encoded })
    }

    /// The common prefix that a key is part of.
    fn common<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(&self.prefix)?;
        let at = rest.find(&self.delimiter)?;
        Some(&key[..self.prefix.len() + at + self.delimiter.len()])
    }

    fn shown(&self, text: &str) -> Value {
        if self.is_encoded {
            return utf8_percent_encode(text, ENCODED).to_string().into();
        }
        text.into()
    }
}

impl Store {
    pub(super) fn list_objects_v2(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        let mut request = Request::take(&mut input)?;
        let start_after = input.shift_remove("StartAfter");
        let token = input.shift_remove("ContinuationToken");
        let _shows_owner = input.shift_remove("FetchOwner");
        nothing_more("ListObjectsV2", &input)?;
        if let Some(Value::String(key)) = &start_after {
            request.after = Start::Key(key.clone());
        }
        if let Some(Value::String(token)) = &token {
            request.after = Start::of_token(token)?;
        }
        let (mut answer, next, count) = self.page(&bucket, &request)?;
        answer["KeyCount"] = count.into();
        if let Some(Value::String(key)) = &start_after {
            answer["StartAfter"] = request.shown(key);
        }
        if let Some(token) = token {
            answer["ContinuationToken"] = token;
        }
        if let Some(next) = next {
            answer["NextContinuationToken"] = next.token().into();
        }
        Ok(answer)
    }

    pub(super) fn list_objects(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        let mut request = Request::take(&mut input)?;
        let marker = match input.shift_remove("Marker") {
            Some(Value::String(marker)) => marker,
            _ => String::new(),
        };
        nothing_more("ListObjects", &input)?;
        if !marker.is_empty() {
            let is_common = request.common(&marker) == Some(&marker);
            request.after =
                if is_common { Start::Prefix(marker.clone()) } else { Start::Key(marker.clone()) };
        }
        let (mut answer, next, _) = self.page(&bucket, &request)?;
        answer["Marker"] = request.shown(&marker);
        // Without a delimiter the last key is the next marker, and is not told.
        match next {
            Some(Start::Key(next) | Start::Prefix(next)) if !request.delimiter.is_empty() => {
                answer["NextMarker"] = request.shown(&next);
            }
            _ => {}
        }
        Ok(answer)
    }

    /// A page, where the next one begins, and how many entries it has.
    fn page(
        &self,
        bucket: &Bucket,
        request: &Request,
    ) -> Result<(Value, Option<Start>, usize), ServiceError> {
        let count_max = request.max_keys.min(KEYS_MAX) as usize;
        let mut entries = collect(bucket, request, count_max).map_err(|error| failed(&error))?;
        let is_truncated = entries.len() > count_max && count_max > 0;
        entries.truncate(count_max);
        let next = entries.last().filter(|_| is_truncated).map(Entry::start);
        let mut answer = json!({
            "IsTruncated": is_truncated,
            "Name": bucket.name,
            "Prefix": request.shown(&request.prefix),
            "MaxKeys": request.max_keys.min(KEYS_MAX),
        });
        if !request.delimiter.is_empty() {
            answer["Delimiter"] = request.shown(&request.delimiter);
        }
        if request.is_encoded {
            answer["EncodingType"] = "url".into();
        }
        let (objects, prefixes) = self.shown(bucket, request, &entries)?;
        if !objects.is_empty() {
            answer["Contents"] = objects.into();
        }
        if !prefixes.is_empty() {
            answer["CommonPrefixes"] = prefixes.into();
        }
        Ok((answer, next, entries.len()))
    }

    fn shown(
        &self,
        bucket: &Bucket,
        request: &Request,
        entries: &[Entry],
    ) -> Result<(Vec<Value>, Vec<Value>), ServiceError> {
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        self.index(|transaction| {
            for entry in entries {
                let Entry::Object(key, file) = entry else {
                    prefixes.push(json!({"Prefix": request.shown(entry.text())}));
                    continue;
                };
                let known = index::attributes(transaction, &bucket.name, key, &identity(file))?;
                let attributes = known.unwrap_or_else(|| Attributes::of_file(file));
                objects.push(object(&request.shown(key), file.len(), &attributes));
            }
            Ok(())
        })?;
        Ok((objects, prefixes))
    }
}

fn object(key: &Value, size: u64, attributes: &Attributes) -> Value {
    let mut shown = json!({
        "Key": key,
        "LastModified": seconds(attributes.last_modified),
        "ETag": attributes.e_tag,
        "Size": size,
        "StorageClass": "STANDARD",
    });
    if let Some(checksum) = &attributes.checksum {
        shown["ChecksumAlgorithm"] = json!([checksum.algorithm.name()]);
        shown["ChecksumType"] = json!(checksum.kind);
    }
    shown
}

/// The entries of a page, and one more if there is one.
fn collect(bucket: &Bucket, request: &Request, count_max: usize) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    if count_max == 0 {
        return Ok(entries);
    }
    let mut add = |entry: Entry| {
        let is_known = matches!((entries.last(), &entry), (Some(Entry::Prefix(last)), Entry::Prefix(new)) if last == new);
        if !is_known {
            entries.push(entry);
        }
        if entries.len() > count_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // Broken off when the page is full.
    let _ = walk(&bucket.root, "", request, &mut add)?;
    Ok(entries)
}

/// All entries of a folder whose keys begin with `base`, in order.
fn walk(
    folder: &Path,
    base: &str,
    request: &Request,
    add: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    for name in names(folder, base.is_empty())? {
        let key = format!("{base}{name}");
        let is_folder = name.ends_with('/');
        let is_wanted = key.starts_with(&request.prefix);
        let may_hold_some = is_folder && request.prefix.starts_with(&key);
        if !(is_wanted || may_hold_some) {
            continue;
        }
        let path =
            folder.join(if name.is_empty() { FOLDER_FILE } else { name.trim_end_matches('/') });
        let flow = match request.common(&key) {
            Some(common)
                if !request.after.is_before(common) && !request.after.may_be_in(common) =>
            {
                continue;
            }
            // Not looked into beyond the first object, unless some of it came before.
            Some(common) if is_folder && request.after.is_before(common) && common == key => {
                if !has_objects(&path)? {
                    continue;
                }
                add(Entry::Prefix(common.to_owned()))
            }
            _ if is_folder && !request.after.may_be_in(&key) => continue,
            _ if is_folder => walk(&path, &key, request, add)?,
            _ if !request.after.is_before(&key) => continue,
            Some(common) => add(Entry::Prefix(common.to_owned())),
            None => match fs::metadata(&path) {
                Ok(file) => add(Entry::Object(key, file)),
                // Deleted in between.
                Err(_) => continue,
            },
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The names in a folder in the order of keys: folders end with `/`, the folder's own object has none.
fn names(folder: &Path, is_root: bool) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        // Links are followed, as when an object is read.
        let is_link_to_folder =
            || kind.is_symlink() && fs::metadata(entry.path()).is_ok_and(|it| it.is_dir());
        if kind.is_dir() || is_link_to_folder() {
            names.push(format!("{name}/"));
        } else if name == FOLDER_FILE && !is_root {
            names.push(String::new());
        } else if !is_hidden(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether there is an object anywhere in a folder.
pub(super) fn has_objects(folder: &Path) -> io::Result<bool> {
    // The root has no object of its own; a file of that name in it is none.
    for name in names(folder, false)? {
        if !name.ends_with('/') || has_objects(&folder.join(name.trim_end_matches('/')))? {
            return Ok(true);
        }
    }
    Ok(false)
}
