//! What a request claims: whose it is, for what it was signed, when. Nothing of it is believed yet.

use std::borrow::Cow;

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::{Refusal, header};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The name of the signature in the query of a presigned request.
pub(super) const SIGNATURE: &str = "X-Amz-Signature";

/// Seconds that a presigned request is good at most. Source: the guide that [`super`] names.
const EXPIRES_MAX: i64 = 7 * 24 * 3600;

/// A claim, in the `Authorization` header or in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) signed_headers: String,
    pub(super) signature: String,
    /// `20260301T090000Z`
    pub(super) time: String,
    /// Seconds that it is good, of a presigned request.
    pub(super) expires: Option<i64>,
}

impl Claim {
    pub(super) fn of(request: &Parts) -> Result<Self, Refusal> {
        if let Some(authorization) = header(request, "authorization") {
            return Self::of_header(request, &authorization);
        }
        let query = request.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        if pairs.iter().any(|(name, _)| name == "X-Amz-Algorithm") {
            return Self::of_query(&pairs);
        }
        Err(Refusal::Missing)
    }

    fn of_header(request: &Parts, header_value: &str) -> Result<Self, Refusal> {
        let members = header_value.strip_prefix(ALGORITHM).ok_or_else(|| {
            Refusal::incomplete(
                "The algorithm of the Authorization header must be AWS4-HMAC-SHA256.",
            )
        })?;
        let member = |name: &str| {
            let found =
                members.split(',').find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned).ok_or_else(|| {
                Refusal::incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let time = header(request, "x-amz-date").ok_or_else(|| {
            Refusal::incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        })?;
        let claim = Self::scoped(&member("Credential")?)?;
        let (signed_headers, signature) = (member("SignedHeaders")?, member("Signature")?);
        Ok(Self { signed_headers, signature, time, ..claim })
    }

    fn of_query(pairs: &[(Cow<'_, str>, Cow<'_, str>)]) -> Result<Self, Refusal> {
        let value = |name: &str| {
            let found = pairs.iter().find(|(it, _)| it == name);
            found.map(|(_, value)| value.clone().into_owned()).ok_or_else(|| {
                Refusal::incomplete(format!("AWS query-string parameters must include '{name}'."))
            })
        };
        if value("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Refusal::incomplete("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"."));
        }
        let expires = value("X-Amz-Expires")?.parse().ok();
        let expires = expires.filter(|it| (1..=EXPIRES_MAX).contains(it)).ok_or_else(|| {
            Refusal::incomplete("X-Amz-Expires must be a number of seconds of a week at most.")
        })?;
        Ok(Self {
            signed_headers: value("X-Amz-SignedHeaders")?,
            signature: value(SIGNATURE)?,
            time: value("X-Amz-Date")?,
            expires: Some(expires),
            ..Self::scoped(&value("X-Amz-Credential")?)?
        })
    }

    /// What a credential says, and nothing else yet.
    fn scoped(credential: &str) -> Result<Self, Refusal> {
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(Refusal::incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
            ));
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: String::new(),
            signature: String::new(),
            time: String::new(),
            expires: None,
        })
    }

    pub(super) fn is_of_s3(&self) -> bool {
        self.service == "s3"
    }

    /// Whether it holds now.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let Self { time, date, .. } = self;
        let signed_at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", time)
            .and_then(|it| it.to_datetime())
            .and_then(|it| it.in_tz("UTC"))
            .map_err(|_| Refusal::incomplete("Date must be in ISO-8601 'basic format'."))?
            .timestamp();
        if date.len() != 8 || !time.starts_with(date.as_str()) {
            return Err(Refusal::scope(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            ));
        }
        let window = if self.is_of_s3() { 15 } else { 5 };
        let minutes = SignedDuration::from_mins(window);
        let good_for = self.expires.map_or(minutes, SignedDuration::from_secs);
        let (earliest, latest) = (now - good_for, now + minutes);
        let text = |it: Timestamp| it.strftime("%Y%m%dT%H%M%SZ").to_string();
        let (now, signed) = (text(now), time);
        if signed_at < earliest {
            let message = match self.expires {
                None => format!(
                    "Signature expired: {signed} is now earlier than {} ({now} - {window} min.)",
                    text(earliest)
                ),
                Some(seconds) => {
                    format!("Signature expired: {now} is now later than {signed} + {seconds} s")
                }
            };
            return Err(Refusal::Expired { message, is_presigned: self.expires.is_some() });
        }
        if signed_at > latest {
            let message = format!(
                "Signature not yet current: {signed} is still later than {} ({now} + {window} min.)",
                text(latest)
            );
            return Err(Refusal::Expired { message, is_presigned: false });
        }
        Ok(())
    }

    /// Whether all is signed that decides what is asked for.
    pub(super) fn check_headers(&self, request: &Parts) -> Result<(), Refusal> {
        let signed: Vec<_> = self.signed_headers.split(';').collect();
        if !signed.contains(&"host") {
            return Err(Refusal::incomplete(
                "'Host' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let names = request.headers.keys().map(http::HeaderName::as_str);
        let mut decisive = names.filter(|name| name.starts_with("x-amz-"));
        match decisive.find(|name| !signed.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Refusal::incomplete(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
        }
    }
}
