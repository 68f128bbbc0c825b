//! `stepwell-lake-publish`: verifies a run's files, switches its tables, moves the cursor.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::{Planned, hold};
use crate::dataset::{Dataset, Mode};
use crate::ledger::{Part, Progress, Run, State, Totals};
use crate::publish::{Publishing, verify};
use crate::published;
use crate::service::Service;
use crate::write::Spool;

/// Publishes a run.
pub struct Publish {
    pub(crate) service: Arc<Service>,
}

/// What was published.
///
/// ```json
/// {"tables":{"orders":["dt=2026-03-01"]},"rows":1200,"rejected":0,"bytes":34567,"source_rows":1200,"new_fields":["colour"]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The partitions that changed, by table.
    pub(crate) tables: BTreeMap<String, Vec<String>>,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) bytes: u64,
    /// What the source says it has, where it delivered nothing and can tell.
    pub(crate) source_rows: Option<u64>,
    /// Fields that are seen for the first time and not declared.
    pub(crate) new_fields: Vec<String>,
}

#[async_trait]
impl Function for Publish {
    type Input = Planned;
    type Output = Published;

    fn name(&self) -> &'static str {
        "stepwell-lake-publish"
    }

    async fn call(&self, input: Planned, _ctx: &Context) -> Result<Published, HandlerError> {
        hold::during(&self.service, &input, self.publish(&input)).await
    }
}

impl Publish {
    async fn publish(&self, input: &Planned) -> Result<Published, HandlerError> {
        let service = &self.service;
        let dataset = service.dataset(&input.dataset)?;
        let ledger = service.ledger().await?;
        let run = hold::run_of(service, input).await?;
        let new_fields = ledger.new_fields(&run).await?;
        if run.state == State::Published {
            // The first call may have come no further than that.
            self.tidied(dataset, &run).await?;
            let tables = dataset.tables().into_iter().map(|table| (table, Vec::new())).collect();
            return Ok(Published {
                tables,
                rows: 0,
                rejected: 0,
                bytes: 0,
                source_rows: None,
                new_fields,
            });
        }
        let (splits, parts) = (ledger.splits(&run).await?, ledger.parts(&run).await?);
        let totals = checked(dataset, &splits, &parts)?;
        let source_rows = self.confirmed(dataset, &run, totals).await?;
        verify(service, &run, &parts).await?;
        let changed = self.switched(dataset, &run, &parts).await?;
        ledger.publish(&run, totals).await?;
        self.tidied(dataset, &run).await?;
        let Totals { rows, rejected, bytes, .. } = totals;
        Ok(Published { tables: changed, rows, rejected, bytes, source_rows, new_fields })
    }

    /// What was kept for a run that is published is not needed any more, here and at its source.
    async fn tidied(&self, dataset: &Dataset, run: &Run) -> Result<(), HandlerError> {
        Spool::of(&self.service.world, run)?.clear();
        self.service.source(dataset).await?.published(&run.window).await
    }

    /// Switches the tables of a run; the partitions of each that changed. Whatever can stand in the way of one is found
    /// before the first is switched: a child's rows without their parent's would come again with the next run.
    async fn switched(
        &self,
        dataset: &Dataset,
        run: &Run,
        parts: &[Part],
    ) -> Result<BTreeMap<String, Vec<String>>, HandlerError> {
        let cursor = self.service.ledger().await?.cursor(&dataset.name).await?;
        let tables = dataset.tables().into_iter();
        let tables: Vec<_> =
            tables.map(|table| self.publishing(dataset, run, table, parts)).collect();
        let mut found = Vec::new();
        for publishing in &tables {
            found.push(publishing.found(cursor).await?);
        }
        let mut prepared = Vec::new();
        for (publishing, found) in tables.iter().zip(found) {
            prepared.push(publishing.prepare(found).await?);
        }
        let mut changed = BTreeMap::new();
        for (publishing, prepared) in tables.iter().zip(prepared) {
            changed.insert(publishing.table.clone(), publishing.switch(prepared).await?);
        }
        Ok(changed)
    }

    fn publishing<'a>(
        &'a self,
        dataset: &'a Dataset,
        run: &'a Run,
        table: String,
        parts: &[Part],
    ) -> Publishing<'a> {
        let child = dataset.children.iter().find(|child| dataset.child_table(child) == table);
        let of_table = |part: &&Part| part.table == table && part.rows > 0;
        Publishing {
            service: &self.service,
            dataset,
            run,
            columns: child
                .map_or_else(|| dataset.published_columns(), |child| dataset.child_columns(child)),
            child_of: child.map(|_| dataset.name.clone()),
            parts: parts.iter().filter(of_table).cloned().collect(),
            table,
        }
    }

    /// A source without rows empties no table, unless it says itself that it has none.
    async fn confirmed(
        &self,
        dataset: &Dataset,
        run: &Run,
        totals: Totals,
    ) -> Result<Option<u64>, HandlerError> {
        // A count costs the source much: it is asked where it decides.
        if totals.rows > 0 || dataset.mode == Mode::Append || dataset.allow_empty {
            return Ok(None);
        }
        let source_rows = self.service.source(dataset).await?.count(&run.window).await?;
        if let Some(count @ 1..) = source_rows {
            return Err(HandlerError::Data(format!(
                "the source says that it has {count} rows and delivered none ({} were rejected); nothing was published",
                totals.rejected
            )));
        }
        let service = &self.service;
        let before =
            published::table(&service.world.stores, &service.config.target, &dataset.name).await?;
        let had = before.map_or(0, |table| table.rows());
        if had > 0 && dataset.mode == Mode::Overwrite && source_rows.is_none() {
            return Err(HandlerError::Data(format!(
                "the source delivered no rows where the table has {had}; nothing was published. If it may be empty, set \
                 `allow_empty = true`"
            )));
        }
        Ok(source_rows)
    }
}

/// What was written is what was read.
fn checked(dataset: &Dataset, splits: &[Progress], parts: &[Part]) -> Result<Totals, HandlerError> {
    if let Some(open) = splits.iter().find(|split| !split.is_done) {
        return Err(HandlerError::Fatal(format!(
            "the split `{}` is not read to its end; nothing was published",
            open.split.name
        )));
    }
    let read: u64 = splits.iter().map(|split| split.rows).sum();
    let totals = totals(&dataset.name, splits, parts);
    if read != totals.rows {
        return Err(HandlerError::Fatal(format!(
            "{read} rows were read and {} written; nothing was published",
            totals.rows
        )));
    }
    Ok(totals)
}

/// What a run of a dataset has.
pub(super) fn totals(dataset: &str, splits: &[Progress], parts: &[Part]) -> Totals {
    let own = parts.iter().filter(|part| part.table == dataset);
    Totals {
        windows: 1,
        rows: own.map(|part| part.rows).sum(),
        rejected: splits.iter().map(|split| split.rejected).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
    }
}
