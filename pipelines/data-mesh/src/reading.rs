//! What a batch reads of the catalogue: each data product and team once.
//!
//! A reading counts for one batch only. Every event that asked for the batch came before its readings, so none of
//! them can be older than what the events told of.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use stepwell_pipeline::Context;
use tokio::sync::OnceCell;

use crate::desired::Consuming;
use crate::dmm::{Access, Consumer, Dmm, Error, Product, Resource, Team};

/// The readings of so many batches are kept: two machines may run beside each other.
const KEPT: usize = 4;

type Once<T> = Arc<OnceCell<T>>;

/// The readings of the last batches.
#[derive(Default)]
pub(crate) struct Readings(Mutex<VecDeque<(String, Arc<Reading>)>>);

/// The readings of a batch.
#[derive(Default)]
pub(crate) struct Reading {
    products: Mutex<HashMap<String, Once<Option<Arc<Product>>>>>,
    teams: Mutex<HashMap<String, Once<Option<Team>>>>,
    probed: OnceCell<()>,
}

impl Readings {
    pub(crate) fn of(&self, batch: &str) -> Arc<Reading> {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = readings.iter().find(|(of, _)| of == batch) {
            return Arc::clone(known);
        }
        let new = Arc::<Reading>::default();
        readings.push_back((batch.to_owned(), Arc::clone(&new)));
        if readings.len() > KEPT {
            readings.pop_front();
        }
        new
    }
}

impl Reading {
    /// An access, read anew, where it was `found` before or by the name of an `event`; nothing if it is deleted. A 404
    /// counts only where the collection is there.
    pub(crate) async fn access(
        &self,
        dmm: &Dmm,
        id: &str,
        (found, event): (Option<Resource>, Option<Resource>),
        ctx: &Context,
    ) -> Result<Option<Access>, Error> {
        let access = dmm.access(id, found, event, ctx).await?;
        if access.is_none() {
            self.probed.get_or_try_init(|| dmm.probe(ctx)).await?;
        }
        Ok(access)
    }

    /// The data product that provides.
    pub(crate) async fn provider(
        &self,
        dmm: &Dmm,
        access: &Access,
        ctx: &Context,
    ) -> Result<Option<Arc<Product>>, Error> {
        match &access.provider_product {
            Some(id) => self.product(dmm, id, ctx).await,
            None => Ok(None),
        }
    }

    /// The consumer's side.
    pub(crate) async fn consuming(
        &self,
        dmm: &Dmm,
        access: &Access,
        ctx: &Context,
    ) -> Result<Consuming, Error> {
        Ok(match &access.consumer {
            Consumer::DataProduct(id) => Consuming::Product(self.product(dmm, id, ctx).await?),
            Consumer::Team(id) => {
                let team = once(&self.teams, id);
                Consuming::Team(team.get_or_try_init(|| dmm.team(id, ctx)).await?.clone())
            }
            Consumer::User(_) | Consumer::Unknown => Consuming::Other,
        })
    }

    async fn product(
        &self,
        dmm: &Dmm,
        id: &str,
        ctx: &Context,
    ) -> Result<Option<Arc<Product>>, Error> {
        let read = async || Ok(dmm.product(id, ctx).await?.map(Arc::new));
        let product = once(&self.products, id);
        product.get_or_try_init(read).await.cloned()
    }
}

fn once<T>(known: &Mutex<HashMap<String, Once<T>>>, id: &str) -> Once<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(id.to_owned()).or_insert_with(|| Arc::new(OnceCell::new())))
}
