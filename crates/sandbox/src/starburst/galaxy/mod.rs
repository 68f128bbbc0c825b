//! Galaxy's public API: client credentials for a token, and the account page by page.
//!
//! Source: docs.starburst.io, "Starburst Galaxy public API"; the published documentation of the Terraform provider.

pub(crate) mod account;
mod catalog;
mod cluster;
mod data_product;
pub(crate) mod error;
mod page;
mod tag;
mod token;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Method, header};
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;

use super::endpoint::Endpoint;
use super::service::Service;
use error::Error;

pub(crate) use data_product::add_foreign;
pub use page::LastPage;
pub(crate) use page::Wanted;
pub(crate) use page::page;

const TOKEN: &str = "/oauth/v2/token";
const CATALOGS: &str = "/public/api/v1/catalog";
const CATALOG: &str = "/public/api/v1/catalog/{catalog}";
const SCHEMAS: &str = "/public/api/v1/catalog/{catalog}/schema";
const SCHEMA: &str = "/public/api/v1/catalog/{catalog}/schema/{schema}";
const TABLES: &str = "/public/api/v1/catalog/{catalog}/schema/{schema}/table";
const COLUMNS: &str = "/public/api/v1/catalog/{catalog}/schema/{schema}/table/{table}/column";
const CLUSTERS: &str = "/public/api/v1/cluster";
const CLUSTER: &str = "/public/api/v1/cluster/{cluster}";
const TAGS: &str = "/public/api/v1/tag";
const TAG: &str = "/public/api/v1/tag/{tag}";
const ATTACHED: &str = "/public/api/v1/tag/{tag}/catalog/{catalog}/schema/{schema}";
const USERS: &str = "/public/api/v1/user";
const USER: &str = "/public/api/v1/user/{user}";
const PRODUCTS: &str = "/public/api/v1/dataProduct";
const PRODUCT: &str = "/public/api/v1/dataProduct/{id}";
const USAGE: &str = "/public/api/v1/dataProduct/{id}/usageExample";

pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(TOKEN, post(token::issue))
        .route(CATALOGS, get(catalog::list))
        .route(CATALOG, get(catalog::get_one))
        .route(SCHEMAS, get(catalog::list_schemas))
        .route(SCHEMA, get(catalog::get_schema))
        .route(TABLES, get(catalog::list_tables))
        .route(COLUMNS, get(catalog::list_columns))
        .route(CLUSTERS, get(cluster::list))
        .route(CLUSTER, get(cluster::get_one).patch(cluster::patch))
        .route(TAGS, get(tag::list).post(tag::create))
        .route(TAG, get(tag::get_one).patch(tag::patch).delete(tag::delete))
        .route(ATTACHED, put(tag::attach).delete(tag::detach))
        .route(USERS, get(user::list))
        .route(USER, get(user::get_one))
        .route(PRODUCTS, get(data_product::list).post(data_product::create))
        .route(
            PRODUCT,
            get(data_product::get_one).patch(data_product::patch).delete(data_product::delete),
        )
        .route(USAGE, get(data_product::get_usage).put(data_product::put_usage))
        .with_state(service)
}

pub(super) fn endpoint(method: &Method, route: &str) -> Option<Endpoint> {
    Some(match (method.as_str(), route) {
        ("POST", TOKEN) => Endpoint::GalaxyToken,
        ("GET", CATALOGS) => Endpoint::GalaxyListCatalogs,
        ("GET", CATALOG) => Endpoint::GalaxyGetCatalog,
        ("GET", SCHEMAS) => Endpoint::GalaxyListSchemas,
        ("GET", SCHEMA) => Endpoint::GalaxyGetSchema,
        ("GET", TABLES) => Endpoint::GalaxyListTables,
        ("GET", COLUMNS) => Endpoint::GalaxyListColumns,
        ("GET", CLUSTERS) => Endpoint::GalaxyListClusters,
        ("GET", CLUSTER) => Endpoint::GalaxyGetCluster,
        ("PATCH", CLUSTER) => Endpoint::GalaxyPatchCluster,
        ("GET", TAGS) => Endpoint::GalaxyListTags,
        ("GET", TAG) => Endpoint::GalaxyGetTag,
        ("POST", TAGS) => Endpoint::GalaxyCreateTag,
        ("PATCH", TAG) => Endpoint::GalaxyPatchTag,
        ("DELETE", TAG) => Endpoint::GalaxyDeleteTag,
        ("PUT", ATTACHED) => Endpoint::GalaxyAttachTag,
        ("DELETE", ATTACHED) => Endpoint::GalaxyDetachTag,
        ("GET", USERS) => Endpoint::GalaxyListUsers,
        ("GET", USER) => Endpoint::GalaxyGetUser,
        ("GET", PRODUCTS) => Endpoint::GalaxyListProducts,
        ("GET", PRODUCT) => Endpoint::GalaxyGetProduct,
        ("POST", PRODUCTS) => Endpoint::GalaxyCreateProduct,
        ("PATCH", PRODUCT) => Endpoint::GalaxyPatchProduct,
        ("DELETE", PRODUCT) => Endpoint::GalaxyDeleteProduct,
        ("GET", USAGE) => Endpoint::GalaxyGetUsageExample,
        ("PUT", USAGE) => Endpoint::GalaxyPutUsageExample,
        _ => return None,
    })
}

/// Whether the token is one of ours and still good.
fn authenticate(service: &Service, headers: &HeaderMap) -> Result<(), Error> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .ok_or_else(|| Error::unauthenticated("missing bearer token"))?;
    if service.is_token_good(token.1) {
        return Ok(());
    }
    Err(Error::unauthenticated("token is invalid or has expired"))
}

/// The body of a request that changes something.
fn read_body<T: DeserializeOwned>(body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| Error::invalid(error.to_string()))
}
