//! What a request asks for.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Uri};

/// Which action of which service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `X-Amz-Target: AmazonSQS.SendMessage`
    Json {
        /// `AmazonSQS`
        prefix: String,
        /// `SendMessage`
        action: String,
    },
    /// A form; the service is known by what it was signed for, the action by its member `Action`.
    Query {
        /// `sns`; none of a request that is not signed.
        service: Option<String>,
    },
}

impl Target {
    /// What the headers say; none of a request that is neither.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some((prefix, action)) = text("x-amz-target").and_then(|it| it.rsplit_once('.')) {
            return Some(Self::Json { prefix: prefix.to_owned(), action: action.to_owned() });
        }
        let is_form = text(CONTENT_TYPE.as_str())
            .is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
        let signed = text(AUTHORIZATION.as_str()).and_then(scope_service).map(str::to_owned);
        is_form.then_some(Self::Query { service: signed })
    }
}

/// The services of JSON protocols by the prefixes of their targets.
const PREFIXES: &[(&str, &str)] = &[
    ("AmazonAthena", "athena"),
    ("AmazonSQS", "sqs"),
    ("AmazonSSM", "ssm"),
    ("AWSEvents", "events"),
    ("AWSGlue", "glue"),
    ("AWSStepFunctions", "states"),
    ("DynamoDB_20120810", "dynamodb"),
    ("DynamoDBStreams_20120810", "dynamodb"),
    ("Kinesis_20131202", "kinesis"),
    ("Logs_20140328", "logs"),
    ("secretsmanager", "secretsmanager"),
];

/// The service that a request calls, by the name that it must be signed for; none if the signature itself says it, or if it
/// is none of AWS's.
pub fn called_service(request: &Parts) -> Option<&'static str> {
    if let Some(Target::Json { prefix, .. }) = Target::of(&request.headers) {
        let known = PREFIXES.iter().find(|(it, _)| *it == prefix);
        return known.map(|(_, service)| *service);
    }
    request.uri.path().starts_with("/2015-03-31/").then_some("lambda")
}

/// The service that an `Authorization` header was made for.
///
/// ```
/// let header = "AWS4-HMAC-SHA256 Credential=AKIA/20260301/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=00";
/// assert_eq!(stepwell_aws_wire::scope_service(header), Some("sns"));
/// ```
pub fn scope_service(authorization: &str) -> Option<&str> {
    let credential = authorization.split_once("Credential=")?.1;
    let credential = credential.split(',').next()?.trim();
    let mut parts = credential.rsplit('/');
    (parts.next()? == "aws4_request").then(|| parts.next())?
}

/// The service that a request was signed for, in its `Authorization` header or, presigned, in its URL.
pub fn signed_service(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    if let Some(service) = header.and_then(scope_service) {
        return Some(service.to_owned());
    }
    let mut query = form_urlencoded::parse(uri.query()?.as_bytes());
    let (_, credential) = query.find(|(name, _)| name == "X-Amz-Credential")?;
    scope_service(&format!("Credential={credential}")).map(str::to_owned)
}
