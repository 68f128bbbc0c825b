//! Buckets: made, listed, deleted.

use std::path::Path;
use std::{fs, io};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::super::is_bucket_name;
use super::attributes::check_acl;
use super::listing::has_objects;
use super::names::{is_hidden, take_text};
use super::objects::malformed;
use super::staging::failed;
use super::store::{Store, lock};
use super::{done, index, nothing_more};
use crate::durable;
use crate::service::seconds;

/// Where a bucket is that names no place. Source: S3 API reference, `GetBucketLocation`.
const FIRST_REGION: &str = "us-east-1";

impl Store {
    pub(super) fn create_bucket(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let name = take_text(&mut input, "Bucket")?;
        let configuration = input.shift_remove("CreateBucketConfiguration").unwrap_or_default();
        check_acl(&mut input)?;
        nothing_more("CreateBucket", &input)?;
        let location = self.location(configuration)?;
        if !is_bucket_name(&name) {
            let error =
                ServiceError::sender("InvalidBucketName", "The specified bucket is not valid.");
            return Err(error.with_member("BucketName", name));
        }
        let root = self.folder.join(&name);
        match fs::create_dir(&root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // In the first region making it again is no error.
                if self.place.region != FIRST_REGION {
                    return Err(already_owned(&name));
                }
            }
            made => made.map_err(|error| failed(&error))?,
        }
        durable::sync_folders(&root, &self.folder).map_err(|error| failed(&error))?;
        self.index(|it| match index::bucket(it, &name)? {
            Some(_) => Ok(()),
            None => index::add_bucket(it, &name, self.now(), &location),
        })?;
        Ok(json!({"Location": format!("/{name}")}))
    }

    fn location(&self, configuration: Value) -> Result<String, ServiceError> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Configuration {
            location_constraint: Option<String>,
        }
        let configuration = Option::<Configuration>::deserialize(configuration);
        let configuration = configuration.map_err(|error| malformed(&error))?.unwrap_or_default();
        Ok(configuration.location_constraint.unwrap_or_else(|| self.place.region.clone()))
    }

    pub(super) fn head_bucket(&self, mut input: Map<String, Value>) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        nothing_more("HeadBucket", &input)?;
        let (_, location) = self.made(&bucket.name, &bucket.root)?;
        Ok(json!({"BucketRegion": location}))
    }

    pub(super) fn bucket_location(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        nothing_more("GetBucketLocation", &input)?;
        let (_, location) = self.made(&bucket.name, &bucket.root)?;
        if location == FIRST_REGION {
            return Ok(done());
        }
        Ok(json!({"LocationConstraint": location}))
    }

    pub(super) fn delete_bucket(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let bucket = self.bucket(&take_text(&mut input, "Bucket")?)?;
        nothing_more("DeleteBucket", &input)?;
        let _lock = lock(&bucket)?;
        remove_folders(&bucket.root)
            .and_then(|()| durable::sync_folders(&bucket.root, &self.folder))
            .map_err(|error| match error.kind() {
                io::ErrorKind::DirectoryNotEmpty => not_empty(&bucket.name),
                _ => failed(&error),
            })?;
        self.index(|it| index::remove_bucket(it, &bucket.name))?;
        Ok(done())
    }

    pub(super) fn list_buckets(&self, input: &Map<String, Value>) -> Result<Value, ServiceError> {
        nothing_more("ListBuckets", input)?;
        let entries = fs::read_dir(&self.folder).map_err(|error| failed(&error))?;
        let mut names: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned()))
            .filter(|name| self.bucket(name).is_ok())
            .collect();
        names.sort_unstable();
        let mut buckets = Vec::new();
        for name in names {
            let (created_at, _) = self.made(&name, &self.folder.join(&name))?;
            buckets.push(json!({"Name": name, "CreationDate": seconds(created_at)}));
        }
        Ok(json!({"Buckets": buckets, "Owner": {"ID": self.owner()}}))
    }

    /// When a bucket was made and where it is; one that nobody made by the API is as old as its folder.
    fn made(&self, name: &str, root: &Path) -> Result<(Timestamp, String), ServiceError> {
        if let Some(made) = self.index(|it| index::bucket(it, name))? {
            return Ok(made);
        }
        let modified = fs::metadata(root).and_then(|it| it.modified()).ok();
        let modified = modified.and_then(|time| Timestamp::try_from(time).ok());
        Ok((modified.unwrap_or_default(), self.place.region.clone()))
    }

    /// The canonical id of the account, 64 hexadecimal digits.
    pub(super) fn owner(&self) -> String {
        format!("{:0>64}", self.place.account)
    }
}

/// Removes a folder in which there are only folders and what somebody was writing when he was killed.
///
/// # Errors
/// Of the kind `DirectoryNotEmpty` if there is an object; some folders may be gone then, which are no objects.
fn remove_folders(folder: &Path) -> io::Result<()> {
    if has_objects(folder)? {
        return Err(io::ErrorKind::DirectoryNotEmpty.into());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_folders(&entry.path())?;
        } else if entry.file_name().to_str().is_some_and(is_hidden) {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

fn not_empty(name: &str) -> ServiceError {
    let message = "The bucket you tried to delete is not empty";
    let error = ServiceError::sender("BucketNotEmpty", message).with_status(409);
    error.with_member("BucketName", name)
}

fn already_owned(name: &str) -> ServiceError {
    let message =
        "Your previous request to create the named bucket succeeded and you already own it.";
    let error = ServiceError::sender("BucketAlreadyOwnedByYou", message).with_status(409);
    error.with_member("BucketName", name)
}
