//! The endpoints of the three servers, as logs, counters and faults name them.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::galaxy;
use crate::http::Named;

/// An endpoint; `Sep...` are those of Starburst Enterprise, `Galaxy...` those of Galaxy's API, the last three those of Galaxy's Trino.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /api/v1/dataProduct/products`
    SepListProducts,
    /// `GET /api/v1/dataProduct/products/{id}`
    SepGetProduct,
    /// `POST /api/v1/dataProduct/products`
    SepCreateProduct,
    /// `PUT /api/v1/dataProduct/products/{id}`
    SepPutProduct,
    /// `POST /api/v1/dataProduct/products/{id}/clone`
    SepCloneProduct,
    /// `GET /api/v1/dataProduct/products/{id}/sampleQueries`
    SepGetSampleQueries,
    /// `PUT /api/v1/dataProduct/products/{id}/sampleQueries`
    SepPutSampleQueries,
    /// `GET /api/v1/dataProduct/products/{id}/materializedViews/{view}/refreshMetadata`
    SepRefreshMetadata,
    /// `POST /api/v1/dataProduct/products/{id}/workflows/publish`
    SepPublish,
    /// `GET /api/v1/dataProduct/products/{id}/workflows/publish`
    SepPublishStatus,
    /// `POST /api/v1/dataProduct/products/{id}/workflows/delete`
    SepDelete,
    /// `GET /api/v1/dataProduct/products/{id}/workflows/delete`
    SepDeleteStatus,
    /// `GET /api/v1/dataProduct/domains` and `.../{id}`
    SepDomains,
    /// `POST`, `PUT` and `DELETE` of domains
    SepChangeDomain,
    /// `GET /api/v1/dataProduct/tags/products/{id}`
    SepTags,
    /// `PUT` and `DELETE` of tags
    SepChangeTags,
    /// `GET /api/v1/dataProduct/catalogs`
    SepCatalogs,
    /// `POST /v1/statement` of SEP
    SepStatement,
    /// `GET` of a `nextUri` of SEP
    SepNextPage,
    /// `DELETE` of a `nextUri` of SEP
    SepCancel,
    /// `POST /oauth/v2/token`
    GalaxyToken,
    /// `GET /public/api/v1/catalog`
    GalaxyListCatalogs,
    /// `GET /public/api/v1/catalog/{id}`
    GalaxyGetCatalog,
    /// `GET /public/api/v1/catalog/{id}/schema`
    GalaxyListSchemas,
    /// `GET /public/api/v1/catalog/{id}/schema/{schema}`
    GalaxyGetSchema,
    /// `GET /public/api/v1/catalog/{id}/schema/{schema}/table`
    GalaxyListTables,
    /// `GET /public/api/v1/catalog/{id}/schema/{schema}/table/{table}/column`
    GalaxyListColumns,
    /// `GET /public/api/v1/cluster`
    GalaxyListClusters,
    /// `GET /public/api/v1/cluster/{id}`
    GalaxyGetCluster,
    /// `PATCH /public/api/v1/cluster/{id}`
    GalaxyPatchCluster,
    /// `GET /public/api/v1/tag`
    GalaxyListTags,
    /// `GET /public/api/v1/tag/{id}`
    GalaxyGetTag,
    /// `POST /public/api/v1/tag`
    GalaxyCreateTag,
    /// `PATCH /public/api/v1/tag/{id}`
    GalaxyPatchTag,
    /// `DELETE /public/api/v1/tag/{id}`
    GalaxyDeleteTag,
    /// `PUT /public/api/v1/tag/{id}/catalog/{catalog}/schema/{schema}`
    GalaxyAttachTag,
    /// `DELETE /public/api/v1/tag/{id}/catalog/{catalog}/schema/{schema}`
    GalaxyDetachTag,
    /// `GET /public/api/v1/user`
    GalaxyListUsers,
    /// `GET /public/api/v1/user/{id}`
    GalaxyGetUser,
    /// `GET /public/api/v1/dataProduct`
    GalaxyListProducts,
    /// `GET /public/api/v1/dataProduct/{id}`
    GalaxyGetProduct,
    /// `POST /public/api/v1/dataProduct`
    GalaxyCreateProduct,
    /// `PATCH /public/api/v1/dataProduct/{id}`
    GalaxyPatchProduct,
    /// `DELETE /public/api/v1/dataProduct/{id}`
    GalaxyDeleteProduct,
    /// `GET /public/api/v1/dataProduct/{id}/usageExample`
    GalaxyGetUsageExample,
    /// `PUT /public/api/v1/dataProduct/{id}/usageExample`
    GalaxyPutUsageExample,
    /// `POST /v1/statement` of Galaxy's cluster
    Statement,
    /// `GET` of a `nextUri` of Galaxy's cluster
    NextPage,
    /// `DELETE` of a `nextUri` of Galaxy's cluster
    Cancel,
}

/// Which of the three servers an endpoint is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Sep,
    Token,
    Galaxy,
    Trino,
}

impl Endpoint {
    /// Whether a request to it is meant to change something. Statements are not: what they do is in their text.
    pub fn is_write(self) -> bool {
        matches!(
            self,
            Self::SepCreateProduct
                | Self::SepPutProduct
                | Self::SepCloneProduct
                | Self::SepPutSampleQueries
                | Self::SepPublish
                | Self::SepDelete
                | Self::SepChangeDomain
                | Self::SepChangeTags
                | Self::GalaxyPatchCluster
                | Self::GalaxyCreateTag
                | Self::GalaxyPatchTag
                | Self::GalaxyDeleteTag
                | Self::GalaxyAttachTag
                | Self::GalaxyDetachTag
                | Self::GalaxyCreateProduct
                | Self::GalaxyPatchProduct
                | Self::GalaxyDeleteProduct
                | Self::GalaxyPutUsageExample
        )
    }

    pub(crate) fn server(self) -> Server {
        match self {
            Self::SepStatement
            | Self::SepNextPage
            | Self::SepCancel
            | Self::Statement
            | Self::NextPage
            | Self::Cancel => Server::Trino,
            Self::GalaxyToken => Server::Token,
            other if other < Self::SepStatement => Server::Sep,
            _ => Server::Galaxy,
        }
    }
}

impl Named for Endpoint {
    fn error(self, status: StatusCode) -> Response {
        let reason = status.canonical_reason().unwrap_or("Error");
        match self.server() {
            Server::Sep => (status, Json(json!({"message": reason}))).into_response(),
            Server::Token => {
                (status, Json(json!({"error": "temporarily_unavailable"}))).into_response()
            }
            Server::Galaxy => galaxy::error::Error::of_status(status, reason).into_response(),
            Server::Trino => {
                (status, [(header::CONTENT_TYPE, "text/plain")], reason).into_response()
            }
        }
    }
}
