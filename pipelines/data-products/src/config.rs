//! The settings of the pipeline: as they are written, and what they mean. What is wrong with them is found by
//! [`problem`]; what stands in the reference's secret is read with the first use ([`access`]).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use stepwell_pipeline::notify::Channel;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{self, Variables};
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Surroundings};

pub(crate) mod access;
mod pattern;
mod problem;

use pattern::Pattern;

const TAG: &str = "dp_sync";
const MAX_DELETE_SHARE: f64 = 0.3;
const MAX_CONCURRENCY: u32 = 48;
const MAX_REQUESTS: u32 = 128;
const CLUSTER_START_SECONDS: u64 = 300;
const SILENCE_SECONDS: u64 = 60;
const SLICE_SECONDS: u64 = 600;

/// The settings as they are written. The first group has the keys of the reference's secret; `secret` names one that
/// fills what is not written. `settings.toml` beside this crate's manifest has every key with its meaning.
///
/// ```toml
/// [pipelines.data-products]
/// secret = "secret:data-product-sync-parameters"
/// max_delete_share = 0.3
/// notify = ["log"]
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A secret that holds a JSON object with the reference's keys.
    pub secret: Option<SecretRef>,
    /// Where SEP is: a host, with or without scheme and port.
    #[serde(alias = "sep-host")]
    pub sep_host: Option<SecretRef>,
    /// Who asks SEP, over REST and SQL.
    #[serde(alias = "sep-username")]
    pub sep_username: Option<SecretRef>,
    /// The password of that user.
    #[serde(alias = "sep-password")]
    pub sep_password: Option<SecretRef>,
    /// Where Galaxy is.
    #[serde(alias = "galaxy-host")]
    pub galaxy_host: Option<SecretRef>,
    /// The id of the API credential.
    #[serde(alias = "galaxy-client-id")]
    pub galaxy_client_id: Option<SecretRef>,
    /// The secret of the API credential.
    #[serde(alias = "galaxy-client-secret")]
    pub galaxy_client_secret: Option<SecretRef>,
    /// Who runs SQL in Galaxy: `user@company.com/role`.
    #[serde(alias = "galaxy-sql-username")]
    pub galaxy_sql_username: Option<SecretRef>,
    /// The password of that user.
    #[serde(alias = "galaxy-sql-password")]
    pub galaxy_sql_password: Option<SecretRef>,
    /// Where the cluster is. Not written: as the API tells for `default_cluster`.
    #[serde(alias = "galaxy-sql-cluster-url", alias = "galaxy-sql-cluster_url")]
    pub galaxy_sql_cluster_url: Option<SecretRef>,
    /// The catalog in Galaxy that the products' schemas lie in.
    #[serde(alias = "data-product-catalog")]
    pub data_product_catalog: Option<SecretRef>,
    /// The cluster in Galaxy that products are queried with.
    #[serde(alias = "default-cluster")]
    pub default_cluster: Option<SecretRef>,
    /// The tag on schemas, and the first part of the source link's name.
    pub tag: Option<SecretRef>,
    /// Only products of which an attribute, and the name, holds this text.
    #[serde(alias = "search-string")]
    pub search_string: Option<SecretRef>,

    /// Where SEP takes SQL, if it is not `sep_host`.
    pub sep_sql_url: Option<String>,
    /// The role to take in SEP, for instance `data_products`.
    pub sep_role: Option<String>,
    /// Only products with one of these names; `*` stands for any text.
    pub include: Vec<String>,
    /// No products with one of these names.
    pub exclude: Vec<String>,
    /// Only products of these domains, by name or id.
    pub domains: Vec<String>,
    /// Only products with one of these owners, by e-mail.
    pub owners: Vec<String>,
    /// Catalogs that have another name in Galaxy: SEP's name to Galaxy's.
    pub catalogs: BTreeMap<String, String>,
    /// The contact of products none of whose owners has an account, by e-mail.
    pub fallback_contact: Option<String>,
    /// Nothing is deleted if a larger share of the products known has gone.
    pub max_delete_share: Option<f64>,
    /// Whether a cluster that is disabled is enabled.
    pub enable_cluster: Option<bool>,
    /// How long a cluster may take to start.
    pub cluster_start_seconds: Option<u64>,
    /// How many products are worked on at the same time.
    pub max_concurrency: Option<u32>,
    /// How many requests a server gets at the same time.
    pub max_requests: Option<u32>,
    /// After how long a silent connection counts as lost.
    pub silence_seconds: Option<u64>,
    /// How long one invocation may work.
    pub slice_seconds: Option<u64>,
    /// Where the summary of a run is told.
    pub notify: Option<Vec<Channel>>,
}

/// What the settings mean, but for what stands in secrets.
pub(crate) struct Config {
    settings: Settings,
    pub(crate) selection: Selection,
    pub(crate) max_delete_share: f64,
    pub(crate) enable_cluster: bool,
    pub(crate) cluster_start: Duration,
    pub(crate) max_concurrency: u32,
    pub(crate) max_requests: u32,
    pub(crate) silence: Duration,
    pub(crate) slice: Duration,
    pub(crate) notify: Vec<Channel>,
}

/// Which of the products that SEP lists are kept in step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    pub(crate) domains: Vec<String>,
    owners: Vec<String>,
}

impl settings::Settings for Settings {
    const PIPELINE: &'static str = crate::NAME;
    const MACHINES: &'static [Machine] = crate::MACHINES;
    const TEMPLATE: &'static str = include_str!("../settings.toml");

    fn problems(&self, _variables: Variables<'_>) -> Vec<settings::Problem> {
        problem::problems(self)
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        problem::literal_secrets(self)
    }

    fn build(
        &self,
        variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        settings::check(&self.problems(variables))?;
        crate::pipeline(Config::new(self.clone()), surroundings)
    }
}

impl Config {
    fn new(settings: Settings) -> Self {
        let seconds =
            |setting: Option<u64>, default| Duration::from_secs(setting.unwrap_or(default));
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
        Self {
            selection: Selection {
                include: patterns(&settings.include),
                exclude: patterns(&settings.exclude),
                domains: settings.domains.clone(),
                owners: settings.owners.iter().map(|it| it.to_lowercase()).collect(),
            },
            max_delete_share: settings.max_delete_share.unwrap_or(MAX_DELETE_SHARE),
            enable_cluster: settings.enable_cluster.unwrap_or(true),
            cluster_start: seconds(settings.cluster_start_seconds, CLUSTER_START_SECONDS),
            max_concurrency: settings.max_concurrency.unwrap_or(MAX_CONCURRENCY),
            max_requests: settings.max_requests.unwrap_or(MAX_REQUESTS),
            silence: seconds(settings.silence_seconds, SILENCE_SECONDS),
            slice: seconds(settings.slice_seconds, SLICE_SECONDS),
            notify: settings.notify.clone().unwrap_or_else(|| vec![Channel::Log]),
            settings,
        }
    }
}

impl Selection {
    /// By its name alone.
    pub(crate) fn takes_name(&self, name: &str) -> bool {
        let included = self.include.is_empty() || self.include.iter().any(|it| it.matches(name));
        included && !self.exclude.iter().any(|it| it.matches(name))
    }

    /// By the e-mails of its owners, in lower case.
    pub(crate) fn takes_owners(&self, owners: &[String]) -> bool {
        self.owners.is_empty() || owners.iter().any(|owner| self.owners.contains(owner))
    }
}
