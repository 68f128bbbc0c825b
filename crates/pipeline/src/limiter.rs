//! A rate limiter that many tasks of a process share.
//!
//! It keeps a sliding window: within any window there are at most as many permits as the limit says. A
//! token bucket would let the full burst and the refill fall into one window of the server's.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::Context;
use crate::context::NotNow;

/// Requests leave here a window apart but may reach the server a little closer together.
const NETWORK_JITTER: Duration = Duration::from_millis(500);

/// At most `permits` within any `window`, first come first served.
pub struct RateLimiter {
    permits: usize,
    window: Duration,
    state: Mutex<State>,
}

struct State {
    /// The moments of the last `permits` permits, ascending; some may lie ahead.
    granted: VecDeque<Instant>,
    /// Nothing is granted before this moment: the server's wish.
    closed_until: Instant,
}

impl State {
    /// The moment of the next permit, not before `now`.
    fn free_at(&self, limiter: &RateLimiter, now: Instant) -> Instant {
        let leaving = self.granted.len().checked_sub(limiter.permits);
        let free = leaving.map_or(now, |index| self.granted[index] + limiter.window);
        free.max(now).max(self.closed_until)
    }
}

impl RateLimiter {
    /// A limiter of `permits` (at least one) a minute.
    pub fn per_minute(permits: u32) -> Self {
        Self::new(permits, Duration::from_mins(1) + NETWORK_JITTER)
    }

    /// A limiter of `permits` (at least one) within any `window`.
    pub fn new(permits: u32, window: Duration) -> Self {
        let permits = permits.max(1) as usize;
        let state = State { granted: VecDeque::new(), closed_until: Instant::now() };
        Self { permits, window, state: Mutex::new(state) }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// [`NotNow`], and no permit is used up, if it would come after the slice's end or `ctx` is stopped.
    pub async fn acquire(&self, ctx: &Context) -> Result<(), NotNow> {
        loop {
            let moment = self.reserve(ctx.slice_ends)?;
            if let Err(not_now) = ctx.sleep_until(moment).await {
                self.give_back(moment);
                return Err(not_now);
            }
            if !self.is_closed() {
                return Ok(());
            }
            self.give_back(moment);
        }
    }

    /// Whether a permit is to be had without waiting. Somebody else may take it first.
    pub fn is_free(&self) -> bool {
        let now = Instant::now();
        self.lock().free_at(self, now) <= now
    }

    /// Grants nothing for `wait` to anybody: the server asked for it.
    pub fn close_for(&self, wait: Duration) {
        let mut state = self.lock();
        state.closed_until = state.closed_until.max(Instant::now() + wait);
    }

    fn reserve(&self, not_after: Instant) -> Result<Instant, NotNow> {
        let mut state = self.lock();
        let now = Instant::now();
        let moment = state.free_at(self, now);
        if moment > not_after.max(now) {
            return Err(NotNow { wait: moment - now });
        }
        state.granted.push_back(moment);
        while state.granted.front().is_some_and(|first| *first + self.window <= now) {
            state.granted.pop_front();
        }
        Ok(moment)
    }

    fn give_back(&self, moment: Instant) {
        let mut state = self.lock();
        if let Some(index) = state.granted.iter().position(|granted| *granted == moment) {
            state.granted.remove(index);
        }
    }

    fn is_closed(&self) -> bool {
        self.lock().closed_until > Instant::now()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ctx(slice: Duration) -> Context {
        Context::starting_now("test", slice)
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_holds_more_than_the_limit() {
        let limiter = Arc::new(RateLimiter::new(5, 60 * SECOND));
        let ctx = ctx(1_000 * SECOND);
        let tasks: Vec<_> = (0..23)
            .map(|_| {
                let (limiter, ctx) = (Arc::clone(&limiter), ctx.clone());
                tokio::spawn(async move {
                    limiter.acquire(&ctx).await.unwrap();
                    Instant::now()
                })
            })
            .collect();
        let mut moments = Vec::new();
        for task in tasks {
            moments.push(task.await.unwrap());
        }
        moments.sort();
        for pair in moments.windows(6) {
            assert!(pair[5] - pair[0] >= 60 * SECOND);
        }
        assert!(*moments.last().unwrap() - moments[0] < 241 * SECOND, "and no slower than needed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_that_comes_too_late_is_not_taken() {
        let limiter = RateLimiter::new(1, 60 * SECOND);
        assert!(limiter.is_free());
        limiter.acquire(&ctx(SECOND)).await.unwrap();
        assert!(!limiter.is_free());
        let refused = limiter.acquire(&ctx(10 * SECOND)).await.unwrap_err();
        assert_eq!(refused.wait, 60 * SECOND);
        let start = Instant::now();
        limiter.acquire(&ctx(100 * SECOND)).await.unwrap();
        assert!(start.elapsed() < 61 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_wish_holds_for_everyone_even_those_already_waiting() {
        let limiter = Arc::new(RateLimiter::new(1, 10 * SECOND));
        let start = Instant::now();
        limiter.acquire(&ctx(SECOND)).await.unwrap();
        let waiting = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move {
                limiter.acquire(&ctx(1_000 * SECOND)).await.unwrap();
                Instant::now()
            }
        });
        tokio::task::yield_now().await;
        limiter.close_for(90 * SECOND);
        assert!(waiting.await.unwrap() - start >= 90 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_wait_gives_its_permit_back() {
        let limiter = RateLimiter::new(1, 60 * SECOND);
        limiter.acquire(&ctx(SECOND)).await.unwrap();
        let stopped = ctx(1_000 * SECOND);
        stopped.stop.cancel();
        limiter.acquire(&stopped).await.unwrap_err();
        let start = Instant::now();
        limiter.acquire(&ctx(1_000 * SECOND)).await.unwrap();
        assert!(start.elapsed() <= 61 * SECOND);
    }
}
