//! Who asks, and with which defaults: Basic authentication and the `X-Trino-...` headers.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;

use super::execute::Session;
use super::{Cluster, TrinoSide};
use crate::http::{Refused, basic_credentials};

/// The session of a request.
///
/// # Errors
/// 401 without good credentials, 403 for another user than the one that they are of.
pub(super) fn admit(cluster: &Cluster, headers: &HeaderMap) -> Result<Session, Refused> {
    let options = &cluster.service.options;
    let (user, password) = match cluster.side {
        TrinoSide::Sep => (&options.sep_user, &options.sep_password),
        TrinoSide::Galaxy => (&options.sql_user, &options.sql_password),
    };
    if basic_credentials(headers).as_ref().is_none_or(|it| it != &(user.clone(), password.clone()))
    {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"Trino\"")];
        return Err((StatusCode::UNAUTHORIZED, challenge, "Unauthorized").into_response().into());
    }
    if let Some(other) = text(headers, "x-trino-user").filter(|other| other != user) {
        let message = format!("Access Denied: User {user} cannot impersonate user {other}");
        return Err((StatusCode::FORBIDDEN, message).into_response().into());
    }
    Ok(session(cluster, headers, user))
}

fn session(cluster: &Cluster, headers: &HeaderMap, user: &str) -> Session {
    let capabilities = text(headers, "x-trino-client-capabilities").unwrap_or_default();
    Session {
        user: user.to_owned(),
        catalog: text(headers, "x-trino-catalog").map(|name| name.to_lowercase()),
        schema: text(headers, "x-trino-schema").map(|name| name.to_lowercase()),
        prepared: prepared(headers),
        sees_materialized_views: cluster.side == TrinoSide::Galaxy
            || cluster.service.plays_role(headers),
        knows_precision: capabilities.split(',').any(|it| it.trim() == "PARAMETRIC_DATETIME"),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// `name=statement, ...`, each encoded as in a form.
fn prepared(headers: &HeaderMap) -> BTreeMap<String, String> {
    let values = headers.get_all("x-trino-prepared-statement").into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .filter_map(|pair| form_urlencoded::parse(pair.trim().as_bytes()).next())
        .map(|(name, sql)| (name.to_lowercase(), sql.into_owned()))
        .collect()
}
