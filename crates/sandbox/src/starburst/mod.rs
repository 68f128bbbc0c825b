//! Starburst Enterprise (SEP) and Starburst Galaxy: data products here, data products there, and the Trino clusters of both.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use stepwell_sandbox::starburst::{Advance, Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options { products: 50, ..Options::default() }).await?;
//! println!("{} {} {}", sandbox.sep_url(), sandbox.galaxy_url(), sandbox.trino_url());
//! sandbox.advance(&Advance { seed: 1, changed: 5, deleted: 3, ..Advance::default() });
//! assert_eq!(sandbox.writes().total(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   SEP server ----> sep/*, trino/* ------\                   / source, metastore of SEP
//!   Galaxy server -> galaxy/* -------------+-> service: world +
//!   Trino server --> trino/* -------------/                   \ account, metastore of Galaxy
//! ```
//!
//! All three show one world: a schema that SQL creates is there in Galaxy's API, and a base table of the lake is there in both
//! clusters. Data products have no rows here: what is kept in step is what describes them.
//!
//! What the documentation leaves open is an option each.

mod admin;
mod advance;
mod cluster;
mod endpoint;
mod expected;
mod galaxy;
mod generate;
mod handle;
mod metastore;
mod options;
mod sandbox;
pub mod sep;
mod service;
mod trino;
mod truth;

use serde::Serialize;

pub use advance::{Advance, Advanced};
pub use cluster::{ClusterStart, ClusterState, StartBy};
pub use endpoint::Endpoint;
pub use expected::{Expected, ExpectedView};
pub use galaxy::LastPage;
pub use galaxy::account::{Catalog, Link, NewProduct, Product, Tag, User};
pub use metastore::{Column, MaterializedView, QualifiedName, Relation, Security, View};
pub use options::Options;
pub use sandbox::{Sandbox, serve};
pub use sep::source::{Domain, Listing};
pub use trino::TrinoSide;
pub use trino::error::{Location, QueryError};
pub use trino::queries::{PostedStatement, StatementOutcome};
pub use truth::{Schema, Truth};

pub use crate::clock::TimeSource;
pub use crate::http::HttpFault;

/// When a request fails; it can be `about` a text in `METHOD /path?query`, a line break, and the body.
pub type FaultRule = crate::faults::FaultRule<Endpoint, HttpFault>;

/// When a statement fails as it runs; it can be `about` a part of its text.
pub type QueryFaultRule = crate::faults::FaultRule<TrinoSide, QueryError>;

/// A request that was answered.
pub type Request = crate::http::Request<Endpoint>;

/// How many requests and statements were meant to change something: `{"sep": 0, "galaxy": 3, "sql": 7}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Writes {
    /// `POST`, `PUT` and `DELETE` to SEP.
    pub sep: u64,
    /// `POST`, `PUT`, `PATCH` and `DELETE` to Galaxy's API, those for tokens left out.
    pub galaxy: u64,
    /// Statements of Galaxy's cluster that change something, as far as they ran.
    pub sql: u64,
}

impl Writes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.sep + self.galaxy + self.sql
    }
}
