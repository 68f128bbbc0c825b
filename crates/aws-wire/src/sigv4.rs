//! Signature Version 4: is a request signed by somebody whose key is known here, and now?
//!
//! The signature is compared in constant time. Presigned URLs are taken by [`verify_rest`], bodies whose chunks are signed one by
//! one are refused.
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
    let time = signing_time(request)?;
    check_time(&time, authorization.date, now)?;
    let query = request.uri.query().unwrap_or_default();
    let signed = Signed {
        path: canonical_path(request.uri.path()),
        query: canonical_query(query, None),
        body_hash: body_hash(request, body)?,
    };
    authorization.verify(request, &time, &signed, secret)
}

/// Verifies a request of S3 before its body is read, with the signature in a header or in the URL.
///
/// Whoever reads the body compares it with the header `x-amz-content-sha256`, which was signed.
///
/// # Errors
/// As [`verify`]; `AccessDenied` 403 if there is no signature or it has expired; `NotImplemented` 501 for signed chunks.
pub fn verify_rest(
    request: &Parts,
    now: Timestamp,
    secret: impl FnOnce(&str) -> Option<String>,
) -> Result<Caller, ServiceError> {
    let query = request.uri.query().unwrap_or_default();
    let path = percent_decode_str(request.uri.path()).collect::<Vec<u8>>();
    let parts = path.split(|byte| *byte == b'/');
    let parts: Vec<_> =
        parts.map(|part| percent_encoding::percent_encode(part, ENCODED).to_string()).collect();
    let path = parts.join("/");
    let Some(authorization) = header(request, "authorization") else {
        let presigned = Presigned::parse(query, now)?;
        let signed = Signed {
            path,
            query: canonical_query(query, Some("X-Amz-Signature")),
            body_hash: "UNSIGNED-PAYLOAD".to_owned(),
        };
        let authorization = Authorization::parse(&presigned.authorization)?;
        return authorization.verify(request, &presigned.time, &signed, secret);
    };
    let authorization = Authorization::parse(&authorization)?;
    let time = signing_time(request)?;
    check_time(&time, authorization.date, now)?;
    let body_hash = header(request, "x-amz-content-sha256").ok_or_else(|| {
        let message = "Missing required header for this request: x-amz-content-sha256";
        ServiceError::sender("InvalidRequest", message)
    })?;
    if body_hash.starts_with("STREAMING-AWS4") {
        let message = format!(
            "{body_hash} is not supported by stepwell where signatures are verified; send the content as a whole."
        );
        return Err(ServiceError::sender("NotImplemented", message).with_status(501));
    }
    let signed = Signed { path, query: canonical_query(query, None), body_hash };
    authorization.verify(request, &time, &signed, secret)
}

fn signing_time(request: &Parts) -> Result<String, ServiceError> {
    header(request, "x-amz-date").ok_or_else(|| {
        incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    })
}

/// What was signed beside the headers, in its canonical form.
struct Signed {
    path: String,
    query: String,
    body_hash: String,
}

/// A signature in a URL.
struct Presigned {
    /// As it would stand in the header.
    authorization: String,
    time: String,
}

impl Presigned {
    fn parse(query: &str, now: Timestamp) -> Result<Self, ServiceError> {
        let denied = |message: &str| ServiceError::sender("AccessDenied", message).with_status(403);
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let found = pairs.find(|(other, _)| other == name);
            found.map(|(_, value)| value.into_owned()).ok_or_else(|| denied("Access Denied"))
        };
        let time = value("X-Amz-Date")?;
        let seconds =
            value("X-Amz-Expires")?.parse::<u32>().map_err(|_| denied("Access Denied"))?;
        let signed_at = instant(&time)?;
        if now > signed_at + Duration::from_secs(seconds.into()) {
            return Err(denied("Request has expired"));
        }
        if signed_at > now + CLOCK_WINDOW {
            return Err(denied("Request is not valid yet"));
        }
        let authorization = format!(
            "{} Credential={}, SignedHeaders={}, Signature={}",
            value("X-Amz-Algorithm")?,
            value("X-Amz-Credential")?,
            value("X-Amz-SignedHeaders")?,
            value("X-Amz-Signature")?
        );
        Ok(Self { authorization, time })
    }
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

    /// Compares the signature with the one that the secret of the key makes.
    fn verify(
        &self,
        request: &Parts,
        time: &str,
        signed: &Signed,
        secret: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Caller, ServiceError> {
        let canonical = canonical_request(request, self.signed_headers, signed)?;
        let digest = hex::encode(Sha256::digest(canonical));
        let to_sign = format!("{ALGORITHM}\n{time}\n{}\n{digest}", self.scope());
        let secret = secret(self.access_key_id).ok_or_else(|| {
            let message = "The security token included in the request is invalid.";
            ServiceError::sender("UnrecognizedClientException", message).with_status(403)
        })?;
        let signature = hex::decode(self.signature).map_err(|_| does_not_match())?;
        let key = signing_key(&secret, self);
        hmac::verify(&key, to_sign.as_bytes(), &signature).map_err(|_| does_not_match())?;
        Ok(self.caller())
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

fn instant(time: &str) -> Result<Timestamp, ServiceError> {
    let parsed = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", time)
        .and_then(|it| it.to_datetime())
        .and_then(|it| it.in_tz("UTC"));
    let parsed = parsed.map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))?;
    Ok(parsed.timestamp())
}

fn check_time(time: &str, date: &str, now: Timestamp) -> Result<(), ServiceError> {
    let signed_at = instant(time)?;
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
    names: &str,
    signed: &Signed,
) -> Result<String, ServiceError> {
    if !names.split(';').any(|name| name == "host") {
        return Err(incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let mut text = format!("{}\n{}\n{}\n", request.method, signed.path, signed.query);
    for name in names.split(';') {
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
    let _ = write!(text, "\n{names}\n{}", signed.body_hash);
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

fn canonical_query(query: &str, but: Option<&str>) -> String {
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
    pairs.retain(|(name, _)| Some(name.as_str()) != but);
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
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    };
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

    /// A request of S3 as an SDK signs it, in its headers or in its URL.
    fn signed_for_s3(uri: &str, at: Timestamp, location: SignatureLocation) -> Parts {
        let identity = Credentials::new("AKIA", SECRET, None, None, "test").into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        if location == SignatureLocation::QueryParams {
            settings.expires_in = Some(Duration::from_mins(10));
        } else {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings.signature_location = location;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::from(at))
            .settings(settings)
            .build()
            .unwrap();
        let host = uri.split('/').nth(2).unwrap();
        let mut request = http::Request::get(uri).header("host", host).body(()).unwrap();
        let signable = SignableRequest::new(
            "GET",
            uri,
            [("host", host)].into_iter(),
            SignableBody::UnsignedPayload,
        );
        let (instructions, _) = sign(signable.unwrap(), &parameters.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn check_rest(request: &Parts, now: Timestamp) -> Result<Caller, ServiceError> {
        verify_rest(request, now, |id| (id == "AKIA").then(|| SECRET.to_owned()))
    }

    #[test]
    fn what_an_sdk_signs_for_s3_is_right_in_headers_and_in_urls() {
        for uri in [
            "http://127.0.0.1:4566/b/a%20b/%C3%BC%2B.json?prefix=a%2Fb&x-id=GetObject",
            "http://127.0.0.1:4566/",
        ] {
            for location in [SignatureLocation::Headers, SignatureLocation::QueryParams] {
                let request = signed_for_s3(uri, now(), location);
                assert_eq!(
                    crate::signed_service(&request.headers, &request.uri).as_deref(),
                    Some("s3")
                );
                assert_eq!(check_rest(&request, now()).unwrap().service, "s3", "{uri}");
                let mut other = request.clone();
                other.method = http::Method::DELETE;
                let error = check_rest(&other, now()).unwrap_err();
                assert_eq!(error.code, "SignatureDoesNotMatch");
            }
        }
    }

    #[test]
    fn a_url_is_good_until_it_expires() {
        let request = signed_for_s3("http://127.0.0.1/b/k", now(), SignatureLocation::QueryParams);
        check_rest(&request, now() + Duration::from_mins(10)).unwrap();
        let error = check_rest(&request, now() + Duration::from_secs(601)).unwrap_err();
        assert_eq!((&*error.code, &*error.message), ("AccessDenied", "Request has expired"));
        let unsigned = http::Request::get("http://127.0.0.1/b/k").body(()).unwrap().into_parts().0;
        assert_eq!(check_rest(&unsigned, now()).unwrap_err().code, "AccessDenied");
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
