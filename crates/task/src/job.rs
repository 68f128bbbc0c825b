//! The job of a `.sync` task: what its handler tells the engine while it runs.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The job that a `.sync` handler runs, as the engine knows it. Other handlers ignore it.
///
/// ```text
/// first delivery     start the job, submit(response), wait for its end, return the outcome
/// after a restart    submitted() is Some: wait for the end of that job, return the outcome
///                    submitted() is None: nothing is known, start it again; idempotent by the request's key
/// stop cancelled     is_given_up(): stop the job, nobody wants it; else the engine shuts down: leave it alone
/// ```
#[derive(Clone)]
pub struct Job {
    submitted: Option<Arc<Value>>,
    given_up: CancellationToken,
    submit: Arc<dyn Fn(Arc<Value>) + Send + Sync>,
}

impl Job {
    /// A job of which `submitted` is recorded; `given_up` is cancelled when nobody wants its outcome any more.
    pub fn new(
        submitted: Option<Arc<Value>>,
        given_up: CancellationToken,
        submit: impl Fn(Arc<Value>) + Send + Sync + 'static,
    ) -> Self {
        Self { submitted, given_up, submit: Arc::new(submit) }
    }

    /// A job that nobody watches.
    pub fn detached() -> Self {
        Self::new(None, CancellationToken::new(), |_| {})
    }

    /// The response that started the job, if an earlier delivery of this task submitted it and that is on disk.
    pub fn submitted(&self) -> Option<&Arc<Value>> {
        self.submitted.as_ref()
    }

    /// Says that the job was started: recorded as `TaskSubmitted` with this output, before the outcome.
    pub fn submit(&self, response: Arc<Value>) {
        (self.submit)(response);
    }

    /// Whether the outcome is no longer wanted: the execution was stopped or the state gave up.
    pub fn is_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("is_submitted", &self.submitted.is_some())
            .field("is_given_up", &self.is_given_up())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_tells_what_was_submitted_and_hears_that_it_is_given_up() {
        let (told, given_up) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let heard = Arc::clone(&told);
        let job = Job::new(None, given_up.clone(), move |it| heard.lock().unwrap().push(it));
        job.submit(Arc::new(json!({"Id": 1})));
        assert_eq!(*told.lock().unwrap(), [Arc::new(json!({"Id": 1}))]);
        assert!(!job.is_given_up() && job.submitted().is_none());
        given_up.cancel();
        assert!(job.clone().is_given_up());
    }
}
