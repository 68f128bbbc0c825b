//! EventBridge: rules on the default event bus that send events to queues, state machines and functions.
//!
//! `PutEvents` answers once each matching target has its event on disk, Express executions apart. Rules are kept in a SQLite
//! file. Other buses, schedules on rules and other targets are refused by name; schedules are stepwell's own.

mod connections;
mod delivery;
mod pattern;
mod rules;
mod target;
mod transform;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use crate::members::{Members, members_of};
use crate::service::{
    Conventions, Facts, Optimised, Origin, Place, Protocol, Service, read, seconds,
};
use crate::sqlite::{Database, Format};
use crate::sqs::Targets;
use crate::vault::Vault;
use crate::{Clock, StoreError};

pub(crate) use connections::{AuthParameters, Basic, OAuth, Parameter};
pub use pattern::{EventPattern, InvalidPattern};
pub use target::Starter;

/// What EventBridge is called where.
pub const FACTS: Facts = Facts {
    name: "events",
    error_prefix: "EventBridge",
    legacy_name: "AmazonEventBridge",
    sdk_name: "EventBridge",
    protocol: Protocol::Json {
        target_prefix: "AWSEvents",
        version: "1.1",
        error_namespace: "com.amazonaws.events",
    },
    actions: &[
        "CreateConnection",
        "DeleteConnection",
        "DeleteRule",
        "DescribeConnection",
        "DescribeRule",
        "DisableRule",
        "EnableRule",
        "ListConnections",
        "ListRules",
        "ListTargetsByRule",
        "PutEvents",
        "PutRule",
        "PutTargets",
        "RemoveTargets",
        "TestEventPattern",
        "UpdateConnection",
    ],
    optimised: &[Optimised {
        action: "PutEvents",
        parameters: &["Entries"],
        required: &["Entries"],
        has_metadata: false,
    }],
    members,
    modelled_errors: &[
        "InternalException",
        "InvalidEventPatternException",
        "ResourceAlreadyExistsException",
        "ResourceNotFoundException",
    ],
    conventions: Conventions::USUAL,
};

const FORMAT: Format = Format {
    name: "a file of event rules",
    application_id: 0x5357_4531, // "SWE1"
    migrations: &[
        "
        CREATE TABLE rule (
            name TEXT PRIMARY KEY,
            pattern TEXT NOT NULL,
            description TEXT,
            is_enabled INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE target (
            rule TEXT NOT NULL REFERENCES rule (name),
            id TEXT NOT NULL,
            target TEXT NOT NULL,
            PRIMARY KEY (rule, id)
        ) STRICT, WITHOUT ROWID;
    ",
        "
        CREATE TABLE connection (
            name TEXT PRIMARY KEY,
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            description TEXT,
            shown TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            modified_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    ",
        // Targets that are no queues: a program that does not know them would leave them out.
        "",
    ],
};

/// Source: EventBridge API reference, `PutEvents`.
const ENTRIES_MAX: usize = 10;
const ENTRIES_BYTES_MAX: usize = 1_048_576;

/// The default event bus. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedEvents {
    database: Database,
    place: Place,
    queues: Targets,
    starter: Arc<dyn Starter>,
    vault: Arc<dyn Vault>,
    clock: Clock,
    /// One change of connections at a time: each is one in the file and one in the vault.
    connecting: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for EmbeddedEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedEvents").field("place", &self.place).finish_non_exhaustive()
    }
}

impl EmbeddedEvents {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(
        path: &Path,
        place: Place,
        queues: Targets,
        starter: Arc<dyn Starter>,
        vault: Arc<dyn Vault>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let database = Database::open(path, FORMAT)?;
        Ok(Self { database, place, queues, starter, vault, clock, connecting: Arc::default() })
    }

    /// Delivers events of a service of AWS, which `PutEvents` refuses from anybody else. They are asked for if there are rules at
    /// all. Not to be tried again: some targets may have them. What no target took is told in the log.
    ///
    /// # Errors
    /// If the rules cannot be read.
    pub async fn announce(
        &self,
        source: &str,
        detail_type: &str,
        announced: impl Future<Output = Vec<Announced>>,
    ) -> Result<(), ServiceError> {
        let rules = rules::enabled(self).await?;
        if rules.is_empty() {
            return Ok(());
        }
        let time = (self.clock)();
        let event = |Announced { resources, detail }| {
            let head = Head { source, detail_type, resources, time };
            head.event(&self.place, &new_id(), &detail)
        };
        let events: Vec<_> = announced.await.into_iter().map(event).collect();
        for Refused(_, error) in
            self.deliver(&events, &rules).await.into_iter().filter_map(Result::err)
        {
            tracing::warn!(error, source, "an event did not reach all of its targets");
        }
        Ok(())
    }

    /// How the connection of an ARN proves who it is; none if there is no such connection.
    pub(crate) async fn authorization(
        &self,
        arn: &str,
    ) -> Result<Option<AuthParameters>, ServiceError> {
        connections::of_arn(self, arn).await
    }
}

#[async_trait]
impl Service for EmbeddedEvents {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        match action {
            "CreateConnection" => connections::create(self, input).await,
            "DeleteConnection" => connections::delete(self, input).await,
            "DescribeConnection" => connections::describe(self, input).await,
            "ListConnections" => connections::list(self, input).await,
            "UpdateConnection" => connections::update(self, input).await,
            "DeleteRule" => rules::delete(self, input).await,
            "DescribeRule" => rules::describe(self, input).await,
            "DisableRule" => rules::enable(self, input, false).await,
            "EnableRule" => rules::enable(self, input, true).await,
            "ListRules" => rules::list(self, input).await,
            "ListTargetsByRule" => rules::list_targets(self, input).await,
            "PutEvents" => self.put_events(input).await,
            "PutRule" => rules::put(self, input).await,
            "PutTargets" => rules::put_targets(self, input).await,
            "RemoveTargets" => rules::remove_targets(self, input).await,
            "TestEventPattern" => test_event_pattern(input),
            other => Err(ServiceError::unsupported("events", other)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEvents {
    #[serde(default)]
    entries: Vec<Entry>,
}

/// `{"Source": "my.app", "DetailType": "made", "Detail": "{}", "Resources": []}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    /// Seconds since 1970, or the text of an instant.
    time: Option<Value>,
    event_bus_name: Option<String>,
    trace_header: Option<String>,
}

/// Why an entry is not taken: code and words.
struct Refused(&'static str, String);

impl Entry {
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail];
        texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.resources.iter().map(String::len).sum::<usize>()
    }

    /// The event as rules and targets see it.
    fn event(self, place: &Place, now: Timestamp, id: &str) -> Result<Value, Refused> {
        let required = |name: &str, value: Option<String>| {
            let problem =
                format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            value.filter(|text| !text.is_empty()).ok_or(Refused("InvalidArgument", problem))
        };
        let source = required("Source", self.source)?;
        let detail_type = required("DetailType", self.detail_type)?;
        let detail = required("Detail", self.detail)?;
        let malformed = || Refused("MalformedDetail", "Detail is malformed.".to_owned());
        let detail: Value = serde_json::from_str(&detail).map_err(|_| malformed())?;
        if !detail.is_object() {
            return Err(malformed());
        }
        if source.starts_with("aws.") {
            return Err(Refused(
                "NotAuthorizedForSource",
                "Not authorized for the source.".to_owned(),
            ));
        }
        check_bus(self.event_bus_name.as_deref())
            .map_err(|error| Refused("ResourceNotFoundException", error.message))?;
        if self.trace_header.is_some() {
            return Err(Refused(
                "InvalidArgument",
                "Parameter TraceHeader is not supported by stepwell.".to_owned(),
            ));
        }
        let time = instant(self.time.as_ref(), now)
            .ok_or_else(|| Refused("InvalidArgument", "Parameter Time is not valid.".to_owned()))?;
        let resources = self.resources;
        let head = Head { source: &source, detail_type: &detail_type, resources, time };
        Ok(head.event(place, id, &detail))
    }
}

/// What an event of a service of AWS tells.
#[derive(Debug, Clone)]
pub struct Announced {
    /// The ARNs of what it is about.
    pub resources: Vec<String>,
    /// An object.
    pub detail: Value,
}

/// What an event says beside its detail.
struct Head<'h> {
    source: &'h str,
    detail_type: &'h str,
    resources: Vec<String>,
    time: Timestamp,
}

impl Head<'_> {
    /// The event as rules and targets see it.
    fn event(self, place: &Place, id: &str, detail: &Value) -> Value {
        json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": place.account,
            "time": seconds(self.time),
            "region": place.region,
            "resources": self.resources,
            "detail": detail,
        })
    }
}

/// Names the state machine and the execution among the resources of every entry of `PutEvents`, as Step Functions does.
pub(crate) fn add_resources(input: &mut Value, execution_arn: &str) {
    let arns = [state_machine(execution_arn), execution_arn.to_owned()].map(Value::String);
    let entries = input.get_mut("Entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
        let resources = entry.entry("Resources").or_insert_with(|| json!([]));
        if let Some(resources) = resources.as_array_mut() {
            resources.extend(arns.iter().cloned());
        }
    }
}

/// `arn:aws:states:us-east-1:111111111111:execution:orders:one` is of `arn:aws:states:us-east-1:111111111111:stateMachine:orders`.
fn state_machine(execution_arn: &str) -> String {
    let parts: Vec<_> = execution_arn.splitn(8, ':').collect();
    let name = parts.get(6).copied().unwrap_or_default();
    // A child of a Map run names its label as well.
    let name = name.split('/').next().unwrap_or(name);
    format!("{}:stateMachine:{name}", parts[..parts.len().min(5)].join(":"))
}

fn instant(time: Option<&Value>, now: Timestamp) -> Option<Timestamp> {
    match time {
        None => Some(now),
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => Timestamp::from_millisecond((number.as_f64()? * 1000.0) as i64).ok(),
    }
}

/// What a page holds of connections, rules or targets. Source: API reference, `Limit` of `ListRules`.
const PAGE_MAX: usize = 100;

fn check_limit(limit: Option<usize>) -> Result<usize, ServiceError> {
    let limit = limit.unwrap_or(PAGE_MAX);
    if (1..=PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    let message = format!("Limit must be between 1 and {PAGE_MAX}.");
    Err(ServiceError::sender("ValidationException", message))
}

/// There is one bus.
fn check_bus(name: Option<&str>) -> Result<(), ServiceError> {
    let name = name.unwrap_or("default");
    if name == "default" || name.ends_with(":event-bus/default") {
        return Ok(());
    }
    let message = format!("Event bus {name} does not exist.");
    Err(ServiceError::sender("ResourceNotFoundException", message))
}

impl EmbeddedEvents {
    async fn put_events(&self, input: Value) -> Result<Value, ServiceError> {
        let PutEvents { entries } = read(input)?;
        check_entries(&entries)?;
        let rules = rules::enabled(self).await?;
        let now = (self.clock)();
        let event = |entry: Entry| {
            let id = new_id();
            entry.event(&self.place, now, &id).map(|event| (id, event))
        };
        let (ids, events) = split(entries.into_iter().map(event));
        let mut delivered = self.deliver(&events, &rules).await.into_iter();
        let answers = ids.into_iter().map(|id| {
            let id = id?;
            delivered.next().expect("each event was delivered").map(|()| id)
        });
        let answers: Vec<_> = answers.collect();
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        let shown = answers.into_iter().map(|answer| match answer {
            Ok(id) => json!({"EventId": id}),
            Err(Refused(code, words)) => json!({"ErrorCode": code, "ErrorMessage": words}),
        });
        Ok(json!({"Entries": shown.collect::<Vec<_>>(), "FailedEntryCount": failed}))
    }
}

/// The events, and in the place of each its id or why there is none.
fn split(
    entries: impl Iterator<Item = Result<(String, Value), Refused>>,
) -> (Vec<Result<String, Refused>>, Vec<Value>) {
    let mut events = Vec::new();
    let ids = entries.map(|entry| {
        let (id, event) = entry?;
        events.push(event);
        Ok(id)
    });
    (ids.collect(), events)
}

fn new_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "an event has its id from here on")]
    let id = uuid::Uuid::new_v4();
    id.to_string()
}

fn check_entries(entries: &[Entry]) -> Result<(), ServiceError> {
    let validation = |problem: String| Err(ServiceError::sender("ValidationException", problem));
    if !(1..=ENTRIES_MAX).contains(&entries.len()) {
        let (relation, limit) =
            if entries.is_empty() { ("greater", 1) } else { ("less", ENTRIES_MAX) };
        return validation(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length {relation} than or \
             equal to {limit}"
        ));
    }
    let bytes: usize = entries.iter().map(Entry::size).sum();
    if bytes > ENTRIES_BYTES_MAX {
        return validation(
            "Total size of the entries in the request is over the limit.".to_owned(),
        );
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TestEventPattern {
    event_pattern: String,
    event: String,
}

fn test_event_pattern(input: Value) -> Result<Value, ServiceError> {
    let TestEventPattern { event_pattern, event } = read(input)?;
    let pattern = parse_pattern(&event_pattern)?;
    let event: Value = serde_json::from_str(&event).map_err(|error| {
        ServiceError::sender("ValidationException", format!("Event is not valid JSON: {error}"))
    })?;
    Ok(json!({"Result": pattern.matches(&event)}))
}

fn parse_pattern(text: &str) -> Result<EventPattern, ServiceError> {
    let invalid = |reason: String| {
        ServiceError::sender(
            "InvalidEventPatternException",
            format!("Event pattern is not valid. Reason: {reason}"),
        )
    };
    let value: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    EventPattern::parse(&value).map_err(|error| invalid(error.to_string()))
}

/// The members of its actions.
fn members(action: &str) -> Option<Members> {
    Some(match action {
        "PutEvents" => members_of::<PutEvents>(),
        "TestEventPattern" => members_of::<TestEventPattern>(),
        other => return connections::members(other).or_else(|| rules::members(other)),
    })
}
