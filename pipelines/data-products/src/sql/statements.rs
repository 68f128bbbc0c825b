//! The statements of the synchronisation. All of them may be repeated.

use super::quote::{identifier, literal, qualified};

pub(crate) fn schemata(catalog: &str) -> String {
    format!("SELECT schema_name FROM {}.information_schema.schemata", identifier(catalog))
}

pub(crate) fn views(catalog: &str, schemas: &[&str]) -> String {
    format!(
        "SELECT table_schema, table_name, view_definition FROM {}.information_schema.views WHERE table_schema {}",
        identifier(catalog),
        among(schemas)
    )
}

pub(crate) fn show_schemas(catalog: &str) -> String {
    format!("SHOW SCHEMAS FROM {}", identifier(catalog))
}

pub(crate) fn show_tables(catalog: &str, schema: &str) -> String {
    format!("SHOW TABLES FROM {}", qualified(&[catalog, schema]))
}

pub(crate) fn show_create_view(catalog: &str, schema: &str, view: &str) -> String {
    format!("SHOW CREATE VIEW {}", qualified(&[catalog, schema, view]))
}

/// Tables, views and whatever else counts as a table in a schema.
pub(crate) fn objects(catalog: &str, schema: &str) -> String {
    format!(
        "SELECT table_name, table_type FROM {}.information_schema.tables WHERE table_schema = {}",
        identifier(catalog),
        literal(schema)
    )
}

pub(crate) fn columns(catalog: &str, schemas: &[&str]) -> String {
    format!(
        "SELECT table_schema, table_name, column_name, ordinal_position FROM {}.information_schema.columns \
         WHERE table_schema {}",
        identifier(catalog),
        among(schemas)
    )
}

/// Freshness is left out: asking for it makes the server look into every materialized view.
pub(crate) fn storage_tables(catalog: &str, schemas: &[&str]) -> String {
    format!(
        "SELECT schema_name, name, storage_catalog, storage_schema, storage_table \
         FROM system.metadata.materialized_views WHERE catalog_name = {} AND schema_name {}",
        literal(catalog),
        among(schemas)
    )
}

/// One materialized view by its name, for servers that take no other form.
pub(crate) fn storage_table(catalog: &str, schema: &str, view: &str) -> String {
    format!(
        "SELECT storage_catalog, storage_schema, storage_table, freshness FROM system.metadata.materialized_views \
         WHERE catalog_name = {} AND schema_name = {} AND name = {}",
        literal(catalog),
        literal(schema),
        literal(view)
    )
}

pub(crate) fn create_schema(catalog: &str, schema: &str) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {}", qualified(&[catalog, schema]))
}

/// `comment` is left out where it is empty, the security mode where it is the server's default.
pub(crate) fn create_view(view: &str, comment: Option<&str>, invoker: bool, query: &str) -> String {
    let comment = comment.map(|text| format!(" COMMENT {}", literal(text))).unwrap_or_default();
    let security = if invoker { " SECURITY INVOKER" } else { "" };
    format!("CREATE OR REPLACE VIEW {view}{comment}{security} AS {query}")
}

pub(crate) fn comment_on_column(view: &str, column: &str, comment: &str) -> String {
    format!("COMMENT ON COLUMN {view}.{} IS {}", identifier(column), literal(comment))
}

pub(crate) fn drop_view(view: &str) -> String {
    format!("DROP VIEW IF EXISTS {view}")
}

/// Never with CASCADE: what is still in a schema is somebody else's.
pub(crate) fn drop_schema(catalog: &str, schema: &str) -> String {
    format!("DROP SCHEMA IF EXISTS {}", qualified(&[catalog, schema]))
}

pub(crate) fn select(columns: &[String], table: &str) -> String {
    let columns: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
    let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    format!("SELECT {columns} FROM {table}")
}

fn among(texts: &[&str]) -> String {
    match texts {
        [one] => format!("= {}", literal(one)),
        _ => format!(
            "IN ({})",
            texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_its_clauses_in_the_order_that_trino_wants() {
        let view = qualified(&["c", "s", "v"]);
        assert_eq!(
            create_view(&view, Some("it's"), true, "SELECT 1"),
            "CREATE OR REPLACE VIEW \"c\".\"s\".\"v\" COMMENT 'it''s' SECURITY INVOKER AS SELECT 1"
        );
    }

    #[test]
    fn crafted_names_stay_names() {
        let evil = "x' OR 1 = 1 --";
        assert!(storage_tables(evil, &[evil]).contains("= 'x'' OR 1 = 1 --' AND"));
        assert_eq!(select(&["a\"b".to_owned()], "t"), "SELECT \"a\"\"b\" FROM t");
    }
}
