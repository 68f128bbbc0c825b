//! Logging in to Galaxy, and keeping the token fresh: it lives ten minutes, a run may last longer.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use stepwell_pipeline::{Context, NotNow};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{Galaxy, wire};
use crate::rest::{Error, Repeat};

/// A token is renewed this long before it expires, or a fifth of its life before, if that is shorter.
const RENEW_BEFORE_MAX: Duration = Duration::from_mins(1);

/// The documented life of a token, where the answer does not tell it.
const LIFE: Duration = Duration::from_mins(10);

/// The token that all calls share. While one caller logs in, the others wait for the same token.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<Option<Token>>);

struct Token {
    text: SecretString,
    renew_at: Instant,
}

impl TokenCache {
    async fn lock(&self, ctx: &Context) -> Result<MutexGuard<'_, Option<Token>>, NotNow> {
        tokio::select! {
            biased;
            cached = self.0.lock() => Ok(cached),
            () = ctx.stop.cancelled() => Err(NotNow { wait: Duration::ZERO }),
            () = tokio::time::sleep_until(ctx.slice_ends) => Err(NotNow { wait: Duration::from_secs(1) }),
        }
    }
}

impl Galaxy {
    /// A token that is good for a while.
    pub(super) async fn token(&self, ctx: &Context) -> Result<SecretString, Error> {
        let mut cached = self.token.lock(ctx).await?;
        if let Some(token) = cached.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.text.clone());
        }
        let answer = self.login(ctx).await?;
        let life = answer.expires_in.map_or(LIFE, Duration::from_secs);
        let renew_at = Instant::now() + life.saturating_sub(RENEW_BEFORE_MAX.min(life / 5));
        let text = answer.access_token;
        *cached = Some(Token { text: text.clone(), renew_at });
        Ok(text)
    }

    /// Galaxy refused this token: the next call logs in anew, unless another caller already did.
    pub(super) async fn forget(&self, refused: &SecretString, ctx: &Context) -> Result<(), NotNow> {
        let mut cached = self.token.lock(ctx).await?;
        if cached
            .as_ref()
            .is_some_and(|token| token.text.expose_secret() == refused.expose_secret())
        {
            *cached = None;
        }
        Ok(())
    }

    async fn login(&self, ctx: &Context) -> Result<wire::Token, Error> {
        let url = self.server.url(["oauth", "v2", "token"]);
        let prepare = || {
            let request = self.server.http.post(url.clone());
            request
                .basic_auth(
                    self.client_id.expose_secret(),
                    Some(self.client_secret.expose_secret()),
                )
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body("grant_type=client_credentials")
        };
        let answer = self.server.call("log in", Repeat::Harmless, prepare, ctx).await?;
        if answer.status.as_u16() == 400 {
            return Err(answer.denied(&self.server, "log in"));
        }
        answer.json(&self.server, "log in")
    }
}
