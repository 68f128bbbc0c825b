//! Catalogs, schemas and relations, as a Trino cluster sees them. No data: every table is empty.
//!
//! All names are lower case: Trino folds identifiers, quoted or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `catalog.schema.relation`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QualifiedName {
    /// The catalog.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// The table or view.
    pub name: String,
}

impl QualifiedName {
    pub(crate) fn new(catalog: &str, schema: &str, name: &str) -> Self {
        Self { catalog: catalog.to_owned(), schema: schema.to_owned(), name: name.to_owned() }
    }

    /// As error messages have it.
    pub(crate) fn dotted(&self) -> String {
        format!("{}.{}.{}", self.catalog, self.schema, self.name)
    }
}

/// `"a ""word"""`
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A column: `{"name": "id", "type": "bigint", "comment": null}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as Trino writes it, such as `varchar(20)`.
    pub r#type: String,
    /// What `COMMENT ON COLUMN` said.
    pub comment: Option<String>,
}

impl Column {
    pub(crate) fn new(name: &str, r#type: &str) -> Self {
        Self { name: name.to_owned(), r#type: r#type.to_owned(), comment: None }
    }
}

/// As whom the query of a view runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Security {
    /// As its owner.
    #[default]
    Definer,
    /// As whoever selects from it.
    Invoker,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The text after `AS`, as it was sent.
    pub sql: String,
    /// What the query puts out.
    pub columns: Vec<Column>,
    /// The relations that the query reads.
    pub reads: Vec<QualifiedName>,
    /// What `COMMENT` said.
    pub comment: Option<String>,
    /// As whom its query runs.
    pub security: Security,
    /// Who created it.
    pub owner: String,
}

/// A materialized view of SEP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterializedView {
    /// The text after `AS`.
    pub sql: String,
    /// What the query puts out.
    pub columns: Vec<Column>,
    /// Where its rows are; none before the first refresh.
    pub storage: Option<QualifiedName>,
    /// `FRESH`, `STALE` or `UNKNOWN`.
    pub freshness: String,
}

/// Something that can be selected from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Relation {
    /// A table.
    Table {
        /// Its columns.
        columns: Vec<Column>,
    },
    /// A view.
    View(View),
    /// A materialized view.
    MaterializedView(MaterializedView),
}

impl Relation {
    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Table { columns } => columns,
            Self::View(view) => &view.columns,
            Self::MaterializedView(view) => &view.columns,
        }
    }

    /// As `information_schema.tables` has it.
    pub(crate) fn table_type(&self) -> &'static str {
        match self {
            Self::Table { .. } => "BASE TABLE",
            Self::View(_) | Self::MaterializedView(_) => "VIEW",
        }
    }
}

/// A schema's relations by name.
pub(crate) type Relations = BTreeMap<String, Relation>;

/// All that a cluster knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metastore {
    catalogs: BTreeMap<String, BTreeMap<String, Relations>>,
}

impl Metastore {
    pub(crate) fn add_catalog(&mut self, catalog: &str) {
        self.catalogs.entry(catalog.to_owned()).or_default();
    }

    pub(crate) fn catalogs(&self) -> impl Iterator<Item = &String> {
        self.catalogs.keys()
    }

    pub(crate) fn has_catalog(&self, catalog: &str) -> bool {
        self.catalogs.contains_key(catalog)
    }

    pub(crate) fn schemas(&self, catalog: &str) -> impl Iterator<Item = (&String, &Relations)> {
        self.catalogs.get(catalog).into_iter().flatten()
    }

    pub(crate) fn schema(&self, catalog: &str, schema: &str) -> Option<&Relations> {
        self.catalogs.get(catalog)?.get(schema)
    }

    pub(crate) fn schema_mut(&mut self, catalog: &str, schema: &str) -> Option<&mut Relations> {
        self.catalogs.get_mut(catalog)?.get_mut(schema)
    }

    /// Makes a schema, and its catalog if need be; what is there stays.
    pub(crate) fn ensure_schema(&mut self, catalog: &str, schema: &str) -> &mut Relations {
        let schemas = self.catalogs.entry(catalog.to_owned()).or_default();
        schemas.entry(schema.to_owned()).or_default()
    }

    pub(crate) fn remove_schema(&mut self, catalog: &str, schema: &str) {
        if let Some(schemas) = self.catalogs.get_mut(catalog) {
            schemas.remove(schema);
        }
    }

    pub(crate) fn relation(&self, name: &QualifiedName) -> Option<&Relation> {
        self.schema(&name.catalog, &name.schema)?.get(&name.name)
    }

    pub(crate) fn relation_mut(&mut self, name: &QualifiedName) -> Option<&mut Relation> {
        self.schema_mut(&name.catalog, &name.schema)?.get_mut(&name.name)
    }

    /// Puts a relation into its schema, which is made if need be.
    pub(crate) fn put(&mut self, name: &QualifiedName, relation: Relation) {
        self.ensure_schema(&name.catalog, &name.schema).insert(name.name.clone(), relation);
    }
}

/// Storage tables of Iceberg materialized views do not appear in listings.
pub(crate) fn is_listed(name: &str) -> bool {
    !name.ends_with("$materialized_view_storage")
}
