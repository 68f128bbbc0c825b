//! Tags of objects.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::attributes::Attributes;
use super::names::identity;
use super::objects::{malformed, take_address};
use super::staging::failed;
use super::store::{Store, lock};
use super::{done, index, nothing_more};

/// Source: Amazon S3 User Guide, "Categorizing your objects using tags".
const TAGS_MAX: usize = 10;
const KEY_CHARACTERS_MAX: usize = 128;
const VALUE_CHARACTERS_MAX: usize = 256;

/// By their keys: `{"project": "lake"}`.
pub(super) type ObjectTags = BTreeMap<String, String>;

/// Reads `x-amz-tagging`: `project=lake&owner=me`.
///
/// # Errors
/// `InvalidArgument`, `InvalidTag`, `BadRequest`
pub(super) fn of_header(text: &str) -> Result<ObjectTags, ServiceError> {
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let tags: ObjectTags = pairs.iter().cloned().collect();
    if tags.len() < pairs.len() {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name \
            duplicates.";
        return Err(ServiceError::sender("InvalidArgument", message)
            .with_member("ArgumentName", "x-amz-tagging")
            .with_member("ArgumentValue", text));
    }
    check(&tags)?;
    Ok(tags)
}

/// Reads `{"TagSet": [{"Key": "project", "Value": "lake"}]}`.
fn of_set(tagging: Value) -> Result<ObjectTags, ServiceError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Tagging {
        tag_set: Vec<Tag>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Tag {
        key: String,
        value: String,
    }
    let Tagging { tag_set } = serde_json::from_value(tagging).map_err(|error| malformed(&error))?;
    let count = tag_set.len();
    let tags: ObjectTags = tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect();
    if tags.len() < count {
        return Err(invalid("Cannot provide multiple Tags with the same key"));
    }
    check(&tags)?;
    Ok(tags)
}

fn check(tags: &ObjectTags) -> Result<(), ServiceError> {
    if tags.len() > TAGS_MAX {
        let message = format!("Object tags cannot be greater than {TAGS_MAX}");
        return Err(ServiceError::sender("BadRequest", message));
    }
    for (key, value) in tags {
        if key.is_empty() || key.starts_with("aws:") || !is_text_of_tag(key, KEY_CHARACTERS_MAX) {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if !is_text_of_tag(value, VALUE_CHARACTERS_MAX) {
            return Err(invalid("The TagValue you have provided is invalid"));
        }
    }
    Ok(())
}

/// Source: as above.
fn is_text_of_tag(text: &str, characters_max: usize) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c);
    text.chars().count() <= characters_max && text.chars().all(is_allowed)
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::sender("InvalidTag", message)
}

impl Store {
    /// `GetObjectTagging`
    pub(super) fn get_object_tagging(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        nothing_more("GetObjectTagging", &input)?;
        let tags = self.find(&at)?.attributes.tags;
        let tags = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        Ok(json!({"TagSet": tags.collect::<Vec<_>>()}))
    }

    /// `PutObjectTagging`: these tags, and no others.
    pub(super) fn put_object_tagging(
        &self,
        mut input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        let tags = of_set(input.shift_remove("Tagging").unwrap_or_default())?;
        self.set_tags("PutObjectTagging", input, tags)
    }

    /// `DeleteObjectTagging`
    pub(super) fn delete_object_tagging(
        &self,
        input: Map<String, Value>,
    ) -> Result<Value, ServiceError> {
        self.set_tags("DeleteObjectTagging", input, ObjectTags::new())
    }

    fn set_tags(
        &self,
        action: &str,
        mut input: Map<String, Value>,
        tags: ObjectTags,
    ) -> Result<Value, ServiceError> {
        let at = take_address(self, &mut input)?;
        nothing_more(action, &input)?;
        let _lock = lock(&at.bucket)?;
        let found = self.find(&at)?;
        let attributes = Attributes { tags, ..found.attributes };
        let file = identity(&found.file.metadata().map_err(|error| failed(&error))?);
        let identities = (&*file, Some(&*file));
        self.index(|it| {
            index::add_attributes(it, &at.bucket.name, &at.key, identities, &attributes)
        })?;
        Ok(done())
    }
}
