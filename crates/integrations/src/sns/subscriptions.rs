//! The actions on subscriptions. They are on disk; who delivers finds them in memory.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rusqlite::{OptionalExtension as _, Row, params};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::service::{EmbeddedSns, invalid, not_found};
use super::store::new_id;
use super::{Endpoint, Error, FIFO_SUFFIX, FilterPolicy, Subscription};
use crate::members::{Members, members_of};
use crate::service::{read, read_only};

/// As it is on disk.
struct Stored {
    topic: String,
    name: String,
    protocol: String,
    endpoint: String,
    attributes: BTreeMap<String, String>,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let attributes: String = row.get(4)?;
        let attributes = serde_json::from_str(&attributes).unwrap_or_default();
        let (topic, name, protocol, endpoint) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(Self { topic, name, protocol, endpoint, attributes })
    }

    /// The same again, unless attributes are asked for that it has not.
    fn unless_differs(self, asked: &BTreeMap<String, String>) -> Result<Self, ServiceError> {
        let value = |name: &str| self.attributes.get(name).map(String::as_str);
        let is_same = |(name, asked): (&String, &String)| match value(name) {
            None => name == "RawMessageDelivery" && asked == "false",
            Some(value) => value == asked,
        };
        if asked.iter().all(is_same) {
            return Ok(self);
        }
        Err(invalid("Attributes Reason: Subscription already exists with different attributes"))
    }

    fn arn(&self, sns: &EmbeddedSns) -> String {
        sns.place.arn("sns", &format!("{}:{}", self.topic, self.name))
    }

    fn listed(&self, sns: &EmbeddedSns) -> Value {
        json!({
            "SubscriptionArn": self.arn(sns),
            "Owner": sns.place.account,
            "Protocol": self.protocol,
            "Endpoint": self.endpoint,
            "TopicArn": sns.place.arn("sns", &self.topic),
        })
    }

    /// For who delivers.
    fn live(&self, sns: &EmbeddedSns) -> Result<Subscription, ServiceError> {
        let is_raw = self.attributes.get("RawMessageDelivery").is_some_and(|it| it == "true");
        let endpoint = if self.protocol == "sqs" {
            Endpoint::Sqs { queues: sns.queues.clone(), arn: self.endpoint.clone(), is_raw }
        } else {
            Endpoint::Webhook { url: SecretString::from(self.endpoint.clone()), is_raw }
        };
        let filter = filter(self.attributes.get("FilterPolicy"))?;
        Ok(Subscription { name: self.name.clone(), endpoint, filter })
    }
}

fn filter(policy: Option<&String>) -> Result<FilterPolicy, ServiceError> {
    let Some(policy) = policy.filter(|policy| !policy.is_empty()) else {
        return Ok(FilterPolicy::default());
    };
    let policy: Map<_, _> =
        serde_json::from_str(policy).map_err(|_| invalid("FilterPolicy: failed to parse JSON."))?;
    FilterPolicy::parse(&policy).map_err(|error| invalid(&format!("FilterPolicy: {error}")))
}

const COLUMNS: &str = "SELECT topic, name, protocol, endpoint, attributes FROM subscription";

/// Brings topics and subscriptions from disk to who delivers.
pub(super) async fn load(sns: &EmbeddedSns) -> Result<(), Error> {
    let read = sns.topics.change(|transaction, _| {
        let mut statement = transaction.prepare("SELECT name FROM topic")?;
        let topics = statement.query_map([], |row| row.get(0))?;
        let topics = topics.collect::<rusqlite::Result<Vec<String>>>()?;
        let mut statement = transaction.prepare(&format!("{COLUMNS} ORDER BY sequence"))?;
        let stored =
            statement.query_map([], Stored::read)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok((topics, stored))
    });
    let (topics, stored) = read.await?;
    let mut all = sns.topics.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
    all.extend(topics.into_iter().map(|topic| (topic, Vec::new())));
    for stored in stored {
        match stored.live(sns) {
            Ok(live) => all.entry(stored.topic).or_default().push(live),
            // What an older version took and this one does not.
            Err(error) => {
                tracing::error!(%error, subscription = stored.name, "a subscription cannot be served");
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Subscribe {
    topic_arn: Option<String>,
    protocol: Option<String>,
    endpoint: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// Whether the ARN is told although nobody confirmed; here nobody needs to.
    #[serde(rename = "ReturnSubscriptionArn")]
    _return_subscription_arn: Option<Value>,
}

/// `Subscribe`: the same endpoint again is the same subscription.
pub(super) async fn subscribe(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let Subscribe { topic_arn, protocol, endpoint, attributes, .. } = read(input)?;
    let topic = sns.topic(topic_arn.as_deref())?;
    let protocol = protocol.unwrap_or_default();
    let endpoint = endpoint.unwrap_or_default();
    check_endpoint(&topic, &protocol, &endpoint)?;
    attributes.iter().try_for_each(check_attribute)?;
    let stored = sns.topics.change(move |transaction, _| {
        let sql = format!("{COLUMNS} WHERE topic = ?1 AND protocol = ?2 AND endpoint = ?3");
        let known = transaction.query_row(&sql, params![topic, protocol, endpoint], Stored::read);
        if let Some(known) = known.optional()? {
            return Ok(known.unless_differs(&attributes).map(|known| (known, false)));
        }
        let name = new_id(transaction)?;
        let sql = "INSERT INTO subscription (topic, name, protocol, endpoint, attributes) VALUES (?1, ?2, ?3, ?4, ?5)";
        transaction.execute(sql, params![topic, name, protocol, endpoint, json!(attributes).to_string()])?;
        Ok(Ok((Stored { topic, name, protocol, endpoint, attributes }, true)))
    });
    let (stored, is_new) = stored.await??;
    if is_new {
        let live = stored.live(sns)?;
        let mut all = sns.topics.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(stored.topic.clone()).or_default().push(live);
    }
    Ok(json!({"SubscriptionArn": stored.arn(sns)}))
}

fn check_endpoint(topic: &str, protocol: &str, endpoint: &str) -> Result<(), ServiceError> {
    let is_fifo = |name: &str| name.ends_with(FIFO_SUFFIX);
    match protocol {
        "sqs" if !endpoint.starts_with("arn:") || !endpoint.contains(":sqs:") => {
            Err(invalid("SQS endpoint ARN"))
        }
        "sqs" if is_fifo(endpoint) && !is_fifo(topic) => Err(invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        )),
        "sqs" => Ok(()),
        "http" | "https" if is_fifo(topic) => {
            Err(invalid("Endpoint Reason: Please use FIFO SQS queue"))
        }
        "http" | "https" if endpoint.starts_with(&format!("{protocol}://")) => Ok(()),
        "http" | "https" => Err(invalid("Endpoint must match the specified protocol")),
        "application" | "email" | "email-json" | "firehose" | "lambda" | "sms" => {
            Err(invalid(&format!(
                "the protocol {protocol} is not supported by stepwell; supported are sqs, http and https"
            )))
        }
        other => Err(invalid(&format!("Does not support this protocol string: {other}"))),
    }
}

fn check_attribute((name, value): (&String, &String)) -> Result<(), ServiceError> {
    match name.as_str() {
        "RawMessageDelivery" if matches!(value.as_str(), "true" | "false") => Ok(()),
        "RawMessageDelivery" => Err(invalid("RawMessageDelivery")),
        "FilterPolicy" => filter(Some(value)).map(drop),
        "FilterPolicyScope" if value == "MessageAttributes" => Ok(()),
        "FilterPolicyScope" => {
            Err(invalid(&format!("FilterPolicyScope {value} is not supported by stepwell")))
        }
        _ => Err(invalid("AttributeName")),
    }
}

const ARN: &str = "SubscriptionArn";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfSubscription {
    subscription_arn: String,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
}

impl OfSubscription {
    /// `arn:aws:sns:REGION:ACCOUNT:TOPIC:NAME` is `NAME`.
    fn name(&self) -> Result<String, ServiceError> {
        let parts: Vec<_> = self.subscription_arn.split(':').collect();
        let ["arn", _, "sns", _, _, _, name] = parts[..] else {
            return Err(invalid("SubscriptionArn"));
        };
        Ok(name.to_owned())
    }
}

/// `Unsubscribe`; one that is not there is no error.
pub(super) async fn unsubscribe(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let name = read_only::<OfSubscription>(input, &[ARN])?.name()?;
    let gone = name.clone();
    let deleted = sns.topics.change(move |transaction, _| {
        transaction.execute("DELETE FROM subscription WHERE name = ?1", [gone])
    });
    deleted.await?;
    let mut all = sns.topics.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
    all.values_mut().for_each(|of_topic| of_topic.retain(|it| it.name != name));
    Ok(json!({}))
}

async fn stored(sns: &EmbeddedSns, name: String) -> Result<Stored, ServiceError> {
    let found = sns.topics.change(move |transaction, _| {
        transaction
            .query_row(&format!("{COLUMNS} WHERE name = ?1"), [name], Stored::read)
            .optional()
    });
    found.await?.ok_or_else(|| not_found("Subscription"))
}

/// `GetSubscriptionAttributes`
pub(super) async fn get_attributes(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let stored = stored(sns, read_only::<OfSubscription>(input, &[ARN])?.name()?).await?;
    let mut attributes = stored.attributes.clone();
    attributes.entry("RawMessageDelivery".to_owned()).or_insert_with(|| "false".to_owned());
    attributes.insert("PendingConfirmation".to_owned(), "false".to_owned());
    attributes.insert("ConfirmationWasAuthenticated".to_owned(), "true".to_owned());
    for (name, value) in stored.listed(sns).as_object().into_iter().flatten() {
        attributes.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    Ok(json!({"Attributes": attributes}))
}

/// `SetSubscriptionAttributes`
pub(super) async fn set_attributes(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let request: OfSubscription = read(input)?;
    let mut stored = stored(sns, request.name()?).await?;
    let attribute = request.attribute_name.ok_or_else(|| invalid("AttributeName"))?;
    let value = request.attribute_value.unwrap_or_default();
    check_attribute((&attribute, &value))?;
    stored.attributes.insert(attribute, value);
    let live = stored.live(sns)?;
    let (name, text) = (stored.name.clone(), json!(stored.attributes).to_string());
    let set = sns.topics.change(move |transaction, _| {
        transaction
            .execute("UPDATE subscription SET attributes = ?1 WHERE name = ?2", params![text, name])
    });
    set.await?;
    let mut all = sns.topics.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
    for of_topic in all.get_mut(&stored.topic).into_iter().flatten() {
        if of_topic.name == live.name {
            *of_topic = live.clone();
        }
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    topic_arn: Option<String>,
}

/// `ListSubscriptions` and `ListSubscriptionsByTopic`, all at once.
pub(super) async fn list(sns: &EmbeddedSns, input: Value) -> Result<Value, ServiceError> {
    let topic = match read::<List>(input)?.topic_arn {
        Some(arn) => Some(sns.topic(Some(&arn))?),
        None => None,
    };
    let all = sns.topics.change(move |transaction, _| {
        let sql = format!("{COLUMNS} WHERE ?1 IS NULL OR topic = ?1 ORDER BY sequence");
        let mut statement = transaction.prepare(&sql)?;
        statement.query_map([topic], Stored::read)?.collect::<rusqlite::Result<Vec<_>>>()
    });
    let listed: Vec<_> = all.await?.iter().map(|stored| stored.listed(sns)).collect();
    Ok(json!({"Subscriptions": listed}))
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "Subscribe" => members_of::<Subscribe>(),
        "Unsubscribe" | "GetSubscriptionAttributes" => vec![ARN],
        "SetSubscriptionAttributes" => members_of::<OfSubscription>(),
        "ListSubscriptions" | "ListSubscriptionsByTopic" => members_of::<List>(),
        _ => return None,
    })
}
