//! Asynchronous invocations: a queue on disk, with Lambda's rule for retries.
//!
//! An event is acknowledged once its file is on disk, and the file goes once the function has succeeded or was tried
//! three times; a restart goes on with what is left. A function may so be called again for the same event.
//!
//! Source: AWS Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation".

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::Target;
use crate::error::Refusal;
use crate::function::LIMITS;
use crate::invocation::Invocation;
use crate::runner::{Shared, check_payload};
use crate::store;

/// Lambda's waits before the second and the third try.
pub(crate) const RETRIES_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// While no place is free, an event is kept back this long.
const THROTTLED: Duration = Duration::from_secs(1);

/// The queue.
pub(crate) struct Events {
    folder: PathBuf,
    /// What is being delivered; it ends with the runner.
    deliveries: Mutex<JoinSet<()>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Event {
    function: String,
    payload: String,
    client_context: Option<String>,
    failures: usize,
}

impl Events {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, deliveries: Mutex::default() })
    }

    /// Delivers what an earlier process left.
    pub(crate) fn go_on(&self, shared: &Arc<Shared>) -> std::io::Result<()> {
        for (file, event) in store::read_all::<Event>(&self.folder)? {
            self.deliver(shared, file, event);
        }
        Ok(())
    }

    /// Takes an event and gives the id of the request. It is on disk when this returns.
    pub(crate) fn accept(
        &self,
        shared: &Arc<Shared>,
        target: &Target,
        invocation: &Invocation,
    ) -> Result<String, Refusal> {
        shared.target(target)?;
        check_payload(invocation, LIMITS.event_bytes_max)?;
        let id = Uuid::new_v4().to_string();
        let event = Event {
            function: target.name.clone(),
            payload: String::from_utf8_lossy(&invocation.payload).into_owned(),
            client_context: invocation.client_context.clone(),
            failures: 0,
        };
        let file = self.folder.join(format!("{id}.json"));
        store::write(&file, &event)?;
        self.deliver(shared, file, event);
        Ok(id)
    }

    fn deliver(&self, shared: &Arc<Shared>, file: PathBuf, event: Event) {
        let shared = Arc::clone(shared);
        let mut deliveries = self.deliveries.lock().expect("no holder of the lock panics");
        while deliveries.try_join_next().is_some() {}
        deliveries.spawn(async move {
            deliver(&shared, &file, event).await;
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "an event that is done stays on disk");
            }
        });
    }
}

/// Returns once the event is done with.
async fn deliver(shared: &Shared, file: &Path, mut event: Event) {
    let target = Target { name: event.function.clone(), qualifier: None };
    let invocation = Invocation {
        payload: event.payload.clone().into(),
        client_context: event.client_context.clone(),
    };
    loop {
        match shared.invoke(&target, &invocation, &CancellationToken::new()).await {
            Ok(invoked) if invoked.error_type.is_none() => return,
            Ok(_) => event.failures += 1,
            Err(refusal) if refusal.status == 429 => {
                tokio::time::sleep(THROTTLED).await;
                continue;
            }
            Err(refusal) => {
                tracing::warn!(function = event.function, %refusal, "an event is given up");
                return;
            }
        }
        let Some(wait) = shared.options.retries_after.get(event.failures - 1) else {
            tracing::warn!(
                function = event.function,
                "an event is given up: the function failed each time"
            );
            return;
        };
        if let Err(error) = store::write(file, &event) {
            tracing::warn!(file = %file.display(), %error, "the tries of an event are not counted on disk");
        }
        tokio::time::sleep(*wait).await;
    }
}
