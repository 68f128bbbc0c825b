//! `QCDetails`: one item for each flag that a test gave beside GOOD, MISSING and UNKNOWN.
//!
//! ```json
//! {"QCPID":"0d8f…","ErrorNumber":2000001,"Process":2,"Test":"gross_range","Flag":4,"Time":"2026-03-01T01:20:00Z",
//!  "Index":8,"Value":"30","Threshold":"fail 0 to 25","Message":"30 is above 25"}
//! ```
//!
//! Three processes write beside each other: process p has the numbers p·1,000,000 + k, k = 1, 2, …

use stepwell_integrations::dynamodb::{AttributeValue, Item, Query, RangeCondition};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use super::{Records, n, number_of, s, text_of};
use crate::verdict::Run;

/// Numbers of each process.
const NUMBERS: u64 = 1_000_000;

/// A process has numbers for so many details.
pub(crate) const DETAILS_MAX: usize = NUMBERS as usize - 1;

/// One item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detail {
    pub(crate) process: u8,
    pub(crate) test: String,
    pub(crate) flag: u8,
    pub(crate) time: Option<String>,
    /// The row in the data, from 0; nothing where the data as a whole are flagged.
    pub(crate) index: Option<u64>,
    pub(crate) value: Option<String>,
    pub(crate) threshold: Option<String>,
    pub(crate) message: String,
}

impl Records {
    /// Writes the details of a process in the place of those that an earlier attempt wrote.
    pub(crate) async fn put_details(
        &self,
        run: &Run,
        process: u8,
        details: &[Detail],
    ) -> Result<(), HandlerError> {
        let first = u64::from(process) * NUMBERS + 1;
        let items: Vec<_> =
            details.iter().zip(first..).map(|(detail, number)| detail.item(run, number)).collect();
        let put = self.tables.batch_put(&self.names.details, &items).await;
        put.map_err(|error| error.to_handler_error())?;
        self.forget_details(run, first + items.len() as u64, u64::from(process + 1) * NUMBERS).await
    }

    /// Deletes what an earlier attempt wrote beyond the last detail.
    async fn forget_details(&self, run: &Run, from: u64, to: u64) -> Result<(), HandlerError> {
        for item in self.details_between(run, from, to, None).await? {
            let Some(number) = number_of(&item, "ErrorNumber") else { continue };
            let key = Item::from([s("QCPID", &run.id), n("ErrorNumber", number)]);
            let deleted = self.tables.delete(&self.names.details, &key).await;
            deleted.map_err(|error| error.to_handler_error())?;
        }
        Ok(())
    }

    /// The details of a run in order of process and number, `max` at most.
    pub(crate) async fn details(&self, run: &Run, max: usize) -> Result<Vec<Detail>, HandlerError> {
        let items = self.details_between(run, 0, 10 * NUMBERS, Some(max)).await?;
        Ok(items.iter().filter_map(Detail::read).collect())
    }

    async fn details_between(
        &self,
        run: &Run,
        from: u64,
        to: u64,
        limit: Option<usize>,
    ) -> Result<Vec<Item>, HandlerError> {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let between = RangeCondition::Between(number(from), number(to));
        let all = Query::new(&self.names.details, "QCPID", AttributeValue::S(run.id.clone()));
        let query = Query { range: Some(("ErrorNumber".to_owned(), between)), limit, ..all };
        self.tables.query_all(&query).await.map_err(|error| error.to_handler_error())
    }
}

impl Detail {
    fn item(&self, run: &Run, number: u64) -> Item {
        let mut item = Item::from([
            s("QCPID", &run.id),
            n("ErrorNumber", number),
            n("Process", self.process),
            s("Test", &self.test),
            n("Flag", self.flag),
            s("Message", &self.message),
        ]);
        item.extend(self.index.map(|index| n("Index", index)));
        let texts = [("Time", &self.time), ("Value", &self.value), ("Threshold", &self.threshold)];
        item.extend(texts.into_iter().filter_map(|(name, text)| Some(s(name, text.as_deref()?))));
        item
    }

    fn read(item: &Item) -> Option<Self> {
        let text = |name| text_of(item, name).map(str::to_owned);
        let small = |name| number_of(item, name).and_then(|it| u8::try_from(it).ok());
        Some(Self {
            process: small("Process")?,
            test: text("Test")?,
            flag: small("Flag")?,
            time: text("Time"),
            index: number_of(item, "Index"),
            value: text("Value"),
            threshold: text("Threshold"),
            message: text("Message")?,
        })
    }
}
