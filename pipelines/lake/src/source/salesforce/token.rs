//! Sessions: how a token is asked for, kept, and asked for again when it has expired.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::Url;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::{Context, HandlerError};

use super::client::Client;
use super::settings::Flow;
use crate::source::hidden::Hidden;
use crate::source::rest::{Answer, Error, Failure};

/// An assertion is good for so many seconds; the service accepts little more.
const ASSERTION_SECONDS: i64 = 180;

const WHAT: &str = "log in to Salesforce";

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Who we are, for a while.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) token: SecretString,
    pub(super) instance_url: Url,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    instance_url: Option<String>,
    refresh_token: Option<SecretString>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

impl Client {
    /// The session that all calls share. While one caller logs in, the others wait for the same session.
    pub(super) async fn session(&self, ctx: &Context) -> Result<Session, Error> {
        let mut kept = self.session.lock().await;
        if let Some(session) = &*kept {
            return Ok(session.clone());
        }
        let session = self.log_in(ctx).await?;
        *kept = Some(session.clone());
        Ok(session)
    }

    /// The service does not know this session any more: the next call logs in anew, unless another caller already did.
    pub(super) async fn forget(&self, session: &Session) {
        let mut kept = self.session.lock().await;
        let same = |it: &Session| it.token.expose_secret() == session.token.expose_secret();
        if kept.as_ref().is_some_and(same) {
            *kept = None;
        }
    }

    async fn log_in(&self, ctx: &Context) -> Result<Session, Error> {
        let url = self.config.login_url.join("services/oauth2/token");
        let url = url.map_err(|error| HandlerError::Config(format!("login_url: {error}")))?;
        let form = self.grant(now()).await?;
        let prepare = || {
            let request = self.server.http.post(url.clone());
            request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form.expose_secret().to_owned())
        };
        let (hidden, read) = (hidden(&form), |answer: &Answer| self.granted(answer));
        let granted = self.server.call(WHAT, &hidden, prepare, read, ctx).await?;
        if let Some(token) = granted.refresh_token {
            tracing::warn!(
                "Salesforce gave another refresh token, which lives as long as this process; let refresh tokens not rotate, or use another flow"
            );
            *self.refresh_token.lock().await = Some(token);
        }
        let instance_url = match (&self.config.instance_url, granted.instance_url) {
            (Some(set), _) => set.clone(),
            (None, Some(told)) => Url::parse(&told)
                .map_err(|_| Error::malformed(&self.server, WHAT, "instance_url is no URL"))?,
            (None, None) => self.config.login_url.clone(),
        };
        Ok(Session { token: granted.access_token, instance_url })
    }

    fn granted(&self, answer: &Answer) -> Result<Granted, Failure> {
        if answer.status.is_success() {
            return answer.json();
        }
        let refused: Refused = answer.json().unwrap_or_default();
        let told = match (refused.error.as_str(), refused.error_description.as_str()) {
            ("", _) => answer.told(),
            (error, "") => error.to_owned(),
            (error, description) => format!("{error}: {description}"),
        };
        // Too many logins an hour: it passes.
        if refused.error == "rate_limit_exceeded" {
            return Err(Failure::Status { status: answer.status, retry_after: None, told });
        }
        let status = answer.status.as_u16();
        Err(Failure::Verdict(Error::denied(&self.server, WHAT, status, told)))
    }

    /// The form that asks for a token. It is a secret as a whole.
    async fn grant(&self, now: Timestamp) -> Result<SecretString, Error> {
        let id = self.reveal(&self.config.client_id).await?;
        let client = async |secret: &SecretRef| {
            let secret = self.reveal(secret).await?;
            Ok::<_, HandlerError>(vec![("client_id", id.clone()), ("client_secret", secret)])
        };
        let (grant_type, fields) = match &self.config.flow {
            Flow::ClientCredentials { secret } => ("client_credentials", client(secret).await?),
            Flow::Password { secret, username, password } => {
                let mut fields = client(secret).await?;
                fields.push(("username", self.reveal(username).await?));
                fields.push(("password", self.reveal(password).await?));
                ("password", fields)
            }
            Flow::RefreshToken { secret, token } => {
                let mut fields = client(secret).await?;
                let newer = self.refresh_token.lock().await.clone();
                let token = match newer {
                    Some(newer) => newer,
                    None => self.reveal(token).await?,
                };
                fields.push(("refresh_token", token));
                ("refresh_token", fields)
            }
            Flow::JwtBearer { username, private_key, audience } => {
                let username = self.reveal(username).await?;
                let key = self.reveal(private_key).await?;
                let claims = json!({
                    "iss": id.expose_secret(), "sub": username.expose_secret(), "aud": audience,
                    "exp": now.as_second() + ASSERTION_SECONDS,
                });
                (JWT_BEARER, vec![("assertion", assertion(&claims, &key)?)])
            }
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", grant_type);
        form.extend_pairs(fields.iter().map(|(name, value)| (name, value.expose_secret())));
        Ok(form.finish().into())
    }
}

/// Of what the form tells, all that nobody else may know.
fn hidden(form: &SecretString) -> Hidden {
    let fields = form_urlencoded::parse(form.expose_secret().as_bytes());
    let secrets: Vec<_> = fields
        .filter(|(name, _)| !matches!(&**name, "grant_type" | "client_id" | "username"))
        .map(|(_, value)| value)
        .collect();
    Hidden::new(secrets.iter().map(|it| &**it))
}

#[expect(clippy::disallowed_methods, reason = "an assertion is good for three minutes from now")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A JWT signed with RS256.
fn assertion(claims: &Value, key: &SecretString) -> Result<SecretString, HandlerError> {
    let key = key_pair(key.expose_secret())?;
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "RS256", "typ": "JWT"})), encode(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| HandlerError::Fatal("the assertion cannot be signed".to_owned()))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// Of PEM, in either of its two forms for RSA.
fn key_pair(pem: &str) -> Result<RsaKeyPair, HandlerError> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let body: String = body.split_whitespace().collect();
    let wrong = |problem: &str| {
        HandlerError::Config(format!(
            "`salesforce.private_key` is no usable key: {problem}; it must be an unencrypted RSA key of at least 2048 bits as PEM"
        ))
    };
    let der = STANDARD.decode(body).map_err(|_| wrong("it is not PEM"))?;
    let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
    pair.map_err(|error| wrong(&error.to_string()))
}
