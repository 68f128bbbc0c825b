//! The folder of all buckets, and how an object comes into it, is found, and goes.
//!
//! ```text
//!   content --> .staging/<name>, on disk --> attributes of this file, on disk --> its name in the bucket, on disk --> answer
//! ```
//!
//! A crash leaves the old object or the new one, each with its own attributes. Its functions block.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Transaction;
use stepwell_aws_wire::ServiceError;

use super::attributes::{Attributes, matches, precondition_failed};
use super::index;
use super::names::{Address, Bucket, identity, unsupported_key};
use super::staging::{self, Staged, failed};
use crate::service::Place;
use crate::sqlite::{Database, StoreError};
use crate::{Clock, durable};

/// All buckets of an installation.
pub(super) struct Store {
    pub(super) folder: PathBuf,
    pub(super) place: Place,
    database: Database,
    clock: Clock,
}

/// What must hold of the object that is there when another takes its place.
#[derive(Debug, Default)]
pub(super) struct PutConditions {
    pub(super) if_match: Option<String>,
    pub(super) must_be_new: bool,
}

/// An object that was found: opened, so that it stays what it is.
pub(super) struct Found {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) attributes: Attributes,
}

impl Store {
    pub(super) fn open(folder: &Path, place: Place, clock: Clock) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Export { path: folder.to_owned(), source };
        fs::create_dir_all(folder.join(staging::FOLDER)).map_err(unusable)?;
        let folder = fs::canonicalize(folder).map_err(unusable)?;
        staging::sweep(&folder, clock()).map_err(unusable)?;
        let database = Database::open(&folder.join(index::FILE), index::FORMAT)?;
        Ok(Self { folder, place, database, clock })
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn bucket(&self, name: &str) -> Result<Bucket, ServiceError> {
        Bucket::find(&self.folder, name)
    }

    /// Reads or changes the index.
    pub(super) fn index<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, ServiceError> {
        self.database.change_here(|transaction| work(transaction).map(Ok))
    }

    /// Opens an object.
    ///
    /// # Errors
    /// `NoSuchKey`
    pub(super) fn find(&self, address: &Address) -> Result<Found, ServiceError> {
        let file = File::open(&address.path).map_err(|error| not_found(&error, &address.key))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if !metadata.is_file() {
            return Err(no_such_key(&address.key));
        }
        let attributes = self.attributes(address, &metadata)?;
        Ok(Found { file, size: metadata.len(), attributes })
    }

    fn attributes(&self, at: &Address, file: &Metadata) -> Result<Attributes, ServiceError> {
        let identity = identity(file);
        let known = self.index(|it| index::attributes(it, &at.bucket.name, &at.key, &identity))?;
        Ok(known.unwrap_or_else(|| Attributes::of_file(file)))
    }

    /// Makes a staged file an object.
    ///
    /// # Errors
    /// `PreconditionFailed`; `NotImplemented` for a key that cannot be beside others.
    pub(super) fn put(
        &self,
        at: &Address,
        staged: &Staged,
        attributes: &Attributes,
        conditions: &PutConditions,
    ) -> Result<(), ServiceError> {
        let _lock = lock(&at.bucket)?;
        // It may have been deleted while somebody else had the lock.
        self.bucket(&at.bucket.name)?;
        let now = fs::metadata(&at.path).ok().filter(Metadata::is_file);
        self.check(at, now.as_ref(), conditions)?;
        let new = fs::metadata(&staged.path).map_err(|error| failed(&error))?;
        let now = now.as_ref().map(identity);
        let identities = (&*identity(&new), now.as_deref());
        self.index(|it| {
            index::add_attributes(it, &at.bucket.name, &at.key, identities, attributes)
        })?;
        publish(at, staged, conditions.must_be_new)
    }

    fn check(
        &self,
        at: &Address,
        now: Option<&Metadata>,
        conditions: &PutConditions,
    ) -> Result<(), ServiceError> {
        if conditions.must_be_new && now.is_some() {
            return Err(precondition_failed("If-None-Match"));
        }
        let Some(wanted) = &conditions.if_match else { return Ok(()) };
        let now = now.ok_or_else(|| no_such_key(&at.key))?;
        if matches(wanted, &self.attributes(at, now)?.e_tag) {
            return Ok(());
        }
        Err(precondition_failed("If-Match"))
    }

    /// Deletes an object; none is there afterwards.
    pub(super) fn delete(&self, at: &Address) -> Result<(), ServiceError> {
        let _lock = lock(&at.bucket)?;
        match fs::remove_file(&at.path) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(failed(&error)),
        }
        durable::sync_folders(&at.path, &at.bucket.root).map_err(|error| failed(&error))?;
        // Folders without objects are no objects; one that is not empty stays.
        let parents = at.path.ancestors().skip(1).take_while(|folder| *folder != at.bucket.root);
        for folder in parents {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        self.index(|it| index::remove_attributes(it, &at.bucket.name, &at.key))
    }
}

/// Whoever changes a bucket with a condition waits here, in whichever process.
pub(super) fn lock(bucket: &Bucket) -> Result<File, ServiceError> {
    let file = File::open(&bucket.root).map_err(|error| failed(&error))?;
    file.lock().map_err(|error| failed(&error))?;
    Ok(file)
}

fn publish(at: &Address, staged: &Staged, must_be_new: bool) -> Result<(), ServiceError> {
    let publish = || {
        if let Some(folder) = at.path.parent() {
            fs::create_dir_all(folder)?;
        }
        durable::publish(&staged.path, &at.path, must_be_new)?;
        durable::sync_folders(&at.path, &at.bucket.root)
    };
    publish().map_err(|error| match error.kind() {
        // Somebody who does not wait was faster.
        io::ErrorKind::AlreadyExists if must_be_new && at.path.is_file() => {
            precondition_failed("If-None-Match")
        }
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::DirectoryNotEmpty => {
            unsupported_key(&at.key, "another object stands where a folder must be, or the reverse")
        }
        _ => failed(&error),
    })
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

fn not_found(error: &io::Error, key: &str) -> ServiceError {
    if is_absent(error) { no_such_key(key) } else { failed(error) }
}

pub(super) fn no_such_key(key: &str) -> ServiceError {
    let message = "The specified key does not exist.";
    ServiceError::sender("NoSuchKey", message).with_status(404).with_member("Key", key)
}
