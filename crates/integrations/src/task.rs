//! Services behind the resources of Task states: `arn:aws:states:::sqs:sendMessage` and
//! `arn:aws:states:::aws-sdk:sqs:sendMessage`.
//!
//! What a service can do is in its [`Facts`]; a resource that is not there is refused when it is asked for. A task that is delivered
//! again after a crash makes its request again.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;
use stepwell_task::{
    Members, Misfit, Pattern, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, Unsupported,
};
use tokio_util::sync::CancellationToken;

use crate::aws::catalogue::{self, At, Model, lower, upper};
use crate::aws::spelling;
use crate::service::{Facts, Optimised, Origin, Service};
use crate::{Clock, events, http};

const PREFIX: &str = "arn:aws:states:::";
const SDK_PREFIX: &str = "aws-sdk:";

/// Parameters that Step Functions turns into text where they are none.
const TEXTS: &[&str] = &["Detail", "Input", "Message", "MessageBody", "SecretString"];

/// All services of an installation behind resources.
#[derive(Clone)]
pub struct Integrations {
    /// In any order.
    pub services: Arc<[Arc<dyn Service>]>,
    /// In addresses that answers name.
    pub origin: Origin,
    /// For the date of answers.
    pub clock: Clock,
}

impl Integrations {
    /// The handler of a resource; `None` if it belongs to none of the services.
    ///
    /// # Errors
    /// [`Unsupported`] names an action that the service has not.
    pub fn route(&self, resource: &str) -> Option<Result<Arc<dyn TaskHandler>, Unsupported>> {
        let named = Named::of(resource)?;
        let service = self.services.iter().find(|it| named.is_of(it.facts()))?;
        if let Some(reason) = service.absence() {
            let (resource, reason) = (resource.to_owned(), reason.to_owned());
            return Some(Err(Unsupported { resource, reason }));
        }
        let kind = named.find(service.facts());
        Some(kind.map(|kind| self.handler(service, kind)))
    }

    /// What of these members does not fit a resource; `None` if it belongs to none of the services.
    pub fn misfits(&self, resource: &str, given: &[&str]) -> Option<Vec<Misfit>> {
        let named = Named::of(resource)?;
        let service = self.services.iter().find(|it| named.is_of(it.facts()))?;
        let kind = named.find(service.facts()).ok()?;
        Some(kind.misfits(service.facts(), named.of, given))
    }

    fn handler(&self, service: &Arc<dyn Service>, kind: Kind) -> Arc<dyn TaskHandler> {
        let (service, origin) = (Arc::clone(service), self.origin.clone());
        Arc::new(Handler { service, kind, origin, clock: Arc::clone(&self.clock) })
    }
}

/// What a resource names.
struct Named<'r> {
    resource: &'r str,
    /// `aws-sdk:sqs:sendMessage`
    of: &'r str,
    is_sdk: bool,
    service: &'r str,
    action: &'r str,
}

impl<'r> Named<'r> {
    fn of(resource: &'r str) -> Option<Self> {
        let written = resource.strip_prefix(PREFIX)?;
        // Who waits for a token is the engine; nothing here can run a job.
        let named = match Pattern::split(written) {
            (plain, Pattern::WaitForTaskToken) => plain,
            _ => written,
        };
        let of = named;
        let (is_sdk, named) = match named.strip_prefix(SDK_PREFIX) {
            Some(named) => (true, named),
            None => (false, named),
        };
        let (service, action) = named.split_once(':')?;
        Some(Self { resource, of, is_sdk, service, action })
    }

    fn is_of(&self, facts: &Facts) -> bool {
        let name = if self.is_sdk { facts.sdk_service() } else { facts.name.to_owned() };
        name == self.service
    }

    fn find(&self, facts: &'static Facts) -> Result<Kind, Unsupported> {
        find(facts, self.action, self.is_sdk).ok_or_else(|| Unsupported {
            resource: self.resource.to_owned(),
            reason: reason(facts, self.is_sdk, self.action),
        })
    }
}

/// Which of the two ways to call a service.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Optimised(&'static Optimised),
    Sdk(&'static str),
}

impl Kind {
    fn action(self) -> &'static str {
        match self {
            Self::Optimised(optimised) => optimised.action,
            Self::Sdk(action) => action,
        }
    }

    fn misfits(self, facts: &Facts, of: &str, given: &[&str]) -> Vec<Misfit> {
        let model = catalogue::find(&facts.sdk_service());
        let of_aws = model.and_then(|model| model.members(self.action()));
        match self {
            Self::Optimised(Optimised { action, parameters, required, .. }) => {
                let read = (facts.members)(action);
                let is_read = |name: &&&str| read.as_ref().is_none_or(|read| read.contains(*name));
                let served: Vec<_> = parameters.iter().filter(is_read).copied().collect();
                let (of_aws, served) = (of_aws.or(Some(parameters)), Some(&*served));
                Members { of, of_aws, served, required }.misfits(given)
            }
            Self::Sdk(action) => {
                let served = (facts.members)(action);
                let misfit = |member: &&str| of_sdk(model?, action, served.as_deref(), of, member);
                given.iter().filter_map(misfit).collect()
            }
        }
    }
}

/// What is wrong with a member of an `aws-sdk` integration. What it must have is told by the service, and may be caught.
fn of_sdk(
    model: &Model,
    action: &str,
    served: Option<&[&str]>,
    of: &str,
    member: &str,
) -> Option<Misfit> {
    let sent = model.sent(At::action(action), member);
    if !model.knows(action, member) {
        return Some(Misfit::Unknown { member: member.to_owned() });
    }
    let is_served = served.is_none_or(|served| served.contains(&&*sent));
    (!is_served).then(|| Misfit::NotServed { member: member.to_owned(), of: of.to_owned() })
}

/// The action `sendMessage` of a service.
fn find(facts: &'static Facts, action: &str, is_sdk: bool) -> Option<Kind> {
    if !action.starts_with(|first: char| first.is_ascii_lowercase()) {
        return None;
    }
    let name = upper(action);
    if is_sdk {
        return facts.actions.iter().find(|it| **it == name).map(|it| Kind::Sdk(it));
    }
    facts.optimised.iter().find(|it| it.action == name).map(Kind::Optimised)
}

/// Actions of one service that a reason names.
const ACTIONS_TOLD_MAX: usize = 25;

fn reason(facts: &Facts, is_sdk: bool, action: &str) -> String {
    let actions: Vec<_> = if is_sdk {
        facts.actions.to_vec()
    } else {
        facts.optimised.iter().map(|it| it.action).collect()
    };
    if actions.is_empty() {
        return format!("`{}` cannot be called here", facts.name);
    }
    if actions.len() > ACTIONS_TOLD_MAX {
        return format!("`{}` has no action `{action}`", facts.sdk_service());
    }
    let actions: Vec<_> = actions.into_iter().map(lower).collect();
    let prefix = if is_sdk { SDK_PREFIX } else { "" };
    format!("supported of `{prefix}{}` are {}", facts.name, actions.join(", "))
}

struct Handler {
    service: Arc<dyn Service>,
    kind: Kind,
    origin: Origin,
    clock: Clock,
}

#[async_trait]
impl TaskHandler for Handler {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
        let request_id = uuid::Uuid::new_v4().to_string();
        let input = match self.input(&request.parameters, &request.execution_arn) {
            Ok(input) => input,
            Err(cause) => return failed("States.Runtime", cause),
        };
        let call = self.service.call(self.kind.action(), input, &self.origin);
        let outcome = tokio::select! {
            outcome = call => outcome,
            () = stop.cancelled() => return failed("States.Timeout", "the request was not waited for"),
        };
        match outcome {
            Ok(output) => self.succeeded(output, &request_id),
            Err(error) => self.refused(&error, &request_id),
        }
    }
}

fn failed(error: impl Into<String>, cause: impl Into<String>) -> TaskOutcome {
    TaskOutcome::Failed(TaskFailure { error: error.into(), cause: Some(cause.into()) })
}

impl Handler {
    fn input(&self, parameters: &Value, execution_arn: &str) -> Result<Value, String> {
        let Value::Object(members) = parameters else {
            return Err("The parameters of an integration must be an object.".to_owned());
        };
        if let Kind::Optimised(Optimised { parameters, action, .. }) = self.kind
            && let Some(other) = members.keys().find(|name| !parameters.contains(&name.as_str()))
        {
            let name = self.service.facts().name;
            return Err(format!(
                "The field '{other}' is not supported by Step Functions in {name}:{action}"
            ));
        }
        let mut input = with_texts(parameters.clone());
        match (self.kind, self.model()) {
            (Kind::Sdk(action), Some(model)) => Ok(spelling::request(model, action, input)),
            (Kind::Optimised(_), _) if self.service.facts().name == events::FACTS.name => {
                events::add_resources(&mut input, execution_arn);
                Ok(input)
            }
            _ => Ok(input),
        }
    }

    /// How the members of the service are spelled.
    fn model(&self) -> Option<&'static Model> {
        catalogue::find(&self.service.facts().sdk_service())
    }

    fn succeeded(&self, output: Value, request_id: &str) -> TaskOutcome {
        let failed_entries = output["FailedEntryCount"].as_u64().unwrap_or(0);
        match self.kind {
            Kind::Optimised(_) if failed_entries > 0 => {
                failed("EventBridge.FailedEntry", output.to_string())
            }
            Kind::Optimised(Optimised { action, has_metadata: true, .. }) => {
                let (content, body) = http::body(&*self.service, action, &output, request_id);
                let mut output = output;
                let answer =
                    Answer { content: &content, body: &body, request_id, date: &self.date() };
                if self.service.facts().conventions.names_server {
                    answer.tell_of_server(&mut output);
                } else {
                    answer.tell(&mut output);
                }
                TaskOutcome::Succeeded(Arc::new(output))
            }
            Kind::Optimised(_) => TaskOutcome::Succeeded(Arc::new(output)),
            Kind::Sdk(action) => TaskOutcome::Succeeded(Arc::new(match self.model() {
                Some(model) => spelling::result(model, action, output),
                None => output,
            })),
        }
    }

    /// `Sun, 01 Mar 2026 09:00:00 GMT`
    fn date(&self) -> String {
        (self.clock)().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    fn refused(&self, error: &ServiceError, request_id: &str) -> TaskOutcome {
        let facts = self.service.facts();
        let conventions = facts.conventions;
        let ServiceError { code, message, status, .. } = error;
        // A name that is whole already, such as `States.Http.Socket`.
        if code.contains('.') {
            return failed(code, message);
        }
        let exception = |name: &str| format!("{}Exception", name.trim_end_matches("Exception"));
        let base = conventions.base_exception.unwrap_or(facts.legacy_name);
        match self.kind {
            Kind::Optimised(_) => {
                let query_code = error.query_code();
                let is_modelled = facts.modelled_errors.contains(&&**code);
                let class = if is_modelled { exception(code) } else { exception(base) };
                let cause = format!(
                    "{message} (Service: {}; Status Code: {status}; Error Code: {query_code}; Request ID: {request_id}; Proxy: null)",
                    facts.legacy_name
                );
                failed(format!("{}.{class}", facts.error_prefix), cause)
            }
            Kind::Sdk(_) => {
                let is_modelled = facts.modelled_errors.contains(&&**code);
                let class = if is_modelled { exception(code) } else { exception(facts.sdk_name) };
                let extended = if conventions.has_extended_id {
                    format!(", Extended Request ID: {request_id}")
                } else {
                    String::new()
                };
                let attempts =
                    if conventions.tells_attempts { " (SDK Attempt Count: 1)" } else { "" };
                let cause = format!(
                    "{message} (Service: {}, Status Code: {status}, Request ID: {request_id}{extended}){attempts}",
                    facts.sdk_name
                );
                failed(format!("{}.{class}", facts.sdk_name), cause)
            }
        }
    }
}

/// Makes texts of what must be text, also in entries.
fn with_texts(parameters: Value) -> Value {
    match parameters {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let is_text = TEXTS.contains(&name.as_str());
                let value = match value {
                    Value::String(_) | Value::Null => value,
                    value if is_text => Value::String(value.to_string()),
                    value if name == "Entries" || name == "PublishBatchRequestEntries" => {
                        with_texts(value)
                    }
                    value => value,
                };
                (name, value)
            };
            Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_texts).collect()),
        other => other,
    }
}

/// An answer over HTTP, as Step Functions tells of it.
struct Answer<'a> {
    content: &'a str,
    body: &'a [u8],
    request_id: &'a str,
    date: &'a str,
}

impl Answer<'_> {
    fn tell(&self, output: &mut Value) {
        let length = self.body.len().to_string();
        output["SdkHttpMetadata"] = json!({
            "AllHttpHeaders": {
                "x-amzn-RequestId": [self.request_id],
                "connection": ["keep-alive"],
                "Content-Length": [length],
                "Date": [self.date],
                "Content-Type": [self.content],
            },
            "HttpHeaders": {
                "connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": self.content,
                "Date": self.date,
                "x-amzn-RequestId": self.request_id,
            },
            "HttpStatusCode": 200,
        });
        output["SdkResponseMetadata"] = json!({ "RequestId": self.request_id });
    }

    /// Of a service whose server names itself and sends a checksum.
    fn tell_of_server(&self, output: &mut Value) {
        let (length, checksum) = (self.body.len().to_string(), http::crc32(self.body).to_string());
        output["SdkHttpMetadata"] = json!({
            "AllHttpHeaders": {
                "Server": ["Server"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [self.request_id],
                "x-amz-crc32": [checksum],
                "Content-Length": [length],
                "Date": [self.date],
                "Content-Type": [self.content],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": length,
                "Content-Type": self.content,
                "Date": self.date,
                "Server": "Server",
                "x-amz-crc32": checksum,
                "x-amzn-RequestId": self.request_id,
            },
            "HttpStatusCode": 200,
        });
        output["SdkResponseMetadata"] = json!({ "RequestId": self.request_id });
    }
}
