//! Catalogs, and what is in them: schemas, tables, columns.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::account::{Account, Catalog, SchemaMetadata, someone};
use super::authenticate;
use super::error::Error;
use super::page::Wanted;
use crate::http::Refused;
use crate::starburst::metastore::{QualifiedName, Relations, is_listed};
use crate::starburst::service::{Service, World};

fn catalog_json(catalog: &Catalog) -> Value {
    json!({
        "catalogId": catalog.catalog_id,
        "catalogName": catalog.catalog_name,
        "catalogKind": "HIVE",
        "readOnly": false,
    })
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let catalogs = service.world().account.catalogs.iter().map(catalog_json).collect();
    Ok(service.page(catalogs, &wanted)?)
}

pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let world = service.world();
    Ok(Json(catalog_json(world.account.find_catalog(&key)?)))
}

/// The metadata of a schema, if it can be seen by now.
pub(super) fn find_schema<'a>(
    service: &Service,
    account: &'a Account,
    catalog: &str,
    schema: &str,
) -> Result<&'a SchemaMetadata, Error> {
    let key = (catalog.to_owned(), schema.to_owned());
    let found = account.schemas.get(&key).filter(|metadata| service.is_visible(metadata.since));
    found.ok_or_else(|| Error::not_found("Schema", schema))
}

fn schema_json(account: &Account, schema: &str, metadata: &SchemaMetadata) -> Value {
    let tags = account.tags.iter().filter(|tag| metadata.tags.contains(&tag.tag_id));
    let tags: Vec<Value> = tags.map(|tag| json!({"tagId": tag.tag_id, "name": tag.name})).collect();
    json!({
        "schemaId": schema,
        "description": null,
        "owner": {"roleId": "r-1", "roleName": "data_products"},
        "tags": tags,
        "contacts": [],
        "links": [],
    })
}

pub(super) async fn list_schemas(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let schemas = {
        let world = service.world();
        let account = &world.account;
        let catalog = &account.find_catalog(&key)?.catalog_name;
        let schemas = account
            .schemas
            .iter()
            .filter(|((of, _), metadata)| of == catalog && service.is_visible(metadata.since));
        schemas.map(|((_, name), metadata)| schema_json(account, name, metadata)).collect()
    };
    Ok(service.page(schemas, &wanted)?)
}

pub(super) async fn get_schema(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((key, schema)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let world = service.world();
    let account = &world.account;
    let catalog = &account.find_catalog(&key)?.catalog_name;
    let metadata = find_schema(&service, account, catalog, &schema)?;
    Ok(Json(schema_json(account, &schema, metadata)))
}

/// The catalog's name and the schema's relations.
fn relations<'a>(
    service: &Service,
    world: &'a World,
    key: &str,
    schema: &str,
) -> Result<(&'a str, &'a Relations), Error> {
    let catalog = &world.account.find_catalog(key)?.catalog_name;
    find_schema(service, &world.account, catalog, schema)?;
    let relations = world.galaxy_metastore.schema(catalog, schema);
    Ok((catalog, relations.ok_or_else(|| Error::not_found("Schema", schema))?))
}

pub(super) async fn list_tables(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((key, schema)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let tables = {
        let world = service.world();
        let (_, relations) = relations(&service, &world, &key, &schema)?;
        let listed = relations.iter().filter(|(name, _)| is_listed(name));
        listed
            .map(|(name, relation)| {
                json!({
                    "tableId": name,
                    "tableType": relation.table_type(),
                    "owner": someone(None),
                    "tags": [],
                })
            })
            .collect()
    };
    Ok(service.page(tables, &wanted)?)
}

pub(super) async fn list_columns(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((key, schema, table)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let columns = {
        let world = service.world();
        let (catalog, _) = relations(&service, &world, &key, &schema)?;
        let name = QualifiedName::new(catalog, &schema, &table);
        let relation = world.galaxy_metastore.relation(&name);
        let relation = relation.ok_or_else(|| Error::not_found("Table", &table))?;
        let json = |column: &crate::starburst::metastore::Column| {
            json!({
                "columnId": column.name,
                "dataType": column.r#type,
                "description": column.comment,
                "tags": [],
            })
        };
        relation.columns().iter().map(json).collect()
    };
    Ok(service.page(columns, &wanted)?)
}
