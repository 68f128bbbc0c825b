//! `QCSummary`: one item a run.
//!
//! ```json
//! {"GroupID":"buoys","StartTime":"2026-03-01T00:00:00.000000Z#0d8f…","StreamID":"7-temp","QCPID":"0d8f…",
//!  "Status":"FAILED","Process1Pass":1,"Process2Pass":0,"Process3Pass":1,"TotalPass":0,"Rows":10,
//!  "Counts":{"1":5,"3":2,"4":2,"9":1},"EndTime":"2026-03-01T00:00:02.000000Z","PreviousStatus":"PASSED"}
//! ```

use std::collections::{BTreeMap, BTreeSet};

use stepwell_integrations::dynamodb::{AttributeValue, Item, Query, Scan};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use super::{Records, n, number_of, s, text_of};
use crate::verdict::{Counts, PROCESSES, Run, Status, Summary};

/// A run as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) run: Run,
    pub(crate) status: Status,
    /// By process; those that have not come to an end are missing.
    pub(crate) passes: [Option<u64>; 3],
    pub(crate) rows: Option<u64>,
    pub(crate) counts: Counts,
    pub(crate) end_time: Option<String>,
    pub(crate) error: Option<String>,
    previous_status: Option<Status>,
}

impl Records {
    /// Records that a run has started. A repeat changes nothing.
    pub(crate) async fn begin(
        &self,
        run: &Run,
        status: Status,
        error: Option<&str>,
    ) -> Result<(), HandlerError> {
        let mut item = key(run);
        item.extend([s("StreamID", &run.stream), s("QCPID", &run.id), s("Status", status.name())]);
        item.extend(error.map(|error| s("Error", error)));
        let there = self.tables.put_if_absent(&self.names.summary, &item).await;
        match there.map_err(|error| error.to_handler_error())? {
            Some(other) if text_of(&other, "QCPID") != Some(run.id.as_str()) => {
                let Run { group, start_time, .. } = run;
                Err(HandlerError::Fatal(format!(
                    "another run has the key ({group}, {start_time}) in `{}`",
                    self.names.summary
                )))
            }
            _ => Ok(()),
        }
    }

    /// Records what a process found.
    pub(crate) async fn record_process(
        &self,
        run: &Run,
        process: u8,
        pass: bool,
    ) -> Result<(), HandlerError> {
        let pass = Item::from([n(&format!("Process{process}Pass"), u8::from(pass))]);
        let updated = self.tables.update(&self.names.summary, &key(run), &pass).await;
        updated.map_err(|error| error.to_handler_error())
    }

    /// Records how a run ended.
    pub(crate) async fn end(&self, run: &Run, summary: &Summary) -> Result<(), HandlerError> {
        let mut attributes = Item::from([
            s("StreamID", &run.stream),
            s("QCPID", &run.id),
            s("Status", summary.status.name()),
            n("TotalPass", summary.total_pass),
            s("EndTime", &summary.end_time),
        ]);
        attributes.extend(
            summary
                .processes
                .iter()
                .map(|(process, pass)| n(&format!("Process{process}Pass"), *pass)),
        );
        attributes.extend(summary.rows.map(|rows| n("Rows", rows)));
        attributes.extend(summary.previous_status.map(|it| s("PreviousStatus", it.name())));
        if let Some(counts) = &summary.counts {
            let counts = counts.iter().map(|(flag, count)| n(flag, *count));
            attributes.insert("Counts".to_owned(), AttributeValue::M(counts.collect()));
        }
        let causes: Vec<_> = summary
            .process_errors
            .iter()
            .map(|it| {
                format!(
                    "process {}: {}: {}",
                    it.process,
                    it.error,
                    it.cause.as_deref().unwrap_or("no cause")
                )
            })
            .collect();
        attributes.extend((!causes.is_empty()).then(|| s("Error", causes.join("; "))));
        let reasons = &summary.reasons;
        attributes.extend((!reasons.is_empty()).then(|| s("Reasons", reasons.join("; "))));
        let updated = self.tables.update(&self.names.summary, &key(run), &attributes).await;
        updated.map_err(|error| error.to_handler_error())
    }

    /// The status of the stream's run before this one, if this one has recorded it.
    pub(crate) async fn previous_status(&self, run: &Run) -> Result<Option<Status>, HandlerError> {
        let found = self.tables.get(&self.names.summary, &key(run)).await;
        let found = found.map_err(|error| error.to_handler_error())?;
        Ok(found.as_ref().and_then(Recorded::read).and_then(|it| it.previous_status))
    }

    /// The groups that have had a run.
    pub(crate) async fn groups(&self) -> Result<BTreeSet<String>, HandlerError> {
        let mut scan =
            Scan { table: self.names.summary.clone(), segment: None, limit: None, start: None };
        let mut found = BTreeSet::new();
        loop {
            let page = self.tables.scan(&scan).await.map_err(|error| error.to_handler_error())?;
            let groups = page.items.iter().filter_map(|it| text_of(it, "GroupID"));
            found.extend(groups.map(str::to_owned));
            scan.start = page.last_key;
            if scan.start.is_none() {
                return Ok(found);
            }
        }
    }

    /// The runs of a group, the newest first, those of all its streams or of one; so many of each stream at most.
    pub(crate) async fn history(
        &self,
        group: &str,
        stream: Option<&str>,
        max: usize,
    ) -> Result<Vec<Recorded>, HandlerError> {
        let of_group = AttributeValue::S(group.to_owned());
        let newest_first = Query::new(&self.names.summary, "GroupID", of_group);
        let mut query = Query { descending: true, ..newest_first };
        let mut found: Vec<Recorded> = Vec::new();
        let mut seen = BTreeMap::<String, usize>::new();
        loop {
            let page = self.tables.query(&query).await.map_err(|error| error.to_handler_error())?;
            let wanted = |it: &Recorded| stream.is_none_or(|stream| it.run.stream == stream);
            for recorded in page.items.iter().filter_map(Recorded::read).filter(wanted) {
                let count = seen.entry(recorded.run.stream.clone()).or_default();
                *count += 1;
                if *count <= max {
                    found.push(recorded);
                }
            }
            let is_enough = stream.is_some() && found.len() >= max;
            query.start = page.last_key.filter(|_| !is_enough);
            if query.start.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Recorded {
    fn read(item: &Item) -> Option<Self> {
        let text = |name| text_of(item, name).map(str::to_owned);
        let status = |name| text_of(item, name).and_then(Status::of);
        let counts = match item.get("Counts") {
            Some(AttributeValue::M(counts)) => counts
                .keys()
                .filter_map(|flag| Some((flag.clone(), number_of(counts, flag)?)))
                .collect(),
            _ => Counts::new(),
        };
        Some(Self {
            run: Run {
                group: text("GroupID")?,
                stream: text("StreamID")?,
                id: text("QCPID")?,
                start_time: text("StartTime")?,
            },
            status: status("Status")?,
            passes: PROCESSES.map(|it| number_of(item, &format!("Process{it}Pass"))),
            rows: number_of(item, "Rows"),
            counts,
            end_time: text("EndTime"),
            error: text("Error"),
            previous_status: status("PreviousStatus"),
        })
    }
}

fn key(run: &Run) -> Item {
    Item::from([s("GroupID", &run.group), s("StartTime", &run.start_time)])
}
