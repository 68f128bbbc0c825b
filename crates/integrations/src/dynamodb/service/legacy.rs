//! What requests say without expressions, as older code does: it becomes expressions.
//!
//! ```text
//!   {"AttributeUpdates": {"n": {"Action": "ADD", "Value": {"N": "1"}}}}
//!     --> {"UpdateExpression": "ADD #l0 :l0", "ExpressionAttributeNames": {"#l0": "n"}, "ExpressionAttributeValues": {":l0": {"N": "1"}}}
//! ```
//!
//! Source: DynamoDB Developer Guide, "Legacy DynamoDB conditional parameters reference".

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Done, Failure};

/// Such members of an action.
pub(super) fn members(action: &str) -> &'static [&'static str] {
    match action {
        "GetItem" | "BatchGetItem" => &["AttributesToGet"],
        "PutItem" | "DeleteItem" => &["ConditionalOperator", "Expected"],
        "UpdateItem" => &["AttributeUpdates", "ConditionalOperator", "Expected"],
        "Query" => &["AttributesToGet", "ConditionalOperator", "KeyConditions", "QueryFilter"],
        "Scan" => &["AttributesToGet", "ConditionalOperator", "ScanFilter"],
        _ => &[],
    }
}

/// Members that nobody uses beside them.
const EXPRESSION: &[&str] = &[
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
];

/// What expressions name attributes and values by.
const PLACEHOLDERS: [&str; 2] = ["ExpressionAttributeNames", "ExpressionAttributeValues"];

/// A condition on one attribute. `Value` and `Exists` are older still.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    comparison_operator: Option<String>,
    #[serde(default)]
    attribute_value_list: Vec<Value>,
    value: Option<Value>,
    exists: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    action: Option<String>,
    value: Option<Value>,
}

/// A request, or what a batch asks of one table, with expressions alone.
///
/// # Errors
/// `ValidationException` for one that has both, or what is no condition.
pub(super) fn with_expressions(members: &[&'static str], input: Value) -> Done<Value> {
    let Value::Object(mut input) = input else { return Ok(input) };
    if !members.iter().any(|name| input.contains_key(*name)) {
        return Ok(Value::Object(input));
    }
    check(members, &input)?;
    let mut placeholders = Placeholders::default();
    let joint = joint(input.shift_remove("ConditionalOperator").as_ref())?;
    for (member, expression, joint) in [
        ("Expected", "ConditionExpression", joint),
        ("KeyConditions", "KeyConditionExpression", " AND "),
        ("QueryFilter", "FilterExpression", joint),
        ("ScanFilter", "FilterExpression", joint),
    ] {
        let Some(conditions) = input.shift_remove(member) else { continue };
        let text = conditions_text(conditions, joint, &mut placeholders)?;
        text.map(|text| input.insert(expression.to_owned(), text.into()));
    }
    if let Some(changes) = input.shift_remove("AttributeUpdates") {
        let text = update_text(changes, &mut placeholders)?;
        if !text.is_empty() {
            input.insert("UpdateExpression".to_owned(), text.into());
        }
    }
    if let Some(names) = input.shift_remove("AttributesToGet") {
        let names: Vec<String> = read(names)?;
        let names: Vec<_> = names.iter().map(|name| placeholders.name(name)).collect();
        input.insert("ProjectionExpression".to_owned(), names.join(", ").into());
    }
    placeholders.add_to(&mut input);
    Ok(Value::Object(input))
}

fn check(members: &[&'static str], input: &Map<String, Value>) -> Done<()> {
    let given = |names: &[&'static str]| {
        names.iter().filter(|name| input.contains_key(**name)).copied().collect::<Vec<_>>()
    };
    let (older, newer) = (given(members), given(EXPRESSION));
    if older == ["ConditionalOperator"] {
        let message = "One or more parameter values were invalid: ConditionalOperator cannot be used without Filter or Expected";
        return Err(message.to_owned().into());
    }
    if newer.is_empty() {
        return check_placeholders(input);
    }
    let message = format!(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{}}} \
         Expression parameters: {{{}}}",
        older.join(", "),
        newer.join(", ")
    );
    Err(message.into())
}

/// Without an expression there is nothing that they are for.
fn check_placeholders(input: &Map<String, Value>) -> Done<()> {
    let found = PLACEHOLDERS.iter().find(|name| input.contains_key(**name));
    found.map_or(Ok(()), |name| {
        Err(format!("{name} can only be specified when using expressions").into())
    })
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Done<T> {
    crate::service::read(value).map_err(Failure::from)
}

fn joint(operator: Option<&Value>) -> Done<&'static str> {
    match operator.map(Value::as_str) {
        None | Some(Some("AND")) => Ok(" AND "),
        Some(Some("OR")) => Ok(" OR "),
        _ => Err("The ConditionalOperator must be AND or OR".to_owned().into()),
    }
}

/// Names and values of the request, in the order in which they are met.
#[derive(Default)]
struct Placeholders {
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#l{}", self.names.len());
        self.names.insert(placeholder.clone(), name.into());
        placeholder
    }

    fn value(&mut self, value: Value) -> String {
        let placeholder = format!(":l{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn add_to(self, input: &mut Map<String, Value>) {
        for (member, placeholders) in PLACEHOLDERS.into_iter().zip([self.names, self.values]) {
            if !placeholders.is_empty() {
                input.insert(member.to_owned(), placeholders.into());
            }
        }
    }
}

/// None where nothing is asked for.
fn conditions_text(
    conditions: Value,
    joint: &str,
    placeholders: &mut Placeholders,
) -> Done<Option<String>> {
    let conditions: Map<String, Value> = read(conditions)?;
    let texts = conditions.into_iter().map(|(name, condition)| {
        let name = placeholders.name(&name);
        condition_text(&name, read(condition)?, placeholders)
    });
    let texts = texts.collect::<Done<Vec<_>>>()?;
    Ok((!texts.is_empty()).then(|| texts.join(joint)))
}

fn condition_text(
    name: &str,
    condition: Condition,
    placeholders: &mut Placeholders,
) -> Done<String> {
    let Condition { comparison_operator, attribute_value_list, value, exists } = condition;
    let (operator, values) = match (comparison_operator, value, exists) {
        (Some(operator), None, None) => (operator, attribute_value_list),
        (None, None, Some(false)) => ("NULL".to_owned(), Vec::new()),
        (None, Some(value), None | Some(true)) => ("EQ".to_owned(), vec![value]),
        _ => {
            let message = "One or more parameter values were invalid: Value or AttributeValueList must be used with ComparisonOperator, and \
                Value alone unless Exists is false";
            return Err(message.to_owned().into());
        }
    };
    let count = values.len();
    let values: Vec<_> = values.into_iter().map(|value| placeholders.value(value)).collect();
    comparison(name, &operator, &values).ok_or_else(|| {
        let message = format!(
            "One or more parameter values were invalid: Invalid number of argument(s) for the {operator} ComparisonOperator: {count}"
        );
        message.into()
    })
}

/// None for an operator that there is not, or that takes another number of values.
fn comparison(name: &str, operator: &str, values: &[String]) -> Option<String> {
    Some(match (operator, values) {
        ("EQ", [value]) => format!("{name} = {value}"),
        ("NE", [value]) => format!("{name} <> {value}"),
        ("LE", [value]) => format!("{name} <= {value}"),
        ("LT", [value]) => format!("{name} < {value}"),
        ("GE", [value]) => format!("{name} >= {value}"),
        ("GT", [value]) => format!("{name} > {value}"),
        ("NOT_NULL", []) => format!("attribute_exists({name})"),
        ("NULL", []) => format!("attribute_not_exists({name})"),
        ("CONTAINS", [value]) => format!("contains({name}, {value})"),
        ("NOT_CONTAINS", [value]) => format!("NOT contains({name}, {value})"),
        ("BEGINS_WITH", [value]) => format!("begins_with({name}, {value})"),
        ("BETWEEN", [low, high]) => format!("{name} BETWEEN {low} AND {high}"),
        ("IN", [_, ..]) => format!("{name} IN ({})", values.join(", ")),
        _ => return None,
    })
}

fn update_text(changes: Value, placeholders: &mut Placeholders) -> Done<String> {
    let changes: Map<String, Value> = read(changes)?;
    let mut clauses = json!({"SET": [], "REMOVE": [], "ADD": [], "DELETE": []});
    for (name, change) in changes {
        let Change { action, value } = read(change)?;
        let name = placeholders.name(&name);
        let mut value = |joint: &str| {
            value.clone().map(|it| format!("{name}{joint}{}", placeholders.value(it)))
        };
        let (clause, text) = match action.as_deref().unwrap_or("PUT") {
            "PUT" => ("SET", value(" = ")),
            "ADD" => ("ADD", value(" ")),
            "DELETE" => {
                value(" ").map_or(("REMOVE", Some(name.clone())), |it| ("DELETE", Some(it)))
            }
            other => {
                return Err(format!("The Action {other} is none of PUT, ADD and DELETE").into());
            }
        };
        let text = text.ok_or_else(|| {
            let message = "One or more parameter values were invalid: Only DELETE action is allowed when no attribute value is specified";
            Failure::from(message.to_owned())
        })?;
        clauses[clause].as_array_mut().expect("it was made a list").push(text.into());
    }
    let clauses = clauses.as_object().into_iter().flatten().filter_map(|(clause, texts)| {
        let texts: Vec<_> = texts.as_array()?.iter().filter_map(Value::as_str).collect();
        (!texts.is_empty()).then(|| format!("{clause} {}", texts.join(", ")))
    });
    Ok(clauses.collect::<Vec<_>>().join(" "))
}
