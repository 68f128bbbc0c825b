//! The settings of the pipeline: as they are written, and what they mean. What is wrong with them is found by
//! [`problem`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use stepwell_pipeline::notify::Channel;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Problem, Variables, check};
use stepwell_pipeline::surroundings::Provider;
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Surroundings};

mod problem;

use crate::desired::Profile;
use crate::desired::role::Pattern;
use crate::dmm::Resource;

const BASE_URL: &str = "https://api.entropy-data.com";
/// The account that the template has.
const PLACEHOLDER: &str = "000000000000";
const PARTITION: &str = "aws";
const QUEUE: &str = "dmm-events.fifo";
const EXPORT: &str = "data-mesh-policies";
const VISIBILITY_SECONDS: u64 = 180;
const MAX_ATTEMPTS: u32 = 3;
const MAX_CONCURRENCY: u32 = 16;
const SLICE_SECONDS: u64 = 600;
const SILENCE_SECONDS: u64 = 30;
const MAX_REVOKED_PERCENT: u64 = 50;

/// The settings as they are written. Each can be set by the environment too, lists separated by commas:
/// `STEPWELL_PIPELINES_DATA_MESH_ACCOUNTS=123456789012,210987654321`.
///
/// ```toml
/// [pipelines.data-mesh]
/// base_url = "https://api.entropy-data.com"
/// api_key = "secret:data-mesh/api-key"
/// accounts = ["123456789012"]
/// role_patterns = ["*-consumer"]
/// profile = "reference"                # or "athena"
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the API is, without `/api`.
    pub base_url: Option<String>,
    /// The key: organization-wide, for reading and for reporting.
    pub api_key: Option<SecretRef>,
    /// The collection of agreements: `access`; on a service of 2023 `datausageagreements`, before `datacontracts`.
    pub resource: Resource,
    /// The accounts whose roles may be touched.
    pub accounts: Vec<String>,
    /// The partition of the roles in the embedded access ledger; AWS knows its own.
    pub partition: Option<String>,
    /// The names of roles that may be touched, with `*` and `?`.
    pub role_patterns: Vec<String>,
    /// The path that roles must have.
    pub role_path_prefix: Option<String>,
    /// Whether roles need a permissions boundary.
    pub require_permissions_boundary: bool,
    /// The ARN of the permissions boundary that roles need.
    pub permissions_boundary: Option<String>,
    /// The accounts whose resources may be granted; by default those of the roles.
    pub resource_accounts: Option<Vec<String>>,
    /// The regions whose resources may be granted; none: all.
    pub regions: Vec<String>,
    /// The buckets that may be granted, with `*` and `?`.
    pub buckets: Option<Vec<String>>,
    /// The accounts that belong to a provider's team; a team that is not named may provide from all of them.
    pub team_accounts: BTreeMap<String, Vec<String>>,
    /// The roles of users who consume.
    pub users: BTreeMap<String, String>,
    /// What is granted on a table.
    pub profile: Profile,
    /// Whether Lake Formation governs the tables (profile `athena`).
    pub lake_formation: bool,
    /// The queue: a name, or the URL of an SQS FIFO queue.
    pub queue: Option<String>,
    /// The queue of dead letters, where the queue's redrive policy names none.
    pub dead_letter_queue: Option<String>,
    /// How long a message stays invisible.
    pub visibility_seconds: Option<u64>,
    /// How often an access is tried before it goes to the dead letters.
    pub max_attempts: Option<u32>,
    /// The share of grants that a reconcile may revoke because their accesses are gone from the listing.
    pub max_revoked_percent: Option<u64>,
    /// The folder that the embedded access ledger writes its policies to.
    pub export: Option<PathBuf>,
    /// How many accesses are worked on at the same time.
    pub max_concurrency: Option<u32>,
    /// How long one invocation may work.
    pub slice_seconds: Option<u64>,
    /// After how long a silent connection counts as lost.
    pub silence_seconds: Option<u64>,
    /// Where the summary of a run is told.
    pub notify: Option<Vec<Channel>>,
}

/// What the settings mean.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) base_url: String,
    pub(crate) api_key: SecretRef,
    pub(crate) resource: Resource,
    pub(crate) rules: Rules,
    pub(crate) partition: String,
    pub(crate) queue: String,
    pub(crate) dead_letter_queue: Option<String>,
    pub(crate) visibility: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) max_revoked_percent: u64,
    pub(crate) export: PathBuf,
    pub(crate) max_concurrency: u32,
    pub(crate) slice: Duration,
    pub(crate) silence: Duration,
    pub(crate) notify: Vec<Channel>,
}

/// What may be granted, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) accounts: BTreeSet<String>,
    pub(crate) role_patterns: Vec<Pattern>,
    pub(crate) role_path_prefix: String,
    pub(crate) boundary: Boundary,
    pub(crate) resource_accounts: BTreeSet<String>,
    pub(crate) regions: BTreeSet<String>,
    pub(crate) buckets: Vec<Pattern>,
    pub(crate) team_accounts: BTreeMap<String, Vec<String>>,
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) profile: Profile,
    pub(crate) lake_formation: bool,
}

/// The permissions boundary that a role needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Boundary {
    NotNeeded,
    Any,
    This(String),
}

impl Config {
    pub(crate) fn new(settings: Settings) -> Result<Self, HandlerError> {
        check(&settings.found_problems())?;
        let seconds =
            |setting: Option<u64>, default| Duration::from_secs(setting.unwrap_or(default));
        Ok(Self {
            rules: Rules::of(&settings),
            base_url: settings.base_url.unwrap_or_else(|| BASE_URL.to_owned()),
            api_key: settings.api_key.expect("a missing one is a problem"),
            resource: settings.resource,
            partition: settings.partition.unwrap_or_else(|| PARTITION.to_owned()),
            queue: settings.queue.unwrap_or_else(|| QUEUE.to_owned()),
            dead_letter_queue: settings.dead_letter_queue,
            visibility: seconds(settings.visibility_seconds, VISIBILITY_SECONDS),
            max_attempts: settings.max_attempts.unwrap_or(MAX_ATTEMPTS),
            max_revoked_percent: settings.max_revoked_percent.unwrap_or(MAX_REVOKED_PERCENT),
            export: settings.export.unwrap_or_else(|| EXPORT.into()),
            max_concurrency: settings.max_concurrency.unwrap_or(MAX_CONCURRENCY),
            slice: seconds(settings.slice_seconds, SLICE_SECONDS),
            silence: seconds(settings.silence_seconds, SILENCE_SECONDS),
            notify: settings.notify.unwrap_or_else(|| vec![Channel::Log]),
        })
    }
}

impl Rules {
    fn of(settings: &Settings) -> Self {
        let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        let accounts = set(&settings.accounts);
        let resource_accounts = settings.resource_accounts.as_deref();
        let boundary = match (&settings.permissions_boundary, settings.require_permissions_boundary)
        {
            (Some(arn), _) => Boundary::This(arn.clone()),
            (None, true) => Boundary::Any,
            (None, false) => Boundary::NotNeeded,
        };
        let everything = ["*".to_owned()];
        Self {
            role_patterns: patterns(&settings.role_patterns),
            role_path_prefix: settings.role_path_prefix.clone().unwrap_or_else(|| "/".to_owned()),
            boundary,
            resource_accounts: resource_accounts.map_or_else(|| accounts.clone(), set),
            accounts,
            regions: set(&settings.regions),
            buckets: patterns(settings.buckets.as_deref().unwrap_or(&everything)),
            team_accounts: settings.team_accounts.clone(),
            users: settings.users.clone(),
            profile: settings.profile,
            lake_formation: settings.lake_formation,
        }
    }
}

/// Those that do not compile are problems.
fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().filter_map(|text| Pattern::new(text).ok()).collect()
}

impl stepwell_pipeline::Settings for Settings {
    const PIPELINE: &'static str = crate::NAME;
    const MACHINES: &'static [Machine] = crate::MACHINES;
    const TEMPLATE: &'static str = include_str!("../settings.toml");

    fn problems(&self, _variables: Variables<'_>) -> Vec<Problem> {
        self.found_problems()
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        let is_literal = matches!(self.api_key, Some(SecretRef::Literal(_)));
        is_literal.then_some(("api_key", "data-mesh/api-key")).into_iter().collect()
    }

    fn build(
        &self,
        _variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        let is_untouched = self.accounts.iter().any(|it| it == PLACEHOLDER);
        if is_untouched && surroundings.services.iam == Provider::Aws {
            return Err(HandlerError::Config(format!(
                "`accounts` has `{PLACEHOLDER}`, which the template put there; name the AWS accounts of the roles"
            )));
        }
        crate::pipeline(Config::new(self.clone())?, surroundings.clone())
    }
}
