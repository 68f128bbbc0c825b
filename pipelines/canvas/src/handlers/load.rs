//! A job's parts on their way into the table: staged, published, proven.

use std::time::Duration;

use stepwell_pipeline::progress::Update;
use tokio::time::Instant;

use super::part::{PartEnd, Staging};
use super::table::{Interruption, Resnapshot, TableRun, check};
use crate::dap::Completed;
use crate::rows::tsv::Delivery;
use crate::schema::TableSchema;
use crate::summary::{Mode, TableResult};
use crate::target::{Load, LoadKind, LoadRequest, OpenedLoad, Proving, Published, TargetError};

impl TableRun<'_> {
    /// Loads what the job delivers. Goes on where an earlier invocation left off.
    pub(super) async fn load(
        &mut self,
        mode: Mode,
        kind: LoadKind,
        schema: TableSchema,
        job_id: String,
        job: &Completed,
    ) -> Result<TableResult, Interruption> {
        let request = LoadRequest { schema: schema.clone(), job_id, kind };
        let published = match self.target.open_load(request).await? {
            OpenedLoad::Published(published) => published,
            OpenedLoad::Staging(load) => self.stage_and_publish(load, kind, &schema, job).await?,
        };
        self.published = true;
        let result = self.result(mode, job.cursor, schema.version);
        self.prove(TableResult { published, ..result }).await
    }

    /// Compares what is published with what was delivered. Goes on where an earlier invocation left off.
    pub(super) async fn prove(&mut self, result: TableResult) -> Result<TableResult, Interruption> {
        self.tell("proving", result.published.rows, false);
        let begun = Instant::now();
        let job = self.checkpoint.job.as_deref();
        let proving = self.target.prove_within(&self.slice(), &self.table, job).await?;
        let took = begun.elapsed().as_secs_f64();
        let result = TableResult { proof_seconds: result.proof_seconds + took, ..result };
        match proving {
            Proving::Complete(proof) => {
                check(&proof).map_err(Interruption::Failed)?;
                let seconds = self.seconds();
                Ok(TableResult { seconds, proven: true, compared: proof.compared, ..result })
            }
            Proving::Paused { .. } => {
                self.checkpoint.proving = Some(Box::new(result));
                Err(self.goes_on())
            }
        }
    }

    async fn stage_and_publish(
        &mut self,
        load: Box<dyn Load>,
        kind: LoadKind,
        schema: &TableSchema,
        job: &Completed,
    ) -> Result<Published, Interruption> {
        let mut staging = Staging::new(load, schema, delivery(kind), &job.objects);
        let (began, rows_before) = (Instant::now(), staging.rows());
        for part in &job.objects {
            match self.stage_part(&mut staging, part).await? {
                PartEnd::Staged => {}
                PartEnd::SliceOver => return Err(self.goes_on()),
                PartEnd::Lost(reason) => {
                    self.lose_job(reason)?;
                    return Err(Interruption::Pause(Duration::ZERO));
                }
            }
        }
        let staged = staging.rows() > rows_before;
        if needs_whole_slice(staged, began.elapsed(), self.ctx.remaining()) {
            staging.checkpoint().await?;
            self.checkpoint.stalls = 0;
            return Err(Interruption::Pause(Duration::ZERO));
        }
        self.tell("publishing", staging.rows(), false);
        match (staging.into_load().publish().await, kind) {
            // A snapshot of logs is merged, and would meet the same.
            (Err(error @ TargetError::Unconvertible { .. }), LoadKind::Increment { since, .. })
                if !self.table.is_log() =>
            {
                Err(Interruption::SnapshotRequired(Resnapshot::new(since, &error)))
            }
            (published, _) => Ok(published?),
        }
    }

    pub(super) fn tell(&self, phase: &'static str, done: u64, finished: bool) {
        self.ctx.progress.update(Update {
            subject: self.table.to_string(),
            phase,
            done,
            total: None,
            unit: "rows",
            finished,
        });
    }
}

/// Publishing cannot pause: it begins with a whole slice where staging took more than half of this one. Where nothing
/// was staged, this one is whole.
fn needs_whole_slice(staged: bool, took: Duration, left: Duration) -> bool {
    staged && took > left
}

fn delivery(kind: LoadKind) -> Delivery {
    match kind {
        LoadKind::Snapshot { .. } => Delivery::Snapshot,
        LoadKind::Increment { .. } => Delivery::Increment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_begins_with_a_slice_of_its_own_where_staging_took_most_of_one() {
        let minutes = Duration::from_mins;
        assert!(needs_whole_slice(true, minutes(6), minutes(4)));
        assert!(!needs_whole_slice(true, minutes(4), minutes(6)));
        assert!(!needs_whole_slice(false, minutes(6), Duration::ZERO), "it would pause for ever");
    }
}
