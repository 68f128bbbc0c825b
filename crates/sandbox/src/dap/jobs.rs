//! Data jobs and their results, from creation to the deletion a day later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::SetOnce;

use super::data::calendar::Micros;
use super::data::table::Window;
use super::error::{processing, timestamp};
use super::render::{Part, Query};
use crate::clock::micros;

/// Jobs and their objects are deleted so long after the job was started.
pub(crate) const JOB_LIFETIME: Duration = Duration::from_hours(24);

/// How long jobs take at least, by the sandbox's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobTiming {
    /// Time in the state `waiting`.
    pub waiting: Duration,
    /// Time in the state `running`; longer if the data takes longer.
    pub running: Duration,
}

/// What a client asked for; equal requests share a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    /// `namespace.table`
    pub(crate) table: String,
    /// Format, mode, `since` and `until` as they were asked for.
    pub(crate) parameters: String,
}

/// The parts of a result, once they are rendered; or why they are not.
pub(crate) type Outcome = Arc<SetOnce<Result<Vec<Object>, String>>>;

/// One file of a result under the id that clients know it by.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) part: Arc<Part>,
}

/// How a job is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// When its parts are rendered.
    Complete,
    /// With an error.
    Fail { message: String },
    /// With an error after so many polls; never if none.
    Stick { polls: Option<u64> },
}

/// One job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) request: Request,
    pub(crate) query: Query,
    pub(crate) created_at: Micros,
    pub(crate) schema_version: u32,
    /// The commit time of the state that a snapshot shows.
    pub(crate) at: Micros,
    pub(crate) fate: Fate,
    pub(crate) outcome: Outcome,
    pub(crate) polls: u64,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Waiting,
    Running,
    Complete,
    Failed { message: String },
}

impl Status {
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Complete | Self::Failed { .. })
    }
}

impl Job {
    pub(crate) fn status(&self, timing: JobTiming, now: Micros) -> Status {
        let age = now - self.created_at;
        if age < micros(timing.waiting) {
            return Status::Waiting;
        }
        if age < micros(timing.waiting + timing.running) {
            return Status::Running;
        }
        match (&self.fate, self.outcome.get()) {
            (Fate::Complete, Some(Ok(_))) => Status::Complete,
            (Fate::Complete, Some(Err(message))) | (Fate::Fail { message }, _) => {
                Status::Failed { message: message.clone() }
            }
            (Fate::Stick { polls: Some(polls) }, _) if *polls <= self.polls => {
                Status::Failed { message: String::new() }
            }
            (Fate::Complete, None) | (Fate::Stick { .. }, _) => Status::Running,
        }
    }

    fn expires_at(&self) -> Micros {
        self.created_at + micros(JOB_LIFETIME)
    }

    /// The body that describes the job.
    pub(crate) fn describe(&self, status: &Status) -> Value {
        let mut body = json!({"id": self.id, "expires_at": timestamp(self.expires_at())});
        match status {
            Status::Waiting => body["status"] = "waiting".into(),
            Status::Running => body["status"] = "running".into(),
            Status::Complete => self.describe_result(&mut body),
            Status::Failed { message } => {
                body["status"] = "failed".into();
                body["error"] = processing(message)["error"].clone();
            }
        }
        body
    }

    fn describe_result(&self, body: &mut Value) {
        let objects: Vec<Value> = self.objects().map(|object| json!({"id": object.id})).collect();
        body["status"] = "complete".into();
        body["objects"] = objects.into();
        body["schema_version"] = self.schema_version.into();
        match self.query.window {
            Window::Snapshot => body["at"] = timestamp(self.at).into(),
            Window::Incremental { since, until, .. } => {
                body["since"] = timestamp(since).into();
                body["until"] = timestamp(until).into();
            }
        }
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.outcome.get().into_iter().flatten().flatten()
    }
}

/// All jobs that have not expired.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<HashMap<String, Job>>);

impl Jobs {
    pub(crate) fn add(&self, job: Job) {
        self.0.lock().expect("job keeping does not panic").insert(job.id.clone(), job);
    }

    /// The job with this id; polling it counts.
    pub(crate) fn poll(&self, id: &str, now: Micros) -> Option<Job> {
        let mut jobs = self.living(now);
        let job = jobs.get_mut(id)?;
        job.polls += 1;
        Some(job.clone())
    }

    /// The job that another request with the same parameters made, unless it failed.
    pub(crate) fn same_as(&self, request: &Request, timing: JobTiming, now: Micros) -> Option<Job> {
        let jobs = self.living(now);
        let same = |job: &&Job| {
            job.request == *request && !matches!(job.status(timing, now), Status::Failed { .. })
        };
        jobs.values().find(same).cloned()
    }

    /// An object with the table it comes from.
    pub(crate) fn object(&self, id: &str, now: Micros) -> Option<(String, Object)> {
        let jobs = self.living(now);
        jobs.values().find_map(|job| {
            let object = job.objects().find(|object| object.id == id)?;
            Some((job.request.table.clone(), object.clone()))
        })
    }

    /// The jobs, after deleting those whose day is over.
    fn living(&self, now: Micros) -> MutexGuard<'_, HashMap<String, Job>> {
        let mut jobs = self.0.lock().expect("job keeping does not panic");
        jobs.retain(|_, job| now < job.expires_at());
        jobs
    }
}
