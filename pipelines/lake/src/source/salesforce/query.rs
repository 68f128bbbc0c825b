//! Queries over REST, and the list of deleted records.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use stepwell_pipeline::Context;

use super::client::Client;
use super::records::time;
use crate::source::rest::{Error, Raw};

/// A page of a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) total_size: u64,
    #[serde(default)]
    pub(super) next_records_url: Option<String>,
    #[serde(default)]
    pub(super) records: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    deleted_records: Vec<DeletedRecord>,
    latest_date_covered: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedRecord {
    id: String,
    deleted_date: String,
}

impl Client {
    /// The first page, deleted records included.
    pub(super) async fn query_all(
        &self,
        what: &str,
        soql: &str,
        ctx: &Context,
    ) -> Result<Page, Error> {
        self.get(what, &self.path("queryAll"), &[("q", soql)], ctx).await
    }

    /// Another page, by the path that came with the one before.
    pub(super) async fn query_more(
        &self,
        what: &str,
        path: &str,
        ctx: &Context,
    ) -> Result<Page, Error> {
        self.get(what, path, &[], ctx).await
    }

    /// Ids of records that were deleted from `from` to before `to`, with the time.
    ///
    /// The service cuts times to minutes, so it is asked for whole ones and the rest is left out here.
    pub(super) async fn deleted(
        &self,
        object: &str,
        (from, to): (Timestamp, Timestamp),
        ctx: &Context,
    ) -> Result<Vec<(String, Timestamp)>, Error> {
        let what = format!("list deleted records of {object}");
        let path = self.path(&format!("sobjects/{object}/deleted/"));
        let (start, end) = (minute(from, 0), minute(to, 59));
        let query = [("start", start.as_str()), ("end", end.as_str())];
        let found: Deleted = self.get(&what, &path, &query, ctx).await?;
        let covered = found.latest_date_covered.as_deref().and_then(time);
        if covered.is_some_and(|covered| covered + SignedDuration::from_secs(60) < to) {
            let problem =
                "it does not reach to the end of the window yet; a longer `settle_seconds` helps";
            return Err(Error::malformed(&self.server, &what, problem));
        }
        let mut gone = Vec::new();
        for record in found.deleted_records {
            let at = time(&record.deleted_date);
            let at = at.ok_or_else(|| Error::malformed(&self.server, &what, "a time is none"))?;
            if from <= at && at < to {
                gone.push((record.id, at));
            }
        }
        Ok(gone)
    }
}

/// A whole minute, `seconds` later.
fn minute(time: Timestamp, seconds: i64) -> String {
    let moment = (time.as_second() + seconds).div_euclid(60) * 60;
    let moment = Timestamp::from_second(moment).unwrap_or(time);
    format!("{moment:.0}").replace('Z', "+00:00")
}
