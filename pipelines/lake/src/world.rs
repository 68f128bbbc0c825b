//! What sources and the lake are built in: stores, HTTP, secrets, the services of AWS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::ObjectStore;
use stepwell_integrations::glue::{Catalog, EmbeddedCatalog};
use stepwell_integrations::{Clock, s3};
use stepwell_pipeline::{HandlerError, Surroundings};
use stepwell_tabular::{Buckets, Location, Stores};

use crate::target::Target;

/// What sources are built in.
pub struct World {
    /// Secrets, who serves AWS services, the folder for what is remembered.
    pub surroundings: Surroundings,
    /// The client of all sources.
    pub http: reqwest::Client,
    /// Opens folders, buckets and web addresses.
    pub stores: Stores,
    clock: Clock,
}

impl World {
    pub(crate) fn new(surroundings: Surroundings, http: reqwest::Client, clock: Clock) -> Self {
        let buckets = Arc::new(S3(s3::Buckets::embedded(surroundings.state.join("s3"))));
        let stores = Stores::new(crate::project(&surroundings).to_owned(), buckets, http.clone());
        Self { surroundings, http, stores, clock }
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
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

impl World {
    /// The catalog. The embedded one is a file beside the data, or with what is remembered where the data are in S3.
    pub(crate) async fn catalog(&self, target: &Target) -> Result<Arc<dyn Catalog>, HandlerError> {
        let beside = self.stores.local_path(&target.root);
        let folder = beside.unwrap_or_else(|| self.surroundings.state.clone());
        Ok(Arc::new(EmbeddedCatalog::open(folder)))
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

/// The buckets of `s3://`.
struct S3(s3::Buckets);

#[async_trait]
impl Buckets for S3 {
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, stepwell_tabular::Error> {
        self.0.bucket(name).await.map_err(|error| {
            if error.is_retryable() {
                let at = Location::S3 { bucket: name.to_owned(), key: String::new() };
                stepwell_tabular::Error::Unreachable { at, reason: error.to_string() }
            } else {
                stepwell_tabular::Error::Wrong(error.to_string())
            }
        })
    }
}
