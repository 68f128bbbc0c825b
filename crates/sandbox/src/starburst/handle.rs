//! What the handle and the routes for other processes do alike.

use std::collections::BTreeMap;

use super::Writes;
use super::advance::{self, Advance, Advanced};
use super::endpoint::{Endpoint, Server};
use super::generate;
use super::sep::model::Product;
use super::service::Service;
use super::trino::TrinoSide;
use super::trino::error::QueryError;
use super::trino::execute::{Session, understand};

pub(super) fn advance(service: &Service, wanted: &Advance) -> Advanced {
    let now = service.clock.now_millis_text();
    let world = &mut *service.world();
    let advanced = advance::advance(world, wanted, &now);
    world.account.follow(&world.galaxy_metastore, 0);
    advanced
}

pub(super) fn put_product(service: &Service, product: Product) {
    let now = service.clock.now_millis_text();
    let world = &mut *service.world();
    generate::add(world, product, &now);
    // The lake may have new schemas.
    world.account.follow(&world.galaxy_metastore, 0);
}

pub(super) fn change_product(service: &Service, id: &str, how: impl FnOnce(&mut Product)) -> bool {
    let now = service.clock.now_millis_text();
    let world = &mut *service.world();
    let is_there = advance::change(world, id, &now, how);
    world.account.follow(&world.galaxy_metastore, 0);
    is_there
}

pub(super) fn requests(service: &Service) -> BTreeMap<Endpoint, u64> {
    service.observer.counts()
}

pub(super) fn writes(service: &Service) -> Writes {
    let requests = requests(service);
    let to = |server: Server| -> u64 {
        let writes = requests.iter().filter(|(it, _)| it.is_write() && it.server() == server);
        writes.map(|(_, count)| count).sum()
    };
    Writes {
        sep: to(Server::Sep),
        galaxy: to(Server::Galaxy),
        sql: service.queries(TrinoSide::Galaxy).ddl(),
    }
}

pub(super) fn forget_requests(service: &Service) {
    service.observer.forget();
    for side in [TrinoSide::Sep, TrinoSide::Galaxy] {
        service.queries(side).forget();
    }
}

/// Runs a statement on Galaxy's cluster at once, without a trace.
pub(super) fn galaxy_sql(service: &Service, sql: &str) -> Result<(), QueryError> {
    let session = Session { user: "admin@example.org".to_owned(), ..Session::default() };
    let statement = understand(sql, &session)?;
    service.execute(TrinoSide::Galaxy, &session, &statement).map(|_| ())
}
