//! Policy documents: what a port's resources come to, and the JSON that IAM is given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arn::{Arn, Resource};

/// Which documents are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Exactly what the reference integration grants.
    #[default]
    Reference,
    /// What an Athena query needs to come to its end.
    Athena,
}

/// The kind of an output port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    /// `s3_bucket`
    S3Bucket,
    /// `glue_table`
    GlueTable,
}

/// One statement that allows something.
///
/// ```json
/// {"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::acme-orders/orders/v1/*"]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// `Allow`
    pub effect: Effect,
    /// What may be done.
    pub action: Vec<String>,
    /// With what.
    pub resource: Vec<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<BTreeMap<String, BTreeMap<String, Vec<String>>>>,
}

/// We only ever allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// `Allow`
    Allow,
}

/// The resources of a port, by what they are for.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) data: Vec<Arn>,
    pub(super) results: Vec<Arn>,
    pub(super) glue: Vec<Arn>,
    pub(super) athena: Vec<Arn>,
    pub(super) keys: Vec<Arn>,
}

impl Statement {
    fn allow(actions: &[&str], resource: Vec<String>) -> Self {
        let action = actions.iter().map(|it| (*it).to_owned()).collect();
        Self { effect: Effect::Allow, action, resource, condition: None }
    }

    /// For objects under a folder only. A listing names the folder with or without `/`.
    fn under(self, prefix: Option<&str>) -> Self {
        let condition = prefix.map(|prefix| {
            let names = vec![prefix.to_owned(), format!("{prefix}/*")];
            [("StringLike".to_owned(), [("s3:prefix".to_owned(), names)].into())].into()
        });
        Self { condition, ..self }
    }
}

/// What a port grants.
pub(super) fn statements(
    profile: Profile,
    kind: PortKind,
    resources: &Resources,
    lake_formation: bool,
) -> Vec<Statement> {
    match (kind, profile) {
        (PortKind::S3Bucket, _) => s3_bucket(resources),
        (PortKind::GlueTable, Profile::Reference) => glue_table(resources),
        (PortKind::GlueTable, Profile::Athena) => athena_reader(resources, lake_formation),
    }
}

fn s3_bucket(resources: &Resources) -> Vec<Statement> {
    let both = |arn: &Arn| [arn.to_string(), format!("{arn}/*")];
    let resource = resources.data.iter().flat_map(both).collect();
    vec![Statement::allow(&["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"], resource)]
}

fn glue_table(resources: &Resources) -> Vec<Statement> {
    vec![
        Statement::allow(&["s3:ListBucket"], once(resources.data.iter().map(bucket))),
        Statement::allow(&["s3:GetObject"], resources.data.iter().map(objects).collect()),
        Statement::allow(&["glue:GetTable"], texts(&resources.glue)),
        Statement::allow(&["athena:StartQueryExecution"], texts(&resources.athena)),
    ]
}

/// Source: Athena User Guide, "Access through IAM policies"; Glue, "Resource-level permissions": each of the glue
/// actions needs catalog, database and table.
fn athena_reader(resources: &Resources, lake_formation: bool) -> Vec<Statement> {
    let mut statements = vec![
        Statement::allow(
            &[
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:GetWorkGroup",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            texts(&resources.athena),
        ),
        Statement::allow(
            &[
                "glue:BatchGetPartition",
                "glue:GetDatabase",
                "glue:GetPartition",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:GetTables",
            ],
            texts(&resources.glue),
        ),
    ];
    let all = || resources.data.iter().chain(&resources.results);
    statements.push(Statement::allow(&["s3:GetBucketLocation"], once(all().map(bucket))));
    for arn in all() {
        let list = Statement::allow(&["s3:ListBucket"], vec![bucket(arn)]);
        statements.push(list.under(prefix(arn)));
    }
    let objects_of = |arns: &[Arn]| arns.iter().map(objects).collect::<Vec<_>>();
    statements.push(Statement::allow(&["s3:GetObject"], objects_of(&resources.data)));
    if !resources.results.is_empty() {
        let actions = [
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
        ];
        statements.push(Statement::allow(&actions, objects_of(&resources.results)));
    }
    if !resources.keys.is_empty() {
        let written = ["kms:Decrypt", "kms:GenerateDataKey"];
        let actions = if resources.results.is_empty() { &written[..1] } else { &written[..] };
        statements.push(Statement::allow(actions, texts(&resources.keys)));
    }
    if lake_formation {
        // The action knows no resources.
        statements.push(Statement::allow(&["lakeformation:GetDataAccess"], vec!["*".to_owned()]));
    }
    statements
}

fn texts(arns: &[Arn]) -> Vec<String> {
    arns.iter().map(ToString::to_string).collect()
}

fn once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

fn bucket(arn: &Arn) -> String {
    let text = arn.to_string();
    text.split_once('/').map_or(text.clone(), |(bucket, _)| bucket.to_owned())
}

fn objects(arn: &Arn) -> String {
    format!("{arn}/*")
}

fn prefix(arn: &Arn) -> Option<&str> {
    match &arn.resource {
        Resource::S3 { prefix, .. } => prefix.as_deref(),
        _ => None,
    }
}

/// The document of some statements: compact JSON, the same for the same statements.
pub fn document(statements: &[Statement]) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Document<'s> {
        version: &'static str,
        statement: &'s [Statement],
    }
    let document = Document { version: "2012-10-17", statement: statements };
    serde_json::to_string(&document).expect("texts become JSON")
}

/// The statements of a document, if it holds nothing but what we could have written.
pub fn read(document: &str) -> Option<Vec<Statement>> {
    let value = canonical(document)?;
    serde_json::from_value(value["Statement"].clone()).ok()
}

/// Whether two documents say the same: the order of members, statements, actions and resources, white space, and
/// whether a single one stands in a list, say nothing.
pub fn same(one: &str, other: &str) -> bool {
    canonical(one).zip(canonical(other)).is_some_and(|(one, other)| one == other)
}

fn canonical(document: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(document).ok()?;
    let statements = listed(value["Statement"].take());
    let mut statements: Vec<_> = statements.into_iter().map(canonical_statement).collect();
    statements.sort_by_key(ToString::to_string);
    value["Statement"] = Value::Array(statements);
    value.sort_all_objects();
    Some(value)
}

fn canonical_statement(mut statement: Value) -> Value {
    if let Some(members) = statement.as_object_mut() {
        for (name, value) in members.iter_mut() {
            if matches!(name.as_str(), "Action" | "Resource") {
                *value = sorted(value.take());
            } else if name == "Condition" {
                let operators = value.as_object_mut().into_iter().flatten();
                for (_, keys) in operators {
                    for (_, values) in keys.as_object_mut().into_iter().flatten() {
                        *values = sorted(values.take());
                    }
                }
            }
        }
    }
    statement.sort_all_objects();
    statement
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn sorted(value: Value) -> Value {
    let mut values = listed(value);
    values.sort_by_key(ToString::to_string);
    Value::Array(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arns(texts: &[&str]) -> Vec<Arn> {
        texts.iter().map(|text| Arn::read(text).unwrap()).collect()
    }

    fn glue() -> Resources {
        Resources {
            data: arns(&["arn:aws:s3:::acme-orders-prod-eu/orders/v1"]),
            glue: arns(&[
                "arn:aws:glue:eu-central-1:123456789012:catalog",
                "arn:aws:glue:eu-central-1:123456789012:database/orders_db",
                "arn:aws:glue:eu-central-1:123456789012:table/orders_db/orders_v1",
            ]),
            athena: arns(&["arn:aws:athena:eu-central-1:123456789012:workgroup/consumers"]),
            ..Resources::default()
        }
    }

    #[test]
    fn the_reference_grants_four_statements_for_a_table() {
        let text = document(&statements(Profile::Reference, PortKind::GlueTable, &glue(), false));
        let expected = concat!(
            r#"{"Version":"2012-10-17","Statement":["#,
            r#"{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::acme-orders-prod-eu"]},"#,
            r#"{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::acme-orders-prod-eu/orders/v1/*"]},"#,
            r#"{"Effect":"Allow","Action":["glue:GetTable"],"Resource":["arn:aws:glue:eu-central-1:123456789012:catalog","#,
            r#""arn:aws:glue:eu-central-1:123456789012:database/orders_db","#,
            r#""arn:aws:glue:eu-central-1:123456789012:table/orders_db/orders_v1"]},"#,
            r#"{"Effect":"Allow","Action":["athena:StartQueryExecution"],"#,
            r#""Resource":["arn:aws:athena:eu-central-1:123456789012:workgroup/consumers"]}]}"#
        );
        assert_eq!(text, expected);
        assert_eq!(text.len(), 607);
    }

    #[test]
    fn the_reference_grants_one_statement_for_a_bucket() {
        let resources = Resources { data: arns(&["arn:aws:s3:::acme"]), ..Resources::default() };
        let text = document(&statements(Profile::Athena, PortKind::S3Bucket, &resources, false));
        assert!(text.ends_with(
            r#""Action":["s3:GetBucketLocation","s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::acme","arn:aws:s3:::acme/*"]}]}"#
        ), "{text}");
    }

    #[test]
    fn an_athena_reader_lists_its_folder_only_and_writes_results_only() {
        let results = arns(&["arn:aws:s3:::results/team"]);
        let keys = arns(&["arn:aws:kms:eu-central-1:123456789012:key/1"]);
        let resources = Resources { results, keys, ..glue() };
        let found = statements(Profile::Athena, PortKind::GlueTable, &resources, true);
        let lists: Vec<_> = found.iter().filter(|it| it.action == ["s3:ListBucket"]).collect();
        assert_eq!(lists.len(), 2);
        assert!(lists.iter().all(|it| it.condition.is_some()));
        let puts = found.iter().filter(|it| it.action.iter().any(|it| it == "s3:PutObject"));
        assert_eq!(
            puts.flat_map(|it| &it.resource).collect::<Vec<_>>(),
            ["arn:aws:s3:::results/team/*"]
        );
        assert!(document(&found).contains("kms:GenerateDataKey"));
        assert_eq!(read(&document(&found)).unwrap().len(), found.len());
    }

    #[test]
    fn documents_are_the_same_whatever_their_order_and_shape() {
        let one = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["b","a"],"Resource":"r"}]}"#;
        let other = r#"{"Statement": {"Resource": ["r"], "Action": ["a", "b"], "Effect": "Allow"}, "Version": "2012-10-17"}"#;
        assert!(same(one, other));
        assert!(!same(one, &other.replace("\"b\"", "\"c\"")));
        assert!(!same(one, "no JSON"));
    }
}
