//! `stepwell-lake-plan`: the next window of a dataset.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_tabular::ColumnType;
use xxhash_rust::xxh3::xxh3_64;

use super::hold;
use super::publish::totals;
use crate::dataset::{Dataset, Mode};
use crate::ledger::{Run, State};
use crate::publish::other_ledger;
use crate::published;
use crate::service::Service;
use crate::source::{SourceTable, Window};
use crate::write::{Spool, bounds};

const SECONDS_OF_DAY: i64 = 86_400;

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
        let (dataset, execution) = (input.dataset.clone(), input.execution.clone());
        self.service.dataset(&dataset)?;
        hold::take(&self.service, &dataset, &execution).await?;
        let planning = self.plan(input).await;
        if !planning.as_ref().is_ok_and(|it| it.status == Status::Ready) {
            self.service.ledger().await?.release(&dataset, &execution).await?;
        }
        planning
    }
}

impl Plan {
    async fn plan(&self, input: PlanInput) -> Result<Planning, HandlerError> {
        let dataset = self.service.dataset(&input.dataset)?;
        let ledger = self.service.ledger().await?;
        let mut open = ledger.open_run(&dataset.name).await?;
        if self.is_another_table(dataset, open.as_ref()).await? {
            tracing::warn!(dataset = %dataset.name, "there is no table of it any more, or not here: everything is read anew");
            if let Some(open) = open.take() {
                self.abandon(open).await?;
            }
            ledger.forget(&dataset.name).await?;
        }
        if let Some(open) = open {
            if goes_on(dataset, &open, &input.execution) {
                return Ok(ready(&open));
            }
            self.give_up(dataset, open).await?;
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
            state: State::Open,
        };
        ledger.begin(run.clone()).await?;
        Ok(ready(&run))
    }

    /// Whether the table that the ledger knows is not there.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if the table that is there is not the one that the ledger knows.
    async fn is_another_table(
        &self,
        dataset: &Dataset,
        open: Option<&Run>,
    ) -> Result<bool, HandlerError> {
        if dataset.is_read_whole() {
            return Ok(false);
        }
        let cursor = self.service.ledger().await?.cursor(&dataset.name).await?;
        let Some(upto) = self.upto(&dataset.name).await? else { return Ok(cursor.is_some()) };
        let is_known = upto == cursor || open.is_some_and(|run| upto == Some(run.window.to));
        if upto.is_none() || is_known {
            return Ok(false);
        }
        Err(other_ledger(&dataset.name, upto, cursor))
    }

    /// Up to when a table that is published is read.
    async fn upto(&self, table: &str) -> Result<Option<Option<Timestamp>>, HandlerError> {
        let Service { world, config, .. } = &*self.service;
        let found = published::table(&world.stores, &config.target, table).await?;
        Ok(found.map(|table| table.upto))
    }

    /// Gives up a run; one whose tables were switched before it was interrupted is recorded instead.
    async fn give_up(&self, dataset: &Dataset, open: Run) -> Result<(), HandlerError> {
        let ledger = self.service.ledger().await?;
        let switched = Some(Some(open.window.to));
        if self.upto(&dataset.name).await? == switched {
            let (splits, parts) = (ledger.splits(&open).await?, ledger.parts(&open).await?);
            ledger.publish(&open, totals(&dataset.name, &splits, &parts)).await?;
            return self.service.source(dataset).await?.published(&open.window).await;
        }
        for child in dataset.children.iter().map(|child| dataset.child_table(child)) {
            if dataset.mode == Mode::Append && self.upto(&child).await? == switched {
                return Err(HandlerError::Config(format!(
                    "a run of `{}` was interrupted when `{child}` was published and `{}` not yet; put the settings of the \
                     dataset back as they were, run it, and change them then",
                    dataset.name, dataset.name
                )));
            }
        }
        self.abandon(open).await
    }

    async fn abandon(&self, open: Run) -> Result<(), HandlerError> {
        tracing::info!(dataset = %open.dataset, run = %open.run, "a run is given up, and begun anew");
        Spool::of(&self.service.world, &open)?.clear();
        self.service.ledger().await?.abandon(open, self.service.world.now()).await
    }
}

/// Whether an open run is gone on with: not one of other settings, or that would fail again. The rows of a query have no place
/// of their own, so that only the execution that began it goes on.
fn goes_on(dataset: &Dataset, open: &Run, execution: &str) -> bool {
    let is_curated = matches!(dataset.source, SourceTable::Sql(_));
    open.spec == dataset.digest()
        && open.state == State::Open
        && (!is_curated || open.execution == execution)
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
    let unit = if is_log_by_day(dataset) { SECONDS_OF_DAY } else { 1 };
    let whole = settled.as_second().div_euclid(unit) * unit;
    let settled = Timestamp::from_second(whole).unwrap_or(settled);
    if dataset.is_read_whole() {
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

/// Rows of a table that say no more than their day: of a day that is not over more may come, all with the same time.
fn is_log_by_day(dataset: &Dataset) -> bool {
    let column = dataset.event_time.as_deref().and_then(|name| dataset.column(name));
    let is_day = column.is_some_and(|it| it.kind == ColumnType::Date);
    is_day && dataset.mode == Mode::Append && matches!(dataset.source, SourceTable::Postgres(_))
}

/// Says when, and is another one for each execution.
fn name_of(dataset: &Dataset, window: &Window, execution: &str) -> String {
    let text = format!("{}|{:?}|{execution}|{}", dataset.name, window, dataset.digest());
    format!("{}-{:08x}", window.to.strftime("%Y%m%dT%H%M%SZ"), xxh3_64(text.as_bytes()) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TableSettings;
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
        let keys = "mode = 'overwrite_partitions'\nevent_time = 'modified'\npartition_by = ['hour(modified)']\n\
                    settle_seconds = 60\noverlap_seconds = 3600\n";
        assert_eq!(
            planned(keys, Some("2026-03-10T00:00:00Z"), 0),
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
    fn a_log_by_day_is_read_up_to_the_last_day_that_is_over() {
        let planned = |settle| {
            let text = format!(
                "source = 'postgres'\ntable = 'public.t'\nurl = 'postgres://h/d'\nkey = ['id']\nmode = 'append'\nevent_time = 'on'\n\
                 columns = ['id bigint not null', 'on date']\nsettle_seconds = {settle}\n"
            );
            let settings: TableSettings = toml::from_str(&text).unwrap();
            let (dataset, now) = (settings.dataset("t").unwrap(), at("2026-03-10T12:00:00.9Z"));
            next_window(&dataset, Some(at("2026-03-09T00:00:00Z")), 0, now).map(|it| it.to)
        };
        assert_eq!(planned(43_200), Some(at("2026-03-10T00:00:00Z")));
        assert_eq!(planned(43_201), None);
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
