//! The connection's settings: as they are written, and what they mean.

use serde::Deserialize;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::{Problem, check};
use stepwell_pipeline::suggest;

const API_VERSION: &str = "60.0";
/// From this version on, jobs give columns in the order of the query.
const API_VERSION_MIN: f64 = 50.0;
const AUDIENCE: &str = "https://login.salesforce.com";
const SANDBOX_LOGIN: &str = "https://test.salesforce.com";
const DAILY_PERCENT_MAX: u64 = 80;
const OWN_PERCENT_MAX: u64 = 25;
const REST_RECORDS_MAX: u64 = 2_000;
const BULK_PAGE_RECORDS: u64 = 10_000;
const POLL_SECONDS: u64 = 5;

/// `[pipelines.lake.salesforce]`: how an organization is reached. One for all datasets with `source = "salesforce"`.
///
/// ```toml
/// [pipelines.lake.salesforce]
/// login_url = "https://acme.my.salesforce.com"
/// flow = "client-credentials"            # "jwt-bearer" | "password" | "refresh-token"
/// client_id = "secret:salesforce/client-id"
/// client_secret = "secret:salesforce/client-secret"
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where tokens are to be had: the organization's own host, `https://login.salesforce.com` or `https://test.salesforce.com`.
    pub login_url: Option<String>,
    /// Where data are to be had; by default what comes with the token.
    pub instance_url: Option<String>,
    /// `client-credentials` (default), `jwt-bearer`, `password` or `refresh-token`.
    pub flow: Option<String>,
    /// The consumer key.
    pub client_id: Option<SecretRef>,
    /// The consumer secret; not for `jwt-bearer`.
    pub client_secret: Option<SecretRef>,
    /// The user, for `jwt-bearer` and `password`.
    pub username: Option<SecretRef>,
    /// The password with the security token behind it, for `password`.
    pub password: Option<SecretRef>,
    /// The RSA key that signs assertions, as PEM (PKCS #8 or PKCS #1), for `jwt-bearer`.
    pub private_key: Option<SecretRef>,
    /// For `refresh-token`.
    pub refresh_token: Option<SecretRef>,
    /// Whom assertions are for; by default what fits `login_url`.
    pub audience: Option<String>,
    /// `60.0`; at least 50.0.
    pub api_version: Option<String>,
    /// The share of the organization's daily calls, used by whomever, beyond which nothing more is asked.
    pub daily_percent_max: Option<u64>,
    /// The share of them that this process may use in a day.
    pub own_percent_max: Option<u64>,
    /// Up to so many records are read over REST, more with the Bulk API.
    pub rest_records_max: Option<u64>,
    /// Records in one page of a job's results.
    pub bulk_page_records: Option<u64>,
    /// How long to wait before a job is asked for again.
    pub poll_seconds: Option<u64>,
}

/// What the settings mean.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) login_url: reqwest::Url,
    pub(super) instance_url: Option<reqwest::Url>,
    pub(super) flow: Flow,
    pub(super) client_id: SecretRef,
    /// `v60.0`
    pub(super) version: String,
    pub(super) daily_percent_max: u64,
    pub(super) own_percent_max: u64,
    pub(super) rest_records_max: u64,
    pub(super) bulk_page_records: u64,
    pub(super) poll: std::time::Duration,
}

/// How a token is asked for.
#[derive(Debug, Clone)]
pub(super) enum Flow {
    ClientCredentials { secret: SecretRef },
    JwtBearer { username: SecretRef, private_key: SecretRef, audience: String },
    Password { secret: SecretRef, username: SecretRef, password: SecretRef },
    RefreshToken { secret: SecretRef, token: SecretRef },
}

const FLOWS: [&str; 4] = ["client-credentials", "jwt-bearer", "password", "refresh-token"];

impl Settings {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.address_problems();
        let missing = self.needed().into_iter().filter(|(_, setting, _)| setting.is_none());
        problems.extend(missing.map(|(key, _, help)| Problem::missing(key, help)));
        let version = self.api_version.as_deref().unwrap_or(API_VERSION);
        if !version.parse::<f64>().is_ok_and(|number| number >= API_VERSION_MIN) {
            let message = format!("`{version}` is no version of the API that can be read from");
            let help = "write one such as \"60.0\"; the least is 50.0";
            problems.push(Problem::wrong("salesforce.api_version", message, help));
        }
        problems.extend(self.range_problems());
        problems
    }

    fn address_problems(&self) -> Vec<Problem> {
        let help = "set it to the organization's own host, such as https://acme.my.salesforce.com";
        let login = match &self.login_url {
            None => Some(Problem::missing("salesforce.login_url", help)),
            Some(text) => url_problem("salesforce.login_url", text, help),
        };
        let instance = self.instance_url.as_ref();
        let instance = instance.and_then(|it| url_problem("salesforce.instance_url", it, help));
        let flow = self.flow();
        let flow = (!FLOWS.contains(&flow)).then(|| {
            let help = match suggest::closest(flow, FLOWS) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("the flows are {}", FLOWS.join(", ")),
            };
            Problem::wrong("salesforce.flow", format!("there is no flow `{flow}`"), help)
        });
        let host_login = self.flow() == FLOWS[0]
            && self.login_url.as_deref().is_some_and(|it| {
                let it = it.trim_end_matches('/');
                it == AUDIENCE || it == SANDBOX_LOGIN
            });
        let host_login = host_login.then(|| {
            let message = "the client credentials flow works with the organization's own host only";
            Problem::wrong("salesforce.login_url", message, help)
        });
        [login, instance, flow, host_login].into_iter().flatten().collect()
    }

    fn flow(&self) -> &str {
        self.flow.as_deref().unwrap_or(FLOWS[0])
    }

    /// What the flow needs besides where to log in.
    fn needed(&self) -> Vec<(&'static str, Option<&SecretRef>, &'static str)> {
        let id = (
            "salesforce.client_id",
            self.client_id.as_ref(),
            "set it to the consumer key, best as \"secret:salesforce/client-id\"",
        );
        let secret = (
            "salesforce.client_secret",
            self.client_secret.as_ref(),
            "set it to \"secret:salesforce/client-secret\"",
        );
        let username = (
            "salesforce.username",
            self.username.as_ref(),
            "set it to the user that the lake reads as",
        );
        let password = (
            "salesforce.password",
            self.password.as_ref(),
            "set it to \"secret:salesforce/password\": the password with the security token behind it",
        );
        let key = (
            "salesforce.private_key",
            self.private_key.as_ref(),
            "set it to \"secret:salesforce/private-key\": the PEM file of the RSA key",
        );
        let token = (
            "salesforce.refresh_token",
            self.refresh_token.as_ref(),
            "set it to \"secret:salesforce/refresh-token\"",
        );
        match self.flow() {
            "jwt-bearer" => vec![id, username, key],
            "password" => vec![id, secret, username, password],
            "refresh-token" => vec![id, secret, token],
            _ => vec![id, secret],
        }
    }

    fn range_problems(&self) -> impl Iterator<Item = Problem> {
        let ranges = [
            ("salesforce.daily_percent_max", self.daily_percent_max, 1..=100),
            ("salesforce.own_percent_max", self.own_percent_max, 1..=100),
            ("salesforce.rest_records_max", self.rest_records_max, 0..=u64::from(u32::MAX)),
            ("salesforce.bulk_page_records", self.bulk_page_records, 1..=1_000_000),
            ("salesforce.poll_seconds", self.poll_seconds, 0..=3_600),
        ];
        let wrong = ranges.into_iter().filter_map(|(key, setting, range)| {
            let value = setting.filter(|value| !range.contains(value))?;
            let help = format!("write a number from {} to {}", range.start(), range.end());
            Some(Problem::wrong(key, format!("{value} is out of range"), help))
        });
        wrong.collect::<Vec<_>>().into_iter()
    }

    /// What is written as it is, although it is a secret.
    pub(crate) fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        let secrets = [
            (&self.client_secret, "salesforce.client_secret", "salesforce/client-secret"),
            (&self.password, "salesforce.password", "salesforce/password"),
            (&self.private_key, "salesforce.private_key", "salesforce/private-key"),
            (&self.refresh_token, "salesforce.refresh_token", "salesforce/refresh-token"),
        ];
        let is_literal =
            |setting: &Option<SecretRef>| matches!(setting, Some(SecretRef::Literal(_)));
        let literal = secrets.into_iter().filter(|(setting, ..)| is_literal(setting));
        literal.map(|(_, key, name)| (key, name)).collect()
    }
}

fn url_problem(key: &'static str, text: &str, help: &str) -> Option<Problem> {
    let is_http =
        reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    (!is_http).then(|| Problem::wrong(key, format!("`{text}` is no URL"), help))
}

impl Config {
    pub(super) fn new(settings: &Settings) -> Result<Self, HandlerError> {
        check(&settings.problems())?;
        let there = "what is missing is a problem";
        let url = |text: &String| reqwest::Url::parse(text).expect("what is no URL is a problem");
        let login_url = settings.login_url.as_ref().map(url).expect(there);
        let secret = || settings.client_secret.clone().expect(there);
        let username = || settings.username.clone().expect(there);
        let flow = match settings.flow() {
            "jwt-bearer" => Flow::JwtBearer {
                username: username(),
                private_key: settings.private_key.clone().expect(there),
                audience: settings.audience.clone().unwrap_or_else(|| audience(&login_url)),
            },
            "password" => Flow::Password {
                secret: secret(),
                username: username(),
                password: settings.password.clone().expect(there),
            },
            "refresh-token" => Flow::RefreshToken {
                secret: secret(),
                token: settings.refresh_token.clone().expect(there),
            },
            _ => Flow::ClientCredentials { secret: secret() },
        };
        let or = |setting: Option<u64>, default| setting.unwrap_or(default);
        Ok(Self {
            login_url,
            instance_url: settings.instance_url.as_ref().map(url),
            flow,
            client_id: settings.client_id.clone().expect(there),
            version: format!("v{}", settings.api_version.as_deref().unwrap_or(API_VERSION)),
            daily_percent_max: or(settings.daily_percent_max, DAILY_PERCENT_MAX),
            own_percent_max: or(settings.own_percent_max, OWN_PERCENT_MAX),
            rest_records_max: or(settings.rest_records_max, REST_RECORDS_MAX),
            bulk_page_records: or(settings.bulk_page_records, BULK_PAGE_RECORDS),
            poll: std::time::Duration::from_secs(or(settings.poll_seconds, POLL_SECONDS)),
        })
    }
}

/// Assertions are for one of two hosts, whatever the organization's own is called.
fn audience(login_url: &reqwest::Url) -> String {
    let host = login_url.host_str().unwrap_or_default();
    let is_sandbox = host == "test.salesforce.com" || host.ends_with(".sandbox.my.salesforce.com");
    if is_sandbox { SANDBOX_LOGIN.to_owned() } else { AUDIENCE.to_owned() }
}
