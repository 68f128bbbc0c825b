//! Why a signature is not accepted, in the words of each kind of service.

use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::{ServiceError, signed_service};

/// A signature that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is none.
    Missing,
    /// It cannot be understood.
    Incomplete(String),
    /// It was made for something else.
    Scope(String),
    /// Nobody has this access key.
    UnknownKey,
    /// It is another one than that of this request and this key.
    DoesNotMatch,
    /// The body is not the one whose hash was signed.
    OtherBody,
    /// It was made too long ago, or for later.
    Expired {
        /// `Signature expired: ...`
        message: String,
        /// Whether the caller said how long it is good.
        is_presigned: bool,
    },
}

/// How a service tells of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "..."}`: Step Functions, SQS, EventBridge.
    Json,
    /// XML with `ErrorResponse`: SNS, STS.
    Query,
    /// JSON with the code in `x-amzn-errortype`: Lambda.
    Rest,
    /// XML with `Error`: S3.
    S3,
}

impl Dialect {
    /// The one of the service that a request is for.
    pub fn of(request: &Parts) -> Self {
        let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let is_form = text(CONTENT_TYPE.as_str())
            .is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
        let is_of_s3 = signed_service(&request.headers, &request.uri).as_deref() == Some("s3");
        match () {
            () if text("x-amz-target").is_some() => Self::Json,
            () if is_of_s3 => Self::S3,
            () if is_form => Self::Query,
            () => Self::Rest,
        }
    }
}

impl Refusal {
    pub(super) fn incomplete(message: impl Into<String>) -> Self {
        Self::Incomplete(message.into())
    }

    pub(super) fn scope(message: impl Into<String>) -> Self {
        Self::Scope(message.into())
    }

    /// The error as a service says it.
    pub fn error(&self, dialect: Dialect) -> ServiceError {
        let status = match (self, dialect) {
            (_, Dialect::Json)
            | (Self::Incomplete(_), Dialect::Query | Dialect::S3)
            | (Self::Scope(_) | Self::OtherBody, Dialect::S3) => 400,
            _ => 403,
        };
        ServiceError::sender(self.code(dialect), self.message(dialect)).with_status(status)
    }

    fn code(&self, dialect: Dialect) -> &'static str {
        let [json, query, s3] = match self {
            Self::Missing => [
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
                "AccessDenied",
            ],
            Self::Incomplete(_) => [
                "IncompleteSignatureException",
                "IncompleteSignature",
                "AuthorizationHeaderMalformed",
            ],
            Self::Scope(_) => [
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
                "AuthorizationHeaderMalformed",
            ],
            Self::UnknownKey => {
                ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"]
            }
            Self::DoesNotMatch => {
                ["InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"]
            }
            Self::OtherBody => {
                ["InvalidSignatureException", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"]
            }
            Self::Expired { is_presigned: true, .. } => {
                ["InvalidSignatureException", "SignatureDoesNotMatch", "AccessDenied"]
            }
            Self::Expired { .. } => {
                ["InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"]
            }
        };
        match dialect {
            Dialect::Json | Dialect::Rest => json,
            Dialect::Query => query,
            Dialect::S3 => s3,
        }
    }

    fn message(&self, dialect: Dialect) -> String {
        let is_of_s3 = dialect == Dialect::S3;
        let message = match self {
            Self::Missing if is_of_s3 => "Access Denied",
            Self::Missing if dialect == Dialect::Rest => "Missing Authentication Token",
            Self::Missing => "Request is missing Authentication Token",
            Self::UnknownKey if is_of_s3 => {
                "The AWS Access Key Id you provided does not exist in our records."
            }
            Self::UnknownKey => "The security token included in the request is invalid.",
            Self::DoesNotMatch if is_of_s3 => {
                "The request signature we calculated does not match the signature you provided. Check your key and signing method."
            }
            Self::OtherBody if is_of_s3 => {
                "The provided 'x-amz-content-sha256' header does not match what was computed."
            }
            Self::DoesNotMatch | Self::OtherBody => {
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
            }
            Self::Expired { is_presigned: true, .. } if is_of_s3 => "Request has expired",
            Self::Expired { .. } if is_of_s3 => {
                "The difference between the request time and the current time is too large."
            }
            Self::Expired { message, .. } | Self::Incomplete(message) | Self::Scope(message) => {
                message
            }
        };
        message.to_owned()
    }
}
