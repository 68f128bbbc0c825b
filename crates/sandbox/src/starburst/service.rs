//! What the three servers share: the world that they show, the clock, and what goes wrong.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Json;
use axum::http::HeaderMap;
use serde_json::Value;

use super::cluster::Cluster;
use super::endpoint::Endpoint;
use super::galaxy::account::{Account, User};
use super::galaxy::error::Error;
use super::galaxy::{Wanted, page};
use super::generate;
use super::metastore::Metastore;
use super::options::Options;
use super::sep::source::Source;
use super::trino::TrinoSide;
use super::trino::error::QueryError;
use super::trino::execute::{Outcome, Rules, Session, execute};
use super::trino::queries::{Cut, Queries};
use super::trino::sql::Statement;
use crate::clock::{Clock, Micros, micros};
use crate::draw::{Draw, mix};
use crate::faults::Faults;
use crate::http::Observer;
use crate::token::Tokens;

/// The name of Galaxy's cluster.
pub(crate) const CLUSTER_NAME: &str = "etl";

/// Where the servers are.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    pub(crate) sep: String,
    pub(crate) galaxy: String,
    pub(crate) trino: String,
}

/// All that there is on both sides.
#[derive(Debug)]
pub(crate) struct World {
    /// The products of SEP.
    pub(crate) source: Source,
    /// What SEP's own Trino knows.
    pub(crate) sep_metastore: Metastore,
    /// What the Galaxy account holds.
    pub(crate) account: Account,
    /// What Galaxy's cluster knows.
    pub(crate) galaxy_metastore: Metastore,
    /// Whether Galaxy's cluster reads the hidden storage of materialized views.
    pub(crate) reads_hidden_storage: bool,
}

pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) urls: Urls,
    pub(crate) clock: Arc<Clock>,
    pub(crate) observer: Arc<Observer<Endpoint>>,
    pub(crate) query_faults: Faults<TrinoSide, QueryError>,
    pub(crate) cluster: Cluster,
    sep_queries: Queries,
    galaxy_queries: Queries,
    world: Mutex<World>,
    /// Products that a PATCH holds.
    held: Mutex<HashSet<String>>,
    tokens: Tokens,
    /// Tokens issued before this generation are refused.
    generation: AtomicU64,
    shuffles: Mutex<Draw>,
}

impl Service {
    pub(crate) fn new(options: Options, urls: Urls) -> Self {
        let clock = Arc::new(Clock::new(options.time));
        let cut = Cut {
            executing_pages: options.executing_pages,
            rows_per_page: options.rows_per_page.max(1),
        };
        let world = generate::world(&options, &clock);
        Self {
            observer: Arc::new(Observer::new(
                options.seed,
                options.faults.clone(),
                options.latency,
            )),
            query_faults: Faults::new(options.seed, Vec::new()),
            cluster: Cluster::new(options.cluster, options.cluster_start),
            sep_queries: Queries::new(urls.sep.clone(), cut),
            galaxy_queries: Queries::new(urls.trino.clone(), cut),
            world: Mutex::new(world),
            held: Mutex::default(),
            tokens: Tokens::new(options.client_secret.as_bytes(), options.token_lifetime),
            generation: AtomicU64::new(0),
            shuffles: Mutex::new(Draw::new(mix(options.seed, 0x5u64))),
            options,
            urls,
            clock,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("the world does not panic")
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, HashSet<String>> {
        self.held.lock().expect("holding does not panic")
    }

    pub(crate) fn queries(&self, side: TrinoSide) -> &Queries {
        match side {
            TrinoSide::Sep => &self.sep_queries,
            TrinoSide::Galaxy => &self.galaxy_queries,
        }
    }

    /// The user of the API's credential.
    pub(crate) fn api_user(&self) -> User {
        User {
            user_id: "u-api".to_owned(),
            email: format!("{}@example.org", self.options.client_id),
        }
    }

    pub(crate) fn issue_token(&self) -> String {
        let generation = self.generation.load(Ordering::Relaxed);
        let client = format!("{generation} {}", self.options.client_id);
        self.tokens.issue(&client, self.clock.now_seconds())
    }

    pub(crate) fn is_token_good(&self, token: &str) -> bool {
        let generation = self.generation.load(Ordering::Relaxed).to_string();
        self.tokens.is_valid(token, self.clock.now_seconds())
            && Tokens::subject(token).is_some_and(|it| it.split(' ').next() == Some(&generation))
    }

    pub(crate) fn expire_tokens(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a request to SEP plays the role that sees products.
    pub(crate) fn plays_role(&self, headers: &HeaderMap) -> bool {
        let Some(role) = &self.options.sep_role else { return true };
        let sent = headers.get("x-trino-role").and_then(|value| value.to_str().ok());
        sent.is_some_and(|sent| sent.trim() == format!("system=ROLE{{{role}}}"))
    }

    /// Whether a schema that was made then is seen by the API by now.
    pub(crate) fn is_visible(&self, since: Micros) -> bool {
        self.clock.now() >= since.saturating_add(micros(self.options.schema_delay))
    }

    /// A page of a list of Galaxy's API.
    pub(crate) fn page(&self, items: Vec<Value>, wanted: &Wanted) -> Result<Json<Value>, Error> {
        page(items, wanted, self.options.page_size.max(1), self.options.last_page)
    }

    /// In another order each time, if the sandbox is to be so.
    pub(crate) fn shuffled<T: Clone>(&self, items: &[T]) -> Vec<T> {
        let mut items = items.to_vec();
        if self.options.shuffle {
            let mut draw = self.shuffles.lock().expect("drawing does not panic");
            for last in (1..items.len()).rev() {
                items.swap(last, draw.below(last as u64 + 1) as usize);
            }
        }
        items
    }

    /// Runs a statement on one of the clusters.
    pub(crate) fn execute(
        &self,
        side: TrinoSide,
        session: &Session,
        statement: &Statement,
    ) -> Result<Outcome, QueryError> {
        let rules = Rules {
            checks_views: self.options.check_views,
            comments_on_views: self.options.view_comments || side == TrinoSide::Sep,
            replace_keeps_comments: self.options.replace_keeps_comments,
        };
        let world = &mut *self.world();
        match side {
            TrinoSide::Sep => execute(&mut world.sep_metastore, rules, session, statement),
            TrinoSide::Galaxy => {
                let done = execute(&mut world.galaxy_metastore, rules, session, statement);
                world.account.follow(&world.galaxy_metastore, self.clock.now());
                done
            }
        }
    }

    pub(crate) fn move_clock(&self, by: Duration) {
        self.clock.move_on(by);
    }
}
