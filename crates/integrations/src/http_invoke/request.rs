//! What a definition asks for, and the request that comes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE, USER_AGENT,
};
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use stepwell_aws_wire::ServiceError;

use super::{response, runtime};
use crate::events::{AuthParameters, Basic, Parameter};

const METHODS: &[&str] = &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Headers that a definition cannot set. Source: the guide that [`super`] names.
const FORBIDDEN: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const FORBIDDEN_BEGINS: &[&str] = &["x-amz", "x-amzn", "x-forwarded"];

/// What stands for itself in a form.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The parameters of the task.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Request {
    api_endpoint: String,
    method: String,
    authentication: Option<Connection>,
    invocation_config: Option<Connection>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    query_parameters: Map<String, Value>,
    #[serde(rename = "RequestBody")]
    body: Option<Value>,
    #[serde(default)]
    transform: Transform,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Connection {
    connection_arn: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Transform {
    #[serde(default)]
    request_body_encoding: BodyEncoding,
    #[serde(default)]
    request_encoding_options: Option<EncodingOptions>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BodyEncoding {
    #[default]
    None,
    UrlEncoded,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EncodingOptions {
    array_format: ArrayFormat,
}

/// How `{"a": ["x", "y"]}` is written in a form.
#[derive(Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ArrayFormat {
    /// `a[0]=x&a[1]=y`
    #[default]
    Indices,
    /// `a=x&a=y`
    Repeat,
    /// `a=x,y`
    Commas,
    /// `a[]=x&a[]=y`
    Brackets,
}

impl Request {
    pub(super) fn of(input: Value) -> Result<Self, ServiceError> {
        let request: Self =
            serde_json::from_value(input).map_err(|error| runtime(error.to_string()))?;
        if !METHODS.contains(&request.method.as_str()) {
            return Err(runtime(format!(
                "The Method '{}' is not one of {}.",
                request.method,
                METHODS.join(", ")
            )));
        }
        request.headers.keys().try_for_each(|name| check_header(name))?;
        Ok(request)
    }

    /// In one of the two places where it may stand.
    pub(super) fn connection_arn(&self) -> Result<&str, ServiceError> {
        let connection = self.authentication.as_ref().or(self.invocation_config.as_ref());
        let missing =
            || runtime("A ConnectionArn is required, in Authentication or InvocationConfig.");
        connection.map(|it| it.connection_arn.as_str()).ok_or_else(missing)
    }

    /// With what the connection adds.
    pub(super) fn build(
        &self,
        http: &Client,
        parameters: &AuthParameters,
        token: Option<&SecretString>,
    ) -> Result<RequestBuilder, ServiceError> {
        let method = Method::from_bytes(self.method.as_bytes()).expect("it is one of those above");
        let mut headers = self.own_headers()?;
        let none: &[Parameter] = &[];
        let http_parameters = parameters.http.as_ref();
        for it in http_parameters.map_or(none, |it| &it.headers) {
            set_header(&mut headers, &it.key, &it.value)?;
        }
        if let Some(key) = &parameters.api_key {
            set_header(&mut headers, &key.api_key_name, &key.api_key_value)?;
        }
        let url = self.url(http_parameters.map_or(none, |it| &it.query))?;
        let body = self.body(http_parameters.map_or(none, |it| &it.body))?;
        let mut request = http.request(method, url);
        if let Some(body) = body {
            headers.entry(CONTENT_TYPE).or_insert(self.content_type());
            request = request.body(body);
        }
        if let Some(value) = authorization(parameters, token) {
            set_header(&mut headers, AUTHORIZATION.as_str(), value.expose_secret())?;
        }
        Ok(request.headers(headers))
    }

    fn own_headers(&self) -> Result<HeaderMap, ServiceError> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("Amazon|StepFunctions|HttpInvoke"));
        headers.insert(RANGE, response::range());
        for (name, value) in &self.headers {
            set_header(&mut headers, name, &text(value)?)?;
        }
        Ok(headers)
    }

    fn url(&self, more: &[Parameter]) -> Result<Url, ServiceError> {
        let mut url: Url = self.api_endpoint.parse().map_err(|error| {
            runtime(format!("The ApiEndpoint '{}' is no URL: {error}.", self.api_endpoint))
        })?;
        if !["http", "https"].contains(&url.scheme()) {
            let cause =
                format!("The ApiEndpoint '{}' must begin with https://.", self.api_endpoint);
            return Err(runtime(cause));
        }
        let mut pairs = Vec::new();
        for (name, value) in &self.query_parameters {
            if more.iter().all(|it| it.key != *name) {
                encode(&mut pairs, name.clone(), value, ArrayFormat::Repeat)?;
            }
        }
        pairs.extend(more.iter().map(|it| (it.key.clone(), it.value.clone())));
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Ok(url)
    }

    fn body(&self, more: &[Parameter]) -> Result<Option<String>, ServiceError> {
        let mut body = self.body.clone();
        if !more.is_empty() {
            let whole = body.get_or_insert_with(|| Value::Object(Map::new()));
            let members = whole.as_object_mut().ok_or_else(|| {
                runtime("The RequestBody must be an object, for the connection adds to it.")
            })?;
            members.extend(more.iter().map(|it| (it.key.clone(), it.value.clone().into())));
        }
        let Some(body) = body else { return Ok(None) };
        if self.transform.request_body_encoding == BodyEncoding::None {
            return Ok(Some(match body {
                // Text is sent as it is, whatever it is the text of.
                Value::String(text) if !self.sends_json() => text,
                body => body.to_string(),
            }));
        }
        let format = self.transform.request_encoding_options.as_ref();
        let format = format.map(|it| it.array_format).unwrap_or_default();
        form(&body, format).map(Some)
    }

    fn sends_json(&self) -> bool {
        let mut named =
            self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        named.all(|(_, value)| value.as_str().is_some_and(|it| it.contains("json")))
    }

    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.transform.request_body_encoding {
            BodyEncoding::None => "application/json",
            BodyEncoding::UrlEncoded => "application/x-www-form-urlencoded",
        })
    }
}

/// Of a name and password, or of a token.
fn authorization(
    parameters: &AuthParameters,
    token: Option<&SecretString>,
) -> Option<SecretString> {
    if let Some(Basic { username, password }) = &parameters.basic {
        let pair = STANDARD.encode(format!("{username}:{password}"));
        return Some(SecretString::from(format!("Basic {pair}")));
    }
    token.map(|token| SecretString::from(format!("Bearer {}", token.expose_secret())))
}

fn check_header(name: &str) -> Result<(), ServiceError> {
    let lower = name.to_ascii_lowercase();
    let begins = FORBIDDEN_BEGINS.iter().any(|it| lower.starts_with(it));
    if begins || FORBIDDEN.contains(&lower.as_str()) {
        return Err(runtime(format!("The header '{name}' cannot be set in an HTTP Task.")));
    }
    Ok(())
}

/// The value may be secret and is in no error.
fn set_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), ServiceError> {
    let invalid = || runtime(format!("The header '{name}' or its value is not valid."));
    let header: HeaderName = name.parse().map_err(|_| invalid())?;
    headers.insert(header, value.parse().map_err(|_| invalid())?);
    Ok(())
}

/// A single value as text.
fn text(value: &Value) -> Result<String, ServiceError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Array(items) => {
            let texts: Result<Vec<_>, _> = items.iter().map(text).collect();
            Ok(texts?.join(","))
        }
        Value::Null => Ok(String::new()),
        Value::Object(_) => Err(runtime("An object cannot stand where a text is needed.")),
    }
}

fn form(body: &Value, format: ArrayFormat) -> Result<String, ServiceError> {
    let Value::Object(members) = body else {
        return Err(runtime("A RequestBody that is URL_ENCODED must be an object."));
    };
    let mut pairs = Vec::new();
    for (name, value) in members {
        encode(&mut pairs, name.clone(), value, format)?;
    }
    let escaped = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

/// Members of objects as `name[member]`, items of arrays as the format has it.
fn encode(
    pairs: &mut Vec<(String, String)>,
    name: String,
    value: &Value,
    format: ArrayFormat,
) -> Result<(), ServiceError> {
    match value {
        Value::Object(members) => members.iter().try_for_each(|(member, value)| {
            encode(pairs, format!("{name}[{member}]"), value, format)
        }),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match format {
                    ArrayFormat::Indices => format!("{name}[{index}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat => name.clone(),
                    ArrayFormat::Commas => {
                        pairs.push((name, text(value)?));
                        return Ok(());
                    }
                };
                encode(pairs, name, item, format)?;
            }
            Ok(())
        }
        single => {
            pairs.push((name, text(single)?));
            Ok(())
        }
    }
}
