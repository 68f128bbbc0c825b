//! Where it is told what became of a task: the kernel, or the Express execution that it is part of.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};

use stepwell_machine::Input;
use tokio::sync::{Notify, mpsc};

use crate::kernel::Event;
use crate::meters::Meters;
use crate::store::ExecutionId;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reports {
    pub(crate) kernel: Sender<Event>,
    pub(crate) express: Inboxes,
}

impl Reports {
    pub(crate) fn tell(&self, event: Event) {
        let (execution, input) = match event {
            Event::TaskStarted { execution, scheduled, at } if execution.is_express() => {
                (execution, Input::TaskStarted { scheduled, at })
            }
            Event::TaskHeartbeat { execution, scheduled } if execution.is_express() => {
                (execution, Input::TaskHeartbeat { scheduled })
            }
            Event::TaskFinished { execution, scheduled, started_at, outcome }
                if execution.is_express() =>
            {
                (execution, Input::TaskFinished { scheduled, started_at, outcome })
            }
            // The kernel has gone only when the engine has ended; the task is outstanding on disk. Express executions
            // have no tasks that are submitted.
            event => return drop(self.kernel.send(event)),
        };
        self.express.deliver(execution, input);
    }
}

/// The inboxes of the Express executions that run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Inboxes(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    meters: Arc<Meters>,
    /// Told when the last one is closed.
    idle: Notify,
}

#[derive(Default)]
struct State {
    opened: u32,
    open: HashMap<ExecutionId, mpsc::UnboundedSender<Input>>,
}

/// The inbox of one execution, which is closed when it is dropped.
pub(crate) struct Inbox {
    pub(crate) id: ExecutionId,
    pub(crate) letters: mpsc::UnboundedReceiver<Input>,
    inboxes: Inboxes,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.inboxes.state();
        state.open.remove(&self.id);
        self.inboxes.0.meters.express_executions(state.open.len());
        if state.open.is_empty() {
            self.inboxes.0.idle.notify_waiters();
        }
    }
}

impl Inboxes {
    pub(crate) fn new(meters: Arc<Meters>) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), meters, idle: Notify::new() }))
    }

    /// An inbox for one more execution, unless there are so many already.
    pub(crate) fn open(&self, most: usize) -> Option<Inbox> {
        let mut state = self.state();
        if state.open.len() >= most {
            return None;
        }
        // What has this number still, after four thousand million others, has ended long ago.
        state.opened = state.opened.wrapping_add(1);
        let id = ExecutionId::express(state.opened);
        let (sender, letters) = mpsc::unbounded_channel();
        state.open.insert(id, sender);
        self.0.meters.express_executions(state.open.len());
        Some(Inbox { id, letters, inboxes: self.clone() })
    }

    /// Waits until none is open.
    pub(crate) async fn all_closed(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.state().open.is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// An execution that has ended wants no more letters.
    fn deliver(&self, id: ExecutionId, input: Input) {
        if let Some(inbox) = self.state().open.get(&id) {
            let _ = inbox.send(input);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics while it holds the inboxes")
    }
}
