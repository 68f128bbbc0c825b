//! The handle of a running sandbox, and its three servers.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::advance::{self, Advance, Advanced};
use super::cluster::ClusterState;
use super::endpoint::Endpoint;
use super::expected::{Expected, expected};
use super::galaxy::account::{NewProduct, Product, Tag, User};
use super::metastore::{QualifiedName, Relation, View};
use super::options::Options;
use super::sep::source::Listing;
use super::service::{CLUSTER_NAME, Service, Urls};
use super::trino::TrinoSide;
use super::trino::error::QueryError;
use super::trino::queries::PostedStatement;
use super::truth::{Schema, Truth, schemas, truth};
use super::{FaultRule, QueryFaultRule, Request, Writes};
use super::{admin, galaxy, handle, sep, trino};
use crate::http;

/// A running sandbox; it stops when this is dropped.
pub struct Sandbox {
    service: Arc<Service>,
    _servers: JoinSet<()>,
}

impl Sandbox {
    /// Starts a sandbox on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at(options, [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 3]).await
    }

    /// Starts a sandbox on these addresses: SEP, Galaxy's API, Galaxy's Trino.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn start_at(options: Options, listen: [SocketAddr; 3]) -> io::Result<Self> {
        let [sep, galaxy, trino] = listen;
        let listeners = [
            TcpListener::bind(sep).await?,
            TcpListener::bind(galaxy).await?,
            TcpListener::bind(trino).await?,
        ];
        let url = |at: usize| Ok::<_, io::Error>(format!("http://{}", listeners[at].local_addr()?));
        let urls = Urls { sep: url(0)?, galaxy: url(1)?, trino: url(2)? };
        let service = Arc::new(Service::new(options, urls));
        let mut servers = JoinSet::new();
        for (listener, router) in listeners.into_iter().zip(routers(&service)) {
            servers.spawn(http::serve(listener, router, Arc::clone(&service.clock)));
        }
        Ok(Self { service, _servers: servers })
    }

    /// `http://127.0.0.1:PORT` of SEP.
    pub fn sep_url(&self) -> &str {
        &self.service.urls.sep
    }

    /// `http://127.0.0.1:PORT` of Galaxy's API.
    pub fn galaxy_url(&self) -> &str {
        &self.service.urls.galaxy
    }

    /// `http://127.0.0.1:PORT` of Galaxy's cluster.
    pub fn trino_url(&self) -> &str {
        &self.service.urls.trino
    }

    /// What the sandbox is like; credentials are in it.
    pub fn options(&self) -> &Options {
        &self.service.options
    }

    /// The name of Galaxy's cluster.
    pub fn cluster_name(&self) -> &'static str {
        CLUSTER_NAME
    }

    /// How many requests each endpoint has had.
    pub fn requests(&self) -> BTreeMap<Endpoint, u64> {
        handle::requests(&self.service)
    }

    /// All requests in the order in which they came.
    pub fn log(&self) -> Vec<Request> {
        self.service.observer.requests()
    }

    /// How many requests and statements were meant to change something.
    pub fn writes(&self) -> Writes {
        handle::writes(&self.service)
    }

    /// Statements that Galaxy's cluster was sent.
    pub fn statements(&self) -> Vec<PostedStatement> {
        self.statements_of(TrinoSide::Galaxy)
    }

    /// Statements that one of the clusters was sent.
    pub fn statements_of(&self, side: TrinoSide) -> Vec<PostedStatement> {
        self.service.queries(side).statements()
    }

    /// Lets the counts of requests, writes and statements start anew.
    pub fn forget_requests(&self) {
        handle::forget_requests(&self.service);
    }

    /// Adds a fault.
    pub fn add_fault(&self, rule: FaultRule) {
        self.service.observer.add_fault(rule);
    }

    /// Lets statements fail.
    pub fn fail_statements(&self, rule: QueryFaultRule) {
        self.service.query_faults.add(rule);
    }

    /// Removes all faults, those of statements too.
    pub fn clear_faults(&self) {
        self.service.observer.clear_faults();
        self.service.query_faults.clear();
    }

    /// Changes what is added to every request.
    pub fn set_latency(&self, latency: Duration) {
        self.service.observer.set_latency(latency);
    }

    /// Moves the sandbox's clock on: tokens grow older, schemas appear, statements are abandoned.
    pub fn move_clock(&self, by: Duration) {
        self.service.move_clock(by);
    }

    /// Changes what Galaxy's cluster is.
    pub fn set_cluster(&self, state: ClusterState) {
        self.service.cluster.set(state);
    }

    /// Changes what SEP's list of products shows; single products are found all the same.
    pub fn set_listing(&self, listing: Listing) {
        self.service.world().source.listing = listing;
    }

    /// Lets all tokens of Galaxy's API so far expire.
    pub fn expire_tokens(&self) {
        self.service.expire_tokens();
    }
}

/// The source.
impl Sandbox {
    /// All products of SEP.
    pub fn sep_products(&self) -> Vec<sep::Product> {
        self.service.world().source.products.clone()
    }

    /// A product of SEP.
    pub fn sep_product(&self, id: &str) -> Option<sep::Product> {
        self.service.world().source.product(id).cloned()
    }

    /// A product of SEP.
    pub fn sep_product_named(&self, name: &str) -> Option<sep::Product> {
        self.service.world().source.products.iter().find(|product| product.name == name).cloned()
    }

    /// Adds a product to SEP, or puts it in the place of the one with its id.
    ///
    /// What is published of it gets its schema, views and storage tables; tables of catalog `lake` that its queries read are made.
    pub fn put_sep_product(&self, product: sep::Product) {
        handle::put_product(&self.service, product);
    }

    /// Changes a product of SEP in whatever way, with a new `updatedAt`; false if it is not there.
    pub fn change_sep_product(&self, id: &str, how: impl FnOnce(&mut sep::Product)) -> bool {
        handle::change_product(&self.service, id, how)
    }

    /// Gives a product of SEP another name.
    pub fn rename_sep_product(&self, id: &str, name: &str) -> bool {
        self.change_sep_product(id, |product| name.clone_into(&mut product.name))
    }

    /// Gives a product of SEP another schema.
    pub fn move_sep_product(&self, id: &str, schema: &str) -> bool {
        self.change_sep_product(id, |product| schema.clone_into(&mut product.schema_name))
    }

    /// Removes a product from SEP.
    pub fn delete_sep_product(&self, id: &str) -> bool {
        advance::delete(&mut self.service.world(), id)
    }

    /// Refreshes a materialized view, which gives it a new storage table and leaves `updatedAt` as it was.
    pub fn refresh_materialized_view(&self, id: &str, view: &str) -> Option<QualifiedName> {
        let world = &mut *self.service.world();
        let product = world.source.product(id)?.clone();
        let view = product.materialized_views.iter().find(|it| it.name == view)?;
        Some(sep::publish::refresh(world, &product, view))
    }

    /// Changes some products.
    pub fn advance(&self, wanted: &Advance) -> Advanced {
        handle::advance(&self.service, wanted)
    }

    /// What a right synchronisation ends with.
    pub fn expected(&self) -> Vec<Expected> {
        expected(&self.service.world())
    }
}

/// The target.
impl Sandbox {
    /// All that Galaxy holds.
    pub fn truth(&self) -> Truth {
        truth(&self.service.world())
    }

    /// Galaxy's data products.
    pub fn galaxy_products(&self) -> Vec<Product> {
        self.service.world().account.products.clone()
    }

    /// One of them.
    pub fn galaxy_product(&self, name: &str) -> Option<Product> {
        self.galaxy_products().into_iter().find(|product| product.name == name)
    }

    /// Galaxy's tags.
    pub fn galaxy_tags(&self) -> Vec<Tag> {
        self.service.world().account.tags.clone()
    }

    /// Galaxy's users.
    pub fn galaxy_users(&self) -> Vec<User> {
        self.service.world().account.users.clone()
    }

    /// Galaxy's schemas, those of the lake left out.
    pub fn galaxy_schemas(&self) -> Vec<Schema> {
        schemas(&self.service.world())
    }

    /// One of them.
    pub fn galaxy_schema(&self, catalog: &str, schema: &str) -> Option<Schema> {
        self.galaxy_schemas().into_iter().find(|it| it.catalog == catalog && it.name == schema)
    }

    /// A view of Galaxy.
    pub fn galaxy_view(&self, catalog: &str, schema: &str, view: &str) -> Option<View> {
        let world = self.service.world();
        match world.galaxy_metastore.relation(&QualifiedName::new(catalog, schema, view))? {
            Relation::View(view) => Some(view.clone()),
            Relation::Table { .. } | Relation::MaterializedView(_) => None,
        }
    }

    /// Makes a user, or finds the one with this address; returns the id.
    pub fn add_galaxy_user(&self, email: &str) -> String {
        self.service.world().account.ensure_user(email).user_id
    }

    /// Removes a user from the account.
    pub fn remove_galaxy_user(&self, email: &str) {
        let users = &mut self.service.world().account.users;
        users.retain(|user| !user.email.eq_ignore_ascii_case(email));
    }

    /// Makes a catalog, or finds the one with this name; returns the id.
    pub fn add_galaxy_catalog(&self, name: &str) -> String {
        let world = &mut *self.service.world();
        world.galaxy_metastore.add_catalog(name);
        world.account.ensure_catalog(name)
    }

    /// Puts a tag on a schema; both are made if need be.
    pub fn tag_galaxy_schema(&self, tag: &str, catalog: &str, schema: &str) {
        let world = &mut *self.service.world();
        world.galaxy_metastore.ensure_schema(catalog, schema);
        let account = &mut world.account;
        account.follow(&world.galaxy_metastore, 0);
        let known = account.tags.iter().find(|it| it.name == tag).cloned();
        let tag = known
            .unwrap_or_else(|| account.add_tag(tag, "#00AA00", None).expect("the name is free"));
        let key = (catalog.to_owned(), schema.to_owned());
        account.schemas.entry(key).or_default().tags.insert(tag.tag_id);
    }

    /// Makes a data product that is somebody else's, with its schema; returns the id.
    pub fn add_galaxy_product(&self, product: NewProduct) -> String {
        let now = self.service.clock.now_millis_text();
        let world = &mut *self.service.world();
        let id = galaxy::add_foreign(world, product, &now);
        world.account.follow(&world.galaxy_metastore, 0);
        id
    }

    /// Changes a data product of Galaxy by hand; false if it is not there.
    pub fn change_galaxy_product(&self, id: &str, how: impl FnOnce(&mut Product)) -> bool {
        let products = &mut self.service.world().account.products;
        let found = products.iter_mut().find(|product| product.data_product_id == id);
        found.map(how).is_some()
    }

    /// Removes the record of a data product of Galaxy by hand.
    pub fn delete_galaxy_product(&self, id: &str) {
        self.service.world().account.products.retain(|it| it.data_product_id != id);
    }

    /// Runs a statement on Galaxy's cluster by hand: at once, and counted nowhere.
    ///
    /// # Errors
    /// [`QueryError`], as a client would get it.
    pub fn galaxy_sql(&self, sql: &str) -> Result<(), QueryError> {
        handle::galaxy_sql(&self.service, sql)
    }
}

/// Serves a sandbox on these addresses for ever: SEP, Galaxy's API, Galaxy's Trino.
///
/// # Errors
/// When an address cannot be bound.
pub async fn serve(options: Options, listen: [SocketAddr; 3]) -> io::Result<()> {
    let _sandbox = Sandbox::start_at(options, listen).await?;
    std::future::pending().await
}

fn routers(service: &Arc<Service>) -> [Router; 3] {
    let sep = sep::router(Arc::clone(service))
        .merge(trino::router(Arc::clone(service), TrinoSide::Sep))
        .merge(admin::router(Arc::clone(service)));
    let galaxy = galaxy::router(Arc::clone(service)).merge(admin::router(Arc::clone(service)));
    let trino = trino::router(Arc::clone(service), TrinoSide::Galaxy)
        .merge(admin::router(Arc::clone(service)));
    let observe = |router, name| http::observe(router, Arc::clone(&service.observer), name);
    [observe(sep, of_sep), observe(galaxy, galaxy::endpoint), observe(trino, of_trino)]
}

fn of_sep(method: &Method, route: &str) -> Option<Endpoint> {
    let of_its_trino = || trino::endpoint(method, route).map(|(_, of_sep)| of_sep);
    sep::endpoint(method, route).or_else(of_its_trino)
}

fn of_trino(method: &Method, route: &str) -> Option<Endpoint> {
    trino::endpoint(method, route).map(|(of_galaxy, _)| of_galaxy)
}
