//! What publication does in SEP's own Trino: schema, views, materialized views, and the tables below them.
//!
//! Base tables and storage tables are in the lake, which Galaxy reads too: they are put into both clusters.

use super::model::{Column as ProductColumn, MaterializedView, Product, Storage, View};
use crate::starburst::metastore::{
    self, Column, Metastore, QualifiedName, Relation, Security, is_listed,
};
use crate::starburst::service::World;
use crate::starburst::trino::sql::{Output, analyze};

/// The catalog that both clusters read.
pub(crate) const LAKE: &str = "lake";

/// Makes the schema of a product what the product says.
pub(crate) fn publish(world: &mut World, product: &Product) {
    let (catalog, schema) = (&product.catalog_name, &product.schema_name);
    let schema_of = |name: &str| QualifiedName::new(catalog, schema, &name.to_lowercase());
    world.sep_metastore.ensure_schema(catalog, schema);
    let is_kept = |name: &String| {
        let name = name.as_str();
        product.views.iter().any(|it| it.is_published() && it.name.to_lowercase() == name)
            || product
                .materialized_views
                .iter()
                .any(|it| it.is_published() && it.name.to_lowercase() == name)
    };
    world.sep_metastore.ensure_schema(catalog, schema).retain(|name, _| is_kept(name));
    for view in product.views.iter().filter(|view| view.is_published()) {
        ensure_base_tables(world, &view.definition_query, &view.columns);
        world.sep_metastore.put(&schema_of(&view.name), Relation::View(relation_of(view)));
    }
    for view in product.materialized_views.iter().filter(|view| view.is_published()) {
        ensure_base_tables(world, &view.definition_query, &view.columns);
        publish_materialized(world, product, view, &schema_of(&view.name));
    }
}

/// Removes the schema of a product from SEP's Trino; what is in the lake stays.
pub(crate) fn unpublish(world: &mut World, product: &Product) {
    world.sep_metastore.remove_schema(&product.catalog_name, &product.schema_name);
}

fn columns_of(columns: &[ProductColumn]) -> Vec<Column> {
    columns
        .iter()
        .map(|it| Column {
            name: it.name.to_lowercase(),
            r#type: it.r#type.clone(),
            comment: it.description.clone(),
        })
        .collect()
}

fn relation_of(view: &View) -> metastore::View {
    metastore::View {
        sql: view.definition_query.clone(),
        columns: columns_of(&view.columns),
        reads: Vec::new(),
        comment: view.description.clone(),
        security: Security::default(),
        owner: "ana".to_owned(),
    }
}

fn publish_materialized(
    world: &mut World,
    product: &Product,
    view: &MaterializedView,
    name: &QualifiedName,
) {
    let storage = match world.sep_metastore.relation(name) {
        Some(Relation::MaterializedView(old)) if old.storage.is_some() => old.storage.clone(),
        _ => first_storage(world, product, view),
    };
    if let Some(storage) = &storage {
        put_storage(world, storage, &view.columns);
    }
    let relation = metastore::MaterializedView {
        sql: view.definition_query.clone(),
        columns: columns_of(&view.columns),
        freshness: if storage.is_some() { "FRESH" } else { "UNKNOWN" }.to_owned(),
        storage,
    };
    world.sep_metastore.put(name, Relation::MaterializedView(relation));
}

fn first_storage(
    world: &mut World,
    product: &Product,
    view: &MaterializedView,
) -> Option<QualifiedName> {
    match view.storage {
        Storage::Missing => None,
        Storage::Table => Some(next_storage(world)),
        Storage::Hidden => {
            let schema = format!("{}_storage", product.schema_name);
            let table = format!("{}$materialized_view_storage", view.name.to_lowercase());
            Some(QualifiedName::new(LAKE, &schema, &table))
        }
    }
}

/// A name that no storage table has had.
fn next_storage(world: &mut World) -> QualifiedName {
    let number = world.source.next_number();
    QualifiedName::new(LAKE, "mv_storage", &format!("st_{number:06}"))
}

/// A storage table has a column that the view has not.
fn put_storage(world: &mut World, name: &QualifiedName, columns: &[ProductColumn]) {
    let mut columns = columns_of(columns);
    for column in &mut columns {
        column.comment = None;
    }
    columns.push(Column::new("_storage_row", "bigint"));
    let table = Relation::Table { columns };
    if is_listed(&name.name) || world.reads_hidden_storage {
        world.galaxy_metastore.put(name, table.clone());
    }
    world.sep_metastore.put(name, table);
}

/// Moves a materialized view to a new storage table, as a refresh does; the old table goes.
pub(crate) fn refresh(
    world: &mut World,
    product: &Product,
    view: &MaterializedView,
) -> QualifiedName {
    let name =
        QualifiedName::new(&product.catalog_name, &product.schema_name, &view.name.to_lowercase());
    let storage = match view.storage {
        Storage::Hidden => first_storage(world, product, view).expect("hidden storage has a name"),
        Storage::Table | Storage::Missing => next_storage(world),
    };
    put_storage(world, &storage, &view.columns);
    let mut old = None;
    if let Some(Relation::MaterializedView(known)) = world.sep_metastore.relation_mut(&name) {
        "FRESH".clone_into(&mut known.freshness);
        old = known.storage.replace(storage.clone());
    }
    if let Some(old) = old.filter(|old| *old != storage) {
        for metastore in [&mut world.sep_metastore, &mut world.galaxy_metastore] {
            if let Some(relations) = metastore.schema_mut(&old.catalog, &old.schema) {
                relations.remove(&old.name);
            }
        }
    }
    storage
}

/// The tables of the lake that a query reads: made, or given the columns that they lack.
fn ensure_base_tables(world: &mut World, query: &str, columns: &[ProductColumn]) {
    let Ok(analysis) = analyze(query) else { return };
    let sources: Vec<Column> = analysis
        .outputs
        .iter()
        .zip(columns)
        .filter_map(|(output, column)| match output {
            Output::Column { source, .. } => Some(Column::new(source, &column.r#type)),
            Output::All | Output::Expression { .. } => None,
        })
        .collect();
    for relation in &analysis.relations {
        let [catalog, schema, table] = relation.parts.as_slice() else { continue };
        if catalog == LAKE {
            let name = QualifiedName::new(catalog, schema, table);
            ensure_table(&mut world.sep_metastore, &name, &sources);
            ensure_table(&mut world.galaxy_metastore, &name, &sources);
        }
    }
}

fn ensure_table(metastore: &mut Metastore, name: &QualifiedName, wanted: &[Column]) {
    let mut columns = metastore.relation(name).map(|it| it.columns().to_vec()).unwrap_or_default();
    for column in wanted {
        if !columns.iter().any(|it| it.name == column.name) {
            columns.push(column.clone());
        }
    }
    metastore.put(name, Relation::Table { columns });
}
