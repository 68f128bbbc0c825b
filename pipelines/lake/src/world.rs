//! What sources and the lake are built in: stores, HTTP, secrets, the services of AWS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use stepwell_pipeline::{HandlerError, Surroundings};
use stepwell_tabular::{Buckets, Stores};

/// What sources are built in.
pub struct World {
    /// Secrets, who serves AWS services, the folder for what is remembered.
    pub surroundings: Surroundings,
    /// The client of all sources.
    pub http: reqwest::Client,
    /// Opens folders, buckets and web addresses.
    pub stores: Stores,
}

impl World {
    pub(crate) fn new(surroundings: Surroundings, http: reqwest::Client) -> Self {
        let folder = surroundings.state.join("s3");
        let buckets = Arc::new(Folders { folder });
        let stores = Stores::new(crate::project(&surroundings).to_owned(), buckets, http.clone());
        Self { surroundings, http, stores }
    }

    /// A file in the folder for what is remembered, which is made.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, HandlerError> {
        let path = self.surroundings.state.join(name);
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder).map_err(|error| {
            HandlerError::Config(format!("the folder {} cannot be made: {error}", folder.display()))
        })?;
        Ok(path)
    }
}

/// The error of a file, by its class.
pub(crate) fn told(error: stepwell_tabular::Error) -> HandlerError {
    use stepwell_tabular::Error;
    match error {
        Error::Unreachable { .. } => HandlerError::Retryable(error.to_string()),
        Error::Content { .. } => HandlerError::Data(error.to_string()),
        Error::Wrong(_) | Error::Missing(_) | Error::Refused { .. } => {
            HandlerError::Config(error.to_string())
        }
    }
}

/// Buckets that are folders of this machine: `s3://bucket/key` is `.stepwell/s3/bucket/key`.
struct Folders {
    folder: PathBuf,
}

#[async_trait]
impl Buckets for Folders {
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, stepwell_tabular::Error> {
        let folder = self.folder.join(name);
        let wrong = |error: &dyn std::fmt::Display| {
            stepwell_tabular::Error::Wrong(format!("the bucket `{name}` cannot be made: {error}"))
        };
        std::fs::create_dir_all(&folder).map_err(|error| wrong(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| wrong(&error))?;
        Ok(Arc::new(store))
    }
}
