//! Clusters: the one that runs statements, and another that does not matter.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::Error;
use super::page::Wanted;
use super::{authenticate, read_body};
use crate::http::Refused;
use crate::starburst::service::{CLUSTER_NAME, Service};

/// The cluster that runs statements.
pub(crate) const ID: &str = "w-0000000001";

#[derive(Debug, Deserialize)]
pub(super) struct Extended {
    #[serde(default)]
    extended: bool,
}

fn cluster_json(service: &Service, is_extended: bool) -> Value {
    let (state, is_enabled) = service.cluster.look(service.clock.now());
    let catalogs: Vec<String> =
        service.world().account.catalogs.iter().map(|it| it.catalog_id.clone()).collect();
    let mut cluster = json!({
        "syncToken": "1",
        "clusterId": ID,
        "name": CLUSTER_NAME,
        "cloudRegionId": "aws-us-east1",
        "catalogRefs": catalogs,
        "idleStopMinutes": 5,
        "batchCluster": false,
        "warpSpeedCluster": false,
        "minWorkers": 1,
        "maxWorkers": 1,
        "clusterState": state,
    });
    if service.options.tells_trino_uri {
        cluster["trinoUri"] = json!(service.urls.trino);
    }
    if is_extended {
        cluster["enabled"] = json!(is_enabled);
        cluster["privateLinkCluster"] = json!(false);
        cluster["processingMode"] = json!("Batch");
        cluster["replicas"] = json!(1);
    }
    cluster
}

fn other_json() -> Value {
    json!({
        "syncToken": "1",
        "clusterId": "w-0000000002",
        "name": "other cluster",
        "cloudRegionId": "aws-us-east1",
        "catalogRefs": [],
        "idleStopMinutes": 5,
        "batchCluster": true,
        "clusterState": "STOPPED",
        "trinoUri": "https://other.invalid",
    })
}

fn find(service: &Service, key: &str, is_extended: bool) -> Result<Value, Error> {
    let cluster = if key.ends_with("0002") || key == "name=other cluster" {
        other_json()
    } else {
        cluster_json(service, is_extended)
    };
    let is_it = match key.strip_prefix("name=") {
        Some(name) => cluster["name"] == name,
        None => cluster["clusterId"] == key,
    };
    if is_it { Ok(cluster) } else { Err(Error::not_found("Cluster", key)) }
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
    Query(how): Query<Extended>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let clusters = vec![other_json(), cluster_json(&service, how.extended)];
    Ok(service.page(clusters, &wanted)?)
}

pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
    Query(how): Query<Extended>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    Ok(Json(find(&service, &key, how.extended)?))
}

/// `{"enabled": true}`; other members of the body are taken and change nothing here.
pub(super) async fn patch(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let changes: Map<String, Value> = read_body(&body)?;
    let cluster = find(&service, &key, true)?;
    match changes.get("enabled") {
        Some(Value::Bool(is_enabled)) if cluster["clusterId"] == ID => {
            service.cluster.enable(*is_enabled, service.clock.now());
        }
        Some(Value::Bool(_)) | None => {}
        Some(_) => return Err(Error::invalid("enabled must be a boolean").into()),
    }
    Ok(Json(find(&service, &key, true)?))
}
