//! The settings of the pipeline: as they are written, and what they mean. What is wrong with them is found by
//! [`problem`].

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use stepwell_pipeline::notify::Channel;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Variables, check, or_variable};
use stepwell_pipeline::{HandlerError, Settings as _};

mod problem;

use crate::dap::{Credentials, Rates};
use crate::target::{Layout, TableName};

const BASE_URL: &str = "https://api-gateway.instructure.com";
const TARGET: &str = "sqlite:canvas.db";
const NAMESPACE: &str = "canvas";
const MAX_CONCURRENCY: u32 = 4;
const SLICE_SECONDS: u64 = 600;
const SILENCE_SECONDS: u64 = 60;

/// The settings as they are written. What is not written is taken from the official client's environment
/// (`DAP_API_URL`, `DAP_CLIENT_ID`, `DAP_CLIENT_SECRET`, `DAP_CONNECTION_STRING`), else from the defaults.
///
/// ```toml
/// [pipelines.canvas]
/// base_url = "https://api-gateway.instructure.com"
/// client_id = "secret:canvas/client-id"
/// client_secret = "secret:canvas/client-secret"
/// target = "postgres://canvas@db/cd2"    # or "sqlite:canvas.db"
/// layout = "stepwell"                    # or "instructure": the tables of the official client
/// namespaces = ["canvas"]
/// tables = []                            # all
/// skip_tables = ["web_logs"]
/// backfill_new_columns = true
/// max_concurrency = 4
/// slice_seconds = 600
/// silence_seconds = 60
/// notify = ["log", { webhook = "secret:canvas/webhook" }]
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where DAP is.
    pub base_url: Option<String>,
    /// The key pair's id.
    pub client_id: Option<SecretRef>,
    /// The key pair's secret.
    pub client_secret: Option<SecretRef>,
    /// The database: `postgres://...` or `sqlite:...`. May hold a password, so it may be a secret.
    pub target: Option<SecretRef>,
    /// How a PostgreSQL replica is laid out.
    pub layout: Layout,
    /// The namespaces to replicate.
    pub namespaces: Option<Vec<String>>,
    /// The tables to replicate, `users` or `canvas.users`. Empty: all.
    pub tables: Vec<String>,
    /// The tables to leave out.
    pub skip_tables: Vec<String>,
    /// Whether a table whose schema gets new columns is loaded anew, so that every row has its value in them.
    pub backfill_new_columns: Option<bool>,
    /// How many tables are worked on at the same time.
    pub max_concurrency: Option<u32>,
    /// How long one invocation may work.
    pub slice_seconds: Option<u64>,
    /// After how long a silent connection to DAP, or a download that drips, counts as lost.
    pub silence_seconds: Option<u64>,
    /// The calls a minute that DAP allows.
    pub limits: Rates,
    /// Where the summary of a run is told.
    pub notify: Option<Vec<Channel>>,
}

/// What the settings mean.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) base_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) target: SecretRef,
    pub(crate) layout: Layout,
    pub(crate) selection: Selection,
    pub(crate) backfill_new_columns: bool,
    pub(crate) max_concurrency: u32,
    pub(crate) slice: Duration,
    pub(crate) silence: Duration,
    pub(crate) limits: Rates,
    pub(crate) notify: Vec<Channel>,
}

impl Config {
    /// Completes the settings by the environment and the defaults.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names everything that is missing or wrong.
    pub(crate) fn new(settings: Settings, variables: Variables<'_>) -> Result<Self, HandlerError> {
        check(&settings.problems(variables))?;
        let secret = |setting: Option<SecretRef>, name| or_variable(setting, name, variables);
        let needed = |setting, name| secret(setting, name).expect("a missing one is a problem");
        let seconds =
            |setting: Option<u64>, default| Duration::from_secs(setting.unwrap_or(default));
        Ok(Self {
            base_url: or_variable(settings.base_url, "DAP_API_URL", variables)
                .unwrap_or_else(|| BASE_URL.to_owned()),
            credentials: Credentials {
                client_id: needed(settings.client_id, "DAP_CLIENT_ID"),
                client_secret: needed(settings.client_secret, "DAP_CLIENT_SECRET"),
            },
            target: secret(settings.target, "DAP_CONNECTION_STRING")
                .unwrap_or_else(|| SecretRef::from(TARGET.to_owned())),
            layout: settings.layout,
            selection: Selection {
                namespaces: settings.namespaces.unwrap_or_else(|| vec![NAMESPACE.to_owned()]),
                tables: settings.tables,
                skip_tables: settings.skip_tables,
            },
            backfill_new_columns: settings.backfill_new_columns.unwrap_or(true),
            max_concurrency: settings.max_concurrency.unwrap_or(MAX_CONCURRENCY),
            slice: seconds(settings.slice_seconds, SLICE_SECONDS),
            silence: seconds(settings.silence_seconds, SILENCE_SECONDS),
            limits: settings.limits,
            notify: settings.notify.unwrap_or_else(|| vec![Channel::Log]),
        })
    }
}

/// Which tables a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) namespaces: Vec<String>,
    /// Empty: all.
    pub(crate) tables: Vec<String>,
    pub(crate) skip_tables: Vec<String>,
}

impl Selection {
    /// What was asked for by name in this namespace; `None` if all of it is wanted.
    ///
    /// A name may carry its namespace. Without one it means every namespace of the run.
    pub(crate) fn named(&self, namespace: &str) -> Option<BTreeSet<String>> {
        let here = |name: &String| match self.split(name) {
            Some((other, table)) => (other == namespace).then(|| table.to_owned()),
            None => (!name.contains('.')).then(|| name.clone()),
        };
        (!self.tables.is_empty()).then(|| self.tables.iter().filter_map(here).collect())
    }

    /// Whether the table is left out.
    pub(crate) fn skips(&self, name: &TableName) -> bool {
        self.skip_tables.iter().any(|skip| *skip == name.table || *skip == name.to_string())
    }

    /// The namespace and the table of a full name, if the run has that namespace.
    pub(crate) fn split<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str)> {
        name.split_once('.')
            .filter(|(namespace, _)| self.namespaces.iter().any(|it| it == namespace))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(settings: Value, variables: &[(&str, &str)]) -> Result<Config, HandlerError> {
        let settings = serde_json::from_value(settings).unwrap();
        let look_up = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::new(settings, &look_up)
    }

    const KEYS: [(&str, &str); 2] =
        [("DAP_CLIENT_ID", "us-west-2#a"), ("DAP_CLIENT_SECRET", "hush")];

    #[test]
    fn the_official_clients_environment_is_enough() {
        let config = config(json!({}), &KEYS).unwrap();
        assert_eq!(config.base_url, BASE_URL);
        assert_eq!(config.selection.namespaces, ["canvas"]);
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn what_is_written_wins_over_the_environment() {
        let variables = [KEYS[0], KEYS[1], ("DAP_API_URL", "https://elsewhere")];
        let config = config(json!({"base_url": "http://127.0.0.1:1"}), &variables).unwrap();
        assert_eq!(config.base_url, "http://127.0.0.1:1");
    }

    #[test]
    fn everything_that_is_missing_or_wrong_is_named_at_once() {
        let message =
            |settings, variables: &[_]| config(settings, variables).unwrap_err().to_string();
        assert!(message(json!({}), &[("DAP_CLIENT_ID", "")]).contains("DAP_CLIENT_ID"));
        assert!(message(json!({}), &KEYS[..1]).contains("`client_secret`"));
        let wrong =
            json!({"max_concurrency": 0, "slice_seconds": 0, "namespaces": [], "base_url": "x"});
        let told = message(wrong, &KEYS[..1]);
        for key in ["client_secret", "max_concurrency", "slice_seconds", "namespaces", "base_url"] {
            assert!(told.contains(&format!("`{key}`")), "{key}: {told}");
        }
        let unknown = serde_json::from_value::<Settings>(json!({"skip_table": []})).unwrap_err();
        assert!(unknown.to_string().contains("skip_tables"), "{unknown}");
    }

    #[test]
    fn tables_are_selected_by_bare_and_by_full_name() {
        let selection = Selection {
            namespaces: vec!["canvas".into(), "catalog".into()],
            tables: vec!["users".into(), "catalog.orders".into()],
            skip_tables: vec!["canvas.users".into()],
        };
        let named = |namespace| selection.named(namespace).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(named("canvas"), ["users"]);
        assert_eq!(named("catalog"), ["orders", "users"]);
        let skips = |namespace: &str| {
            selection.skips(&TableName { namespace: namespace.into(), table: "users".into() })
        };
        assert!(skips("canvas") && !skips("catalog"));
    }
}
