//! The digests by which senders and receivers see that nothing was changed on the way.
//!
//! Source: Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes".

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use stepwell_aws_wire::ServiceError;

use super::settings::invalid_value;

/// `{"DataType": "String", "StringValue": "a"}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AttributeValue {
    /// `String`, `Number` or `Binary`, with a label of the sender's own behind a dot.
    pub(crate) data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) string_value: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binary_value: Option<String>,
}

pub(crate) type Attributes = BTreeMap<String, AttributeValue>;

impl AttributeValue {
    fn bytes(&self) -> Vec<u8> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.data_type.len() + self.bytes().len()
    }
}

pub(super) fn check(attributes: &Attributes) -> Result<(), ServiceError> {
    if attributes.len() > 10 {
        let problem = format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        );
        return Err(invalid_value(problem));
    }
    attributes.iter().try_for_each(|(name, value)| check_one(name, value))
}

fn check_one(name: &str, value: &AttributeValue) -> Result<(), ServiceError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(1..=256).contains(&name.len()) || !name.chars().all(is_allowed) {
        return Err(invalid_value(format!(
            "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, \
            a-z, 0-9, underscore (_), hyphen (-), and period (.) characters."
        )));
    }
    let kind = value.data_type.split('.').next().unwrap_or_default();
    let has_value = match kind {
        "String" => value.string_value.as_ref().is_some_and(|it| !it.is_empty()),
        "Number" => value.string_value.as_ref().is_some_and(|it| it.parse::<f64>().is_ok()),
        "Binary" => value
            .binary_value
            .as_ref()
            .is_some_and(|it| STANDARD.decode(it).is_ok_and(|it| !it.is_empty())),
        _ => {
            return Err(invalid_value(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of \
                supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    if has_value {
        return Ok(());
    }
    Err(invalid_value(format!(
        "The message attribute '{name}' must contain a non-empty message attribute value for message attribute type '{}'.",
        value.data_type
    )))
}

pub(super) fn of_text(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

/// None of no attributes.
pub(super) fn of_attributes(attributes: &Attributes) -> Option<String> {
    let mut digest = Md5::new();
    for (name, value) in attributes {
        part(&mut digest, name.as_bytes());
        part(&mut digest, value.data_type.as_bytes());
        digest.update([if value.string_value.is_some() { 1 } else { 2 }]);
        part(&mut digest, &value.bytes());
    }
    (!attributes.is_empty()).then(|| hex::encode(digest.finalize()))
}

fn part(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}
