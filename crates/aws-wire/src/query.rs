//! The query protocol: forms in, XML out.
//!
//! Between the two a service sees the same JSON as of the JSON protocols: `Entries.member.1.Id=a` is
//! `{"Entries": [{"Id": "a"}]}` and `Attributes.entry.1.key=k`, `Attributes.entry.1.value=v` is `{"Attributes": {"k": "v"}}`.
//! All values are text.
//!
//! Source: Smithy specification, "AWS query protocol".

use std::fmt::Write as _;

use quick_xml::escape::escape;
use serde_json::{Map, Value};

use crate::ServiceError;

/// Members on the way to a value. Nothing that AWS has is nested so deeply.
const DEPTH_MAX: usize = 12;

/// Pairs of a form.
const PAIRS_MAX: usize = 5_000;

/// The action and the input of a form.
///
/// # Errors
/// `MissingAction`; `MalformedQueryString`
pub fn parse(form: &[u8]) -> Result<(String, Value), ServiceError> {
    let mut input = Value::Object(Map::new());
    let mut action = None;
    for (count, (name, value)) in form_urlencoded::parse(form).enumerate() {
        match &*name {
            "Action" => action = Some(value.into_owned()),
            "Version" => {}
            _ if count >= PAIRS_MAX => return Err(malformed("it has too many members")),
            _ => insert(&mut input, &name, value.into_owned())?,
        }
    }
    let missing = || ServiceError::sender("MissingAction", "The request must contain an Action.");
    Ok((action.ok_or_else(missing)?, collect(input)))
}

fn malformed(problem: &str) -> ServiceError {
    ServiceError::sender("MalformedQueryString", format!("The form cannot be read: {problem}."))
}

/// Puts a value where its name says, every part of it a member.
fn insert(input: &mut Value, name: &str, value: String) -> Result<(), ServiceError> {
    if name.split('.').count() > DEPTH_MAX {
        return Err(malformed("a name has too many parts"));
    }
    let mut place = input;
    for part in name.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let members = place.as_object_mut().ok_or_else(|| malformed("a name is given twice"))?;
        place = members.entry(part).or_insert(Value::Null);
    }
    if !place.is_null() {
        return Err(malformed("a name is given twice"));
    }
    *place = Value::String(value);
    Ok(())
}

/// Makes lists of `member` and objects of `entry`, from the inside out.
fn collect(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let mut members: Map<_, _> = members.into_iter().map(|(k, v)| (k, collect(v))).collect();
    if members.len() == 1 {
        for wrapper in ["member", "entry"] {
            if let Some(Value::Object(numbered)) = members.get_mut(wrapper) {
                let items = in_order(std::mem::take(numbered));
                return if wrapper == "member" { Value::Array(items) } else { entries(items) };
            }
        }
    }
    Value::Object(members)
}

fn in_order(numbered: Map<String, Value>) -> Vec<Value> {
    let mut items: Vec<_> = numbered.into_iter().collect();
    items.sort_by_key(|(number, _)| number.parse::<u32>().unwrap_or(u32::MAX));
    items.into_iter().map(|(_, item)| item).collect()
}

/// `key` and `value`, also written `Name` and `Value`.
fn entries(items: Vec<Value>) -> Value {
    let pair = |mut item: Value| {
        let mut take = |names: [&str; 2]| {
            let members = item.as_object_mut()?;
            names.into_iter().find_map(|name| members.remove(name))
        };
        let key = take(["key", "Name"])?.as_str()?.to_owned();
        Some((key, take(["value", "Value"]).unwrap_or_default()))
    };
    Value::Object(items.into_iter().filter_map(pair).collect())
}

/// The XML of an answer.
///
/// Maps of text are named by `is_map`, for instance `Attributes`: they become `entry` with `key` and `value`.
pub fn answer(
    action: &str,
    namespace: &str,
    result: &Value,
    is_map: &dyn Fn(&str) -> bool,
    request_id: &str,
) -> String {
    let mut xml = format!("<{action}Response xmlns=\"{namespace}\">\n");
    if result.as_object().is_some_and(|members| !members.is_empty()) {
        element(&mut xml, &format!("{action}Result"), result, is_map, 1);
    }
    xml.push_str("  <ResponseMetadata>\n");
    let _ = writeln!(xml, "    <RequestId>{}</RequestId>", escape(request_id));
    xml.push_str("  </ResponseMetadata>\n");
    let _ = writeln!(xml, "</{action}Response>");
    xml
}

/// The XML of an error.
pub fn error_body(error: &ServiceError, namespace: &str, request_id: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"{namespace}\">\n  <Error>\n    <Type>{}</Type>\n    <Code>{}</Code>\n    \
         <Message>{}</Message>\n  </Error>\n  <RequestId>{}</RequestId>\n</ErrorResponse>\n",
        error.fault(),
        escape(error.query_code()),
        escape(&error.message),
        escape(request_id)
    )
}

/// The XML of an error as S3 has it, without what is around it elsewhere.
pub fn bare_error_body(error: &ServiceError, request_id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId></Error>",
        escape(&*error.code),
        escape(&error.message),
        escape(request_id)
    )
}

fn element(
    xml: &mut String,
    name: &str,
    value: &Value,
    is_map: &dyn Fn(&str) -> bool,
    depth: usize,
) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if is_map(name) => {
            let _ = writeln!(xml, "{indent}<{name}>");
            for (key, value) in members {
                let _ = writeln!(xml, "{indent}  <entry>");
                element(xml, "key", &Value::String(key.clone()), is_map, depth + 2);
                element(xml, "value", value, is_map, depth + 2);
                let _ = writeln!(xml, "{indent}  </entry>");
            }
            let _ = writeln!(xml, "{indent}</{name}>");
        }
        Value::Object(members) => {
            let _ = writeln!(xml, "{indent}<{name}>");
            for (member, value) in members {
                element(xml, member, value, is_map, depth + 1);
            }
            let _ = writeln!(xml, "{indent}</{name}>");
        }
        Value::Array(items) => {
            let _ = writeln!(xml, "{indent}<{name}>");
            for item in items {
                element(xml, "member", item, is_map, depth + 1);
            }
            let _ = writeln!(xml, "{indent}</{name}>");
        }
        Value::Null => {}
        Value::String(text) => {
            let _ = writeln!(xml, "{indent}<{name}>{}</{name}>", escape(text));
        }
        number => {
            let _ = writeln!(xml, "{indent}<{name}>{number}</{name}>");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_maps_of_a_form_become_json() {
        let form = "Action=Publish&Version=2010-03-31&List.member.2=b&List.member.1=a%20b\
            &Attributes.entry.1.key=k&Attributes.entry.1.value=v\
            &MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.DataType=String";
        let (action, input) = parse(form.as_bytes()).unwrap();
        assert_eq!(action, "Publish");
        let expected = json!({
            "List": ["a b", "b"],
            "Attributes": {"k": "v"},
            "MessageAttributes": {"n": {"DataType": "String"}},
        });
        assert_eq!(input, expected);
    }

    #[test]
    fn a_form_that_makes_no_sense_is_refused() {
        assert_eq!(parse(b"Version=1").unwrap_err().code, "MissingAction");
        for twice in ["a=1&a.b=2", "a.b=2&a=1", "a=1&a=1"] {
            let form = format!("Action=A&{twice}");
            assert_eq!(parse(form.as_bytes()).unwrap_err().code, "MalformedQueryString", "{twice}");
        }
        let deep = format!("Action=A&{}=1", "a.".repeat(5000));
        assert_eq!(parse(deep.as_bytes()).unwrap_err().code, "MalformedQueryString");
    }

    #[test]
    fn an_answer_has_the_bytes_of_aws() {
        let result = json!({"MessageId": "0".repeat(36)});
        let namespace = "http://sns.amazonaws.com/doc/2010-03-31/";
        let xml = answer("Publish", namespace, &result, &|_| false, &"0".repeat(36));
        // The length that AWS tells of this answer.
        assert_eq!(xml.len(), 294, "{xml}");
    }
}
