//! Names of functions: plain, partial ARN, ARN; with a qualifier or without.

use crate::error::Refusal;

/// The only version that there is, and the qualifier that means it.
pub(crate) const LATEST: &str = "$LATEST";

/// The function that a caller names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its plain name.
    pub name: String,
    /// The version or alias, if one is named.
    pub qualifier: Option<String>,
}

impl Target {
    /// Reads `name`, `name:qualifier`, `account:function:name` or an ARN, each with a qualifier or without.
    ///
    /// # Errors
    /// `ValidationException` if it is none of them.
    ///
    /// Source: AWS Lambda API reference, `FunctionName` of `Invoke`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let after = after_prefix(text);
        let (name, qualifier) = match after.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
            None => (after, None),
        };
        let is_qualifier = |it: &str| it == LATEST || is_text(it);
        if !is_name(name) || text.len() > 170 || !qualifier.as_deref().is_none_or(is_qualifier) {
            return Err(Refusal::constraint(
                "functionName",
                text,
                r"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
            ));
        }
        Ok(Self { name: name.to_owned(), qualifier })
    }

    /// With the qualifier of the request, which must not contradict that of the name.
    ///
    /// # Errors
    /// `InvalidParameterValueException` if both are there and differ.
    pub fn qualified(mut self, qualifier: Option<&str>) -> Result<Self, Refusal> {
        let Some(qualifier) = qualifier else { return Ok(self) };
        if self.qualifier.as_deref().is_some_and(|own| own != qualifier) {
            return Err(Refusal::invalid_parameter(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        self.qualifier = Some(qualifier.to_owned());
        Ok(self)
    }
}

/// Without what may stand before the name, each part of it once: `arn:aws:lambda:`, a region, an account, `function:`.
///
/// Region and account are not compared with ours: an ARN that was made for AWS means the function of its name.
fn after_prefix(text: &str) -> &str {
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|it| it.is_ascii_digit());
    let partition = text.strip_prefix("arn:").and_then(|rest| rest.split_once(':'));
    let lambda = partition.filter(|(partition, _)| partition.starts_with("aws"));
    let service = lambda.and_then(|(_, rest)| rest.strip_prefix("lambda:"));
    let strip = |rest, is_part: &dyn Fn(&str) -> bool| match str::split_once(rest, ':') {
        Some((part, after)) if is_part(part) => after,
        _ => rest,
    };
    let rest = strip(service.unwrap_or(text), &is_region);
    let rest = strip(rest, &is_account);
    strip(rest, &|part| part == "function")
}

/// `us-east-1`
fn is_region(part: &str) -> bool {
    let parts: Vec<_> = part.split('-').collect();
    let is_digit = |it: &str| it.len() == 1 && it.bytes().all(|it| it.is_ascii_digit());
    parts.len() >= 3
        && (parts[0].len() == 2 || parts[0] == "eusc")
        && is_digit(parts[parts.len() - 1])
}

/// Letters, digits, `-` and `_`: also a plain name of a folder.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 64 && is_text(name)
}

fn is_text(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_many_names() {
        for (text, qualifier) in [
            ("my-fn", None),
            ("my-fn:$LATEST", Some("$LATEST")),
            ("123456789012:function:my-fn", None),
            ("function:my-fn", None),
            ("my-fn:a-b-1", Some("a-b-1")),
            ("us-east-1:123456789012:function:my-fn:live", Some("live")),
            ("arn:aws:lambda:us-east-1:123456789012:function:my-fn", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:my-fn:live", Some("live")),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.name.as_str(), target.qualifier.as_deref()), ("my-fn", qualifier));
        }
    }

    #[test]
    fn a_name_is_read_from_the_left() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function";
        let target = Target::parse(&format!("{arn}:function:live")).unwrap();
        let expected = Target { name: "function".to_owned(), qualifier: Some("live".to_owned()) };
        assert_eq!(target, expected);
        for other in ["arn:aws:s3:::x:function:pay", "x:function:pay", "function:function:a:b"] {
            assert_eq!(Target::parse(other).unwrap_err().code, "ValidationException", "{other}");
        }
    }

    #[test]
    fn what_could_lead_out_of_a_folder_is_no_name() {
        for text in ["", "..", "a/b", "a b", "arn:aws:lambda:us-east-1:1:function:", "a:", "ä"] {
            assert_eq!(Target::parse(text).unwrap_err().code, "ValidationException", "{text}");
        }
        assert!(Target::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn two_qualifiers_must_agree() {
        let target = Target::parse("f:live").unwrap();
        assert_eq!(target.clone().qualified(Some("live")).unwrap(), target);
        assert_eq!(
            target.qualified(Some("other")).unwrap_err().code,
            "InvalidParameterValueException"
        );
    }
}
