//! Signature Version 4: is a request signed by somebody whose key is known here, and now?
//!
//! The signature is compared in constant time. Presigned URLs and chunked bodies are refused.
//!
//! Source: AWS Identity and Access Management User Guide, "AWS Signature Version 4 for API requests".

use std::fmt::Write as _;
use std::time::Duration;

use http::request::Parts;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::hmac;
use sha2::{Digest as _, Sha256};

use crate::ServiceError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a request's time may be from ours. Source: the guide above.
pub const CLOCK_WINDOW: Duration = Duration::from_mins(5);

/// What AWS leaves as it is in names and values.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who signed a request, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `AKIA...`
    pub access_key_id: String,
    /// `us-east-1`
    pub region: String,
    /// `sqs`
    pub service: String,
}

/// Verifies a request whose body was read; `secret` finds the secret access key of an access key id.
///
/// # Errors
/// `MissingAuthenticationToken` 403, `IncompleteSignature` 400, `UnrecognizedClientException` 403, `SignatureDoesNotMatch` 403,
/// also outside the [`CLOCK_WINDOW`].
pub fn verify(
    request: &Parts,
    body: &[u8],
    now: Timestamp,
    secret: impl FnOnce(&str) -> Option<String>,
) -> Result<Caller, ServiceError> {
    let authorization = header(request, "authorization").ok_or_else(|| {
        let message = "Request is missing Authentication Token";
        ServiceError::sender("MissingAuthenticationToken", message).with_status(403)
    })?;
    let authorization = Authorization::parse(&authorization)?;
    let time = header(request, "x-amz-date").ok_or_else(|| {
        incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    })?;
    check_time(&time, authorization.date, now)?;
    let body_hash = body_hash(request, body)?;
    let canonical = canonical_request(request, authorization.signed_headers, &body_hash)?;
    let to_sign = format!(
        "{ALGORITHM}\n{time}\n{}\n{}",
        authorization.scope(),
        hex::encode(Sha256::digest(canonical))
    );
    let secret = secret(authorization.access_key_id).ok_or_else(|| {
        let message = "The security token included in the request is invalid.";
        ServiceError::sender("UnrecognizedClientException", message).with_status(403)
    })?;
    let signature = hex::decode(authorization.signature).map_err(|_| does_not_match())?;
    let key = signing_key(&secret, &authorization);
    hmac::verify(&key, to_sign.as_bytes(), &signature).map_err(|_| does_not_match())?;
    Ok(authorization.caller())
}

/// What the header says.
struct Authorization<'h> {
    access_key_id: &'h str,
    date: &'h str,
    region: &'h str,
    service: &'h str,
    signed_headers: &'h str,
    signature: &'h str,
}

impl<'h> Authorization<'h> {
    fn parse(header: &'h str) -> Result<Self, ServiceError> {
        let members = header.strip_prefix(ALGORITHM).ok_or_else(|| {
            incomplete("The algorithm of the Authorization header must be AWS4-HMAC-SHA256.")
        })?;
        let member = |name: &str| {
            let found =
                members.split(',').find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| {
                incomplete(&format!("Authorization header requires '{name}' parameter."))
            })
        };
        let credential = member("Credential")?;
        let parts: Vec<_> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
            ));
        };
        let (signed_headers, signature) = (member("SignedHeaders")?, member("Signature")?);
        Ok(Self { access_key_id, date, region, service, signed_headers, signature })
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    fn caller(&self) -> Caller {
        Caller {
            access_key_id: self.access_key_id.to_owned(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }
}

fn header(request: &Parts, name: &str) -> Option<String> {
    let value = request.headers.get(name)?;
    Some(value.to_str().ok()?.trim().to_owned())
}

fn incomplete(message: &str) -> ServiceError {
    ServiceError::sender("IncompleteSignature", message)
}

fn does_not_match() -> ServiceError {
    let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
        Key and signing method. Consult the service documentation for details.";
    ServiceError::sender("SignatureDoesNotMatch", message).with_status(403)
}

fn check_time(time: &str, date: &str, now: Timestamp) -> Result<(), ServiceError> {
    let signed_at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", time)
        .and_then(|it| it.to_datetime())
        .and_then(|it| it.in_tz("UTC"))
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))?
        .timestamp();
    if !time.starts_with(date) {
        return Err(incomplete(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
        ));
    }
    let (earliest, latest) = (now - CLOCK_WINDOW, now + CLOCK_WINDOW);
    let text = |it: Timestamp| it.strftime("%Y%m%dT%H%M%SZ").to_string();
    let problem = if signed_at < earliest {
        format!(
            "Signature expired: {time} is now earlier than {} ({} - 5 min.)",
            text(earliest),
            text(now)
        )
    } else if signed_at > latest {
        format!(
            "Signature not yet current: {time} is still later than {} ({} + 5 min.)",
            text(latest),
            text(now)
        )
    } else {
        return Ok(());
    };
    Err(ServiceError { message: problem, ..does_not_match() })
}

/// The hash that was signed. One that the caller names must be that of the body, unless the body was not signed (S3).
fn body_hash(request: &Parts, body: &[u8]) -> Result<String, ServiceError> {
    let actual = hex::encode(Sha256::digest(body));
    match header(request, "x-amz-content-sha256") {
        None => Ok(actual),
        Some(unsigned) if unsigned == "UNSIGNED-PAYLOAD" => Ok(unsigned),
        Some(named) if named == actual => Ok(actual),
        Some(_) => Err(does_not_match()),
    }
}

fn canonical_request(
    request: &Parts,
    signed: &str,
    body_hash: &str,
) -> Result<String, ServiceError> {
    if !signed.split(';').any(|name| name == "host") {
        return Err(incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        canonical_path(request.uri.path()),
        canonical_query(request.uri.query().unwrap_or_default())
    );
    for name in signed.split(';') {
        let values: Vec<_> = request
            .headers
            .get_all(name)
            .iter()
            .filter_map(|it| it.to_str().ok())
            .map(trimmed)
            .collect();
        if values.is_empty() {
            return Err(incomplete(&format!("The signed header '{name}' is not there.")));
        }
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{signed}\n{body_hash}");
    Ok(text)
}

/// Without spaces at its ends and with single ones inside.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Encoded once more, as all services but S3 have it; the services here are called at `/` and at the paths of queues.
fn canonical_path(path: &str) -> String {
    let encoded: Vec<_> =
        path.split('/').map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect();
    if path.is_empty() { "/".to_owned() } else { encoded.join("/") }
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let decoded = percent_decode_str(text).collect::<Vec<u8>>();
        percent_encoding::percent_encode(&decoded, ENCODED).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(name), encode(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn signing_key(secret: &str, authorization: &Authorization<'_>) -> hmac::Key {
    let start = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    let parts = [authorization.date, authorization.region, authorization.service, "aws4_request"];
    parts.into_iter().fold(start, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    const SECRET: &str = "a-secret";
    const BODY: &[u8] = b"{}";

    fn now() -> Timestamp {
        "2026-03-01T09:00:00Z".parse().unwrap()
    }

    /// A request as an SDK signs it.
    fn signed(uri: &str, at: Timestamp) -> Parts {
        let identity = Credentials::new("AKIA", SECRET, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("sqs")
            .time(SystemTime::from(at))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let host = uri.split('/').nth(2).unwrap();
        let mut request = http::Request::post(uri)
            .header("host", host)
            .header("x-amz-target", "AmazonSQS.ListQueues")
            .body(())
            .unwrap();
        let headers = [("host", host), ("x-amz-target", "AmazonSQS.ListQueues")];
        let signable =
            SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(BODY))
                .unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn check(request: &Parts, body: &[u8]) -> Result<Caller, ServiceError> {
        verify(request, body, now(), |id| (id == "AKIA").then(|| SECRET.to_owned()))
    }

    #[test]
    fn what_an_sdk_signs_is_right() {
        for uri in ["http://127.0.0.1:4566/", "http://127.0.0.1:4566/0/a%20b?z=1&a=b%2Fc&x"] {
            let caller = check(&signed(uri, now()), BODY).unwrap();
            assert_eq!((&*caller.service, &*caller.region), ("sqs", "us-east-1"), "{uri}");
        }
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let request = signed("http://127.0.0.1:4566/", now());
        assert_eq!(check(&request, b"{ }").unwrap_err().code, "SignatureDoesNotMatch");
        let mut other = request.clone();
        other.headers.insert("x-amz-target", "AmazonSQS.DeleteQueue".parse().unwrap());
        assert_eq!(check(&other, BODY).unwrap_err().code, "SignatureDoesNotMatch");
        let error = verify(&request, BODY, now(), |_| None).unwrap_err();
        assert_eq!((&*error.code, error.status), ("UnrecognizedClientException", 403));
        let mut unsigned = request;
        unsigned.headers.remove("authorization");
        assert_eq!(check(&unsigned, BODY).unwrap_err().code, "MissingAuthenticationToken");
        unsigned.headers.insert("authorization", "AWS4-HMAC-SHA256 Signature=00".parse().unwrap());
        assert_eq!(check(&unsigned, BODY).unwrap_err().code, "IncompleteSignature");
    }

    #[test]
    fn a_request_of_another_time_is_refused_with_both_times() {
        let late = check(&signed("http://127.0.0.1/", now() - Duration::from_secs(301)), BODY)
            .unwrap_err();
        let expected = "Signature expired: 20260301T085459Z is now earlier than 20260301T085500Z (20260301T090000Z - 5 min.)";
        assert_eq!((&*late.code, &*late.message), ("SignatureDoesNotMatch", expected));
        let early = check(&signed("http://127.0.0.1/", now() + Duration::from_secs(301)), BODY)
            .unwrap_err();
        assert!(early.message.starts_with("Signature not yet current: "), "{}", early.message);
        check(&signed("http://127.0.0.1/", now() - CLOCK_WINDOW), BODY).unwrap();
    }
}
