//! What all functions work with: the settings, the services, the tables, each opened with its first use.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::ObjectStore;
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::{HandlerError, Surroundings, http};
use stepwell_services::{Opener, ToHandlerError as _};
use stepwell_tabular::{self as tabular, Buckets, Location, Stores};
use tokio::sync::OnceCell;

use crate::settings::Config;
use crate::tables::Records;

/// What all functions of the pipeline work with.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) opener: Arc<Opener>,
    pub(crate) stores: Stores,
    pub(crate) http: reqwest::Client,
    pub(crate) secrets: Arc<dyn Secrets>,
    records: OnceCell<Records>,
}

impl Service {
    pub(crate) fn new(config: Config, surroundings: &Surroundings) -> Result<Self, HandlerError> {
        let opener = Arc::new(Opener::new(surroundings.clone()));
        let http = http::client(config.silence)?;
        // The binary runs in the project's folder.
        let stores = stores(PathBuf::from("."), Arc::clone(&opener), http.clone());
        Ok(Self {
            http,
            config,
            opener,
            stores,
            secrets: Arc::clone(&surroundings.secrets),
            records: OnceCell::new(),
        })
    }

    /// The tables.
    pub(crate) async fn records(&self) -> Result<&Records, HandlerError> {
        let open =
            async || Records::open(self.opener.tables().await?, self.config.names.clone()).await;
        self.records.get_or_try_init(open).await
    }
}

/// Where series are read: paths below `root`, `http(s)://`, and `s3://` of whoever serves S3.
pub fn stores(root: PathBuf, opener: Arc<Opener>, http: reqwest::Client) -> Stores {
    Stores::new(root, Arc::new(OfServices(opener)), http)
}

/// The buckets of whoever serves S3.
struct OfServices(Arc<Opener>);

#[async_trait]
impl Buckets for OfServices {
    async fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, tabular::Error> {
        let refused = |error: HandlerError| match error {
            HandlerError::Retryable(reason) => {
                let at = Location::S3 { bucket: name.to_owned(), key: String::new() };
                tabular::Error::Unreachable { at, reason }
            }
            error => tabular::Error::Wrong(error.to_string()),
        };
        let buckets = self.0.buckets().await.map_err(refused)?;
        buckets.bucket(name).await.map_err(|error| refused(error.to_handler_error()))
    }
}
