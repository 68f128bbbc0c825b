//! Calls of an organization: with a session, within the quota.
//!
//! | Answer | What follows |
//! | --- | --- |
//! | 401 | one new session, once |
//! | 403 `REQUEST_LIMIT_EXCEEDED` | an error at once: more calls do not help |
//! | other 4xx | an error with the service's own code |
//!
//! What `Sforce-Limit-Info` tells is remembered: beyond a share of the day's calls nothing more is asked.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_pipeline::secret::{SecretRef, Secrets};
use stepwell_pipeline::{Context, HandlerError};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::settings::{Config, Settings};
use super::token::Session;
use crate::source::hidden::Hidden;
use crate::source::rest::{Answer, Error, Failure, Server};
use crate::world::World;

/// What was told of the quota is asked for anew after this.
const USAGE_LIFE: Duration = Duration::from_mins(15);

const DAY: Duration = Duration::from_hours(24);

/// An organization, for all datasets of the pipeline: one session, one quota.
pub(crate) struct Client {
    pub(super) config: Config,
    pub(super) server: Server,
    pub(super) session: Mutex<Option<Session>>,
    /// The newest one, where they rotate.
    pub(super) refresh_token: Mutex<Option<SecretString>>,
    secrets: Arc<dyn Secrets>,
    usage: SyncMutex<Usage>,
    /// What time it was there, and when that was told.
    clock: SyncMutex<Option<(Timestamp, Instant)>>,
}

/// What is known of the day's calls.
struct Usage {
    used: u64,
    max: u64,
    told_at: Option<Instant>,
    own: u64,
    own_since: Instant,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    message: String,
    #[serde(rename = "errorCode")]
    code: String,
}

impl Client {
    /// Contacts nobody.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for what is missing or wrong in the settings.
    pub(crate) fn new(settings: &Settings, world: &World) -> Result<Arc<Self>, HandlerError> {
        let credentials =
            "`flow` and the credentials in [pipelines.lake.salesforce], and what the user may do";
        let usage = Usage { used: 0, max: 0, told_at: None, own: 0, own_since: Instant::now() };
        Ok(Arc::new(Self {
            config: Config::new(settings)?,
            server: Server::new("Salesforce", credentials, world.http.clone()),
            session: Mutex::default(),
            refresh_token: Mutex::default(),
            secrets: Arc::clone(&world.surroundings.secrets),
            usage: SyncMutex::new(usage),
            clock: SyncMutex::default(),
        }))
    }

    pub(super) async fn reveal(&self, secret: &SecretRef) -> Result<SecretString, HandlerError> {
        secret.reveal(self.secrets.as_ref()).await
    }

    /// `/services/data/v60.0/<path>`
    pub(super) fn path(&self, path: &str) -> String {
        format!("/services/data/{}/{path}", self.config.version)
    }

    /// Reads JSON at a path of the instance.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, &str)],
        ctx: &Context,
    ) -> Result<T, Error> {
        let call =
            Call { method: Method::GET, path, query, body: None, accept: "application/json" };
        self.call(what, &call, Answer::json, ctx).await
    }

    /// Makes a call with the session, and once more with a new one if that has expired.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        call: &Call<'_>,
        read: impl Fn(&Answer) -> Result<T, Failure> + Send + Sync,
        ctx: &Context,
    ) -> Result<T, Error> {
        let session = self.session(ctx).await?;
        match self.attempt(what, call, &session, &read, ctx).await {
            Err(Error::Denied { status: 401, .. }) => self.forget(&session).await,
            outcome => return outcome,
        }
        let session = self.session(ctx).await?;
        self.attempt(what, call, &session, &read, ctx).await
    }

    async fn attempt<T>(
        &self,
        what: &str,
        call: &Call<'_>,
        session: &Session,
        read: &(impl Fn(&Answer) -> Result<T, Failure> + Send + Sync),
        ctx: &Context,
    ) -> Result<T, Error> {
        self.check_quota(what)?;
        let url = call.url(&session.instance_url);
        let url = url.ok_or_else(|| Error::malformed(&self.server, what, "a path is no path"))?;
        let prepare = || {
            let request = self.server.http.request(call.method.clone(), url.clone());
            let request = request.bearer_auth(session.token.expose_secret());
            let request = request.header("Accept", call.accept);
            match &call.body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let read = |answer: &Answer| {
            self.note_usage(answer);
            self.note_time(answer);
            if answer.status.is_success() {
                read(answer)
            } else {
                Err(Failure::Verdict(self.refusal(what, answer)))
            }
        };
        let hidden = Hidden::new([session.token.expose_secret()]);
        self.server.call(what, &hidden, prepare, read, ctx).await
    }

    fn refusal(&self, what: &str, answer: &Answer) -> Error {
        let problems: Vec<Problem> = answer.json().unwrap_or_default();
        let status = answer.status.as_u16();
        let Some(Problem { message, code }) = problems.into_iter().next() else {
            let told = answer.told();
            return Error::Refused {
                what: what.to_owned(),
                server: self.server.name,
                status,
                code: "without a code".to_owned(),
                told,
            };
        };
        match (status, code.as_str()) {
            (401, _) | (403, "API_DISABLED_FOR_ORG" | "INSUFFICIENT_ACCESS") => {
                Error::denied(&self.server, what, status, format!("{code}: {message}"))
            }
            (403, "REQUEST_LIMIT_EXCEEDED") => {
                let told = format!("Salesforce says that the day's calls are used up: {message}");
                Error::Quota { what: what.to_owned(), told }
            }
            _ => {
                let (what, server) = (what.to_owned(), self.server.name);
                Error::Refused { what, server, status, code, told: message }
            }
        }
    }

    /// Refuses a call that would use what others need.
    fn check_quota(&self, what: &str) -> Result<(), Error> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = usage.told_at.is_some_and(|at| at.elapsed() < USAGE_LIFE);
        if usage.own_since.elapsed() > DAY {
            (usage.own, usage.own_since) = (0, Instant::now());
        }
        let (all, own) = (self.config.daily_percent_max, self.config.own_percent_max);
        let told = if is_fresh && usage.used * 100 >= usage.max * all {
            Some(format!(
                "{} of the {} calls of the day are used, and `daily_percent_max` is {all}",
                usage.used, usage.max
            ))
        } else if usage.max > 0 && usage.own * 100 >= usage.max * own {
            Some(format!(
                "{} of the {} calls of the day were used by this process, and `own_percent_max` is {own}",
                usage.own, usage.max
            ))
        } else {
            None
        };
        usage.own += 1;
        told.map_or(Ok(()), |told| Err(Error::Quota { what: what.to_owned(), told }))
    }

    fn note_time(&self, answer: &Answer) {
        if let Some(told) = answer.sent_at() {
            let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
            *clock = Some((told, Instant::now()));
        }
    }

    /// Now, by the service's clock; unknown before the first answer.
    pub(super) fn service_time(&self) -> Option<Timestamp> {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, at) = clock?;
        told.checked_add(at.elapsed()).ok()
    }

    /// `Sforce-Limit-Info: api-usage=18/15000`
    fn note_usage(&self, answer: &Answer) {
        let told = answer.header("Sforce-Limit-Info").and_then(|text| {
            let numbers = text.split_once("api-usage=")?.1;
            let numbers = numbers.split([';', ',']).next()?;
            let (used, max) = numbers.split_once('/')?;
            Some((used.trim().parse().ok()?, max.trim().parse().ok()?))
        });
        if let Some((used, max)) = told.filter(|(_, max)| *max > 0) {
            let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
            (usage.used, usage.max, usage.told_at) = (used, max, Some(Instant::now()));
        }
    }
}

/// A call, described so that it can be made again.
pub(super) struct Call<'c> {
    pub(super) method: Method,
    /// From the root of the instance.
    pub(super) path: &'c str,
    pub(super) query: &'c [(&'c str, &'c str)],
    pub(super) body: Option<Value>,
    pub(super) accept: &'static str,
}

impl Call<'_> {
    fn url(&self, instance: &Url) -> Option<Url> {
        let mut url = instance.join(self.path).ok()?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        Some(url)
    }
}
