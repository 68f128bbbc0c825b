//! `stepwell-lake-compare`: the proof of one dataset, in slices.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Proving;
use crate::reconcile::checkpoint::Checkpoint;
use crate::reconcile::kept::save;
use crate::reconcile::proof::Level;
use crate::reconcile::steps::{Sliced, Steps};

/// Proves a dataset.
pub struct Compare {
    /// What the functions share.
    pub proving: Arc<Proving>,
}

/// A dataset, and how far its proof is.
///
/// ```json
/// {"run":"monday","dataset":"orders","from":null,"to":"2026-03-02T05:50:00Z","level":"rows",
///  "progress":{"checkpoint":{...}}}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    run: String,
    dataset: String,
    from: Option<Timestamp>,
    to: Timestamp,
    #[serde(default)]
    level: Level,
    progress: Option<Progress>,
}

/// How far a proof is.
///
/// ```json
/// {"status":"IN_PROGRESS","wait_seconds":5,"checkpoint":{...}}
/// ```
#[derive(Debug, Serialize, Deserialize)]
pub struct Progress {
    status: SliceStatus,
    wait_seconds: u64,
    checkpoint: Option<Checkpoint>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SliceStatus {
    InProgress,
    Complete,
}

#[async_trait]
impl Function for Compare {
    type Input = Item;
    type Output = Progress;

    fn name(&self) -> &'static str {
        "stepwell-lake-compare"
    }

    async fn call(&self, item: Item, ctx: &Context) -> Result<Progress, HandlerError> {
        let lake = self.proving.lake.as_ref();
        let subject = lake.subject(&item.dataset)?;
        let folder = self.proving.spool(&item.run).join(&subject.name);
        let checkpoint = item.progress.and_then(|progress| progress.checkpoint);
        let begun = || Checkpoint::new(item.from, item.to, Timestamp::now());
        let mut at = checkpoint.unwrap_or_else(begun);
        let settings = &self.proving.settings;
        let level = item.level;
        let steps = Steps { lake, settings, subject: &subject, level, folder: &folder, ctx };
        match steps.work(&mut at).await? {
            Sliced::Complete(proofs) => {
                save(&folder.join("proof.json"), &proofs)?;
                Ok(Progress { status: SliceStatus::Complete, wait_seconds: 0, checkpoint: None })
            }
            Sliced::InProgress(wait) => Ok(Progress {
                status: SliceStatus::InProgress,
                wait_seconds: seconds(wait),
                checkpoint: Some(at),
            }),
        }
    }
}

/// Whole seconds, not too short.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
