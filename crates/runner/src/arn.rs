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
        let after = match text.rsplit_once("function:") {
            Some((before, after)) if before.is_empty() || before.ends_with(':') => after,
            _ => text,
        };
        let (name, qualifier) = match after.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
            None => (after, None),
        };
        if !is_name(name) || text.len() > 170 || qualifier.as_deref().is_some_and(str::is_empty) {
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

/// Letters, digits, `-` and `_`: also a plain name of a folder.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
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
            ("arn:aws:lambda:us-east-1:123456789012:function:my-fn", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:my-fn:live", Some("live")),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.name.as_str(), target.qualifier.as_deref()), ("my-fn", qualifier));
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
