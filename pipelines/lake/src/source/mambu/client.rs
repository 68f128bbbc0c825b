//! Calls of a tenant's API.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use stepwell_pipeline::secret::{SecretRef, Secrets};
use stepwell_pipeline::{Context, HandlerError};

use super::settings::{Config, Credentials, Settings};
use crate::source::hidden::Hidden;
use crate::source::rest::{Answer, Error, Failure, Server};
use crate::world::World;

/// What version 2 wants to hear.
const VERSION_2: &str = "application/vnd.mambu.v2+json";
const VERSION_1: &str = "application/vnd.mambu.v1+json";

/// A tenant, for all datasets of the pipeline.
pub(crate) struct Client {
    pub(super) config: Config,
    server: Server,
    secrets: Arc<dyn Secrets>,
    /// The folder for what is remembered.
    pub(super) state: PathBuf,
}

/// A call, described so that it can be made again. All of them read.
pub(super) struct Call<'c> {
    /// Below the API's address.
    pub(super) path: &'c str,
    pub(super) query: Vec<(&'static str, String)>,
    /// Searches have one.
    pub(super) body: Option<Value>,
    pub(super) api: Api,
}

/// How a part of the API wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Second,
    /// Some lists are there in the first version alone.
    First,
    /// With a key of its own.
    Audit,
}

/// What was answered.
pub(super) struct Page {
    /// As they came.
    pub(super) records: Vec<Box<RawValue>>,
    /// Where the next page begins, in cursor mode; none behind the last one.
    pub(super) next_cursor: Option<String>,
    /// The number of all records, if it was asked for.
    pub(super) total: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problems {
    errors: Vec<Problem>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as Mambu names them")]
struct Problem {
    error_code: i64,
    error_reason: String,
    error_source: Option<String>,
}

enum Secret {
    Key(SecretString),
    User(SecretString, SecretString),
}

impl Client {
    /// Contacts nobody.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for what is missing or wrong in the settings.
    pub(crate) fn new(settings: &Settings, world: &World) -> Result<Arc<Self>, HandlerError> {
        let credentials = "the key or the user in [pipelines.lake.mambu], and what it may read";
        Ok(Arc::new(Self {
            config: Config::new(settings)?,
            server: Server::new("Mambu", credentials, world.http.clone()),
            secrets: Arc::clone(&world.surroundings.secrets),
            state: world.surroundings.state.clone(),
        }))
    }

    /// A page of a list or a search: an array.
    pub(super) async fn page(&self, call: &Call<'_>, ctx: &Context) -> Result<Page, Error> {
        let read = |answer: &Answer| {
            Ok(Page {
                records: answer.json()?,
                next_cursor: text(answer, "Items-Next-Cursor"),
                total: text(answer, "Items-Total").and_then(|text| text.parse().ok()),
            })
        };
        self.call(call, read, ctx).await
    }

    /// Anything else.
    pub(super) async fn call<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Answer) -> Result<T, Failure> + Send + Sync,
        ctx: &Context,
    ) -> Result<T, Error> {
        let what = format!("read {}", call.path);
        let secret = self.secret(call.api).await?;
        // Not joined: `loans:search` would be a URL of its own.
        let url = Url::parse(&format!("{}{}", self.config.base_url, call.path));
        let mut url = url.map_err(|error| {
            HandlerError::Config(format!("`{}` is no path below base_url: {error}", call.path))
        })?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let prepare = || {
            let method = if call.body.is_some() { Method::POST } else { Method::GET };
            let request = self.server.http.request(method, url.clone());
            let accept = if call.api == Api::First { VERSION_1 } else { VERSION_2 };
            let request = secret.sign(request).header("Accept", accept);
            match &call.body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let read = |answer: &Answer| {
            if answer.status.is_success() {
                read(answer)
            } else {
                Err(Failure::Verdict(self.refusal(&what, answer)))
            }
        };
        self.server.call(&what, &secret.hidden(), prepare, read, ctx).await
    }

    async fn secret(&self, api: Api) -> Result<Secret, HandlerError> {
        let reveal = |secret: &SecretRef| {
            let secret = secret.clone();
            async move { secret.reveal(self.secrets.as_ref()).await }
        };
        if api == Api::Audit {
            let missing = || {
                HandlerError::Config(
                    "the audit trail takes a key of its own; set `audit_api_key` in [pipelines.lake.mambu]".to_owned(),
                )
            };
            let key = self.config.audit_api_key.as_ref().ok_or_else(missing)?;
            return Ok(Secret::Key(reveal(key).await?));
        }
        Ok(match &self.config.credentials {
            Credentials::Key(key) => Secret::Key(reveal(key).await?),
            Credentials::User { username, password } => {
                Secret::User(reveal(username).await?, reveal(password).await?)
            }
        })
    }

    fn refusal(&self, what: &str, answer: &Answer) -> Error {
        let problems: Problems = answer.json().unwrap_or_default();
        let status = answer.status.as_u16();
        let (code, told) = match problems.errors.into_iter().next() {
            Some(Problem { error_code, error_reason, error_source }) => {
                let source = error_source.map(|it| format!(" ({it})")).unwrap_or_default();
                (error_code.to_string(), format!("{error_reason}{source}"))
            }
            None => ("without a code".to_owned(), answer.told()),
        };
        if matches!(status, 401 | 403) {
            return Error::denied(&self.server, what, status, format!("{told}, code {code}"));
        }
        Error::Refused { what: what.to_owned(), server: self.server.name, status, code, told }
    }

    pub(super) fn malformed(&self, path: &str, problem: impl Into<String>) -> Error {
        Error::malformed(&self.server, &format!("read {path}"), problem)
    }
}

impl Secret {
    fn hidden(&self) -> Hidden {
        match self {
            Self::Key(key) => Hidden::new([key.expose_secret()]),
            Self::User(username, password) => {
                let password = password.expose_secret();
                let sent = BASE64.encode(format!("{}:{password}", username.expose_secret()));
                Hidden::new([password, &sent])
            }
        }
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Key(key) => request.header("apiKey", key.expose_secret()),
            Self::User(username, password) => {
                request.basic_auth(username.expose_secret(), Some(password.expose_secret()))
            }
        }
    }
}

fn text(answer: &Answer, header: &str) -> Option<String> {
    answer.header(header).filter(|it| !it.is_empty()).map(str::to_owned)
}
