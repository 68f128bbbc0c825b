//! Brings the functions that run as processes together with the project: its configuration, its secrets, its folder.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use stepwell_pipeline::secret::Secrets;
use stepwell_runner::{Options, Refusal, Runner};

use crate::access;
use crate::config::{Config, variables};
use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;

/// Opens the functions of a project. Its store must be open: one process at a time goes on with what they left.
pub(crate) async fn open(
    project: &Project,
    config: &Config,
    secrets: Arc<dyn Secrets>,
    endpoint: Option<String>,
) -> Outcome<Runner> {
    let secrets = References(secrets);
    let path = variables::get("PATH").unwrap_or_default();
    let engine = project.options(config)?;
    let options = Options {
        region: engine.region,
        account: engine.account,
        endpoint,
        access_key: access::of_functions(),
        search: std::env::split_paths(&path).collect(),
        ..Options::at(project.state(), Arc::new(secrets))
    };
    let configured = config.functions.iter().map(|function| {
        let folder = project.path(&function.folder);
        stepwell_runner::Function { folder, ..function.clone() }
    });
    Runner::open(options, configured.collect()).await.map_err(refused)
}

fn refused(refusal: Refusal) -> Failure {
    Failure::message(Exit::Usage, refusal.message)
        .hint("look at the section [functions] of stepwell.toml")
}

/// Resolves variables of functions as the settings of pipelines.
struct References(Arc<dyn Secrets>);

#[async_trait]
impl stepwell_runner::Secrets for References {
    async fn resolve(&self, name: &str) -> Result<String, String> {
        let secret = self.0.resolve(name).await.map_err(|error| error.to_string())?;
        Ok(secret.expose_secret().to_owned())
    }
}
