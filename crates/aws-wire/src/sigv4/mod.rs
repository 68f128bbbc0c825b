//! Signature Version 4: is a request signed by somebody whose key is known here, for what it asks, and now?
//!
//! ```text
//!   request --> Signed::of(head): who, for what, when, is all of it signed, is the key known?
//!           --> Signed::verify(head, hash of the body): does the signature match? in constant time
//!           --> Caller | Refusal --> ServiceError in the words of the service (Dialect)
//! ```
//!
//! The signature is in the `Authorization` header or, of presigned requests, in the query. Bodies that were not signed are
//! those of S3 alone; of chunks that were signed one by one only the first signature is looked at.
//!
//! Source: AWS Identity and Access Management User Guide, "AWS Signature Version 4 for API requests".

mod canonical;
mod claim;
mod refusal;

use http::request::Parts;
use jiff::Timestamp;
use ring::hmac;
use sha2::{Digest as _, Sha256};

use claim::Claim;
pub use refusal::{Dialect, Refusal};

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

/// What a signature must be for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The time of its being looked at.
    pub now: Timestamp,
    /// The service that is called, if it is known: `sqs`.
    pub service: Option<&'e str>,
    /// The only region that there is, if it matters.
    pub region: Option<&'e str>,
}

/// The hash of a body as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBody {
    /// That of the body itself, which nobody named.
    Unnamed,
    /// The body must have this SHA-256, in hex.
    Named(String),
    /// The body was not signed: `UNSIGNED-PAYLOAD` and its like.
    Unsigned(String),
}

/// A signature whose key is known. It still has to match.
pub struct Signed {
    claim: Claim,
    key: hmac::Key,
    body: SignedBody,
}

impl Signed {
    /// Looks at all that can be seen without the body; `secret` finds the secret access key of an access key id.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn of(
        request: &Parts,
        expected: Expected<'_>,
        secret: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Self, Refusal> {
        let claim = Claim::of(request)?;
        claim.check_time(expected.now)?;
        claim.check_headers(request)?;
        check_scope(&claim, expected)?;
        let secret = secret(&claim.access_key_id).ok_or(Refusal::UnknownKey)?;
        let body = signed_body(request, &claim)?;
        Ok(Self { key: signing_key(&secret, &claim), claim, body })
    }

    /// Which body was signed.
    pub fn body(&self) -> &SignedBody {
        &self.body
    }

    /// Whether it is for S3, whose bodies may be too large to be held.
    pub fn is_of_s3(&self) -> bool {
        self.claim.is_of_s3()
    }

    /// Whether the signature matches; `body_hash` is the SHA-256 of the body in hex, and counts if none was named.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn verify(self, request: &Parts, body_hash: &str) -> Result<Caller, Refusal> {
        let Self { claim, key, body } = self;
        let hash = match &body {
            SignedBody::Unnamed => body_hash,
            SignedBody::Named(named) if named != body_hash => return Err(Refusal::OtherBody),
            SignedBody::Named(hash) | SignedBody::Unsigned(hash) => hash,
        };
        let canonical = canonical::request(request, &claim, hash)?;
        let Claim { date, region, service, time, .. } = &claim;
        let canonical = hex::encode(Sha256::digest(canonical));
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{date}/{region}/{service}/aws4_request\n{canonical}"
        );
        let signature = hex::decode(&claim.signature).map_err(|_| Refusal::DoesNotMatch)?;
        hmac::verify(&key, to_sign.as_bytes(), &signature).map_err(|_| Refusal::DoesNotMatch)?;
        let Claim { access_key_id, region, service, .. } = claim;
        Ok(Caller { access_key_id, region, service })
    }
}

fn header(request: &Parts, name: &str) -> Option<String> {
    let value = request.headers.get(name)?;
    Some(value.to_str().ok()?.trim().to_owned())
}

fn check_scope(claim: &Claim, expected: Expected<'_>) -> Result<(), Refusal> {
    let Claim { service, region, .. } = claim;
    if let Some(called) = expected.service.filter(|it| it != service) {
        let message = format!("Credential should be scoped to correct service: '{called}'. ");
        return Err(Refusal::Scope(message));
    }
    if expected.region.is_some_and(|it| it != region) {
        return Err(Refusal::scope("Credential should be scoped to a valid region. "));
    }
    Ok(())
}

fn signed_body(request: &Parts, claim: &Claim) -> Result<SignedBody, Refusal> {
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit());
    match header(request, "x-amz-content-sha256") {
        None if claim.is_of_s3() && claim.expires.is_some() => {
            Ok(SignedBody::Unsigned("UNSIGNED-PAYLOAD".to_owned()))
        }
        None => Ok(SignedBody::Unnamed),
        Some(hash) if is_hash(&hash) => Ok(SignedBody::Named(hash)),
        Some(word) if claim.is_of_s3() => Ok(SignedBody::Unsigned(word)),
        Some(_) => Err(Refusal::OtherBody),
    }
}

fn signing_key(secret: &str, claim: &Claim) -> hmac::Key {
    let start = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    let parts = [&*claim.date, &*claim.region, &*claim.service, "aws4_request"];
    parts.into_iter().fold(start, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, sign,
    };
    use aws_sigv4::sign::v4;
    use http::HeaderValue;
    use jiff::SignedDuration;

    use super::*;

    const SECRET: &str = "a-secret";
    const BODY: &[u8] = b"{}";

    fn now() -> Timestamp {
        "2026-03-01T09:00:00Z".parse().unwrap()
    }

    /// A request as an SDK signs it.
    fn signed(uri: &str, at: Timestamp) -> Parts {
        signed_for("sqs", uri, at, SigningSettings::default())
    }

    fn signed_for(service: &str, uri: &str, at: Timestamp, settings: SigningSettings) -> Parts {
        signed_with(service, uri, at, settings, &[])
    }

    /// With more headers.
    fn signed_with(
        service: &str,
        uri: &str,
        at: Timestamp,
        settings: SigningSettings,
        more: &[(&'static str, &str)],
    ) -> Parts {
        let identity = Credentials::new("AKIA", SECRET, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(SystemTime::from(at))
            .settings(settings)
            .build()
            .unwrap();
        let host = uri.split('/').nth(2).unwrap();
        let mut request = http::Request::post(uri)
            .header("host", host)
            .header("x-amz-target", "AmazonSQS.ListQueues")
            .body(())
            .unwrap();
        for (name, value) in more {
            request.headers_mut().insert(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let headers = [("host", host), ("x-amz-target", "AmazonSQS.ListQueues")];
        let headers = headers.into_iter().chain(more.iter().copied());
        let signable =
            SignableRequest::new("POST", uri, headers, SignableBody::Bytes(BODY)).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn verify(
        request: &Parts,
        body: &[u8],
        expected: Expected<'_>,
        secret: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Caller, Refusal> {
        let actual = hex::encode(Sha256::digest(body));
        Signed::of(request, expected, secret)?.verify(request, &actual)
    }

    fn expected() -> Expected<'static> {
        Expected { now: now(), service: None, region: Some("us-east-1") }
    }

    fn check(request: &Parts, body: &[u8]) -> Result<Caller, Refusal> {
        verify(request, body, expected(), |id| (id == "AKIA").then(|| SECRET.to_owned()))
    }

    fn authorization(request: &Parts) -> String {
        request.headers["authorization"].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_an_sdk_signs_is_right() {
        for uri in [
            "http://127.0.0.1:4566/",
            "http://127.0.0.1:4566/0/a%20b?z=1&a=b%2Fc&x",
            "http://127.0.0.1:4566/2015-03-31/functions/arn%3Aaws%3Alambda/invocations",
        ] {
            let caller = check(&signed(uri, now()), BODY).unwrap();
            assert_eq!((&*caller.service, &*caller.region), ("sqs", "us-east-1"), "{uri}");
        }
    }

    #[test]
    fn s3_is_signed_in_its_own_way() {
        let settings = || {
            let mut settings = SigningSettings::default();
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings
        };
        let request = signed_for("s3", "http://127.0.0.1/b/a%20b/c", now(), settings());
        assert_eq!(check(&request, BODY).unwrap().service, "s3");
        assert_eq!(check(&request, b"{ }"), Err(Refusal::OtherBody));
        let mut unsigned = signed_for("sqs", "http://127.0.0.1/", now(), settings());
        unsigned.headers.insert("x-amz-content-sha256", "UNSIGNED-PAYLOAD".parse().unwrap());
        assert_eq!(check(&unsigned, BODY), Err(Refusal::OtherBody));
    }

    #[test]
    fn a_presigned_request_is_good_as_long_as_it_says() {
        let settings = || {
            let mut settings = SigningSettings::default();
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_hours(1));
            settings
        };
        let at = |minutes: i64| {
            let time = now() - SignedDuration::from_mins(minutes);
            signed_for("sqs", "http://127.0.0.1/0/jobs?Action=SendMessage", time, settings())
        };
        check(&at(59), BODY).unwrap();
        let Err(Refusal::Expired { is_presigned: true, .. }) = check(&at(61), BODY) else {
            panic!("it has expired")
        };
        let mut longer = at(1);
        let uri = longer.uri.to_string().replace("X-Amz-Expires=3600", "X-Amz-Expires=7200");
        longer.uri = uri.parse().unwrap();
        assert_eq!(check(&longer, BODY), Err(Refusal::DoesNotMatch));
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let request = signed("http://127.0.0.1:4566/", now());
        assert_eq!(check(&request, b"{ }"), Err(Refusal::DoesNotMatch));
        let mut other = request.clone();
        other.headers.insert("x-amz-target", "AmazonSQS.DeleteQueue".parse().unwrap());
        assert_eq!(check(&other, BODY), Err(Refusal::DoesNotMatch));
        assert_eq!(verify(&request, BODY, expected(), |_| None), Err(Refusal::UnknownKey));
        let mut unsigned = request;
        unsigned.headers.remove("authorization");
        assert_eq!(check(&unsigned, BODY), Err(Refusal::Missing));
        unsigned.headers.insert("authorization", "AWS4-HMAC-SHA256 Signature=00".parse().unwrap());
        assert!(matches!(check(&unsigned, BODY), Err(Refusal::Incomplete(_))));
    }

    #[test]
    fn what_decides_must_be_signed() {
        let mut request = signed("http://127.0.0.1/", now());
        request.headers.insert("x-amz-more", "1".parse().unwrap());
        let error = check(&request, BODY).unwrap_err().error(Dialect::Json);
        let message = "'x-amz-more' must be a 'SignedHeader' in the AWS Authorization.";
        assert_eq!((&*error.code, &*error.message), ("IncompleteSignatureException", message));
    }

    #[test]
    fn values_beyond_ascii_are_signed_as_others_are() {
        let name = "x-amz-meta-name";
        let settings = SigningSettings::default();
        let more = [(name, "Größe 1")];
        let mut request = signed_with("sqs", "http://127.0.0.1/", now(), settings, &more);
        check(&request, BODY).unwrap();
        let mut send = |value: &[u8]| {
            request.headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            check(&request, BODY)
        };
        // The same text, as clients of Python have it on the wire.
        send(b"Gr\xf6\xdfe 1").unwrap();
        for other in ["Größe 2", "Grüße 1", "", "\u{feff}Größe 1"] {
            assert_eq!(send(other.as_bytes()), Err(Refusal::DoesNotMatch), "{other}");
        }
    }

    #[test]
    fn a_signature_for_something_else_is_refused() {
        let request = signed("http://127.0.0.1/", now());
        let secret = |_: &str| Some(SECRET.to_owned());
        let states = Expected { service: Some("states"), ..expected() };
        let error = verify(&request, BODY, states, secret).unwrap_err().error(Dialect::Json);
        let message = "Credential should be scoped to correct service: 'states'. ";
        assert_eq!((&*error.code, &*error.message), ("InvalidSignatureException", message));
        let elsewhere = Expected { region: Some("eu-west-1"), ..expected() };
        assert!(matches!(verify(&request, BODY, elsewhere, secret), Err(Refusal::Scope(_))));
        let mut short = request.clone();
        let cut = authorization(&request).replace("/20260301/", "/2026/");
        short.headers.insert("authorization", cut.parse().unwrap());
        assert!(matches!(check(&short, BODY), Err(Refusal::Scope(_))));
    }

    #[test]
    fn a_request_of_another_time_is_refused_with_both_times() {
        let window = SignedDuration::from_mins(5);
        let second = SignedDuration::from_secs(1);
        let late = check(&signed("http://127.0.0.1/", now() - window - second), BODY).unwrap_err();
        let expected = "Signature expired: 20260301T085459Z is now earlier than 20260301T085500Z (20260301T090000Z - 5 min.)";
        let error = late.error(Dialect::Json);
        assert_eq!((&*error.code, &*error.message), ("InvalidSignatureException", expected));
        let early = check(&signed("http://127.0.0.1/", now() + window + second), BODY);
        let early = early.unwrap_err().error(Dialect::Query);
        assert!(early.message.starts_with("Signature not yet current: "), "{}", early.message);
        check(&signed("http://127.0.0.1/", now() - window), BODY).unwrap();
    }

    #[test]
    fn each_kind_of_service_has_its_words() {
        let codes = |refusal: Refusal| {
            [Dialect::Json, Dialect::Query, Dialect::Rest, Dialect::S3].map(|dialect| {
                let error = refusal.error(dialect);
                format!("{} {}", error.status, error.code)
            })
        };
        assert_eq!(
            codes(Refusal::Missing),
            [
                "400 MissingAuthenticationTokenException",
                "403 MissingAuthenticationToken",
                "403 MissingAuthenticationTokenException",
                "403 AccessDenied",
            ]
        );
        assert_eq!(
            codes(Refusal::UnknownKey),
            [
                "400 UnrecognizedClientException",
                "403 InvalidClientTokenId",
                "403 UnrecognizedClientException",
                "403 InvalidAccessKeyId",
            ]
        );
        assert_eq!(
            codes(Refusal::DoesNotMatch),
            [
                "400 InvalidSignatureException",
                "403 SignatureDoesNotMatch",
                "403 InvalidSignatureException",
                "403 SignatureDoesNotMatch",
            ]
        );
    }
}
