//! Asynchronous invocations: a queue on disk, with Lambda's rule for retries.
//!
//! An event is acknowledged once its file is on disk, and the file goes once the function has succeeded, was tried
//! three times, or has let the event wait for six hours; a restart goes on with what is left. A function may so be
//! called again for the same event, with the same id of the request. In memory are the names alone: a payload is read
//! when there is a place for it.
//!
//! Source: AWS Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation".

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::Target;
use crate::error::Refusal;
use crate::function::LIMITS;
use crate::invocation::Invocation;
use crate::shared::{Shared, check_payload};
use crate::store::{self, on_disk};

/// Lambda's waits before the second and the third try.
pub(crate) const RETRIES_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// An event that is older is given up.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(6);
/// Events that wait.
const QUEUED_MAX: usize = 100_000;

/// The queue.
pub(crate) struct Events {
    folder: PathBuf,
    /// What is being delivered; it ends with the runner.
    deliveries: Mutex<JoinSet<()>>,
}

/// The name of an event: its file is `ID.FUNCTION.json`.
#[derive(Debug, Clone)]
struct Queued {
    id: Uuid,
    function: String,
}

impl Queued {
    fn of(file: &Path) -> Option<Self> {
        let (id, function) = file.file_stem()?.to_str()?.split_once('.')?;
        Some(Self { id: id.parse().ok()?, function: function.to_owned() })
    }

    fn file(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.{}.json", self.id, self.function))
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Event {
    payload: String,
    client_context: Option<String>,
    accepted_at: Timestamp,
    failures: usize,
}

impl Events {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        store::remove_unfinished(&folder)?;
        Ok(Self { folder, deliveries: Mutex::default() })
    }

    /// Delivers what an earlier process left.
    pub(crate) fn go_on(&self, shared: &Arc<Shared>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            if let Some(queued) = Queued::of(&entry?.path()) {
                self.deliver(shared, queued);
            }
        }
        Ok(())
    }

    /// Takes an event, unless it waits under this id already. It is on disk when this returns.
    pub(crate) async fn accept(
        &self,
        shared: &Arc<Shared>,
        target: &Target,
        invocation: &Invocation,
        id: Uuid,
    ) -> Result<(), Refusal> {
        shared.target(target)?;
        check_payload(invocation, LIMITS.event_bytes_max)?;
        let queued = Queued { id, function: target.name.clone() };
        let file = queued.file(&self.folder);
        if file.exists() {
            return Ok(());
        }
        if self.deliveries().len() >= QUEUED_MAX {
            return Err(Refusal::too_many_requests("FunctionInvocationRateLimitExceeded"));
        }
        let event = Event {
            payload: String::from_utf8_lossy(&invocation.payload).into_owned(),
            client_context: invocation.client_context.clone(),
            accepted_at: Timestamp::now(),
            failures: 0,
        };
        on_disk(move || Ok(store::write(&file, &event)?)).await?;
        self.deliver(shared, queued);
        Ok(())
    }

    fn deliver(&self, shared: &Arc<Shared>, queued: Queued) {
        let shared = Arc::clone(shared);
        let file = queued.file(&self.folder);
        self.deliveries().spawn(async move {
            while let Some(wait) = attempt(&shared, &queued, &file).await {
                tokio::time::sleep(wait).await;
            }
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "an event that is done stays on disk");
            }
        });
    }

    /// Those that have ended are gone from it.
    fn deliveries(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        let mut deliveries = self.deliveries.lock().expect("no holder of the lock panics");
        while deliveries.try_join_next().is_some() {}
        deliveries
    }
}

/// Tries once, and tells how long to wait for the next try if there is to be one.
async fn attempt(shared: &Shared, queued: &Queued, file: &Path) -> Option<Duration> {
    let tried = try_once(shared, queued, file.to_owned()).await;
    tried.unwrap_or_else(|refusal| {
        let Queued { function, id } = queued;
        tracing::warn!(function, %id, %refusal, "an event is given up");
        None
    })
}

async fn try_once(
    shared: &Shared,
    queued: &Queued,
    file: PathBuf,
) -> Result<Option<Duration>, Refusal> {
    let target = Target { name: queued.function.clone(), qualifier: None };
    let waiting = shared.target(&target)?;
    let _place = shared.places.for_event(&waiting.places).await;
    // The function may have changed meanwhile.
    let pool = shared.target(&target)?;
    let path = file.clone();
    let mut event: Event = on_disk(move || Ok(store::read(&path)?)).await?;
    if Timestamp::now().duration_since(event.accepted_at) > AGE_MAX {
        return Err(Refusal::service("it is older than six hours"));
    }
    let invocation = Invocation {
        payload: std::mem::take(&mut event.payload).into(),
        client_context: event.client_context.clone(),
    };
    let stop = CancellationToken::new();
    let invoked = shared.run(&pool, &invocation, queued.id, &stop).await?;
    if invoked.error_type.is_none() {
        return Ok(None);
    }
    let Some(wait) = shared.options.retries_after.get(event.failures) else {
        return Err(Refusal::service("the function failed each time"));
    };
    event.failures += 1;
    event.payload = String::from_utf8_lossy(&invocation.payload).into_owned();
    on_disk(move || Ok(store::write(&file, &event)?)).await?;
    Ok(Some(*wait))
}
