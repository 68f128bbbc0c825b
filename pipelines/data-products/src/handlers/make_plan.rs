//! `stepwell-data-products-plan`: what there is to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::Serialize;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::run::Observed;
use super::{Service, Start};
use crate::clients::Clients;
use crate::plan::removal::{self, Confirmation, Guards, Missing};
use crate::plan::{self, Change, Notice, NoticeKind, Removal, Sides};

/// Compares both sides. Asks SEP by id for whatever it lists no more; writes nothing.
pub struct MakePlan {
    pub(crate) service: Arc<Service>,
}

/// What there is to do. Products in step are counted only.
///
/// ```json
/// {"plan_only":false,"max_concurrency":48,"unchanged":197,
///  "changes":[{"id":"7f...","name":"orders","action":"update","detail":"summary (changed in SEP)"}],
///  "removals":[{"id":"80...","name":"old","galaxy_id":"dp-1","schema":"old","views":["v"],"why":"gone"}],
///  "notices":[{"id":"81...","name":"new","kind":"skipped","detail":"it is a draft"}]}
/// ```
#[derive(Debug, Serialize)]
pub struct Planned {
    plan_only: bool,
    max_concurrency: u32,
    unchanged: usize,
    changes: Vec<Change>,
    removals: Vec<Removal>,
    notices: Vec<Notice>,
}

#[async_trait]
impl Function for MakePlan {
    type Input = Start;
    type Output = Planned;

    fn name(&self) -> &'static str {
        "stepwell-data-products-plan"
    }

    async fn call(&self, input: Start, ctx: &Context) -> Result<Planned, HandlerError> {
        let Self { service } = self;
        let run = service.run(&input.run);
        let clients = service.clients(&run, ctx).await?;
        let may_write = !input.input.plan;
        let (desired, observed) =
            tokio::try_join!(service.desired(&run, ctx), service.observed(&run, may_write, ctx))?;
        let Observed { actual, rows } = observed;
        let sides = Sides { desired, actual, rows, terms: &clients.terms };
        let guards = Guards {
            max_delete_share: service.config.max_delete_share,
            allow_deletes: input.input.allow_deletes,
        };
        let missing = removal::missing(sides);
        let confirmed = confirm(clients, &missing, ctx).await;
        let mut removals = removal::removals(sides, &missing, &confirmed, guards);
        let (changes, mut notices, unchanged) = plan::changes(sides, &removals.takes_over);
        let fails =
            |id: &str| notices.iter().any(|it| it.id == id && it.kind == NoticeKind::Failed);
        // What cannot move leaves nothing behind.
        removals.items.retain(|it| !fails(&it.id));
        notices.append(&mut removals.notices);
        Ok(Planned {
            plan_only: input.input.plan,
            max_concurrency: service.config.max_concurrency,
            unchanged,
            changes,
            removals: removals.items,
            notices,
        })
    }
}

/// Asks SEP for each product by its id: only 404 says that it is gone.
async fn confirm(
    clients: &Clients,
    missing: &[Missing],
    ctx: &Context,
) -> BTreeMap<String, Confirmation> {
    let asked = missing
        .iter()
        .map(async |it| (it.id.clone(), super::remove::confirmation(clients, &it.id, ctx).await));
    join_all(asked).await.into_iter().collect()
}
