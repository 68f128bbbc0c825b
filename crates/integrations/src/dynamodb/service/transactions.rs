//! Transactions: all of up to a hundred writes happen, or none, and the reads of one see no write in between.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stepwell_aws_wire::ServiceError;

use super::super::Item;
use super::super::embedded::exact_key;
use super::items::{Get, Kind, Request};
use super::{Call, Done, Failure, Metrics, read};
use crate::members::{Members, members_of};

/// Source: DynamoDB API reference, `TransactWriteItems`.
const ACTIONS_MAX: usize = 100;

/// How long a token means the same request. Source: the same.
const TOKEN_SECONDS: i64 = 600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Gets {
    transact_items: Vec<GetAction>,
    #[serde(default, rename = "ReturnConsumedCapacity")]
    _consumed: OnlyNone,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetAction {
    get: Get,
}

/// What transactions consume is not told.
#[derive(Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum OnlyNone {
    #[default]
    None,
}

pub(super) fn get(call: &Call<'_>, input: Value) -> Done<Value> {
    let Gets { transact_items, .. } = read(input, &["TransactItems"])?;
    check_count(transact_items.len())?;
    let mut responses = Vec::new();
    for GetAction { get } in transact_items {
        let (item, _) = call.get(&get)?;
        responses.push(item.map_or_else(|| json!({}), |item| json!({"Item": item})));
    }
    Ok(json!({"Responses": responses}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Writes {
    transact_items: Vec<Action>,
    client_request_token: Option<String>,
    #[serde(default, rename = "ReturnConsumedCapacity")]
    _consumed: OnlyNone,
    #[serde(default, rename = "ReturnItemCollectionMetrics")]
    _metrics: Metrics,
}

#[derive(Deserialize)]
enum Action {
    ConditionCheck(Request),
    Put(Request),
    Delete(Request),
    Update(Request),
}

impl Action {
    fn split(self) -> (Kind, Request) {
        match self {
            Self::ConditionCheck(request) => (Kind::Check, request),
            Self::Put(request) => (Kind::Put, request),
            Self::Delete(request) => (Kind::Delete, request),
            Self::Update(request) => (Kind::Update, request),
        }
    }
}

pub(super) fn write(call: &Call<'_>, input: Value) -> Done<Value> {
    let digest = Sha256::digest(input["TransactItems"].to_string()).to_vec();
    let Writes { transact_items, client_request_token, .. } = read(input, &["TransactItems"])?;
    check_count(transact_items.len())?;
    if let Some(token) = &client_request_token
        && call.is_repeated(token, &digest)?
    {
        return Ok(json!({}));
    }
    let actions: Vec<_> = transact_items.into_iter().map(Action::split).collect();
    check_distinct(call, &actions)?;
    let mut reasons = Vec::new();
    for (kind, request) in actions {
        reasons.push(match call.write(kind, request) {
            Ok(_) => json!({"Code": "None"}),
            Err(Failure::Refused(error)) => reason(error)?,
            Err(failure) => return Err(failure),
        });
    }
    if reasons.iter().any(|reason| reason["Code"] != "None") {
        return Err(cancelled(reasons).into());
    }
    Ok(json!({}))
}

/// Why one action fails, if that cancels the transaction; otherwise it is refused as a whole.
fn reason(error: ServiceError) -> Done<Value> {
    let code = match error.code.as_str() {
        "ConditionalCheckFailedException" => "ConditionalCheckFailed",
        "ValidationException" => "ValidationError",
        _ => return Err(error.into()),
    };
    let mut reason = json!({"Code": code, "Message": error.message});
    if let Some((_, item)) = error.members.iter().find(|(name, _)| *name == "Item") {
        reason["Item"] = item.clone();
    }
    Ok(reason)
}

fn cancelled(reasons: Vec<Value>) -> ServiceError {
    let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let error = ServiceError::sender("TransactionCanceledException", message);
    error.with_member("CancellationReasons", reasons)
}

fn check_count(count: usize) -> Done<()> {
    if (1..=ACTIONS_MAX).contains(&count) {
        return Ok(());
    }
    let (relation, limit) = if count == 0 { ("greater", 1) } else { ("less", ACTIONS_MAX) };
    Err(super::constraint(&format!(
        "Value at 'transactItems' failed to satisfy constraint: Member must have length {relation} than or equal to {limit}"
    ))
    .into())
}

/// No two may be on one item.
fn check_distinct(call: &Call<'_>, actions: &[(Kind, Request)]) -> Done<()> {
    let mut seen = BTreeSet::new();
    for (_, request) in actions {
        let table = call.table(&request.table_name)?.table;
        let attributes: &Item = request.attributes();
        if let Ok(key) = exact_key(&table, &table.key_of(attributes))
            && !seen.insert((table.name, key))
        {
            let message = "Transaction request cannot include multiple operations on one item";
            return Err(message.to_owned().into());
        }
    }
    Ok(())
}

impl Call<'_> {
    /// Whether the same was done with this token a short time ago; if not, it is from now on.
    fn is_repeated(&self, token: &str, digest: &[u8]) -> Done<bool> {
        let now = self.now.as_second();
        self.transaction.execute("DELETE FROM token WHERE until < ?1", [now])?;
        let sql = "SELECT digest FROM token WHERE token = ?1";
        let known: Option<Vec<u8>> =
            self.transaction.query_row(sql, [token], |row| row.get(0)).optional()?;
        match known {
            Some(known) if known == digest => Ok(true),
            Some(_) => {
                let message = "Request parameters do not match the parameters of an earlier request with the same token";
                let code = "IdempotentParameterMismatchException";
                Err(ServiceError::sender(code, message).into())
            }
            None => {
                let sql = "INSERT INTO token VALUES (?1, ?2, ?3)";
                self.transaction.execute(sql, params![token, digest, now + TOKEN_SECONDS])?;
                Ok(false)
            }
        }
    }
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "TransactGetItems" => members_of::<Gets>(),
        "TransactWriteItems" => members_of::<Writes>(),
        _ => return None,
    })
}
