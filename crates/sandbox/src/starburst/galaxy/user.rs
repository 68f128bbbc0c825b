//! Users.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::account::User;
use super::authenticate;
use super::error::Error;
use super::page::Wanted;
use crate::http::Refused;
use crate::starburst::service::Service;

fn user_json(user: &User) -> Value {
    let role = json!({
        "roleName": "data_products",
        "roleId": "r-1",
        "principal": {"id": user.user_id, "type": "USER"},
        "adminOption": false,
    });
    json!({
        "userId": user.user_id,
        "email": user.email,
        "defaultRoleId": "r-1",
        "createdOn": "2024-01-01T00:00:00.000Z",
        "scimManaged": false,
        "directlyGrantedRoles": [role],
        "allRoles": [role],
    })
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let users = service.world().account.users.iter().map(user_json).collect();
    Ok(service.page(users, &wanted)?)
}

/// By id only: whether `email=...` works is not known.
pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let world = service.world();
    let found = world.account.users.iter().find(|user| user.user_id == id);
    Ok(Json(user_json(found.ok_or_else(|| Error::not_found("User", &id))?)))
}
