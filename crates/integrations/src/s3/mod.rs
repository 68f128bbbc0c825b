//! Buckets of objects: folders of this machine, or those of S3, both as `object_store` has them.
//!
//! [`EmbeddedS3`] serves the protocol of S3 over the same folders.

mod aws;
mod aws_service;
mod embedded;
mod folder;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use object_store::ObjectStore;

use crate::aws::{CallError, Connection};

use aws::AwsBuckets;
use embedded::Tags;
use folder::Folder;

pub use aws_service::{AWS_FACTS, AwsS3};
use embedded::BODY_BYTES_MAX;
pub use embedded::{EmbeddedS3, FACTS, refused};

/// The buckets of one account and region, or of one folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Buckets(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Embedded(Arc<Folders>),
    Aws(Arc<AwsBuckets>),
}

/// The folder of all buckets.
#[derive(Debug)]
struct Folders {
    path: PathBuf,
    /// Opened once there are some.
    tags: OnceLock<Tags>,
}

impl Folders {
    fn tags(&self) -> Option<Tags> {
        if let Some(tags) = self.tags.get() {
            return Some(tags.clone());
        }
        let opened = Tags::open(&self.path)?;
        Some(self.tags.get_or_init(|| opened).clone())
    }

    async fn bucket(self: Arc<Self>, name: &str) -> std::io::Result<Folder> {
        let path = self.path.join(name);
        let tags = tokio::task::spawn_blocking(move || self.tags()).await?;
        Folder::open(&path, tags).await
    }
}

/// What a bucket can fail with before an object is asked for; the rest are `object_store`'s own errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `InvalidBucketName`
    #[error("`{bucket}` is no name of a bucket: 3 to 63 small letters, digits, `.` and `-`")]
    InvalidName {
        /// As it was named.
        bucket: String,
    },
    /// The folder of an embedded bucket cannot be made.
    #[error("failed to make the folder `{}` for a bucket: {source}; check that it can be written", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// AWS cannot be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retryable())
    }
}

impl Buckets {
    /// Buckets as folders in `folder`: `s3://raw/orders/a.parquet` is `FOLDER/raw/orders/a.parquet`.
    ///
    /// A bucket is there when it is first used. An object is on disk, whole, when writing it returns.
    pub fn embedded(folder: impl AsRef<Path>) -> Self {
        let folders = Folders { path: folder.as_ref().to_owned(), tags: OnceLock::new() };
        Self(Kind::Embedded(Arc::new(folders)))
    }

    /// Buckets of S3, with the connection's region, endpoint and credentials. Their requests are not among those that it counts.
    pub fn aws(connection: &Connection) -> Self {
        Self(Kind::Aws(Arc::new(AwsBuckets::new(connection))))
    }

    /// Whether a list of objects comes in the order of their keys, as S3 has it; folders have no order.
    pub fn list_in_order(&self) -> bool {
        matches!(self.0, Kind::Aws(_))
    }

    /// A bucket, by its name. It is not looked for before an object is.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::Folder`] for embedded ones; [`Error::Call`] if region or credentials are not set.
    pub async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, Error> {
        if !is_bucket_name(name) {
            return Err(Error::InvalidName { bucket: name.to_owned() });
        }
        match &self.0 {
            Kind::Aws(buckets) => Ok(buckets.bucket(name)?),
            Kind::Embedded(folders) => {
                let opened = Arc::clone(folders).bucket(name).await;
                let path = || folders.path.join(name);
                let folder = opened.map_err(|source| Error::Folder { path: path(), source })?;
                Ok(Arc::new(folder))
            }
        }
    }
}

/// Source: Amazon S3 User Guide, "General purpose bucket naming rules".
fn is_bucket_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(is_allowed)
        && name.starts_with(is_end)
        && name.ends_with(is_end)
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_named_as_s3_names_them() {
        for good in ["raw", "data-lake.raw-1", "0ab"] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in ["", "ab", "Raw", "a_b", "..", "a/b", "-ab", "ab.", "a..b", &"x".repeat(64)] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }
}
