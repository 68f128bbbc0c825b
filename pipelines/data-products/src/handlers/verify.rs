//! `stepwell-data-products-verify`: reads the target again and compares it with what is wanted.
//!
//! Where nothing was written, what was read at the start of the run is the proof. What is in step gets its row in the
//! ledger: the texts of its views as Galaxy tells them, to find what somebody changes later. This is also how a ledger
//! that was lost is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Service;
use super::run::{Observed, Run};
use crate::desired::Product;
use crate::digest::digest;
use crate::ledger::{Part, Row};
use crate::plan::difference::{Difference, Trust};
use crate::plan::owner::TakeOvers;
use crate::plan::{self, Notice, NoticeKind, Sides};
use crate::source_link::{Origin, origin};
use crate::summary::{ItemOutcome, Status};

/// Waits between looks: an index may learn of something a moment later.
const WAITS_MS: [u64; 7] = [250, 500, 1_000, 2_000, 4_000, 8_000, 14_000];

/// After so many looks only tags are waited for: the index of the catalog is slower than all else.
const LOOKS: usize = 5;

/// Compares both sides after the work.
pub struct Verify {
    pub(crate) service: Arc<Service>,
}

/// What was done.
#[derive(Debug, Deserialize)]
pub struct VerifyInput {
    run: String,
    notices: Vec<Notice>,
    applied: Vec<ItemOutcome>,
    removed: Vec<ItemOutcome>,
}

/// What the comparison showed. What failed before is not compared again.
///
/// ```json
/// {"compared":200,"differences":[{"id":"7f...","name":"orders","detail":"the views `orders_v`"}]}
/// ```
#[derive(Debug, Serialize)]
pub struct Verified {
    compared: usize,
    differences: Vec<Different>,
}

/// A product that is not as it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Different {
    id: String,
    name: String,
    detail: String,
    #[serde(skip)]
    is_of_the_tag: bool,
}

#[async_trait]
impl Function for Verify {
    type Input = VerifyInput;
    type Output = Verified;

    fn name(&self) -> &'static str {
        "stepwell-data-products-verify"
    }

    async fn call(&self, input: VerifyInput, ctx: &Context) -> Result<Verified, HandlerError> {
        let run = self.service.run(&input.run);
        let mut waits = WAITS_MS.into_iter().map(Duration::from_millis).enumerate();
        loop {
            let verified = self.look(&run, &input, ctx).await?;
            let may_come = |look: usize| {
                let differences = &verified.differences;
                let is_early = look + 1 < LOOKS || differences.iter().all(|it| it.is_of_the_tag);
                input.has_written() && !differences.is_empty() && is_early
            };
            let wait = waits.next().filter(|(look, _)| may_come(*look)).map(|(_, wait)| wait);
            match wait {
                Some(wait) => ctx
                    .sleep(wait)
                    .await
                    .map_err(|error| HandlerError::retryable(error.to_string()))?,
                None => return Ok(verified),
            }
        }
    }
}

impl VerifyInput {
    fn has_written(&self) -> bool {
        !(self.applied.is_empty() && self.removed.is_empty())
    }

    /// What is known to have failed.
    fn failed(&self) -> BTreeSet<&str> {
        let notices =
            self.notices.iter().filter(|it| it.kind == NoticeKind::Failed).map(|it| it.id.as_str());
        let applied = self.applied.iter().filter(|it| !it.is_in_step()).map(ItemOutcome::id);
        notices.chain(applied).collect()
    }

    /// What should have gone.
    fn deleted(&self) -> impl Iterator<Item = (&str, &str)> {
        self.removed
            .iter()
            .filter(|it| it.status() == Some(Status::Deleted))
            .map(|it| (it.id(), it.name()))
    }
}

impl Verify {
    async fn look(
        &self,
        run: &Run,
        input: &VerifyInput,
        ctx: &Context,
    ) -> Result<Verified, HandlerError> {
        let clients = self.service.clients(run, ctx).await?;
        let desired = self.service.desired(run, ctx).await?;
        let fresh;
        let Observed { actual, rows } = if input.has_written() {
            fresh = self.service.observe(run, true, ctx).await?;
            &fresh
        } else {
            self.service.observed(run, true, ctx).await?
        };
        let sides = Sides { desired, actual, rows, terms: &clients.terms };
        let failed = input.failed();
        let mut verified = Verified { compared: 0, differences: Vec::new() };
        let mut in_step = Vec::new();
        for product in desired.products.values().filter(|it| !failed.contains(it.id.as_str())) {
            verified.compared += 1;
            let compared = plan::compare(sides, product, &TakeOvers::new(), Trust::JustSent);
            match compared {
                Ok(difference) if difference.is_empty() => {
                    in_step.extend(changed_row(sides, product, &difference));
                }
                Ok(difference) => {
                    verified.tell(&product.id, &product.name, difference.line());
                    let told = verified.differences.last_mut();
                    told.expect("it was just told").is_of_the_tag = difference.is_of_the_tag();
                }
                Err(conflict) => verified.tell(&product.id, &product.name, conflict),
            }
        }
        for (id, name) in input.deleted().filter(|(id, _)| !desired.lists(id)) {
            let is_it = |links: &[_]| origin(&clients.terms, links) == Origin::Ours(id.to_owned());
            if actual.products.iter().any(|it| is_it(&it.links)) {
                verified.tell(id, name, "it was deleted and is there all the same".to_owned());
            }
        }
        if !in_step.is_empty() {
            self.service.ledger.save(clients.terms.host(), &in_step, None).await?;
        }
        Ok(verified)
    }
}

impl Verified {
    fn tell(&mut self, id: &str, name: &str, detail: String) {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.differences.push(Different { id, name, detail, is_of_the_tag: false });
    }
}

/// The row of a product that is in step, if the ledger has another one.
fn changed_row(sides: Sides<'_>, product: &Product, difference: &Difference) -> Option<Row> {
    let earlier = sides.rows.get(&product.id);
    let text = |name: &String| sides.actual.view(&product.schema, name).map(digest);
    let part =
        |name: &String| Part { sent: product.views[name].hash(), read: text(name), replaced: None };
    let mut views: BTreeMap<String, Part> =
        product.views.keys().map(|name| (name.clone(), part(name))).collect();
    let left = earlier
        .into_iter()
        .flat_map(|row| &row.views)
        .filter(|(name, _)| product.left.contains_key(*name));
    views.extend(left.map(|(name, part)| (name.clone(), part.clone())));
    let row = Row {
        id: product.id.clone(),
        name: product.name.clone(),
        galaxy_id: difference.galaxy_id.clone(),
        catalog: sides.terms.catalog.clone(),
        schema: product.schema.clone(),
        hash: Some(product.hash()),
        views,
        has_business_context: product.business_context.is_some(),
        left_behind: earlier.map(|row| row.left_behind.clone()).unwrap_or_default(),
    };
    (earlier != Some(&row)).then_some(row)
}
