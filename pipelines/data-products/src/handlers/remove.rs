//! `stepwell-data-products-remove`: takes away one product that SEP has no more, or a schema that one has left.
//!
//! Everything that speaks for it is looked at again right before: SEP by id, tag, source link, and what else is in the
//! schema. The views of ours go first, then the schema if nothing is left in it, then the record, then the ledger's
//! row: whatever is left behind by a crash still has its record.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::run::{Observed, Run};
use super::{Service, views};
use crate::clients::Clients;
use crate::plan::Sides;
use crate::plan::removal::{Confirmation, Removal, Why, objection};
use crate::sql::statements;
use crate::summary::{ItemResult, Status};

/// Removes one thing.
pub struct Remove {
    pub(crate) service: Arc<Service>,
}

/// One item of the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveInput {
    run: String,
    item: Removal,
}

#[async_trait]
impl Function for Remove {
    type Input = RemoveInput;
    type Output = ItemResult;

    fn name(&self) -> &'static str {
        "stepwell-data-products-remove"
    }

    async fn call(&self, input: RemoveInput, ctx: &Context) -> Result<ItemResult, HandlerError> {
        let run = self.service.run(&input.run);
        let work = Work {
            service: &self.service,
            clients: self.service.clients(&run, ctx).await?,
            item: &input.item,
        };
        let (status, detail) = match input.item.why {
            Why::Gone => work.remove_product(&run, ctx).await?,
            Why::Moved => work.remove_left_schema(&run, ctx).await?,
        };
        let mut result = ItemResult::of(&input.item.id, &input.item.name, status, &detail);
        result.galaxy_id.clone_from(&input.item.galaxy_id);
        Ok(result)
    }
}

/// Whether SEP still has a product.
pub(super) async fn confirmation(clients: &Clients, id: &str, ctx: &Context) -> Confirmation {
    match clients.sep.product(id, ctx).await {
        Ok(None) => Confirmation::Gone,
        Ok(Some(_)) => Confirmation::There,
        Err(error) => Confirmation::Unknown(error.to_string()),
    }
}

struct Work<'w> {
    service: &'w Service,
    clients: &'w Clients,
    item: &'w Removal,
}

type Outcome = Result<(Status, String), HandlerError>;

impl Work<'_> {
    async fn remove_product(&self, run: &Run, ctx: &Context) -> Outcome {
        let (seen, observed) = tokio::join!(
            confirmation(self.clients, &self.item.id, ctx),
            self.service.observe(run, true, ctx)
        );
        match seen {
            Confirmation::Gone => {}
            Confirmation::There => {
                return Ok((Status::Skipped, "SEP has it again: it is left as it is".to_owned()));
            }
            Confirmation::Unknown(reason) => return Err(HandlerError::retryable(reason)),
        }
        let observed = observed?;
        let desired = self.service.desired(run, ctx).await?;
        let Observed { actual, rows } = &observed;
        let sides = Sides { desired, actual, rows, terms: &self.clients.terms };
        let id = self.item.galaxy_id.as_ref();
        let record = actual.products.iter().find(|it| Some(&it.data_product_id) == id);
        if let Some(why) = record.and_then(|record| objection(sides, record, &self.item.id)) {
            return Ok((Status::Skipped, why));
        }
        let kept = self.remove_schema(sides, ctx).await?;
        if let Some(record) = record {
            self.clients.galaxy.delete_product(&record.data_product_id, ctx).await?;
        }
        self.service.ledger.remove(self.clients.terms.host(), &self.item.id).await?;
        Ok((Status::Deleted, kept.unwrap_or_else(|| "SEP has it no more".to_owned())))
    }

    async fn remove_left_schema(&self, run: &Run, ctx: &Context) -> Outcome {
        let observed = self.service.observe(run, true, ctx).await?;
        let desired = self.service.desired(run, ctx).await?;
        let sides = Sides {
            desired,
            actual: &observed.actual,
            rows: &observed.rows,
            terms: &self.clients.terms,
        };
        let Some(row) =
            observed.rows.get(&self.item.id).filter(|row| row.schema != self.item.schema)
        else {
            return Ok((
                Status::Skipped,
                format!("it has not left the schema `{}` yet", self.item.schema),
            ));
        };
        let kept = self.remove_schema(sides, ctx).await?;
        let mut row = row.clone();
        row.left_behind.retain(|left| left.schema != self.item.schema);
        self.service.ledger.save(self.clients.terms.host(), &[row], None).await?;
        let detail =
            kept.unwrap_or_else(|| format!("the schema `{}`, which it has left", self.item.schema));
        Ok((Status::Deleted, detail))
    }

    /// Drops the views of ours, then the schema if nothing else is in it. Gives why it was kept.
    async fn remove_schema(
        &self,
        sides: Sides<'_>,
        ctx: &Context,
    ) -> Result<Option<String>, HandlerError> {
        let Removal { schema, views, galaxy_id, .. } = self.item;
        let catalog = &self.clients.terms.catalog;
        if !sides.actual.schemas.contains(schema) {
            return Ok(None);
        }
        if let Some(why) = objection_to_schema(sides, schema, galaxy_id.as_deref()) {
            return Ok(Some(format!("the schema `{schema}` is left as it is: {why}")));
        }
        views::drop_all(self.clients, schema, views, ctx).await?;
        let rows = self
            .clients
            .galaxy_sql
            .run(&statements::objects(catalog, schema), "look into the schema", ctx)
            .await?;
        let foreign: Vec<String> =
            rows.texts(["table_name", "table_type"]).into_iter().map(|[name, _]| name).collect();
        if foreign.is_empty() {
            let what = format!("drop the schema `{schema}`");
            self.clients
                .galaxy_sql
                .run(&statements::drop_schema(catalog, schema), &what, ctx)
                .await?;
            return Ok(None);
        }
        let tag = self.clients.tag(ctx).await?;
        self.clients.galaxy.untag_schema(tag, &sides.actual.catalog, schema, ctx).await?;
        Ok(Some(format!(
            "the schema `{schema}` is kept, without the tag: it holds what is not ours: {}",
            foreign.join(", ")
        )))
    }
}

/// Why nothing in the schema must be dropped.
fn objection_to_schema(
    sides: Sides<'_>,
    schema: &str,
    record: Option<&str>,
) -> Option<&'static str> {
    let mut others =
        sides.actual.products_in(schema).filter(|it| Some(it.data_product_id.as_str()) != record);
    if !sides.actual.is_tagged(schema) {
        return Some("it does not carry the tag any more");
    }
    if sides.desired.products.values().any(|product| product.schema == schema)
        || others.next().is_some()
    {
        return Some("another data product lies in it");
    }
    None
}
