//! The connection's settings: as they are written, and what they mean.

use reqwest::Url;
use serde::Deserialize;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Problem, check};

const PAGE_RECORDS: u64 = 500;
/// The service gives no more.
const PAGE_RECORDS_MAX: u64 = 1_000;
const AUDIT_PATH: &str = "v2/events";

/// `[pipelines.lake.mambu]`: how a tenant is reached. One for all datasets with `source = "mambu"`.
///
/// ```toml
/// [pipelines.lake.mambu]
/// base_url = "https://acme.mambu.com/api"
/// api_key = "secret:mambu/api-key"               # or username and password
/// audit_api_key = "secret:mambu/audit-api-key"   # for the table audit_trail
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The tenant's API, `/api` included.
    pub base_url: Option<String>,
    /// The key of an API consumer.
    pub api_key: Option<SecretRef>,
    /// A user, instead of a key.
    pub username: Option<SecretRef>,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// The key for the audit trail, which takes no user.
    pub audit_api_key: Option<SecretRef>,
    /// Where the audit trail is, below `base_url`.
    pub audit_path: Option<String>,
    /// Records in one page.
    pub page_records: Option<u64>,
}

/// What the settings mean.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) base_url: Url,
    pub(super) credentials: Credentials,
    pub(super) audit_api_key: Option<SecretRef>,
    pub(super) audit_path: String,
    pub(super) page_records: u64,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) enum Credentials {
    Key(SecretRef),
    User { username: SecretRef, password: SecretRef },
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let help = "set it to the tenant's API, such as https://acme.mambu.com/api";
        match &self.base_url {
            None => problems.push(Problem::missing("mambu.base_url", help)),
            Some(text) if !is_http(text) => {
                problems.push(Problem::wrong(
                    "mambu.base_url",
                    format!("`{text}` is no URL"),
                    help,
                ));
            }
            Some(_) => {}
        }
        let has_user = self.username.is_some() && self.password.is_some();
        if self.api_key.is_none() && !has_user {
            let help = "set it to \"secret:mambu/api-key\", or set username and password";
            problems.push(Problem::missing("mambu.api_key", help));
        }
        if let Some(records) = self.page_records.filter(|it| !(2..=PAGE_RECORDS_MAX).contains(it)) {
            let message = format!("a page cannot have {records} records");
            let help = format!("write a number from 2 to {PAGE_RECORDS_MAX}");
            problems.push(Problem::wrong("mambu.page_records", message, help));
        }
        problems
    }

    /// What is written as it is, although it is a secret.
    pub(crate) fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        let secrets = [
            (&self.api_key, "mambu.api_key", "mambu/api-key"),
            (&self.password, "mambu.password", "mambu/password"),
            (&self.audit_api_key, "mambu.audit_api_key", "mambu/audit-api-key"),
        ];
        let is_literal =
            |setting: &Option<SecretRef>| matches!(setting, Some(SecretRef::Literal(_)));
        let literal = secrets.into_iter().filter(|(setting, ..)| is_literal(setting));
        literal.map(|(_, key, name)| (key, name)).collect()
    }
}

fn is_http(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

impl Config {
    pub(super) fn new(settings: &Settings) -> Result<Self, HandlerError> {
        check(&settings.problems())?;
        let there = "what is missing is a problem";
        let credentials = match (&settings.api_key, &settings.username, &settings.password) {
            (Some(key), _, _) => Credentials::Key(key.clone()),
            (None, username, password) => Credentials::User {
                username: username.clone().expect(there),
                password: password.clone().expect(there),
            },
        };
        let base_url = settings.base_url.as_deref().expect(there);
        let base_url = Url::parse(&format!("{}/", base_url.trim_end_matches('/')));
        Ok(Self {
            base_url: base_url.expect("what is no URL is a problem"),
            credentials,
            audit_api_key: settings.audit_api_key.clone(),
            audit_path: settings.audit_path.clone().unwrap_or_else(|| AUDIT_PATH.to_owned()),
            page_records: settings.page_records.unwrap_or(PAGE_RECORDS),
        })
    }
}
