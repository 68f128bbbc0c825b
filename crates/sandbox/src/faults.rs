//! Faults on demand: where, and how often. What goes wrong is each sandbox's own.

use std::sync::Mutex;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// When a fault strikes: `E` is where, `F` what goes wrong.
///
/// `{"on": "create_job", "about": "canvas.users", "skip": 1, "times": 2, "fault": {"kind": "fail_job"}}` lets the first request pass
/// and strikes the next two. With `"probability": 0.1` it strikes one in ten of those by the sandbox's seed; without `times`, for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule<E, F> {
    /// The endpoint.
    pub on: E,
    /// Only requests about this; each sandbox says what that is.
    #[serde(default = "nothing")]
    pub about: Option<String>,
    /// So many matching requests pass before the fault strikes.
    #[serde(default)]
    pub skip: u64,
    /// How often it strikes; for ever if none.
    #[serde(default = "nothing")]
    pub times: Option<u64>,
    /// The chance that it strikes a matching request; always if none.
    #[serde(default = "nothing")]
    pub probability: Option<f64>,
    /// What goes wrong.
    pub fault: F,
}

/// Keeps serde from asking `E` and `F` for defaults.
fn nothing<T>() -> Option<T> {
    None
}

impl<E, F> FaultRule<E, F> {
    /// Strikes every request of an endpoint.
    pub fn new(on: E, fault: F) -> Self {
        Self { on, about: None, skip: 0, times: None, probability: None, fault }
    }

    /// Strikes only so often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Strikes the next request only.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Lets so many matching requests pass first.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Strikes only requests about this.
    #[must_use]
    pub fn about(self, about: impl Into<String>) -> Self {
        Self { about: Some(about.into()), ..self }
    }

    /// Strikes by chance.
    #[must_use]
    pub fn probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }
}

/// Decides which request is struck.
#[derive(Debug)]
pub(crate) struct Faults<E, F>(Mutex<State<E, F>>);

#[derive(Debug)]
struct State<E, F> {
    rules: Vec<Rule<E, F>>,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Rule<E, F> {
    wanted: FaultRule<E, F>,
    matched: u64,
    struck: u64,
}

impl<E: PartialEq, F: Clone> Faults<E, F> {
    pub(crate) fn new(seed: u64, rules: Vec<FaultRule<E, F>>) -> Self {
        let faults =
            Self(Mutex::new(State { rules: Vec::new(), rng: ChaCha8Rng::seed_from_u64(seed) }));
        for rule in rules {
            faults.add(rule);
        }
        faults
    }

    pub(crate) fn add(&self, rule: FaultRule<E, F>) {
        let mut state = self.0.lock().expect("deciding does not panic");
        state.rules.push(Rule { wanted: rule, matched: 0, struck: 0 });
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("deciding does not panic").rules.clear();
    }

    /// The fault that strikes this request, from the first rule that does; `is_about` tells what the request is about.
    pub(crate) fn strike(&self, on: &E, is_about: impl Fn(&str) -> bool) -> Option<F> {
        let mut state = self.0.lock().expect("deciding does not panic");
        let State { rules, rng } = &mut *state;
        rules.iter_mut().find_map(|rule| rule.strike(on, &is_about, rng))
    }
}

impl<E: PartialEq, F: Clone> Rule<E, F> {
    fn strike(
        &mut self,
        on: &E,
        is_about: &impl Fn(&str) -> bool,
        rng: &mut ChaCha8Rng,
    ) -> Option<F> {
        let wanted = &self.wanted;
        if wanted.on != *on || wanted.about.as_deref().is_some_and(|about| !is_about(about)) {
            return None;
        }
        if wanted.times.is_some_and(|times| self.struck >= times) {
            return None;
        }
        self.matched += 1;
        if self.matched <= wanted.skip
            || !wanted.probability.is_none_or(|chance| rng.random_bool(chance))
        {
            return None;
        }
        self.struck += 1;
        Some(wanted.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(rule: FaultRule<&'static str, ()>, requests: usize) -> Vec<bool> {
        let faults = Faults::new(1, vec![rule]);
        (0..requests)
            .map(|_| faults.strike(&"schema", |about| about == "users").is_some())
            .collect()
    }

    #[test]
    fn a_rule_strikes_what_it_names_and_as_often_as_it_says() {
        let rule = FaultRule::new("schema", ());
        assert_eq!(strikes(rule.clone().after(1).times(2), 5), [false, true, true, false, false]);
        assert_eq!(strikes(rule.clone().about("courses"), 2), [false, false]);
        assert_eq!(strikes(rule.clone().about("users"), 2), [true, true]);
        assert_eq!(strikes(FaultRule { on: "login", ..rule }, 2), [false, false]);
    }

    #[test]
    fn chance_repeats_with_the_seed() {
        let rule = FaultRule::new("schema", ()).probability(0.5);
        assert_eq!(strikes(rule.clone(), 50), strikes(rule.clone(), 50));
        assert!(strikes(rule.clone(), 50).contains(&true) && strikes(rule, 50).contains(&false));
    }
}
