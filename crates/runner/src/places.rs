//! How many invocations run at the same time, and who waits for whom.
//!
//! Functions without a reservation share places. A function that hangs, or is flooded with events, leaves places to
//! the others: one function gets half of them, and events have places of their own.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::Refusal;

/// Invocations at the same time of all functions without a reservation, events aside.
const CALLS_MAX: usize = 64;
/// Those of one such function.
const CALLS_OF_ONE_MAX: usize = 32;
/// Events at the same time of all functions without a reservation.
const EVENTS_MAX: usize = 16;
/// Events at the same time of one function.
const EVENTS_OF_ONE_MAX: usize = 8;
/// Processes that come up at the same time, for each processor: more at once would come up no sooner. After a restart with
/// many invocations none would before its deadline.
const STARTS_PER_PROCESSOR: usize = 2;
/// A process that takes longer to come up lets others start meanwhile.
pub(crate) const START_MAX: Duration = Duration::from_secs(5);
/// While no reserved place is free, an event is kept back this long.
const THROTTLED: Duration = Duration::from_secs(1);

/// How long a caller of the API waits for a place. It may be a function, which keeps its own place meanwhile: were
/// there no end to this, functions that call each other could all wait for ever.
pub(crate) const PATIENCE_OF_CALLS: Duration = Duration::from_secs(5);

/// The places that functions share.
pub(crate) struct Places {
    calls: Arc<Semaphore>,
    events: Arc<Semaphore>,
    starts: Arc<Semaphore>,
}

/// The places of one function.
pub(crate) struct OwnPlaces {
    calls: Arc<Semaphore>,
    events: Arc<Semaphore>,
    starts: Arc<Semaphore>,
    is_reserved: bool,
}

impl OwnPlaces {
    /// `reserved` are for this function alone.
    pub(crate) fn new(reserved: Option<u32>) -> Self {
        let calls = reserved.map_or(CALLS_OF_ONE_MAX, |most| most as usize);
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            events: Arc::new(Semaphore::new(EVENTS_OF_ONE_MAX)),
            // Half of all: a function that never comes up leaves the others some.
            starts: Arc::new(Semaphore::new(starts_max() / 2)),
            is_reserved: reserved.is_some(),
        }
    }

    fn reserved(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
        permit.map_err(|_| Refusal::too_many_requests(reason))
    }
}

/// A place, as long as it is held.
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _shared: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            events: Arc::new(Semaphore::new(EVENTS_MAX)),
            starts: Arc::new(Semaphore::new(starts_max())),
        }
    }

    /// A place for a process to come up.
    pub(crate) async fn for_start(&self, own: &OwnPlaces) -> Place {
        both(&own.starts, &self.starts).await
    }

    /// A place for who waits for the outcome: no longer than `patience`, and not once `stop` is cancelled.
    ///
    /// # Errors
    /// `TooManyRequestsException`; at once if the reserved places are all taken.
    pub(crate) async fn for_call(
        &self,
        own: &OwnPlaces,
        patience: Option<Duration>,
        stop: &CancellationToken,
    ) -> Result<Place, Refusal> {
        if own.is_reserved {
            return Ok(Place { _own: own.reserved()?, _shared: None });
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Refusal::service("the invocation was given up")),
            place = both(&own.calls, &self.calls) => Ok(place),
            () = at_the_end_of(patience) => {
                Err(Refusal::too_many_requests("ConcurrentInvocationLimitExceeded"))
            }
        }
    }

    /// A place for an event, which waits for it as long as need be.
    pub(crate) async fn for_event(&self, own: &OwnPlaces) -> (OwnedSemaphorePermit, Place) {
        let event = acquired(&own.events).await;
        if !own.is_reserved {
            let place = Place { _own: acquired(&self.events).await, _shared: None };
            return (event, place);
        }
        loop {
            if let Ok(reserved) = own.reserved() {
                return (event, Place { _own: reserved, _shared: None });
            }
            sleep(THROTTLED).await;
        }
    }
}

fn starts_max() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    STARTS_PER_PROCESSOR * processors
}

async fn both(own: &Arc<Semaphore>, shared: &Arc<Semaphore>) -> Place {
    Place { _own: acquired(own).await, _shared: Some(acquired(shared).await) }
}

async fn acquired(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the places are never closed")
}

async fn at_the_end_of(patience: Option<Duration>) {
    match patience {
        Some(patience) => sleep(patience).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(places: &Places, own: &OwnPlaces) -> Result<Place, Refusal> {
        places.for_call(own, Some(PATIENCE_OF_CALLS), &CancellationToken::new()).await
    }

    /// Nothing else runs: the clock goes on by itself while all wait.
    #[tokio::test(start_paused = true)]
    async fn a_function_that_hangs_leaves_places_to_others() {
        let (places, hangs, other) = (Places::new(), OwnPlaces::new(None), OwnPlaces::new(None));
        let mut held = Vec::new();
        for _ in 0..CALLS_OF_ONE_MAX {
            held.push(call(&places, &hangs).await.unwrap());
        }
        let Err(refusal) = call(&places, &hangs).await else { panic!("there was a place") };
        assert_eq!(refusal.code, "TooManyRequestsException");
        assert_eq!(refusal.reason, Some("ConcurrentInvocationLimitExceeded"));
        call(&places, &other).await.unwrap();
        held.clear();
        call(&places, &hangs).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn events_wait_behind_events_alone() {
        let (places, flooded, other) = (Places::new(), OwnPlaces::new(None), OwnPlaces::new(None));
        let mut held = Vec::new();
        for _ in 0..EVENTS_OF_ONE_MAX {
            held.push(places.for_event(&flooded).await);
        }
        let late = tokio::time::timeout(Duration::from_mins(1), places.for_event(&flooded)).await;
        assert!(late.is_err(), "there was a place");
        call(&places, &flooded).await.unwrap();
        let _place = places.for_event(&other).await;
    }

    #[tokio::test(start_paused = true)]
    async fn processes_come_up_some_at_a_time_and_no_function_keeps_others_from_it() {
        let (places, one, other) = (Places::new(), OwnPlaces::new(None), OwnPlaces::new(None));
        let half = starts_max() / 2;
        let mut held = Vec::new();
        for _ in 0..half {
            held.push(places.for_start(&one).await);
        }
        let late = tokio::time::timeout(Duration::from_mins(1), places.for_start(&one)).await;
        assert!(late.is_err(), "one function has half of all places");
        for _ in 0..half {
            held.push(places.for_start(&other).await);
        }
        let third = OwnPlaces::new(None);
        let late = tokio::time::timeout(Duration::from_mins(1), places.for_start(&third)).await;
        assert!(late.is_err(), "all places were taken");
        held.clear();
        places.for_start(&one).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_gave_up_gets_no_place() {
        let (places, own, stop) = (Places::new(), OwnPlaces::new(None), CancellationToken::new());
        stop.cancel();
        let Err(refusal) = places.for_call(&own, None, &stop).await else {
            panic!("there was a place")
        };
        assert_eq!(refusal.code, "ServiceException");
    }

    #[tokio::test(start_paused = true)]
    async fn events_of_a_reserved_function_wait_for_its_places() {
        let (places, own) = (Places::new(), OwnPlaces::new(Some(1)));
        let held = call(&places, &own).await.unwrap();
        let Err(refusal) = call(&places, &own).await else { panic!("there was a place") };
        assert_eq!(refusal.reason, Some("ReservedFunctionConcurrentInvocationLimitExceeded"));
        let later = async {
            sleep(Duration::from_secs(30)).await;
            drop(held);
        };
        let (_place, ()) = tokio::join!(places.for_event(&own), later);
    }
}
