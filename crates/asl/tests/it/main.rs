//! The public edge of the crate: definitions in, findings and values out.

#![expect(clippy::disallowed_methods, reason = "the environment says where recorded cases are")]

mod conformance;
mod diagnostics;
mod evaluation;
mod intrinsics;
mod jsonata;
mod jsonpath;
mod properties;

use jiff::Timestamp;
use stepwell_asl::eval::{Context, Random, Scope, States};
use stepwell_asl::variable::Assigned;

/// Counts up: any bits will do.
struct Counter(u64);

impl Random for Counter {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0
    }
}

/// Evaluates something that sees a context object and random bits.
fn evaluate<T>(context: &dyn Context, seed: u64, act: impl FnOnce(&mut Scope<'_>) -> T) -> T {
    act(&mut Scope {
        context,
        variables: &Assigned::new(),
        states: States::default(),
        random: &mut Counter(seed),
        now: Timestamp::UNIX_EPOCH,
        observer: None,
    })
}
