//! Access tokens: JWTs signed with HS256.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// Issues tokens and tells its own from others.
pub(crate) struct Tokens {
    key: hmac::Key,
    pub(crate) lifetime: Duration,
}

impl Tokens {
    pub(crate) fn new(secret: &[u8], lifetime: Duration) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), lifetime }
    }

    /// A token for a client, valid from now (seconds since 1970).
    pub(crate) fn issue(&self, client_id: &str, now: i64) -> String {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        let claims = json!({
            "iss": "stepwell-sandbox",
            "sub": client_id,
            "iat": now,
            "exp": now + self.lifetime.as_secs() as i64,
        });
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// True if this is a token of ours that has not expired.
    pub(crate) fn is_valid(&self, token: &str, now: i64) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        hmac::verify(&self.key, signed.as_bytes(), &signature).is_ok()
            && expires_at(signed).is_some_and(|exp| now < exp)
    }

    /// The client that a token names; says nothing about whether the token is good.
    pub(crate) fn subject(token: &str) -> Option<String> {
        let (signed, _) = token.rsplit_once('.')?;
        Some(claims(signed)?["sub"].as_str()?.to_owned())
    }
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn claims(signed: &str) -> Option<Value> {
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

fn expires_at(signed: &str) -> Option<i64> {
    claims(signed)?["exp"].as_i64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refused_when_forged_foreign_or_expired() {
        let tokens = Tokens::new(b"secret", Duration::from_mins(1));
        let token = tokens.issue("us#1", 1_000);
        assert!(tokens.is_valid(&token, 1_059));
        assert!(!tokens.is_valid(&token, 1_060));
        assert!(!tokens.is_valid(&token.replace("ey", "ez"), 1_000));
        assert!(!Tokens::new(b"other", Duration::from_mins(1)).is_valid(&token, 1_000));
        assert!(!tokens.is_valid("not-a-token", 1_000));
    }
}
