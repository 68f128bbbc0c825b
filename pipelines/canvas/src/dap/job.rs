//! Jobs: what DAP prepares, and how old it is.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{ApiError, wire};
use crate::rows::Format;

/// How long DAP keeps a job and its objects, counted from the first of equal queries.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// The whole table.
    Snapshot(Format),
    /// What changed since, always as TSV.
    Increment {
        /// Inclusive or not: the documentation contradicts itself, so rows at this moment may come again.
        since: Timestamp,
    },
}

/// A job that a query led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// The job.
    pub job: Job,
    /// How long ago it was started, where the service tells: an equal query may have started it.
    pub age: Option<Duration>,
    /// How long it will be there, where the service tells.
    pub remaining: Option<Duration>,
}

/// A job, for instance one that has finished a snapshot:
///
/// ```json
/// {"id":"6f1c…","status":"complete","expires_at":"2026-02-16T09:00:00Z","objects":[{"id":"6f1c…/part-0"}],
///  "schema_version":7,"at":"2026-02-15T08:40:00Z"}
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Opaque.
    pub id: String,
    /// How it stands.
    pub status: Status,
    expires_at: Option<Timestamp>,
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Waiting or running.
    Pending,
    /// Its objects can be downloaded.
    Complete(Completed),
    /// It came to nothing.
    Failed(ApiError),
}

/// What a job has prepared.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// The ids of the parts. None if nothing changed.
    pub objects: Vec<String>,
    /// The version of the schema that the rows have.
    pub schema_version: i64,
    /// `at` of a snapshot, `until` of an increment: where the next increment begins.
    pub cursor: Timestamp,
}

impl Job {
    pub(super) fn read(wire: wire::Job) -> Result<Self, &'static str> {
        let status = match wire.status {
            wire::Status::Waiting | wire::Status::Running => Status::Pending,
            wire::Status::Failed => Status::Failed(wire.error.unwrap_or_default()),
            wire::Status::Complete => Status::Complete(Completed {
                objects: wire.objects.unwrap_or_default().into_iter().map(|it| it.id).collect(),
                schema_version: wire
                    .schema_version
                    .ok_or("a complete job without `schema_version`")?,
                cursor: wire.at.or(wire.until).ok_or("a complete job without `at` or `until`")?,
            }),
        };
        Ok(Self { id: wire.id, status, expires_at: wire.expires_at })
    }

    pub(super) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expires_at?.duration_since(now);
        Some(Duration::try_from(left).unwrap_or_default())
    }

    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expires_at?.duration_since(now);
        Some(Duration::try_from(LIFETIME - left).unwrap_or_default())
    }
}
