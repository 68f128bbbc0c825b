//! Starburst Enterprise: data products over REST.
//!
//! Source: docs.starburst.io, "Data products", "REST API overview"; the published client `starburst-data-products-client`.

mod domain;
mod error;
pub(crate) mod model;
mod product;
pub(crate) mod publish;
pub(crate) mod source;
mod tag;
mod workflow;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Method};
use axum::routing::{delete, get, post};
use uuid::Uuid;

use super::endpoint::Endpoint;
use super::service::Service;
use crate::http::{Refused, basic_credentials};

pub use model::{Column, DRAFT, Link, MaterializedView, Owner, PUBLISHED, Product, Storage, View};

/// The catalog of all seeded products.
pub(crate) const CATALOG: &str = "hive_dp";

/// When seeded views were published.
pub(crate) const EARLIER: &str = "2025-06-01T08:00:00.000Z";

/// Domains have ids that follow from their names.
pub(crate) fn domain_id(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("domain {name}").as_bytes()).to_string()
}

const PRODUCTS: &str = "/api/v1/dataProduct/products";
const PRODUCT: &str = "/api/v1/dataProduct/products/{id}";
const CLONE: &str = "/api/v1/dataProduct/products/{id}/clone";
const SAMPLES: &str = "/api/v1/dataProduct/products/{id}/sampleQueries";
const REFRESH: &str = "/api/v1/dataProduct/products/{id}/materializedViews/{view}/refreshMetadata";
const PUBLISH: &str = "/api/v1/dataProduct/products/{id}/workflows/publish";
const DELETE: &str = "/api/v1/dataProduct/products/{id}/workflows/delete";
const DOMAINS: &str = "/api/v1/dataProduct/domains";
const DOMAIN: &str = "/api/v1/dataProduct/domains/{id}";
const TAGS: &str = "/api/v1/dataProduct/tags/products/{id}";
const TAG: &str = "/api/v1/dataProduct/tags/{tag}/products/{id}";
const CATALOGS: &str = "/api/v1/dataProduct/catalogs";

pub(super) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route(PRODUCTS, get(product::list).post(product::create))
        .route(PRODUCT, get(product::get_one).put(product::replace))
        .route(CLONE, post(product::clone))
        .route(SAMPLES, get(product::get_samples).put(product::put_samples))
        .route(REFRESH, get(product::refresh_metadata))
        .route(PUBLISH, post(workflow::publish).get(workflow::publish_status))
        .route(DELETE, post(workflow::delete).get(workflow::delete_status))
        .route(DOMAINS, get(domain::list).post(domain::create))
        .route(DOMAIN, get(domain::get_one).put(domain::replace).delete(domain::delete))
        .route(TAGS, get(tag::list).put(tag::replace))
        .route(TAG, delete(tag::detach))
        .route(CATALOGS, get(product::catalogs))
        .with_state(service)
}

pub(super) fn endpoint(method: &Method, route: &str) -> Option<Endpoint> {
    Some(match (method.as_str(), route) {
        ("GET", PRODUCTS) => Endpoint::SepListProducts,
        ("GET", PRODUCT) => Endpoint::SepGetProduct,
        ("POST", PRODUCTS) => Endpoint::SepCreateProduct,
        ("PUT", PRODUCT) => Endpoint::SepPutProduct,
        ("POST", CLONE) => Endpoint::SepCloneProduct,
        ("GET", SAMPLES) => Endpoint::SepGetSampleQueries,
        ("PUT", SAMPLES) => Endpoint::SepPutSampleQueries,
        ("GET", REFRESH) => Endpoint::SepRefreshMetadata,
        ("POST", PUBLISH) => Endpoint::SepPublish,
        ("GET", PUBLISH) => Endpoint::SepPublishStatus,
        ("POST", DELETE) => Endpoint::SepDelete,
        ("GET", DELETE) => Endpoint::SepDeleteStatus,
        ("GET", DOMAINS | DOMAIN) => Endpoint::SepDomains,
        (_, DOMAINS | DOMAIN) => Endpoint::SepChangeDomain,
        ("GET", TAGS) => Endpoint::SepTags,
        (_, TAGS | TAG) => Endpoint::SepChangeTags,
        ("GET", CATALOGS) => Endpoint::SepCatalogs,
        _ => return None,
    })
}

/// Whether user and password are right, and whether the role sees products.
fn admit(service: &Service, headers: &HeaderMap) -> Result<bool, Refused> {
    let expected = (service.options.sep_user.clone(), service.options.sep_password.clone());
    if basic_credentials(headers) != Some(expected) {
        return Err(error::unauthorized());
    }
    Ok(service.plays_role(headers))
}

/// For endpoints that a role without products has no use of.
fn admit_role(service: &Service, headers: &HeaderMap) -> Result<(), Refused> {
    if admit(service, headers)? {
        return Ok(());
    }
    Err(error::refuse(axum::http::StatusCode::FORBIDDEN, "Access Denied"))
}
