//! How many requests a server gets at once: as many as are allowed until it says that these are too many, then
//! fewer for everyone.
//!
//! A refusal closes the gate for all callers, for as long as the server wishes or for a time that grows with each
//! refusal in a row, and halves how many may pass at once. Each success lets a fraction of one more pass, so that the
//! gate comes back to full speed by itself.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use stepwell_pipeline::{Context, NotNow};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long the gate closes where the server names no time; doubled with each refusal in a row.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);

/// So often it is doubled.
const DOUBLED_MAX: u32 = 5;

/// The gate before one server.
pub(crate) struct Gate {
    max: f64,
    state: Mutex<State>,
    left: Notify,
}

struct State {
    inside: usize,
    allowed: f64,
    closed_until: Instant,
    refused_in_a_row: u32,
}

impl Gate {
    /// A gate for `max` requests at once, at least one.
    pub(crate) fn new(max: u32) -> Self {
        let max = f64::from(max.max(1));
        let state =
            State { inside: 0, allowed: max, closed_until: Instant::now(), refused_in_a_row: 0 };
        Self { max, state: Mutex::new(state), left: Notify::new() }
    }

    /// Waits until one more may pass.
    ///
    /// # Errors
    /// [`NotNow`] if that is not within the slice, or the invocation is stopped.
    pub(crate) async fn enter(&self, ctx: &Context) -> Result<Pass<'_>, NotNow> {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            left.as_mut().enable();
            match self.try_enter() {
                Ok(pass) => return Ok(pass),
                Err(Some(closed_until)) => ctx.sleep_until(closed_until).await?,
                Err(None) => tokio::select! {
                    () = left => {}
                    () = ctx.stop.cancelled() => return Err(NotNow { wait: Duration::ZERO }),
                    () = tokio::time::sleep_until(ctx.slice_ends) => return Err(NotNow { wait: WAIT_UNTOLD }),
                },
            }
        }
    }

    /// A pass, or until when the gate is closed if it is.
    fn try_enter(&self) -> Result<Pass<'_>, Option<Instant>> {
        let mut state = self.lock();
        if state.closed_until > Instant::now() {
            return Err(Some(state.closed_until));
        }
        if (state.inside as f64) + 1.0 > state.allowed.max(1.0) {
            return Err(None);
        }
        state.inside += 1;
        Ok(Pass { gate: self })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

/// One request on its way.
pub(crate) struct Pass<'g> {
    gate: &'g Gate,
}

impl Pass<'_> {
    /// The server took it.
    pub(crate) fn succeeded(self) {
        let mut state = self.gate.lock();
        state.refused_in_a_row = 0;
        state.allowed = (state.allowed + 1.0 / state.allowed).min(self.gate.max);
        drop(state);
        // Two may follow one, where the crowd may grow.
        self.gate.left.notify_one();
    }

    /// The server refused it. Of several that were on their way together only the first one counts.
    pub(crate) fn refused(self, wish: Option<Duration>) {
        let mut state = self.gate.lock();
        let now = Instant::now();
        if state.closed_until <= now {
            let untold = WAIT_UNTOLD * 2_u32.pow(state.refused_in_a_row.min(DOUBLED_MAX));
            state.closed_until = now + wish.unwrap_or(untold);
            state.refused_in_a_row += 1;
            state.allowed = (state.allowed / 2.0).max(1.0);
        } else if let Some(wish) = wish {
            state.closed_until = state.closed_until.max(now + wish);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.lock().inside -= 1;
        self.gate.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ctx() -> Context {
        Context::starting_now("test", 1_000 * SECOND)
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_pass_at_once_than_may() {
        let gate = Gate::new(2);
        let (one, _two) = (gate.enter(&ctx()).await.unwrap(), gate.enter(&ctx()).await.unwrap());
        let short = Context::starting_now("test", SECOND);
        assert!(gate.enter(&short).await.is_err());
        one.succeeded();
        assert!(gate.enter(&short).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_for_everyone_and_halves_the_crowd() {
        let gate = Gate::new(8);
        let start = Instant::now();
        let (one, two) = (gate.enter(&ctx()).await.unwrap(), gate.enter(&ctx()).await.unwrap());
        one.refused(Some(30 * SECOND));
        two.refused(None);
        let mut inside = Vec::new();
        for _ in 0..4 {
            inside.push(gate.enter(&ctx()).await.unwrap());
        }
        assert!(start.elapsed() >= 30 * SECOND);
        assert!(gate.try_enter().is_err(), "four of eight, although two were refused together");
        while gate.lock().allowed < 8.0 {
            inside.pop();
            gate.enter(&ctx()).await.unwrap().succeeded();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn untold_waits_grow_until_a_request_succeeds() {
        let gate = Gate::new(1);
        let start = Instant::now();
        for _ in 0..3 {
            gate.enter(&ctx()).await.unwrap().refused(None);
        }
        gate.enter(&ctx()).await.unwrap().succeeded();
        assert_eq!(start.elapsed().as_secs(), 1 + 2 + 4);
        assert_eq!(gate.lock().refused_in_a_row, 0);
    }
}
