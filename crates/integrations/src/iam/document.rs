//! What IAM takes for a policy document of an identity, and how it counts it.
//!
//! IAM's own check is not published; this is the grammar of the IAM User Guide ("Grammar of the IAM JSON policy language") for
//! identity-based policies, as far as a document can be told wrong without knowing the services.

use serde_json::{Map, Value};

use super::Error;

/// Source: IAM User Guide, "IAM JSON policy elements: Version".
const VERSIONS: &[&str] = &["2012-10-17", "2008-10-17"];

const STATEMENT_ELEMENTS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Source: IAM API reference, `PutRolePolicy`.
const DOCUMENT_CHARACTERS_MAX: usize = 131_072;

/// Characters as IAM counts them against the limit of a role: without white space.
///
/// ```
/// assert_eq!(stepwell_integrations::iam::counted_characters("{ \"a\": 1 }\n"), 7);
/// ```
pub fn counted_characters(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// Checks that IAM would take a document as an inline policy of a role.
///
/// # Errors
/// [`Error::MalformedPolicyDocument`]
pub fn check_document(policy: &str, document: &str) -> Result<(), Error> {
    let malformed = |message| Error::MalformedPolicyDocument { policy: policy.to_owned(), message };
    if document.chars().count() > DOCUMENT_CHARACTERS_MAX {
        return Err(malformed(format!("it has more than {DOCUMENT_CHARACTERS_MAX} characters")));
    }
    let value = serde_json::from_str(document).map_err(|error| malformed(error.to_string()))?;
    check_value(&value).map_err(malformed)
}

fn check_value(document: &Value) -> Result<(), String> {
    let document = document.as_object().ok_or("it is no JSON object")?;
    if let Some(name) =
        document.keys().find(|name| !["Version", "Id", "Statement"].contains(&name.as_str()))
    {
        return Err(format!("`{name}` is no element of a policy"));
    }
    let version = document.get("Version").map_or(Some(VERSIONS[1]), Value::as_str);
    if !version.is_some_and(|version| VERSIONS.contains(&version)) {
        return Err(format!("`Version` must be {}", VERSIONS[0]));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err("`Statement` must be an object or a list of some".to_owned()),
    };
    for (index, statement) in statements.iter().enumerate() {
        let statement = statement.as_object().ok_or("a statement is no object")?;
        check_statement(statement)
            .map_err(|problem| format!("statement {}: {problem}", index + 1))?;
    }
    check_sids(statements)
}

fn check_statement(statement: &Map<String, Value>) -> Result<(), String> {
    if let Some(name) = statement.keys().find(|name| !STATEMENT_ELEMENTS.contains(&name.as_str())) {
        return Err(format!("`{name}` is no element of a statement of an identity"));
    }
    if !statement.get("Effect").is_some_and(|it| it == "Allow" || it == "Deny") {
        return Err("`Effect` must be Allow or Deny".to_owned());
    }
    if statement.get("Condition").is_some_and(|it| !it.is_object()) {
        return Err("`Condition` must be an object".to_owned());
    }
    check_one_of(statement, "Action", "NotAction", is_action)?;
    check_one_of(statement, "Resource", "NotResource", is_resource)
}

/// Exactly one of the two is there, and it is one text or some.
fn check_one_of(
    statement: &Map<String, Value>,
    name: &str,
    negated: &str,
    is_valid: fn(&str) -> bool,
) -> Result<(), String> {
    let ((Some(value), None) | (None, Some(value))) = (statement.get(name), statement.get(negated))
    else {
        return Err(format!("one of `{name}` and `{negated}` must be there"));
    };
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    if values.is_empty() {
        return Err(format!("`{name}` is empty"));
    }
    match values.iter().find(|value| !value.as_str().is_some_and(is_valid)) {
        Some(value) => Err(format!("{value} cannot be a `{name}`")),
        None => Ok(()),
    }
}

/// `*`, or `service:Action` with wildcards in the action.
fn is_action(text: &str) -> bool {
    let is_service =
        |it: &str| !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_name = |it: &str| {
        !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || c == '*' || c == '?')
    };
    text == "*"
        || text.split_once(':').is_some_and(|(service, name)| is_service(service) && is_name(name))
}

/// `*`, or an ARN: `arn:partition:service:region:account:resource`.
fn is_resource(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    text == "*"
        || parts.next() == Some("arn")
            && parts.clone().count() == 5
            && parts.nth(1).is_some_and(|service| !service.is_empty())
            && !text.ends_with(':')
}

fn check_sids(statements: &[Value]) -> Result<(), String> {
    let sids: Vec<_> = statements.iter().filter_map(|statement| statement.get("Sid")).collect();
    let is_valid = |sid: &&str| sid.chars().all(|c| c.is_ascii_alphanumeric());
    for (index, sid) in sids.iter().enumerate() {
        let text = sid.as_str().filter(is_valid);
        let Some(text) = text else { return Err(format!("{sid} cannot be a `Sid`")) };
        if sids[..index].contains(sid) {
            return Err(format!("`Sid` {text} is there twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(name: &str, value: Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::acme/orders/*"]
        });
        statement[name] = value;
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn what_iam_takes_passes() {
        for (name, value) in [
            ("Sid", json!("ReadOrders")),
            ("Action", json!("s3:Get*")),
            ("Resource", json!("*")),
            ("Resource", json!("arn:aws-cn:glue:cn-north-1:123456789012:table/db/t")),
            ("Condition", json!({"StringLike": {"s3:prefix": "orders/*"}})),
        ] {
            check_value(&with(name, value.clone())).unwrap_or_else(|it| panic!("{value}: {it}"));
        }
    }

    #[test]
    fn what_iam_refuses_is_refused() {
        for (name, value) in [
            ("Resource", json!([])),
            ("Resource", json!([""])),
            ("Resource", json!("acme")),
            ("Resource", json!("arn:aws:s3")),
            ("Action", json!([])),
            ("Action", json!("GetObject")),
            ("Effect", json!("allow")),
            ("Principal", json!("*")),
            ("Sid", json!("read orders")),
            ("NotAction", json!("s3:GetObject")),
        ] {
            check_value(&with(name, value.clone())).expect_err(&format!("{name}: {value}"));
        }
        for document in ["", "[]", "{}", r#"{"Version": "2026-03-01", "Statement": []}"#] {
            check_document("p", document).expect_err(document);
        }
    }

    #[test]
    fn white_space_does_not_count() {
        let document = with("Sid", json!("A"));
        let pretty = serde_json::to_string_pretty(&document).unwrap();
        assert_eq!(counted_characters(&pretty), document.to_string().len());
    }
}
