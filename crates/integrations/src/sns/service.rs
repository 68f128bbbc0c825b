//! All topics of an installation as SNS serves them: made and subscribed to by calls, kept in one SQLite file.
//!
//! Delivery is that of [`EmbeddedTopics`]. Subscriptions to queues and HTTP need no confirmation; other protocols are refused by name.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::embedded::EmbeddedTopics;
use super::subscriptions;
use super::{Attribute, Error, FIFO_SUFFIX, MESSAGE_BYTES_MAX, Message, Structure, problem_of};
use crate::Clock;
use crate::members::{Members, members_of};
use crate::service::{
    Conventions, Facts, Optimised, Origin, Place, Protocol, Service, list_of_form, read,
};
use crate::sqs::Targets;

/// What SNS is called where.
pub const FACTS: Facts = Facts {
    name: "sns",
    error_prefix: "SNS",
    legacy_name: "AmazonSNS",
    sdk_name: "Sns",
    protocol: Protocol::Query {
        namespace: "http://sns.amazonaws.com/doc/2010-03-31/",
        maps: &["Attributes"],
    },
    actions: &[
        "CreateTopic",
        "DeleteTopic",
        "GetSubscriptionAttributes",
        "GetTopicAttributes",
        "ListSubscriptions",
        "ListSubscriptionsByTopic",
        "ListTopics",
        "Publish",
        "PublishBatch",
        "SetSubscriptionAttributes",
        "SetTopicAttributes",
        "Subscribe",
        "Unsubscribe",
    ],
    optimised: &[Optimised {
        action: "Publish",
        parameters: &[
            "Message",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageStructure",
            "Subject",
            "TargetArn",
            "TopicArn",
        ],
        required: &["Message"],
        has_metadata: true,
    }],
    members,
    modelled_errors: &[
        "InvalidParameter",
        "NotFound",
        "EmptyBatchRequest",
        "TooManyEntriesInBatchRequest",
    ],
    conventions: Conventions::USUAL,
};

/// All topics of one file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EmbeddedSns {
    pub(super) topics: EmbeddedTopics,
    pub(super) place: Place,
    /// The queues that can be subscribed.
    pub(super) queues: Targets,
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidMessage { problem } => invalid(&problem),
            Error::NoSuchTopic { .. } => not_found("Topic"),
            Error::Store(error) => error.into(),
            Error::Call(_) => Self::internal(),
        }
    }
}

pub(super) fn invalid(problem: &str) -> ServiceError {
    ServiceError::sender("InvalidParameter", format!("Invalid parameter: {problem}"))
}

pub(super) fn not_found(what: &str) -> ServiceError {
    ServiceError::sender("NotFound", format!("{what} does not exist")).with_status(404)
}

impl EmbeddedSns {
    /// Opens or creates the file. [`EmbeddedSns::run`] tries again what could not be delivered.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn open(
        path: &Path,
        place: Place,
        queues: Targets,
        http: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, Error> {
        let topics = EmbeddedTopics::open_at(path, place.clone(), BTreeMap::new(), http, clock)?;
        let this = Self { topics, place, queues };
        subscriptions::load(&this).await?;
        Ok(this)
    }

    /// Delivers again and again what is due; never returns.
    pub async fn run(&self) {
        self.topics.run().await;
    }

    /// The name of a topic that is there.
    pub(super) fn topic(&self, arn: Option<&str>) -> Result<String, ServiceError> {
        let arn = arn.ok_or_else(|| {
            invalid("TopicArn or TargetArn Reason: no value for required parameter")
        })?;
        let prefix = self.place.arn("sns", "");
        let Some(name) = arn.strip_prefix(&prefix) else {
            let is_arn = arn.starts_with("arn:") && arn.split(':').count() == 6;
            return Err(if is_arn { not_found("Topic") } else { invalid("TopicArn") });
        };
        let is_there = self.topics.subscriptions().contains_key(name);
        if is_there { Ok(name.to_owned()) } else { Err(not_found("Topic")) }
    }
}

#[async_trait]
impl Service for EmbeddedSns {
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
            "CreateTopic" => create_topic(self, input).await,
            "DeleteTopic" => delete_topic(self, input).await,
            "GetSubscriptionAttributes" => subscriptions::get_attributes(self, input).await,
            "GetTopicAttributes" => get_topic_attributes(self, input).await,
            "ListSubscriptions" | "ListSubscriptionsByTopic" => {
                subscriptions::list(self, input).await
            }
            "ListTopics" => list_topics(self, input),
            "Publish" => publish(self, input).await,
            "PublishBatch" => publish_batch(self, input).await,
            "SetSubscriptionAttributes" => subscriptions::set_attributes(self, input).await,
            "SetTopicAttributes" => set_topic_attributes(self, input).await,
            "Subscribe" => subscriptions::subscribe(self, input).await,
            "Unsubscribe" => subscriptions::unsubscribe(self, input).await,
            other => Err(ServiceError::unsupported("sns", other)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateTopic {
    name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// `CreateTopic`: the same topic again is no error.
async fn create_topic(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let CreateTopic { name, attributes } = read(input)?;
    let is_fifo = attributes.get("FifoTopic").is_some_and(|it| it == "true");
    check_topic(&name, is_fifo)?;
    attributes.iter().try_for_each(check_topic_attribute)?;
    let (topic, text) = (name.clone(), json!(attributes).to_string());
    let is_same = sns.topics.change(move |transaction, _| {
        let sql = "INSERT INTO topic VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        transaction.execute(sql, params![topic, text])?;
        let sql = "SELECT attributes FROM topic WHERE name = ?1";
        let found: String = transaction.query_row(sql, [topic], |row| row.get(0))?;
        Ok(is_within(&text, &found))
    });
    if !is_same.await? {
        return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
    }
    let mut all =
        sns.topics.subscriptions.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.entry(name.clone()).or_default();
    Ok(json!({"TopicArn": sns.place.arn("sns", &name)}))
}

/// Whether all that is wanted is what was found.
fn is_within(wanted: &str, found: &str) -> bool {
    let parse = |text| serde_json::from_str::<BTreeMap<String, String>>(text).unwrap_or_default();
    let found = parse(found);
    parse(wanted).iter().all(|(name, value)| found.get(name) == Some(value))
}

fn check_topic(name: &str, is_fifo: bool) -> Result<(), ServiceError> {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if is_fifo && stem == name {
        return Err(invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII \
            letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
        ));
    }
    if (!is_fifo && stem != name)
        || !(1..=256).contains(&name.len())
        || !stem.chars().all(is_allowed)
    {
        return Err(invalid("Topic Name"));
    }
    Ok(())
}

fn check_topic_attribute((name, value): (&String, &String)) -> Result<(), ServiceError> {
    let is_fine = match name.as_str() {
        "FifoTopic" | "ContentBasedDeduplication" => matches!(value.as_str(), "true" | "false"),
        "DisplayName" => value.chars().count() <= 100,
        // Kept and shown; one installation has one owner.
        "Policy" => serde_json::from_str::<Value>(value).is_ok_and(|it| it.is_object()),
        _ => return Err(invalid(&format!("Attributes Reason: Unknown attribute {name}"))),
    };
    if is_fine {
        Ok(())
    } else {
        Err(invalid(&format!("Attributes Reason: invalid value of {name}")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfTopic {
    topic_arn: Option<String>,
}

/// `DeleteTopic`, with its subscriptions; one that is not there is no error.
async fn delete_topic(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let arn = read::<OfTopic>(input)?.topic_arn;
    let name = match sns.topic(arn.as_deref()) {
        Err(error) if error.code == "NotFound" => return Ok(json!({})),
        name => name?,
    };
    let topic = name.clone();
    let deleted = sns.topics.change(move |transaction, _| {
        transaction.execute("DELETE FROM subscription WHERE topic = ?1", [&topic])?;
        transaction.execute("DELETE FROM topic WHERE name = ?1", [&topic])
    });
    deleted.await?;
    let mut all =
        sns.topics.subscriptions.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.remove(&name);
    Ok(json!({}))
}

/// `ListTopics`, all at once.
fn list_topics(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct ListTopics {}
    read::<ListTopics>(input)?;
    let names: Vec<_> = sns.topics.subscriptions().keys().cloned().collect();
    let arns: Vec<_> =
        names.iter().map(|name| json!({"TopicArn": sns.place.arn("sns", name)})).collect();
    Ok(json!({"Topics": arns}))
}

async fn topic_attributes(
    sns: &EmbeddedSns,
    topic: &str,
) -> Result<BTreeMap<String, String>, ServiceError> {
    let name = topic.to_owned();
    let text = sns.topics.change(move |transaction, _| {
        let sql = "SELECT attributes FROM topic WHERE name = ?1";
        transaction.query_row(sql, [name], |row| row.get::<_, String>(0))
    });
    Ok(serde_json::from_str(&text.await?).unwrap_or_default())
}

/// `GetTopicAttributes`
async fn get_topic_attributes(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let topic = sns.topic(read::<OfTopic>(input)?.topic_arn.as_deref())?;
    let mut attributes = topic_attributes(sns, &topic).await?;
    let confirmed = sns.topics.subscriptions().get(&topic).map_or(0, Vec::len);
    for (name, value) in [
        ("DisplayName", String::new()),
        ("Owner", sns.place.account.clone()),
        ("SubscriptionsConfirmed", confirmed.to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
        ("SubscriptionsPending", "0".to_owned()),
        ("TopicArn", sns.place.arn("sns", &topic)),
    ] {
        attributes.entry(name.to_owned()).or_insert(value);
    }
    Ok(json!({"Attributes": attributes}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetTopicAttributes {
    topic_arn: Option<String>,
    attribute_name: String,
    attribute_value: String,
}

/// `SetTopicAttributes`
async fn set_topic_attributes(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let SetTopicAttributes { topic_arn, attribute_name, attribute_value } = read(input)?;
    let topic = sns.topic(topic_arn.as_deref())?;
    if attribute_name == "FifoTopic" {
        return Err(invalid("AttributeName"));
    }
    check_topic_attribute((&attribute_name, &attribute_value))?;
    let mut attributes = topic_attributes(sns, &topic).await?;
    attributes.insert(attribute_name, attribute_value);
    let set = sns.topics.change(move |transaction, _| {
        let sql = "UPDATE topic SET attributes = ?1 WHERE name = ?2";
        transaction.execute(sql, params![json!(attributes).to_string(), topic])
    });
    set.await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Publish {
    pub(super) topic_arn: Option<String>,
    pub(super) target_arn: Option<String>,
    pub(super) message: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) message_structure: Option<String>,
    #[serde(default)]
    pub(super) message_attributes: BTreeMap<String, WireAttribute>,
    pub(super) message_group_id: Option<String>,
    pub(super) message_deduplication_id: Option<String>,
}

/// `{"DataType": "String", "StringValue": "a"}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WireAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl WireAttribute {
    pub(super) fn meant(self, name: &str) -> Result<Attribute, ServiceError> {
        use base64::Engine as _;
        let missing = || {
            invalid(&format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{}'.",
                self.data_type
            ))
        };
        let text = || self.string_value.clone().filter(|it| !it.is_empty()).ok_or_else(missing);
        match self.data_type.as_str() {
            "String" => Ok(Attribute::String(text()?)),
            "Number" => Ok(Attribute::Number(text()?)),
            "String.Array" => {
                serde_json::from_str(&text()?).map(Attribute::StringArray).map_err(|_| missing())
            }
            "Binary" => {
                let decoded = self
                    .binary_value
                    .as_ref()
                    .map(|it| base64::engine::general_purpose::STANDARD.decode(it));
                decoded
                    .and_then(Result::ok)
                    .filter(|it| !it.is_empty())
                    .map(Attribute::Binary)
                    .ok_or_else(missing)
            }
            other => Err(invalid(&format!(
                "The message attribute '{name}' has an invalid message attribute type '{other}', the \
                set of supported type prefixes is Binary, Number, and String."
            ))),
        }
    }
}

impl Publish {
    /// The name of the topic, and the message.
    fn checked(self, sns: &EmbeddedSns) -> Result<(String, Message), ServiceError> {
        let topic = sns.topic(self.topic_arn.as_deref().or(self.target_arn.as_deref()))?;
        let text =
            self.message.filter(|text| !text.is_empty()).ok_or_else(|| invalid("Empty message"))?;
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(invalid("Message too long"));
        }
        let structure = match self.message_structure.as_deref() {
            None => Structure::Plain,
            Some("json") => Structure::Json,
            Some(_) => return Err(invalid("MessageStructure")),
        };
        let attributes = self.message_attributes.into_iter();
        let attributes = attributes.map(|(name, value)| Ok((name.clone(), value.meant(&name)?)));
        let message = Message {
            text,
            subject: self.subject,
            attributes: attributes.collect::<Result<_, ServiceError>>()?,
            structure,
            group: self.message_group_id,
            deduplication_id: self.message_deduplication_id,
        };
        check_message(&topic, &message)?;
        Ok((topic, message))
    }
}

fn check_message(topic: &str, message: &Message) -> Result<(), ServiceError> {
    let is_fifo = topic.ends_with(FIFO_SUFFIX);
    if is_fifo && message.group.is_none() {
        return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
    }
    if !is_fifo && message.deduplication_id.is_some() {
        return Err(invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid \
            for this topic type",
        ));
    }
    problem_of(message).map_or(Ok(()), |problem| Err(invalid(&problem)))
}

/// `Publish`
async fn publish(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let (topic, message) = read::<Publish>(input)?.checked(sns)?;
    accept(sns, &topic, message).await
}

async fn accept(
    sns: &EmbeddedSns,
    topic: &str,
    mut message: Message,
) -> Result<Value, ServiceError> {
    use sha2::Digest as _;
    let is_fifo = topic.ends_with(FIFO_SUFFIX);
    if is_fifo && message.deduplication_id.is_none() {
        let attributes = topic_attributes(sns, topic).await?;
        if attributes.get("ContentBasedDeduplication").is_none_or(|it| it != "true") {
            return Err(invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                explicitly",
            ));
        }
        message.deduplication_id = Some(hex::encode(sha2::Sha256::digest(&message.text)));
    }
    let published = sns.topics.accept_now(topic, &message).await?;
    let mut answer = json!({"MessageId": published.id});
    if let Some(sequence) = published.sequence {
        answer["SequenceNumber"] = json!(format!("1{sequence:016}000"));
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PublishBatch {
    topic_arn: Option<String>,
    #[serde(default, deserialize_with = "list_of_form")]
    publish_batch_request_entries: Vec<Value>,
}

/// `PublishBatch`
async fn publish_batch(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let PublishBatch { topic_arn, publish_batch_request_entries: entries } = read(input)?;
    sns.topic(topic_arn.as_deref())?;
    let refuse = |code, message: &str| Err(ServiceError::sender(code, message));
    match entries.len() {
        0 => return refuse("EmptyBatchRequest", "The batch request doesn't contain any entries."),
        1..=10 => {}
        _ => {
            return refuse(
                "TooManyEntriesInBatchRequest",
                "The batch request contains more entries than permissible.",
            );
        }
    }
    let ids: std::collections::BTreeSet<_> =
        entries.iter().map(|entry| entry["Id"].as_str()).collect();
    if ids.len() < entries.len() || ids.contains(&None) {
        return refuse(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        );
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for mut entry in entries {
        let id = entry["Id"].take();
        entry.as_object_mut().map(|members| members.remove("Id"));
        entry["TopicArn"] = json!(topic_arn);
        match publish(sns, entry).await {
            Ok(mut answer) => {
                answer["Id"] = id;
                successful.push(answer);
            }
            Err(error) => failed.push(json!({
                "Id": id, "Code": error.code, "Message": error.message, "SenderFault": error.status < 500,
            })),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

/// The members of its actions.
fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateTopic" => members_of::<CreateTopic>(),
        "DeleteTopic" | "GetTopicAttributes" => members_of::<OfTopic>(),
        "ListTopics" => Vec::new(),
        "SetTopicAttributes" => members_of::<SetTopicAttributes>(),
        "Publish" => members_of::<Publish>(),
        "PublishBatch" => members_of::<PublishBatch>(),
        other => return subscriptions::members(other),
    })
}
