//! Data products.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Link, NewProduct, Product, User, someone};
use super::catalog::find_schema;
use super::error::Error;
use super::page::Wanted;
use super::{authenticate, cluster, read_body};
use crate::http::Refused;
use crate::starburst::service::{Service, World};

/// How long a PATCH holds its product, if PATCHes can collide.
const COLLISION: Duration = Duration::from_millis(30);

fn product_json(service: &Service, account: &Account, product: &Product) -> Value {
    let catalog = account.catalog_name(&product.catalog_id);
    let mut json = json!({
        "syncToken": format!("v{}", product.version),
        "dataProductId": product.data_product_id,
        "name": product.name,
        "summary": product.summary,
        "description": product.description,
        "catalog": {
            "catalogId": product.catalog_id,
            "catalogName": catalog,
            "catalogKind": "HIVE",
            "localRegions": [],
        },
        "schemaName": product.schema_name,
        "contacts": service.shuffled(&product.contacts),
        "links": service.shuffled(&product.links),
        "defaultClusterId": product.default_cluster_id,
        "createdOn": product.created_on,
        "modifiedOn": product.modified_on,
        "createdBy": someone(product.created_by.as_ref()),
        "modifiedBy": someone(product.modified_by.as_ref()),
    });
    if let Some(context) = &product.business_context {
        json["businessContext"] = json!(context);
    }
    json
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let products = {
        let account = &service.world().account;
        account.products.iter().map(|it| product_json(&service, account, it)).collect()
    };
    Ok(service.page(products, &wanted)?)
}

pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let account = &service.world().account;
    let product = &account.products[account.find_product(&id)?];
    Ok(Json(product_json(&service, account, product)))
}

/// A contact as it is sent; the user's id decides.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Contact {
    user_id: String,
    #[serde(default, rename = "email")]
    _email: Option<String>,
}

/// The body of POST and PATCH.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    name: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    business_context: Option<String>,
    catalog_id: Option<String>,
    schema_name: Option<String>,
    contacts: Option<Vec<Contact>>,
    links: Option<Vec<Link>>,
    default_cluster_id: Option<String>,
}

fn required<T>(member: Option<T>, name: &str) -> Result<T, Error> {
    member.ok_or_else(|| Error::invalid(format!("{name} is required")))
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let sent: Sent = read_body(&body)?;
    let world = &mut *service.world();
    let account = &mut world.account;
    let (me, now) = (service.api_user(), service.clock.now_millis_text());
    let product = Product {
        data_product_id: account.new_id("dp"),
        name: required(sent.name, "name")?,
        summary: required(sent.summary, "summary")?,
        description: sent.description.unwrap_or_default(),
        business_context: sent.business_context,
        catalog_id: required(sent.catalog_id, "catalogId")?,
        schema_name: required(sent.schema_name, "schemaName")?,
        contacts: find_contacts(account, &required(sent.contacts, "contacts")?)?,
        links: sent.links.unwrap_or_default(),
        default_cluster_id: sent.default_cluster_id,
        created_by: Some(me.clone()),
        created_on: now.clone(),
        modified_by: Some(me),
        modified_on: now,
        usage_example: json!({"result": []}),
        version: 1,
    };
    check(&service, account, &product)?;
    account.products.push(product.clone());
    Ok(Json(product_json(&service, account, &product)))
}

fn find_contacts(account: &Account, contacts: &[Contact]) -> Result<Vec<User>, Error> {
    let find = |contact: &Contact| {
        let found = account.users.iter().find(|user| user.user_id == contact.user_id);
        found.cloned().ok_or_else(|| Error::invalid(format!("no user {}", contact.user_id)))
    };
    contacts.iter().map(find).collect()
}

/// Whether a product can be as it is to be.
fn check(service: &Service, account: &Account, product: &Product) -> Result<(), Error> {
    for (name, text) in [("name", &product.name), ("summary", &product.summary)] {
        if text.trim().is_empty() {
            return Err(Error::invalid(format!("{name} must not be empty")));
        }
    }
    if product.contacts.is_empty() && service.options.needs_contacts {
        return Err(Error::invalid("contacts must not be empty"));
    }
    if let Some(link) = product.links.iter().find(|link| !link.uri.contains("://")) {
        return Err(Error::invalid(format!("invalid uri of link {}", link.name)));
    }
    if product.default_cluster_id.as_deref().is_some_and(|id| id != cluster::ID) {
        return Err(Error::invalid("no such cluster"));
    }
    let catalog = account.catalog_name(&product.catalog_id);
    let catalog = catalog.ok_or_else(|| Error::not_found("Catalog", &product.catalog_id))?;
    find_schema(service, account, catalog, &product.schema_name)?;
    check_unique(service, account, product)
}

fn check_unique(service: &Service, account: &Account, product: &Product) -> Result<(), Error> {
    let mut others =
        account.products.iter().filter(|other| other.data_product_id != product.data_product_id);
    let schema = |it: &Product| (it.catalog_id.clone(), it.schema_name.clone());
    let clash = others.find(|other| {
        other.name == product.name
            || (service.options.unique_schema && schema(other) == schema(product))
    });
    match clash {
        Some(_) => Err(Error::already_exists("Data product", &product.name)),
        None => Ok(()),
    }
}

/// Members that are sent replace what was there, lists as a whole.
pub(super) async fn patch(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let sent: Sent = read_body(&body)?;
    let _held = hold(&service, &id).await?;
    let account = &mut service.world().account;
    let place = account.find_product(&id)?;
    let mut product = account.products[place].clone();
    change(account, &mut product, sent)?;
    product.modified_by = Some(service.api_user());
    product.modified_on = service.clock.now_millis_text();
    product.version += 1;
    check(&service, account, &product)?;
    account.products[place] = product.clone();
    Ok(Json(product_json(&service, account, &product)))
}

fn change(account: &Account, product: &mut Product, sent: Sent) -> Result<(), Error> {
    fn put<T>(place: &mut T, sent: Option<T>) {
        if let Some(sent) = sent {
            *place = sent;
        }
    }
    put(&mut product.name, sent.name);
    put(&mut product.summary, sent.summary);
    put(&mut product.description, sent.description);
    put(&mut product.catalog_id, sent.catalog_id);
    put(&mut product.schema_name, sent.schema_name);
    put(&mut product.links, sent.links);
    put(&mut product.business_context, sent.business_context.map(Some));
    put(&mut product.default_cluster_id, sent.default_cluster_id.map(Some));
    if let Some(contacts) = sent.contacts {
        product.contacts = find_contacts(account, &contacts)?;
    }
    Ok(())
}

/// A product that is being changed; let go when it is dropped.
struct Held<'a> {
    service: &'a Service,
    id: String,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.service.held().remove(&self.id);
    }
}

/// Holds a product for a while, if PATCHes can collide; the one that comes meanwhile gets 500.
async fn hold<'a>(service: &'a Service, id: &str) -> Result<Option<Held<'a>>, Error> {
    if !service.options.patch_collisions {
        return Ok(None);
    }
    if !service.held().insert(id.to_owned()) {
        let message = "could not serialize access due to concurrent update";
        return Err(Error::of_status(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    let held = Held { service, id: id.to_owned() };
    tokio::time::sleep(COLLISION).await;
    Ok(Some(held))
}

/// Only the record goes; the schema and its views stay.
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    authenticate(&service, &headers)?;
    let account = &mut service.world().account;
    let place = account.find_product(&id)?;
    account.products.remove(place);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn get_usage(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let account = &service.world().account;
    Ok(Json(account.products[account.find_product(&id)?].usage_example.clone()))
}

/// The shape is not documented: whatever JSON is put is kept.
pub(super) async fn put_usage(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let usage: Value = read_body(&body)?;
    let account = &mut service.world().account;
    let place = account.find_product(&id)?;
    account.products[place].usage_example = usage.clone();
    Ok(Json(usage))
}

/// A product that somebody else made, whose user is gone by now.
pub(crate) fn add_foreign(world: &mut World, new: NewProduct, now: &str) -> String {
    world.galaxy_metastore.ensure_schema(&new.catalog, &new.schema);
    let account = &mut world.account;
    let data_product_id = account.new_id("dp");
    let product = Product {
        data_product_id: data_product_id.clone(),
        name: new.name,
        summary: new.summary,
        description: new.description,
        business_context: None,
        catalog_id: account.ensure_catalog(&new.catalog),
        schema_name: new.schema,
        contacts: new.contacts.iter().map(|email| account.ensure_user(email)).collect(),
        links: new.links,
        default_cluster_id: None,
        created_by: None,
        created_on: now.to_owned(),
        modified_by: None,
        modified_on: now.to_owned(),
        usage_example: json!({"result": []}),
        version: 1,
    };
    account.products.push(product);
    data_product_id
}
