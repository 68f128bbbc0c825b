//! `stepwell-lake-plan`: the next window of a dataset.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};
use xxhash_rust::xxh3::xxh3_64;

use crate::dataset::{Dataset, Mode};
use crate::ledger::Run;
use crate::service::Service;
use crate::source::Window;
use crate::write::bounds;

/// Plans a run over the next settled window, from the durable cursor on; a run that was interrupted is gone on with.
pub struct Plan {
    pub(crate) service: Arc<Service>,
}

/// ```json
/// {"dataset":"orders","execution":"arn:aws:states:us-east-1:000000000000:execution:lake:x"}
/// ```
#[derive(Debug, Deserialize)]
pub struct PlanInput {
    dataset: String,
    execution: String,
}

/// What is to be done.
///
/// ```json
/// {"status":"READY","run":"20260301T100000Z-1a2b3c4d","window":{"from":null,"to":"2026-03-01T10:00:00Z"},"more":false}
/// ```
#[derive(Debug, Serialize)]
pub struct Planning {
    status: Status,
    run: Option<String>,
    window: Option<Window>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Ready,
    /// Nothing has settled since the last run.
    Nothing,
}

#[async_trait]
impl Function for Plan {
    type Input = PlanInput;
    type Output = Planning;

    fn name(&self) -> &'static str {
        "stepwell-lake-plan"
    }

    async fn call(&self, input: PlanInput, _ctx: &Context) -> Result<Planning, HandlerError> {
        let dataset = self.service.dataset(&input.dataset)?;
        let ledger = self.service.ledger().await?;
        if let Some(open) = ledger.open_run(&dataset.name).await? {
            if open.spec == dataset.digest() {
                return Ok(ready(&open));
            }
            tracing::info!(dataset = %dataset.name, run = %open.run, "a run of other settings is given up");
            ledger.abandon(open, self.service.world.now()).await?;
        }
        let cursor = ledger.cursor(&dataset.name).await?;
        let done = ledger.totals(&dataset.name, &input.execution).await?.windows;
        let Some(window) = next_window(dataset, cursor, done, self.service.world.now()) else {
            return Ok(Planning { status: Status::Nothing, run: None, window: None });
        };
        let run = Run {
            run: name_of(dataset, &window, &input.execution),
            dataset: dataset.name.clone(),
            execution: input.execution,
            spec: dataset.digest(),
            window,
            is_published: false,
        };
        ledger.begin(run.clone()).await?;
        Ok(ready(&run))
    }
}

fn ready(run: &Run) -> Planning {
    Planning { status: Status::Ready, run: Some(run.run.clone()), window: Some(run.window.clone()) }
}

/// The window behind the cursor that has settled, none if there is none.
///
/// An execution that has read a window already goes on as long as whole windows are left, so that it comes to an end.
fn next_window(
    dataset: &Dataset,
    cursor: Option<Timestamp>,
    done: u64,
    now: Timestamp,
) -> Option<Window> {
    let settled = now.saturating_sub(dataset.settle).unwrap_or(now);
    let settled = Timestamp::from_second(settled.as_second()).unwrap_or(settled);
    if dataset.mode == Mode::Overwrite
        || dataset.mode == Mode::OverwritePartitions && dataset.event_time.is_none()
    {
        return (done == 0).then_some(Window { from: None, to: settled });
    }
    let start = cursor.or(dataset.since);
    let longest = dataset.window.zip(start);
    let end = longest.and_then(|(window, start)| start.checked_add(window).ok());
    let to = end.map_or(settled, |end| end.min(settled));
    if cursor.is_some_and(|cursor| cursor >= to) || done > 0 && end.is_none_or(|end| end > settled)
    {
        return None;
    }
    let overlapped = cursor.map(|cursor| cursor.saturating_sub(dataset.overlap).unwrap_or(cursor));
    let from = overlapped.or(dataset.since);
    if from.is_some_and(|from| from >= to) {
        return None;
    }
    let whole = dataset.time_partition().filter(|_| dataset.mode == Mode::OverwritePartitions);
    let from = match (from, whole) {
        (Some(from), Some((_, unit))) => Some(bounds(from, to, unit).0),
        (from, _) => from,
    };
    Some(Window { from, to })
}

/// Says when, and is another one for each execution.
fn name_of(dataset: &Dataset, window: &Window, execution: &str) -> String {
    let text = format!("{}|{:?}|{execution}|{}", dataset.name, window, dataset.digest());
    format!("{}-{:08x}", window.to.strftime("%Y%m%dT%H%M%SZ"), xxh3_64(text.as_bytes()) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::dataset;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn planned(keys: &str, cursor: Option<&str>, done: u64) -> Option<(Option<String>, String)> {
        let window =
            next_window(&dataset(keys), cursor.map(at), done, at("2026-03-10T12:00:00.9Z"));
        window.map(|it| (it.from.map(|from| from.to_string()), it.to.to_string()))
    }

    fn window(from: &str, to: &str) -> (Option<String>, String) {
        (Some(from.to_owned()), to.to_owned())
    }

    const LOG: &str = "mode = 'append'\nevent_time = 'modified'\nsettle_seconds = 60\n";

    #[test]
    fn a_log_goes_on_behind_its_cursor_up_to_what_has_settled() {
        assert_eq!(planned(LOG, None, 0), Some((None, "2026-03-10T11:59:00Z".to_owned())));
        assert_eq!(
            planned(LOG, Some("2026-03-09T00:00:00Z"), 0),
            Some(window("2026-03-09T00:00:00Z", "2026-03-10T11:59:00Z"))
        );
        assert_eq!(planned(LOG, Some("2026-03-10T11:59:00Z"), 0), None);
        assert_eq!(planned(LOG, Some("2026-03-09T00:00:00Z"), 1), None);
    }

    #[test]
    fn a_backlog_is_read_window_by_window_and_ends() {
        let keys = format!("{LOG}window_seconds = 86400\nsince = '2026-03-08T00:00:00Z'\n");
        assert_eq!(
            planned(&keys, None, 0),
            Some(window("2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"))
        );
        assert_eq!(
            planned(&keys, Some("2026-03-09T00:00:00Z"), 1),
            Some(window("2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"))
        );
        assert_eq!(planned(&keys, Some("2026-03-10T00:00:00Z"), 2), None);
        assert_eq!(
            planned(&keys, Some("2026-03-10T00:00:00Z"), 0),
            Some(window("2026-03-10T00:00:00Z", "2026-03-10T11:59:00Z"))
        );
    }

    #[test]
    fn what_may_have_come_late_is_read_again() {
        let keys = format!("{LOG}overlap_seconds = 3600\n");
        assert_eq!(
            planned(&keys, Some("2026-03-10T00:00:00Z"), 0),
            Some(window("2026-03-09T23:00:00Z", "2026-03-10T11:59:00Z"))
        );
    }

    #[test]
    fn partitions_that_are_written_anew_are_read_whole() {
        let keys = "mode = 'overwrite_partitions'\nevent_time = 'modified'\npartition_by = ['day(modified)']\nsettle_seconds = 60\n";
        assert_eq!(
            planned(keys, Some("2026-03-09T13:00:00Z"), 0),
            Some(window("2026-03-09T00:00:00Z", "2026-03-10T11:59:00Z"))
        );
    }

    #[test]
    fn a_whole_table_is_read_once_in_an_execution() {
        assert_eq!(
            planned("settle_seconds = 0\n", Some("2026-03-10T00:00:00Z"), 0),
            Some((None, "2026-03-10T12:00:00Z".to_owned()))
        );
        assert_eq!(planned("", None, 1), None);
    }
}
