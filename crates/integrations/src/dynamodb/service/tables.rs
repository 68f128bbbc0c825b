//! Tables: made, described, listed, deleted, and the time that their items live.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::super::embedded::{Definition, INVALID, Index, Projection, check_definition};
use super::super::{KeyAttribute, KeyKind, Table};
use super::{Call, Done, Failure, not_found, read};
use crate::members::{Members, members_of};

/// Source: Developer Guide, "Service, account, and table quotas".
const GLOBAL_INDEXES_MAX: usize = 20;
const LOCAL_INDEXES_MAX: usize = 5;

/// Source: DynamoDB API reference, `ListTables`.
const LISTED_MAX: u64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    table_name: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Element>,
    billing_mode: Option<BillingMode>,
    provisioned_throughput: Option<Throughput>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexRequest>,
    #[serde(default)]
    local_secondary_indexes: Vec<IndexRequest>,
    deletion_protection_enabled: Option<bool>,
    stream_specification: Option<Stream>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: KeyKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Element {
    attribute_name: String,
    key_type: KeyType,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum KeyType {
    Hash,
    Range,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BillingMode {
    Provisioned,
    PayPerRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Throughput {
    read_capacity_units: u64,
    write_capacity_units: u64,
}

impl Throughput {
    fn units(&self) -> (u64, u64) {
        (self.read_capacity_units, self.write_capacity_units)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stream {
    stream_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IndexRequest {
    index_name: String,
    key_schema: Vec<Element>,
    projection: ProjectionRequest,
    provisioned_throughput: Option<Throughput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProjectionRequest {
    projection_type: Option<ProjectionType>,
    non_key_attributes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ProjectionType {
    All,
    KeysOnly,
    Include,
}

pub(super) fn create(call: &Call<'_>, input: Value) -> Done<Value> {
    let required = &["TableName", "AttributeDefinitions", "KeySchema"];
    let create: Create = read(input, required)?;
    let name = call.table_name(&create.table_name)?.to_owned();
    if create.stream_specification.as_ref().is_some_and(|stream| stream.stream_enabled) {
        return Err("StreamSpecification is not supported by stepwell: tables have no streams"
            .to_owned()
            .into());
    }
    let definition = create.definition(name, call.now)?;
    if Definition::find(call.transaction, &definition.table.name)?.is_some() {
        let message = format!("Table already exists: {}", definition.table.name);
        return Err(ServiceError::sender("ResourceInUseException", message).into());
    }
    definition.write(call.transaction)?;
    Ok(json!({"TableDescription": call.described(&definition, "ACTIVE")?}))
}

impl Create {
    fn definition(&self, name: String, now: jiff::Timestamp) -> Done<Definition> {
        let throughput = self.throughput()?;
        let table = self.keys(name, &self.key_schema)?;
        check_definition(&table)?;
        let definition = Definition {
            indexes: self.indexes(&table)?,
            table,
            created_at: now,
            time_to_live: None,
            throughput,
            is_protected: self.deletion_protection_enabled.unwrap_or(false),
        };
        let used = definition.key_attributes();
        if used.len() != self.attribute_definitions.len() {
            return Err(format!(
                "{INVALID}: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"
            )
            .into());
        }
        Ok(definition)
    }

    fn throughput(&self) -> Done<Option<(u64, u64)>> {
        let by_request = self.billing_mode == Some(BillingMode::PayPerRequest);
        match &self.provisioned_throughput {
            Some(_) if by_request => Err(format!(
                "{INVALID}: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
            .into()),
            None if !by_request => Err(format!(
                "{INVALID}: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
            )
            .into()),
            throughput => Ok(throughput.as_ref().map(Throughput::units)),
        }
    }

    fn keys(&self, name: String, schema: &[Element]) -> Done<Table> {
        let key = |element: &Element| {
            let named = &element.attribute_name;
            let found = self.attribute_definitions.iter().find(|it| it.attribute_name == *named);
            let found = found.ok_or_else(|| {
                let all: Vec<_> =
                    self.attribute_definitions.iter().map(|it| it.attribute_name.as_str()).collect();
                Failure::from(format!(
                    "{INVALID}: Some index key attributes are not defined in AttributeDefinitions. Keys: [{named}], \
                     AttributeDefinitions: [{}]",
                    all.join(", ")
                ))
            })?;
            Ok::<_, Failure>(KeyAttribute { name: named.clone(), kind: found.attribute_type })
        };
        match schema {
            [hash] if hash.key_type == KeyType::Hash => {
                Ok(Table { name, hash: key(hash)?, range: None })
            }
            [hash, range] if hash.key_type == KeyType::Hash && range.key_type == KeyType::Range => {
                Ok(Table { name, hash: key(hash)?, range: Some(key(range)?) })
            }
            _ => Err("Invalid KeySchema: The first KeySchemaElement is not a HASH key type, or the second is not a RANGE key type"
                .to_owned()
                .into()),
        }
    }

    fn indexes(&self, table: &Table) -> Done<Vec<Index>> {
        for (kind, count, max) in [
            ("GlobalSecondaryIndexes", self.global_secondary_indexes.len(), GLOBAL_INDEXES_MAX),
            ("LocalSecondaryIndexes", self.local_secondary_indexes.len(), LOCAL_INDEXES_MAX),
        ] {
            if count > max {
                return Err(format!(
                    "{INVALID}: {kind} count exceeds the per-table limit of {max}"
                )
                .into());
            }
        }
        let global = self.global_secondary_indexes.iter().map(|index| (index, false));
        let local = self.local_secondary_indexes.iter().map(|index| (index, true));
        let mut indexes: Vec<Index> = Vec::new();
        for (request, is_local) in global.chain(local) {
            let keys = self.keys(request.index_name.clone(), &request.key_schema)?;
            check_definition(&keys)?;
            if is_local && keys.hash != table.hash {
                let (name, hash) = (&keys.name, &table.hash.name);
                return Err(format!(
                    "{INVALID}: Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. \
                     index hash key: {}, table hash key: {hash}",
                    keys.hash.name
                )
                .into());
            }
            if indexes.iter().any(|known| known.name() == keys.name) {
                let name = &keys.name;
                return Err(format!("{INVALID}: Duplicate index name: {name}").into());
            }
            let throughput = request.provisioned_throughput.as_ref().map(Throughput::units);
            indexes.push(Index {
                keys,
                is_local,
                projection: request.projection.read()?,
                throughput,
            });
        }
        Ok(indexes)
    }
}

impl ProjectionRequest {
    fn read(&self) -> Done<Projection> {
        match (&self.projection_type, &self.non_key_attributes) {
            (Some(ProjectionType::Include), Some(names)) => Ok(Projection::Include(names.clone())),
            (Some(ProjectionType::All), None) => Ok(Projection::All),
            (Some(ProjectionType::KeysOnly), None) => Ok(Projection::KeysOnly),
            (None, _) => Err(format!("{INVALID}: Unknown ProjectionType: null").into()),
            (Some(ProjectionType::Include), None) => Err(format!(
                "{INVALID}: ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
            )
            .into()),
            (Some(_), Some(_)) => Err(format!(
                "{INVALID}: NonKeyAttributes is specified, but ProjectionType is not INCLUDE"
            )
            .into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    table_name: String,
}

pub(super) fn describe(call: &Call<'_>, input: Value) -> Done<Value> {
    let Named { table_name } = read(input, &["TableName"])?;
    let table = call.named(&table_name)?;
    Ok(json!({"Table": call.described(&table, "ACTIVE")?}))
}

pub(super) fn delete(call: &Call<'_>, input: Value) -> Done<Value> {
    let Named { table_name } = read(input, &["TableName"])?;
    let table = call.named(&table_name)?;
    if table.is_protected {
        let message = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.";
        return Err(message.to_owned().into());
    }
    let described = call.described(&table, "DELETING")?;
    table.remove(call.transaction)?;
    Ok(json!({"TableDescription": described}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    exclusive_start_table_name: Option<String>,
    limit: Option<u64>,
}

pub(super) fn list(call: &Call<'_>, input: Value) -> Done<Value> {
    let List { exclusive_start_table_name, limit } = read(input, &[])?;
    let limit = limit.unwrap_or(LISTED_MAX);
    if !(1..=LISTED_MAX).contains(&limit) {
        let relation =
            if limit == 0 { "greater than or equal to 1" } else { "less than or equal to 100" };
        return Err(super::constraint(&format!(
            "Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value {relation}"
        ))
        .into());
    }
    let sql = "SELECT name FROM definition WHERE name > ?1 ORDER BY name LIMIT ?2";
    let mut statement = call.transaction.prepare_cached(sql)?;
    let start = exclusive_start_table_name.unwrap_or_default();
    let names = statement.query_map(params![start, limit + 1], |row| row.get::<_, String>(0))?;
    let mut names = names.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = names.len() as u64 > limit;
    names.truncate(limit as usize);
    let mut answer = json!({"TableNames": names});
    if has_more {
        answer["LastEvaluatedTableName"] = answer["TableNames"][names.len() - 1].clone();
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    table_name: String,
    time_to_live_specification: Specification,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Specification {
    enabled: bool,
    attribute_name: String,
}

pub(super) fn update_time_to_live(call: &Call<'_>, input: Value) -> Done<Value> {
    let TimeToLive { table_name, time_to_live_specification: wanted } =
        read(input, &["TableName", "TimeToLiveSpecification"])?;
    let mut table = call.named(&table_name)?;
    let problem = match (&table.time_to_live, wanted.enabled) {
        (Some(_), true) => "TimeToLive is already enabled",
        (None, false) => "TimeToLive is already disabled",
        (Some(name), false) if *name != wanted.attribute_name => {
            "TimeToLive is active on a different AttributeName"
        }
        _ => "",
    };
    if !problem.is_empty() {
        return Err(problem.to_owned().into());
    }
    table.time_to_live = wanted.enabled.then(|| wanted.attribute_name.clone());
    table.write(call.transaction)?;
    let answer = json!({"Enabled": wanted.enabled, "AttributeName": wanted.attribute_name});
    Ok(json!({ "TimeToLiveSpecification": answer }))
}

pub(super) fn describe_time_to_live(call: &Call<'_>, input: Value) -> Done<Value> {
    let Named { table_name } = read(input, &["TableName"])?;
    let table = call.named(&table_name)?;
    let described = match table.time_to_live {
        Some(name) => json!({"TimeToLiveStatus": "ENABLED", "AttributeName": name}),
        None => json!({"TimeToLiveStatus": "DISABLED"}),
    };
    Ok(json!({ "TimeToLiveDescription": described }))
}

impl Call<'_> {
    /// A table that an action on tables names.
    fn named(&self, given: &str) -> Done<Definition> {
        let name = self.table_name(given)?;
        let found = Definition::find(self.transaction, name)?;
        found.ok_or_else(|| {
            not_found(&format!("Requested resource not found: Table: {name} not found")).into()
        })
    }

    fn described(&self, table: &Definition, status: &str) -> Done<Value> {
        let name = &table.table.name;
        let arn = self.place.arn("dynamodb", &format!("table/{name}"));
        let sql = "SELECT count(*), coalesce(sum(length(item)), 0) FROM item WHERE table_name = ?1";
        let (count, bytes): (u64, u64) =
            self.transaction.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let attribute =
            |key: &&KeyAttribute| json!({"AttributeName": key.name, "AttributeType": key.kind});
        let mut described = json!({
            "AttributeDefinitions": table.key_attributes().iter().map(attribute).collect::<Vec<_>>(),
            "TableName": name,
            "KeySchema": schema(&table.table),
            "TableStatus": status,
            "CreationDateTime": table.created_at.as_millisecond() as f64 / 1000.0,
            "ProvisionedThroughput": throughput(table.throughput),
            "TableSizeBytes": bytes,
            "ItemCount": count,
            "TableArn": arn,
            "DeletionProtectionEnabled": table.is_protected,
        });
        if table.throughput.is_none() {
            described["BillingModeSummary"] = json!({"BillingMode": "PAY_PER_REQUEST"});
        }
        for (member, is_local) in
            [("GlobalSecondaryIndexes", false), ("LocalSecondaryIndexes", true)]
        {
            let indexes = table.indexes.iter().filter(|index| index.is_local == is_local);
            let indexes: Vec<_> = indexes.map(|index| described_index(&arn, index)).collect();
            if !indexes.is_empty() {
                described[member] = indexes.into();
            }
        }
        Ok(described)
    }
}

fn schema(keys: &Table) -> Value {
    let element =
        |(key, kind): (&KeyAttribute, &str)| json!({"AttributeName": key.name, "KeyType": kind});
    keys.keys().zip(["HASH", "RANGE"]).map(element).collect()
}

fn throughput(units: Option<(u64, u64)>) -> Value {
    let (read, write) = units.unwrap_or_default();
    json!({"NumberOfDecreasesToday": 0, "ReadCapacityUnits": read, "WriteCapacityUnits": write})
}

fn described_index(table_arn: &str, index: &Index) -> Value {
    let projection = match &index.projection {
        Projection::All => json!({"ProjectionType": "ALL"}),
        Projection::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
        Projection::Include(names) => {
            json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names})
        }
    };
    let mut described = json!({
        "IndexName": index.name(),
        "KeySchema": schema(&index.keys),
        "Projection": projection,
        "IndexArn": format!("{table_arn}/index/{}", index.name()),
    });
    if !index.is_local {
        described["IndexStatus"] = "ACTIVE".into();
        described["ProvisionedThroughput"] = throughput(index.throughput);
    }
    described
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateTable" => members_of::<Create>(),
        "DescribeTable" | "DeleteTable" | "DescribeTimeToLive" => members_of::<Named>(),
        "ListTables" => members_of::<List>(),
        "UpdateTimeToLive" => members_of::<TimeToLive>(),
        _ => return None,
    })
}
