//! Logging in, and keeping the token fresh.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::{Context, NotNow};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::call::{Answer, Failure, Retries};
use super::{Dap, Error, wire};

/// A token is renewed this long before it expires, or a fifth of its life before, if that is shorter.
const RENEW_BEFORE_MAX: Duration = Duration::from_mins(5);

/// What to wait for a login that did not come within the slice.
const LOGIN_TAKES: Duration = Duration::from_secs(1);

const LOGIN: &str = "log in";

/// The key pair that Instructure's identity service issued.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// For instance `us-west-2#…`. It holds a `#` and never stands in a URL.
    pub client_id: SecretRef,
    /// Its secret.
    pub client_secret: SecretRef,
}

/// The token of one client. While one caller logs in, the others wait for the same token, each no longer than
/// its own slice.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<Option<Token>>);

impl TokenCache {
    /// Another caller's login may take any time, so only what this slice has left is spent on it.
    async fn lock(&self, ctx: &Context) -> Result<MutexGuard<'_, Option<Token>>, NotNow> {
        tokio::select! {
            biased;
            cached = self.0.lock() => Ok(cached),
            () = ctx.stop.cancelled() => Err(NotNow { wait: Duration::ZERO }),
            () = tokio::time::sleep_until(ctx.slice_ends) => Err(NotNow { wait: LOGIN_TAKES }),
        }
    }
}

struct Token {
    text: SecretString,
    renew_at: Instant,
}

impl Token {
    fn new(answer: wire::Token) -> Self {
        let life = Duration::from_secs(answer.expires_in);
        let renew_before = RENEW_BEFORE_MAX.min(life / 5);
        Self {
            text: answer.access_token,
            renew_at: Instant::now() + life.saturating_sub(renew_before),
        }
    }

    fn fresh(&self) -> Option<&SecretString> {
        (Instant::now() < self.renew_at).then_some(&self.text)
    }
}

impl Dap {
    /// A token that is good for a while.
    pub(super) async fn token(&self, ctx: &Context) -> Result<SecretString, Error> {
        let mut cached = self.token.lock(ctx).await?;
        if let Some(text) = cached.as_ref().and_then(Token::fresh) {
            return Ok(text.clone());
        }
        let token = Token::new(self.login(ctx).await?);
        let text = token.text.clone();
        *cached = Some(token);
        Ok(text)
    }

    /// The service refused this token: the next call logs in anew, unless another caller already did.
    pub(super) async fn forget(&self, refused: &SecretString, ctx: &Context) -> Result<(), NotNow> {
        let mut cached = self.token.lock(ctx).await?;
        let same = |token: &Token| token.text.expose_secret() == refused.expose_secret();
        if cached.as_ref().is_some_and(same) {
            *cached = None;
        }
        Ok(())
    }

    async fn login(&self, ctx: &Context) -> Result<wire::Token, Error> {
        let mut retries = Retries::default();
        loop {
            let failure = match self.login_once().await? {
                Ok(answer) => return Ok(answer.body),
                Err(failure) => failure,
            };
            if let Some(cause) = failure.refused_login() {
                return Err(Error::Credentials { base_url: self.base_url.to_string(), cause });
            }
            match retries.next(&failure) {
                Some(wait) => ctx.sleep(wait).await?,
                None => return Err(failure.into_error(LOGIN, &self.base_url)),
            }
        }
    }

    async fn login_once(&self) -> Result<Result<Answer<wire::Token>, Failure>, Error> {
        let client_id = self.credentials.client_id.reveal(self.secrets.as_ref()).await?;
        let client_secret = self.credentials.client_secret.reveal(self.secrets.as_ref()).await?;
        let request = self
            .http
            .post(self.url(["ids", "auth", "login"]))
            .basic_auth(client_id.expose_secret(), Some(client_secret.expose_secret()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        Ok(Answer::receive(request).await)
    }
}
