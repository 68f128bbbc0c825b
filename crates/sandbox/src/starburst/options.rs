//! What the sandbox is to be like.

use std::time::Duration;

use super::FaultRule;
use super::cluster::{ClusterStart, ClusterState};
use super::galaxy::LastPage;
use crate::clock::TimeSource;

/// What the sandbox is to be like; where it is not known what the real services do, it can be either.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides all data.
    pub seed: u64,
    /// The number of well-behaved published products.
    pub products: usize,
    /// Whether there are products with everything that is awkward beside them.
    pub awkward: bool,
    /// The user of SEP.
    pub sep_user: String,
    /// Their password.
    pub sep_password: String,
    /// If given, only requests with `X-Trino-Role: system=ROLE{...}` see products and materialized views.
    pub sep_role: Option<String>,
    /// The client id of Galaxy's API.
    pub client_id: String,
    /// The client secret of Galaxy's API.
    pub client_secret: String,
    /// The user of Galaxy's cluster, `user/role`.
    pub sql_user: String,
    /// Their password.
    pub sql_password: String,
    /// How long a token of Galaxy's API lasts.
    pub token_lifetime: Duration,
    /// Items on a page of Galaxy's API, at most.
    pub page_size: usize,
    /// How its last page says that it is the last.
    pub last_page: LastPage,
    /// Pages of a statement that executes.
    pub executing_pages: u32,
    /// Rows on a page of a statement, at most.
    pub rows_per_page: usize,
    /// The catalog of Galaxy that is meant for products.
    pub target_catalog: String,
    /// Whether contacts and links of Galaxy's products come in another order each time.
    pub shuffle: bool,
    /// Whether a view over what is not there is refused.
    pub check_views: bool,
    /// Whether `COMMENT ON VIEW` and `COMMENT ON COLUMN` work in Galaxy.
    pub view_comments: bool,
    /// Whether `CREATE OR REPLACE VIEW` leaves comments as they were.
    pub replace_keeps_comments: bool,
    /// Whether Galaxy refuses products without contacts.
    pub needs_contacts: bool,
    /// Whether Galaxy refuses a second product over a schema.
    pub unique_schema: bool,
    /// Whether PATCHes of one product that overlap in time collide: the later one gets 500.
    pub patch_collisions: bool,
    /// From `CREATE SCHEMA` to the schema's being there in Galaxy's API.
    pub schema_delay: Duration,
    /// Whether Galaxy's cluster can read `"view$materialized_view_storage"`.
    pub reads_hidden_storage: bool,
    /// Whether Galaxy's API tells the URL of its clusters.
    pub tells_trino_uri: bool,
    /// What Galaxy's cluster is.
    pub cluster: ClusterState,
    /// How it starts.
    pub cluster_start: ClusterStart,
    /// Added to every request of all three servers.
    pub latency: Duration,
    /// Where time comes from.
    pub time: TimeSource,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRule>,
}

impl Default for Options {
    /// Well-behaved servers with awkward data among the ordinary.
    fn default() -> Self {
        Self {
            seed: 1,
            products: 20,
            awkward: true,
            sep_user: "sync".to_owned(),
            sep_password: "sep-password".to_owned(),
            sep_role: None,
            client_id: "galaxy-client".to_owned(),
            client_secret: "galaxy-client-secret".to_owned(),
            sql_user: "sync@example.org/data_products".to_owned(),
            sql_password: "sql-password".to_owned(),
            token_lifetime: Duration::from_mins(10),
            page_size: 20,
            last_page: LastPage::default(),
            executing_pages: 2,
            rows_per_page: 1_000,
            target_catalog: super::sep::CATALOG.to_owned(),
            shuffle: true,
            check_views: true,
            view_comments: true,
            replace_keeps_comments: false,
            needs_contacts: false,
            unique_schema: false,
            patch_collisions: false,
            schema_delay: Duration::ZERO,
            reads_hidden_storage: true,
            tells_trino_uri: true,
            cluster: ClusterState::default(),
            cluster_start: ClusterStart::default(),
            latency: Duration::ZERO,
            time: TimeSource::default(),
            faults: Vec::new(),
        }
    }
}
