//! `stepwell-data-products-apply`: makes or changes one product in Galaxy.
//!
//! The order is: claim in the ledger, schema, tag, views, record, views that are not wanted any more, ledger. Wherever
//! it breaks off, the next attempt finds what there is and goes on from there.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::run::{Observed, Run};
use super::{Service, views};
use crate::clients::Clients;
use crate::desired::Product;
use crate::ledger::{Ledger, Part, Row};
use crate::plan::difference::{Difference, Trust, absolute};
use crate::plan::owner::{TakeOver, TakeOvers};
use crate::plan::{self, Action, Change, Sides};
use crate::rest::{self, Answer};
use crate::sql::statements;
use crate::summary::{ItemResult, Status};

/// Brings one product in step.
pub struct Apply {
    pub(crate) service: Arc<Service>,
}

/// One item of the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyInput {
    run: String,
    item: Change,
}

#[async_trait]
impl Function for Apply {
    type Input = ApplyInput;
    type Output = ItemResult;

    fn name(&self) -> &'static str {
        "stepwell-data-products-apply"
    }

    async fn call(&self, input: ApplyInput, ctx: &Context) -> Result<ItemResult, HandlerError> {
        let run = self.service.run(&input.run);
        let clients = self.service.clients(&run, ctx).await?;
        let desired = self.service.desired(&run, ctx).await?;
        let Some(product) = desired.products.get(&input.item.id) else {
            return Ok(ItemResult::of(
                &input.item.id,
                &input.item.name,
                Status::Skipped,
                "SEP has it no more since it was planned",
            ));
        };
        let fresh;
        let observed = if run.touch(&product.id) {
            self.service.observed(&run, true, ctx).await?
        } else {
            fresh = self.service.observe(&run, true, ctx).await?;
            &fresh
        };
        self.bring_in_step(&run, clients, product, observed, &input.item, ctx).await
    }
}

impl Apply {
    async fn bring_in_step(
        &self,
        run: &Run,
        clients: &Clients,
        product: &Product,
        observed: &Observed,
        item: &Change,
        ctx: &Context,
    ) -> Result<ItemResult, HandlerError> {
        let desired = self.service.desired(run, ctx).await?;
        let sides = Sides {
            desired,
            actual: &observed.actual,
            rows: &observed.rows,
            terms: &clients.terms,
        };
        let takes_over = item
            .takes_over
            .iter()
            .map(|it| (product.id.clone(), it.clone()))
            .collect::<TakeOvers>();
        let difference = plan::compare(sides, product, &takes_over, Trust::Nothing)
            .map_err(HandlerError::Data)?;
        let row = Row::claim(product, &difference, sides, item.takes_over.as_ref());
        let ledger = self.service.ledger.as_ref();
        let may_come = plan::owner::is_name_given_up(sides, product, row.galaxy_id.as_deref());
        let catalog = &observed.actual.catalog;
        let mut work = Work { clients, ledger, product, difference, row, catalog, may_come };
        work.claim(sides, item.takes_over.as_ref()).await?;
        let warnings = work.perform(ctx).await?;
        let status = match item.action {
            Action::Create => Status::Created,
            Action::Update => Status::Updated,
        };
        let mut result = ItemResult::of(&product.id, &product.name, status, &item.detail);
        result.galaxy_id = work.row.galaxy_id;
        result.warnings = warnings;
        Ok(result)
    }
}

impl Row {
    /// What is ours from now on.
    fn claim(
        product: &Product,
        difference: &Difference,
        sides: Sides<'_>,
        takes_over: Option<&TakeOver>,
    ) -> Self {
        let earlier =
            sides.rows.get(&product.id).or_else(|| sides.rows.get(takes_over?.from.as_str()));
        let mut row = earlier.cloned().unwrap_or_default();
        if row.schema != product.schema || row.catalog != sides.terms.catalog {
            let left =
                difference.leaves.iter().filter(|left| !row.left_behind.contains(left)).cloned();
            row.left_behind.extend(left.collect::<Vec<_>>());
            row.views.clear();
        }
        // Ours, and not what it should be until all of it is written: descriptions come after the view.
        for name in difference.write.keys() {
            row.views.entry(name.clone()).or_default().sent.clear();
        }
        // What is found as it should be needs no writing.
        for (name, view) in
            product.views.iter().filter(|(name, _)| !difference.write.contains_key(*name))
        {
            let part = || Part { sent: view.hash(), ..Part::default() };
            row.views.entry(name.clone()).or_insert_with(part);
        }
        row.id.clone_from(&product.id);
        row.name.clone_from(&product.name);
        row.catalog.clone_from(&sides.terms.catalog);
        row.schema.clone_from(&product.schema);
        row.galaxy_id.clone_from(&difference.galaxy_id);
        row.has_business_context |= product.business_context.is_some();
        row
    }
}

/// One product on its way.
struct Work<'w> {
    clients: &'w Clients,
    ledger: &'w dyn Ledger,
    product: &'w Product,
    difference: Difference,
    row: Row,
    /// The id of the catalog.
    catalog: &'w str,
    /// Another product of ours has its name, and gives it up in this run.
    may_come: bool,
}

impl Work<'_> {
    async fn claim(
        &self,
        sides: Sides<'_>,
        takes_over: Option<&TakeOver>,
    ) -> Result<(), HandlerError> {
        if sides.rows.get(&self.row.id) == Some(&self.row) {
            return Ok(());
        }
        self.save(takes_over.map(|it| it.from.as_str())).await
    }

    async fn save(&self, instead_of: Option<&str>) -> Result<(), HandlerError> {
        self.ledger
            .save(self.clients.terms.host(), std::slice::from_ref(&self.row), instead_of)
            .await
    }

    /// All steps. What was reached is kept even where one fails.
    async fn perform(&mut self, ctx: &Context) -> Result<Vec<String>, HandlerError> {
        let outcome = self.steps(ctx).await;
        self.save(None).await?;
        outcome
    }

    async fn steps(&mut self, ctx: &Context) -> Result<Vec<String>, HandlerError> {
        self.ensure_schema(ctx).await?;
        let mut warnings = std::mem::take(&mut self.difference.warnings);
        warnings.extend(self.write_views(ctx).await?);
        warnings.extend(self.write_record(ctx).await?);
        let drop = &self.difference.drop;
        views::drop_all(self.clients, &self.product.schema, drop, ctx).await?;
        self.row.views.retain(|name, _| !drop.contains(name));
        Ok(warnings)
    }

    async fn ensure_schema(&self, ctx: &Context) -> Result<(), HandlerError> {
        let (terms, schema) = (&self.clients.terms, &self.product.schema);
        if self.difference.create_schema {
            let what = format!("create the schema `{schema}`");
            self.clients
                .galaxy_sql
                .run(&statements::create_schema(&terms.catalog, schema), &what, ctx)
                .await?;
        }
        if self.difference.tag_schema {
            let tag = self.clients.tag(ctx).await?;
            self.clients.galaxy.tag_schema(tag, self.catalog, schema, ctx).await?;
        }
        Ok(())
    }

    /// A product whose views are not all there is not published, and one that is there is not changed any further.
    async fn write_views(&mut self, ctx: &Context) -> Result<Vec<String>, HandlerError> {
        let written = views::write(self.clients, self.product, &self.difference.write, ctx).await;
        self.row.views.extend(written.parts);
        match &written.failures[..] {
            [] => Ok(written.warnings),
            failures => Err(all(failures)),
        }
    }

    /// Galaxy may refuse links that are no URLs: then it gets the others, with a warning.
    async fn write_record(&mut self, ctx: &Context) -> Result<Option<String>, HandlerError> {
        if self.difference.members.is_empty() {
            return Ok(None);
        }
        let mut members = self.difference.members.clone();
        let refused = match self.send_record(&members, ctx).await? {
            Ok(()) => return Ok(None),
            Err(refused) => refused,
        };
        let absolute =
            members.get("links").map(absolute).filter(|it| Some(it) != members.get("links"));
        let Some(links) = absolute else { return Err(refused.into()) };
        members.insert("links".to_owned(), links);
        self.send_record(&members, ctx).await??;
        Ok(Some(format!("Galaxy takes no links that are no URLs: {refused}")))
    }

    /// Inside: that Galaxy refuses what was sent with 400.
    async fn send_record(
        &mut self,
        members: &Map<String, Value>,
        ctx: &Context,
    ) -> Result<Result<(), rest::Error>, HandlerError> {
        let galaxy = &self.clients.galaxy;
        let body = Value::Object(members.clone());
        let Some(id) = &self.row.galaxy_id else {
            let created = match galaxy.create_product(body, ctx).await {
                Err(refused @ rest::Error::Refused { status: 400, .. }) => return Ok(Err(refused)),
                created => created?,
            };
            self.row.galaxy_id = Some(created.map_err(|answer| self.taken(&answer))?);
            return Ok(Ok(()));
        };
        let answer = galaxy.patch_product(id, body, ctx).await?;
        let what = || format!("change the data product `{}`", self.product.name);
        match answer.status.as_u16() {
            400 => Ok(Err(galaxy.error(&answer, &what()))),
            404 => Err(HandlerError::retryable(format!(
                "the data product {id} vanished from Galaxy while it was worked on"
            ))),
            409 => Err(self.taken(&answer)),
            _ if answer.status.is_success() => Ok(Ok(())),
            _ => Err(galaxy.error(&answer, &what()).into()),
        }
    }

    /// Somebody else has the name, or Galaxy is in the middle of something.
    fn taken(&self, answer: &Answer) -> HandlerError {
        let name = &self.product.name;
        let word = answer
            .member("status")
            .and_then(|it| it.as_str().map(str::to_owned))
            .unwrap_or_default();
        let told = format!("Galaxy has another data product `{name}` ({word})");
        if self.may_come {
            return HandlerError::Retryable(format!("{told}, which gets another name in this run"));
        }
        if !word.eq_ignore_ascii_case("ALREADY_EXISTS") {
            return HandlerError::Retryable(format!(
                "Galaxy answered 409 ({word}) to the data product `{name}`: something else changes there"
            ));
        }
        HandlerError::Data(format!("{told}: rename or delete one of them"))
    }
}

/// All failures as one. It is worth another attempt if one of them is.
fn all(failures: &[HandlerError]) -> HandlerError {
    let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
    let told = told.join("; ");
    let worst =
        failures.iter().find(|it| matches!(it, HandlerError::Retryable(_))).or(failures.first());
    match worst {
        Some(HandlerError::Retryable(_)) => HandlerError::Retryable(told),
        Some(HandlerError::Config(_)) => HandlerError::Config(told),
        _ => HandlerError::Data(told),
    }
}
