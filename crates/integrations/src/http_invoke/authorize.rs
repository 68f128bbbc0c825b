//! Tokens of OAuth servers, by client credentials (RFC 6749, section 4.4). They are in memory alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::SecretString;
use serde::Deserialize;
use stepwell_aws_wire::ServiceError;

use super::{fails, response, runtime, socket};
use crate::Clock;
use crate::events::OAuth;

/// How long a token is good of which nothing is said.
const GOOD_FOR: i64 = 300;
/// A token is not used in its last moments: it has a way to go.
const EARLY: SignedDuration = SignedDuration::from_secs(30);

/// By the ARNs of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tokens {
    known: Arc<Mutex<HashMap<String, Token>>>,
    clock: Clock,
}

#[derive(Clone)]
struct Token {
    text: SecretString,
    until: Timestamp,
    /// Whose it is: a connection that was changed gets another one.
    of: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<i64>,
}

impl Tokens {
    pub(super) fn new(clock: Clock) -> Self {
        Self { known: Arc::default(), clock }
    }

    /// A token, and whether it is new.
    ///
    /// # Errors
    /// `Events.ConnectionResource.InvalidConnectionState` if the server gives none; `States.Http.Socket`.
    pub(super) async fn get(
        &self,
        http: &Client,
        arn: &str,
        oauth: &OAuth,
    ) -> Result<(SecretString, bool), ServiceError> {
        let (now, of) = ((self.clock)(), whose(oauth));
        let known = self.known().get(arn).cloned();
        if let Some(known) = known.filter(|it| it.of == of && now < it.until) {
            return Ok((known.text, false));
        }
        let answer = ask(http, oauth).await?;
        let seconds = answer.expires_in.unwrap_or(GOOD_FOR).clamp(0, 86_400);
        let until = now + SignedDuration::from_secs(seconds) - EARLY;
        let text = answer.access_token;
        self.known().insert(arn.to_owned(), Token { text: text.clone(), until, of });
        Ok((text, true))
    }

    pub(super) fn forget(&self, arn: &str) {
        self.known().remove(arn);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Token>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a token depends on, in a form that can be kept.
fn whose(oauth: &OAuth) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(serde_json::to_vec(oauth).unwrap_or_default()))
}

async fn ask(http: &Client, oauth: &OAuth) -> Result<Answer, ServiceError> {
    let response = request(http, oauth)?.send().await.map_err(socket)?;
    let refused = |problem: String| {
        let cause = format!("The authorization endpoint gave no token: {problem}.");
        fails("Events.ConnectionResource.InvalidConnectionState", cause)
    };
    let status = response.status();
    if !status.is_success() {
        return Err(refused(format!("its status is {status}")));
    }
    let body = response::body(response).await?;
    let body = body.ok_or_else(|| refused("its answer is too long".to_owned()))?;
    serde_json::from_slice(&body).map_err(|_| refused("it has no access_token".to_owned()))
}

/// The client in the `Authorization` header, the grant in the body, or in the query where there is no body.
fn request(http: &Client, oauth: &OAuth) -> Result<RequestBuilder, ServiceError> {
    let mut url: Url = oauth
        .authorization_endpoint
        .parse()
        .map_err(|_| runtime("The AuthorizationEndpoint of the connection is no URL."))?;
    let more = &oauth.http_parameters;
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut grant: Vec<_> = more.body.iter().map(|it| pair(&it.key, &it.value)).collect();
    if grant.iter().all(|(key, _)| key != "grant_type") {
        grant.push(pair("grant_type", "client_credentials"));
    }
    let mut query: Vec<_> = more.query.iter().map(|it| pair(&it.key, &it.value)).collect();
    let method = Method::from_bytes(oauth.http_method.as_bytes())
        .map_err(|_| runtime("The HttpMethod of the connection is none."))?;
    let has_body = method != Method::GET;
    if !has_body {
        query.append(&mut grant);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let client = &oauth.client_parameters;
    let mut request = http.request(method, url).basic_auth(&client.id, Some(&client.secret));
    for it in &more.headers {
        request = request.header(&it.key, &it.value);
    }
    if has_body {
        let mut form = Url::parse("form:").expect("it is a URL");
        form.query_pairs_mut().extend_pairs(grant);
        request = request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.query().unwrap_or_default().to_owned());
    }
    Ok(request)
}
