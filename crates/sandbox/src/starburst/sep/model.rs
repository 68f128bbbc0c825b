//! Data products as SEP's API has them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The status of what is published; drafts have another.
pub const PUBLISHED: &str = "PUBLISHED";

/// The status of what is not published yet. The word is not documented.
pub const DRAFT: &str = "DRAFT";

/// A data product.
///
/// Its JSON is that of `GET /api/v1/dataProduct/products/{id}`, without the members that say who uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// A UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The catalog of its schema.
    pub catalog_name: String,
    /// The schema of its views.
    pub schema_name: String,
    /// The domain by id.
    pub data_domain_id: String,
    /// One line.
    pub summary: String,
    /// Text, perhaps Markdown.
    pub description: Option<String>,
    /// Text; left out if there is none, as older servers do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_context: Option<String>,
    /// User name.
    pub created_by: String,
    /// [`PUBLISHED`] or something else.
    pub status: String,
    /// Views.
    pub views: Vec<View>,
    /// Materialized views.
    pub materialized_views: Vec<MaterializedView>,
    /// Whom to ask.
    pub owners: Vec<Owner>,
    /// Whom to ask, too.
    #[serde(default)]
    pub product_owners: Option<Vec<Owner>>,
    /// Links.
    pub relevant_links: Vec<Link>,
    /// `2026-01-02T03:04:05.678Z`; empty becomes now.
    #[serde(default)]
    pub created_at: String,
    /// The same.
    #[serde(default)]
    pub updated_at: String,
    /// User name.
    #[serde(default)]
    pub updated_by: Option<String>,
    /// When it was published last.
    #[serde(default)]
    pub published_at: Option<String>,
    /// User name.
    #[serde(default)]
    pub published_by: Option<String>,
    /// False if the views in Trino are others by now.
    #[serde(default)]
    pub matches_trino_definition: Option<bool>,
    /// Members that nobody knows.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A view of a data product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its name in the schema.
    pub name: String,
    /// Text.
    pub description: Option<String>,
    /// The text after `AS`.
    pub definition_query: String,
    /// [`PUBLISHED`] or something else.
    pub status: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// It goes with the next publication.
    pub marked_for_deletion: bool,
    /// When it was published; none if it only is in the draft.
    pub published_at: Option<String>,
    /// `DEFINER` or `INVOKER`.
    #[serde(default)]
    pub view_security_mode: Option<String>,
}

/// A materialized view of a data product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MaterializedView {
    /// Its name in the schema.
    pub name: String,
    /// Text.
    #[serde(default)]
    pub description: Option<String>,
    /// The text after `AS`.
    pub definition_query: String,
    /// `{"refresh_interval": "60m"}`
    #[serde(default)]
    pub definition_properties: Option<Value>,
    /// [`PUBLISHED`] or something else.
    #[serde(default)]
    pub status: Option<String>,
    /// Its columns.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// It goes with the next publication.
    #[serde(default)]
    pub marked_for_deletion: bool,
    /// When it was published; none if it only is in the draft.
    #[serde(default)]
    pub published_at: Option<String>,
    /// Where its rows are; not on the wire.
    #[serde(skip)]
    pub storage: Storage,
}

/// Where the rows of a materialized view are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storage {
    /// In a table with a name that changes with every refresh (Hive).
    #[default]
    Table,
    /// In `"<view>$materialized_view_storage"` (Iceberg).
    Hidden,
    /// Nowhere: it was never refreshed.
    Missing,
}

/// A column of a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// As Trino writes it.
    pub r#type: String,
    /// Text.
    pub description: Option<String>,
}

/// Somebody to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    pub email: String,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it is.
    pub label: String,
    /// Where it goes.
    pub url: String,
}

impl Product {
    /// A published product without views in catalog `hive_dp`; its id follows from its name.
    pub fn new(name: &str, schema: &str) -> Self {
        Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string(),
            name: name.to_owned(),
            catalog_name: super::CATALOG.to_owned(),
            schema_name: schema.to_owned(),
            data_domain_id: super::domain_id("sales"),
            summary: format!("All about {name}"),
            description: Some(format!("What {name} is, where it comes from.")),
            business_context: None,
            created_by: "ana".to_owned(),
            status: PUBLISHED.to_owned(),
            views: Vec::new(),
            materialized_views: Vec::new(),
            owners: Vec::new(),
            product_owners: None,
            relevant_links: Vec::new(),
            created_at: String::new(),
            updated_at: String::new(),
            updated_by: Some("ana".to_owned()),
            published_at: None,
            published_by: Some("ana".to_owned()),
            matches_trino_definition: Some(true),
            extra: Map::new(),
        }
    }

    /// With another view.
    #[must_use]
    pub fn view(mut self, view: View) -> Self {
        self.views.push(view);
        self
    }

    /// With another materialized view.
    #[must_use]
    pub fn materialized_view(mut self, view: MaterializedView) -> Self {
        self.materialized_views.push(view);
        self
    }

    /// With another owner.
    #[must_use]
    pub fn owner(mut self, email: &str) -> Self {
        let name = email.split('@').next().unwrap_or_default().to_owned();
        self.owners.push(Owner { name, email: email.to_owned() });
        self
    }

    /// With another link.
    #[must_use]
    pub fn link(mut self, label: &str, url: &str) -> Self {
        self.relevant_links.push(Link { label: label.to_owned(), url: url.to_owned() });
        self
    }

    /// Not published yet: no time of publication, neither has any view.
    #[must_use]
    pub fn draft(mut self) -> Self {
        DRAFT.clone_into(&mut self.status);
        (self.published_at, self.published_by) = (None, None);
        for view in &mut self.views {
            DRAFT.clone_into(&mut view.status);
            view.published_at = None;
        }
        for view in &mut self.materialized_views {
            view.status = Some(DRAFT.to_owned());
            view.published_at = None;
        }
        self
    }

    pub(crate) fn is_published(&self) -> bool {
        self.status == PUBLISHED
    }

    /// The row of a search result.
    pub(crate) fn summary_json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "catalogName": self.catalog_name,
            "schemaName": self.schema_name,
            "dataDomainId": self.data_domain_id,
            "summary": self.summary,
            "description": self.description,
            "createdBy": self.created_by,
            "status": self.status,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "publishedAt": self.published_at,
            "publishedBy": self.published_by,
            "lastQueriedAt": null,
            "lastQueriedBy": null,
            "ratingsCount": 0,
            "userData": {"isBookmarked": false},
        })
    }

    pub(crate) fn full_json(&self) -> Value {
        let mut json = json!(self);
        let author = json!(self.created_by);
        for list in ["views", "materializedViews"] {
            for view in json[list].as_array_mut().into_iter().flatten() {
                view["createdBy"] = author.clone();
                view["updatedBy"] = author.clone();
                view["createdAt"] = json!(self.created_at);
                view["updatedAt"] = json!(self.updated_at);
            }
        }
        json["accessMetadata"] = json!({"lastQueriedAt": null, "lastQueriedBy": null});
        json["ratingsCount"] = json!(0);
        json["bookmarkCount"] = json!(0);
        json["userData"] = json!({"isBookmarked": false});
        json
    }
}

impl View {
    /// A published view; columns are names and types.
    pub fn new(name: &str, query: &str, columns: &[(&str, &str)]) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            definition_query: query.to_owned(),
            status: PUBLISHED.to_owned(),
            columns: columns.iter().map(|(name, r#type)| Column::new(name, r#type)).collect(),
            marked_for_deletion: false,
            published_at: Some(super::EARLIER.to_owned()),
            view_security_mode: Some("DEFINER".to_owned()),
        }
    }

    /// With a description.
    #[must_use]
    pub fn described(self, description: &str) -> Self {
        Self { description: Some(description.to_owned()), ..self }
    }

    pub(crate) fn is_published(&self) -> bool {
        self.published_at.is_some() && !self.marked_for_deletion
    }
}

impl MaterializedView {
    /// A published materialized view; columns are names and types.
    pub fn new(name: &str, query: &str, columns: &[(&str, &str)], storage: Storage) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            definition_query: query.to_owned(),
            definition_properties: Some(json!({"refresh_interval": "60m"})),
            status: Some(PUBLISHED.to_owned()),
            columns: columns.iter().map(|(name, r#type)| Column::new(name, r#type)).collect(),
            marked_for_deletion: false,
            published_at: Some(super::EARLIER.to_owned()),
            storage,
        }
    }

    pub(crate) fn is_published(&self) -> bool {
        self.published_at.is_some() && !self.marked_for_deletion
    }
}

impl Column {
    /// A column without a description.
    pub fn new(name: &str, r#type: &str) -> Self {
        Self { name: name.to_owned(), r#type: r#type.to_owned(), description: None }
    }
}
