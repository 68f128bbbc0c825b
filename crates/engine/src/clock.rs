//! Where time and randomness come from. Everything else in this crate receives them.

#![expect(clippy::disallowed_methods, reason = "the one place where they come from")]

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time, in whole milliseconds: what is told is what is stored, so that folding a journal sees
    /// exactly the instants that the first decision saw.
    fn now(&self) -> Timestamp;
}

/// The computer's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        whole_milliseconds(Timestamp::now())
    }
}

/// A clock that stands still until it is moved.
///
/// A running engine sleeps until the next wake-up it knows; after moving the clock, nudge it with
/// [`crate::Handle::nudge`].
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(whole_milliseconds(start)))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        *now = whole_milliseconds(*now + by);
    }

    /// Sets it, backward too: a clock that jumps is a fault worth testing.
    pub fn set(&self, to: Timestamp) {
        *self.lock() = whole_milliseconds(to);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Timestamp> {
        self.0.lock().expect("nothing panics while it holds the clock")
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.lock()
    }
}

/// Gives random bits: the seeds of decisions and the names of executions.
pub trait Entropy: Send + std::fmt::Debug {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;

    /// 128 bits that nobody can guess from any others: what task tokens are made of.
    fn secret(&mut self) -> u128;
}

/// The computer's own randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn next_u64(&mut self) -> u64 {
        rand::rng().random()
    }

    fn secret(&mut self) -> u128 {
        rand::rng().random()
    }
}

/// Repeatable bits from a seed (SplitMix64, which needs no table and passes the usual tests).
#[derive(Debug, Clone)]
pub struct ManualEntropy(u64);

impl ManualEntropy {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Entropy for ManualEntropy {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Repeatable like all else, and no step of the sequence.
    fn secret(&mut self) -> u128 {
        u128::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// A random (version 4) UUID: the name of an execution that was started without one.
pub(crate) fn uuid(entropy: &mut dyn Entropy) -> String {
    let bits = (u128::from(entropy.next_u64()) << 64) | u128::from(entropy.next_u64());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond())
        .expect("a timestamp without its fraction is one")
}
