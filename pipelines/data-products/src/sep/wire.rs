//! What SEP sends, as far as it is used. Only what nothing can be done without is required: drafts lack many members,
//! servers add new ones, and anything may be null.

use serde::{Deserialize, Deserializer};

/// A row of the listing.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) data_domain_id: Option<String>,
    #[serde(default)]
    pub(crate) status: Option<String>,
}

/// A product with everything in it.
#[expect(clippy::struct_field_names, reason = "as SEP names them")]
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) catalog_name: String,
    pub(crate) schema_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) summary: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) business_context: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) views: Vec<View>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) materialized_views: Vec<MaterializedView>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) owners: Vec<Owner>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) product_owners: Vec<Owner>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) relevant_links: Vec<Link>,
}

/// A view.
#[expect(clippy::struct_field_names, reason = "as SEP names them")]
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct View {
    #[serde(flatten)]
    pub(crate) publication: Publication,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) definition_query: String,
    #[serde(default)]
    pub(crate) view_security_mode: Option<String>,
}

/// A materialized view. Its definition is SEP's business: what it holds lies in a storage table.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MaterializedView {
    #[serde(flatten)]
    pub(crate) publication: Publication,
}

/// What views and materialized views have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Publication {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) columns: Vec<Column>,
    #[serde(default, deserialize_with = "or_default")]
    marked_for_deletion: bool,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    published_at: Published,
    #[serde(default)]
    matches_trino_definition: Option<bool>,
}

/// When something was published. Where nothing is said about it, it may have been.
#[derive(Debug, Clone, Default)]
enum Published {
    #[default]
    Untold,
    Never,
    At(String),
}

impl<'de> Deserialize<'de> for Published {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Never, Self::At))
    }
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) description: String,
}

/// A person.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Owner {
    #[serde(default)]
    pub(crate) email: Option<String>,
}

/// A link.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Link {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) label: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) url: String,
}

/// A domain.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Domain {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
}

/// How far a view is on its way to those who query it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Everybody sees it as it stands here.
    Published,
    /// Everybody sees an older state of it than stands here.
    Edited,
    /// Nobody sees it yet.
    Unpublished,
    /// It goes with the next publication.
    Leaving,
}

impl Publication {
    /// Edits of a published product wait in its draft: the answer then describes what does not exist yet.
    pub(crate) fn stage(&self) -> Stage {
        if self.marked_for_deletion {
            return Stage::Leaving;
        }
        // A server may say that it is published, and not when.
        let published = match &self.status {
            Some(status) => is_published(status),
            None => !matches!(self.published_at, Published::Never),
        };
        if !published {
            return Stage::Unpublished;
        }
        if self.was_edited_since() && self.matches_trino_definition == Some(false) {
            Stage::Edited
        } else {
            Stage::Published
        }
    }

    fn was_edited_since(&self) -> bool {
        let time = |text: &String| text.parse::<jiff::Timestamp>().ok();
        let Published::At(published) = &self.published_at else { return false };
        let (updated, published) = (self.updated_at.as_ref().and_then(time), time(published));
        updated.zip(published).is_some_and(|(updated, published)| updated > published)
    }
}

/// Only one word means published; there may be others than are known.
pub(crate) fn is_published(status: &str) -> bool {
    status.eq_ignore_ascii_case("PUBLISHED")
}

/// Null is as good as nothing.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stage(mut view: Value) -> Stage {
        view["name"] = json!("v");
        serde_json::from_value::<Publication>(view).unwrap().stage()
    }

    #[test]
    fn a_view_counts_as_published_unless_something_says_otherwise() {
        let (early, late) = ("2026-01-02T03:04:05.678Z", "2026-01-02T03:05:00Z");
        assert_eq!(stage(json!({})), Stage::Published);
        assert_eq!(
            stage(json!({"status": "PUBLISHED", "updatedAt": early, "publishedAt": late})),
            Stage::Published
        );
        assert_eq!(stage(json!({"status": "DRAFT", "publishedAt": early})), Stage::Unpublished);
        assert_eq!(stage(json!({"publishedAt": null})), Stage::Unpublished);
        assert_eq!(stage(json!({"status": "PUBLISHED", "publishedAt": null})), Stage::Published);
        assert_eq!(
            stage(json!({"status": "PUBLISHED", "markedForDeletion": true})),
            Stage::Leaving
        );
        let edited =
            json!({"updatedAt": late, "publishedAt": early, "matchesTrinoDefinition": false});
        assert_eq!(stage(edited), Stage::Edited);
        assert_eq!(stage(json!({"updatedAt": late, "publishedAt": early})), Stage::Published);
    }

    #[test]
    fn null_missing_and_unknown_members_are_taken() {
        let product = json!({
            "id": "1", "name": "n", "catalogName": "c", "schemaName": "s", "summary": null, "views": null, "owners": null,
            "surprise": {}, "materializedViews": [{"name": "m", "columns": null, "markedForDeletion": null}]
        });
        let product: Product = serde_json::from_value(product).unwrap();
        assert_eq!(
            (product.summary.as_str(), product.views.len(), product.materialized_views.len()),
            ("", 0, 1)
        );
    }
}
