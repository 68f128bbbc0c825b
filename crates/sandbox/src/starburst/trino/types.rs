//! Types as columns of results have them: text, and the signature that clients decode by.

use serde_json::{Value, json};

/// `{"name": "n", "type": "decimal(10,2)", "typeSignature": {"rawType": "decimal", "arguments": [...]}}`
///
/// Clients that do not know precisions get `timestamp` for `timestamp(6)`.
pub(crate) fn column(name: &str, r#type: &str, knows_precision: bool) -> Value {
    let r#type = if knows_precision { r#type.to_owned() } else { legacy(r#type) };
    json!({"name": name, "type": r#type, "typeSignature": signature(&r#type)})
}

fn legacy(r#type: &str) -> String {
    let is_of_time = r#type.starts_with("time");
    match r#type.split_once('(').zip(r#type.split_once(')')) {
        Some(((before, _), (_, after))) if is_of_time => format!("{before}{after}"),
        _ => r#type.to_owned(),
    }
}

fn signature(r#type: &str) -> Value {
    let r#type = r#type.trim();
    let Some((before, inside, after)) = cut_brackets(r#type) else {
        // Without a length it is the longest.
        let arguments = if r#type == "varchar" { vec![long(2_147_483_647)] } else { Vec::new() };
        return json!({"rawType": r#type, "arguments": arguments});
    };
    let raw = format!("{}{}", before.trim(), after.trim_end());
    let arguments: Vec<Value> =
        split_at_commas(inside).into_iter().map(|part| argument(&raw, part)).collect();
    json!({"rawType": raw, "arguments": arguments})
}

fn long(value: i64) -> Value {
    json!({"kind": "LONG", "value": value})
}

fn argument(raw: &str, part: &str) -> Value {
    let part = part.trim();
    if let Ok(number) = part.parse() {
        return long(number);
    }
    match part.split_once(' ').filter(|_| raw == "row") {
        Some((name, r#type)) => json!({
            "kind": "NAMED_TYPE",
            "value": {"fieldName": {"name": name.trim_matches('"')}, "typeSignature": signature(r#type)},
        }),
        None => json!({"kind": "TYPE", "value": signature(part)}),
    }
}

/// `a(b)c` as `a`, `b`, `c`.
fn cut_brackets(r#type: &str) -> Option<(&str, &str, &str)> {
    let (open, close) = (r#type.find('(')?, r#type.rfind(')')?);
    Some((&r#type[..open], r#type.get(open + 1..close)?, &r#type[close + 1..]))
}

fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_signatures() {
        let decimal = column("n", "decimal(10, 2)", true);
        assert_eq!(
            decimal["typeSignature"],
            json!({"rawType": "decimal", "arguments": [long(10), long(2)]})
        );
        let zoned = signature("timestamp(3) with time zone");
        assert_eq!(zoned, json!({"rawType": "timestamp with time zone", "arguments": [long(3)]}));
        let nested = signature("map(varchar(3),array(row(x bigint)))");
        assert_eq!(
            nested["arguments"][1]["value"]["arguments"][0]["value"]["arguments"][0]["kind"],
            "NAMED_TYPE"
        );
    }

    #[test]
    fn clients_without_precision_get_the_old_names() {
        assert_eq!(
            column("t", "timestamp(3) with time zone", false)["type"],
            "timestamp with time zone"
        );
        assert_eq!(column("v", "varchar(3)", false)["type"], "varchar(3)");
    }
}
