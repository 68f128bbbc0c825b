//! Where a bucket and an object are: a folder, and a file in it.
//!
//! | key | file |
//! | --- | --- |
//! | `orders/a.json` | `orders/a.json` |
//! | `orders/` | `orders/#0`, which those who read the folder do not see |
//! | `a//b`, `a/../b`, `a#1`, a part of more than 255 bytes | none: refused |

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use stepwell_aws_wire::ServiceError;

use super::super::is_bucket_name;

/// The file of a key that ends with `/`.
pub(super) const FOLDER_FILE: &str = "#0";

/// Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
const KEY_BYTES_MAX: usize = 1024;

/// Of the name of a file.
const PART_BYTES_MAX: usize = 255;

/// A bucket that is there.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) root: PathBuf,
}

/// An object, which may be there.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) bucket: Bucket,
    pub(super) key: String,
    pub(super) path: PathBuf,
}

impl Bucket {
    /// Of a name, if there is such a bucket in `folder`.
    pub(super) fn find(folder: &Path, name: &str) -> Result<Self, ServiceError> {
        let root = folder.join(name);
        if !is_bucket_name(name) || !root.is_dir() {
            let message = "The specified bucket does not exist";
            let error = ServiceError::sender("NoSuchBucket", message).with_status(404);
            return Err(error.with_member("BucketName", name));
        }
        Ok(Self { name: name.to_owned(), root })
    }

    /// Where an object is.
    pub(super) fn object(self, key: &str) -> Result<Address, ServiceError> {
        let path = self.root.join(file_name(key)?);
        Ok(Address { bucket: self, key: key.to_owned(), path })
    }
}

/// The file of a key, from the bucket's folder on.
fn file_name(key: &str) -> Result<String, ServiceError> {
    if key.len() > KEY_BYTES_MAX {
        let error = ServiceError::sender("KeyTooLongError", "Your key is too long");
        return Err(error
            .with_member("Size", key.len())
            .with_member("MaxSizeAllowed", KEY_BYTES_MAX));
    }
    let (parts, is_folder) = match key.strip_suffix('/') {
        Some(parts) => (parts, true),
        None => (key, false),
    };
    if parts.split('/').any(is_no_file_name) || is_hidden(key) {
        return Err(unsupported_key(key, "it has no place in a folder"));
    }
    Ok(if is_folder { format!("{parts}/{FOLDER_FILE}") } else { parts.to_owned() })
}

fn is_no_file_name(part: &str) -> bool {
    part.is_empty()
        || part == "."
        || part == ".."
        || part.len() > PART_BYTES_MAX
        || part.chars().any(|c| c.is_ascii_control())
}

/// Whether the file of a name is one that is being written: `#` and digits at its end.
pub(super) fn is_hidden(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit()))
}

/// A key that S3 takes and a folder does not.
pub(super) fn unsupported_key(key: &str, reason: &str) -> ServiceError {
    let message = format!(
        "The key is not supported by stepwell, whose buckets are folders: {reason}. Use another key."
    );
    ServiceError::sender("NotImplemented", message).with_status(501).with_member("Key", key)
}

/// What tells a file from any other that had its name: what is known of an object holds for this one file.
pub(super) fn identity(file: &Metadata) -> String {
    format!("{:x}-{:x}{:09x}-{:x}", file.ino(), file.mtime(), file.mtime_nsec(), file.len())
}

/// Takes a member that must be there.
pub(super) fn take_text(
    input: &mut Map<String, Value>,
    name: &str,
) -> Result<String, ServiceError> {
    match input.shift_remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => {
            let message = format!("The required parameter {name} is missing or is no text.");
            Err(ServiceError::sender("InvalidArgument", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_files_or_refused() {
        for (key, expected) in [
            ("a", "a"),
            ("a/b c/ü.json", "a/b c/ü.json"),
            ("a/b/", "a/b/#0"),
            (".hidden", ".hidden"),
            ("a#b", "a#b"),
            ("#", "#"),
        ] {
            assert_eq!(file_name(key).unwrap(), expected);
        }
        let long = "x".repeat(256);
        for bad in ["/a", "a//b", "a//", "/", "../a", "a/./b", "a#1", "b/#0", "a\nb", &long] {
            assert_eq!(file_name(bad).unwrap_err().code, "NotImplemented", "{bad}");
        }
        assert_eq!(file_name(&"x/".repeat(513)).unwrap_err().code, "KeyTooLongError");
    }
}
