//! What sources and the lake are built in: stores, HTTP, secrets, the services of AWS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::ObjectStore;
use stepwell_integrations::Clock;
use stepwell_integrations::aws::without_token;
use stepwell_integrations::glue::Catalog;
use stepwell_pipeline::{HandlerError, Surroundings};
use stepwell_services::{Opener, ToHandlerError as _};
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
    /// Opens the services that `[services]` names.
    pub opener: Arc<Opener>,
    clock: Clock,
}

impl World {
    pub(crate) fn new(surroundings: Surroundings, http: reqwest::Client, clock: Clock) -> Self {
        let opener = Arc::new(Opener::new(surroundings.clone()));
        let buckets = Arc::new(S3 { opener: Arc::clone(&opener) });
        let stores = Stores::new(crate::project(&surroundings).to_owned(), buckets, http.clone());
        Self { surroundings, http, stores, opener, clock }
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
        self.opener.catalog(&folder).await
    }
}

/// The error of a file, by its class.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn told(error: stepwell_tabular::Error) -> HandlerError {
    use stepwell_tabular::Error;
    // S3 repeats the headers of a request whose signature it refuses.
    let message = without_token(&error.to_string());
    match error {
        Error::Unreachable { .. } => HandlerError::Retryable(message),
        Error::Content { .. } => HandlerError::Data(message),
        Error::Wrong(_) | Error::Missing(_) | Error::Refused { .. } => {
            HandlerError::Config(message)
        }
    }
}

/// The buckets of `s3://`.
struct S3 {
    opener: Arc<Opener>,
}

#[async_trait]
impl Buckets for S3 {
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, stepwell_tabular::Error> {
        let bucket = async {
            let buckets = self.opener.buckets().await?;
            buckets.bucket(name).await.map_err(|error| error.to_handler_error())
        };
        bucket.await.map_err(|error| match error {
            HandlerError::Retryable(reason) => {
                let at = Location::S3 { bucket: name.to_owned(), key: String::new() };
                stepwell_tabular::Error::Unreachable { at, reason }
            }
            error => stepwell_tabular::Error::Wrong(error.to_string()),
        })
    }
}
