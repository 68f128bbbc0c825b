//! Faults on demand: what goes wrong, where, and how often.

use std::sync::Mutex;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;

/// When a fault strikes.
///
/// `{"on": "create_job", "table": "canvas.users", "skip": 1, "times": 2, "fault": {"kind": "fail_job"}}` lets the first request pass
/// and strikes the next two. With `"probability": 0.1` it strikes one in ten of those by the sandbox's seed; without `times`, for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The endpoint.
    pub on: Endpoint,
    /// Only requests about this table, `namespace.table`.
    #[serde(default)]
    pub table: Option<String>,
    /// So many matching requests pass before the fault strikes.
    #[serde(default)]
    pub skip: u64,
    /// How often it strikes; for ever if none.
    #[serde(default)]
    pub times: Option<u64>,
    /// The chance that it strikes a matching request; always if none.
    #[serde(default)]
    pub probability: Option<f64>,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultRule {
    /// Strikes every request of an endpoint.
    pub fn new(on: Endpoint, fault: Fault) -> Self {
        Self { on, table: None, skip: 0, times: None, probability: None, fault }
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

    /// Strikes only requests about this table, `namespace.table`.
    #[must_use]
    pub fn table(self, table: impl Into<String>) -> Self {
        Self { table: Some(table.into()), ..self }
    }

    /// Strikes by chance.
    #[must_use]
    pub fn probability(self, probability: f64) -> Self {
        Self { probability: Some(probability), ..self }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 429, with `Retry-After` if `seconds` are given.
    TooManyRequests {
        /// For `Retry-After`.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// A server error with the service's own body; the message is empty, as it often is.
    ServerError {
        /// 500, 502, 503 or 504.
        status: u16,
    },
    /// A page in HTML from something between the client and the service.
    GatewayPage {
        /// Its status; 200 is possible.
        status: u16,
    },
    /// 401 on a valid token.
    Unauthorized,
    /// 403: the account may not use the service.
    Account {
        /// Why not.
        problem: AccountProblem,
    },
    /// 404.
    NotFound,
    /// The connection closes without an answer.
    DropConnection,
    /// `create_job`: the job fails.
    FailJob {
        /// Of the job's error; often empty.
        #[serde(default)]
        message: String,
    },
    /// `create_job`: the job runs for so many polls, then fails; it runs for ever if none are given.
    StickJob {
        /// Calls of `GET /dap/job/{id}` before the failure.
        #[serde(default)]
        polls: Option<u64>,
    },
    /// `create_job`: the table gains a column just before the job, so that the schema fetched before is out of date.
    BumpSchema,
    /// `download`: 403 with S3's body for an expired link.
    ExpiredLink,
    /// `download`: another file lies there by now, with another `ETag` and the same bytes.
    AnotherFile,
    /// `download`: the same, from an intermediary that does not heed `If-Match`.
    AnotherFileUnasked,
    /// `download`: the connection breaks in the middle of the body.
    BreakBody,
    /// `download`: the body ends in the middle and `Content-Length` agrees.
    TruncateBody,
    /// `download`: the checksum in the trailer is wrong.
    CorruptChecksum,
    /// `download`: the body comes slowly.
    Dribble {
        /// How slowly.
        bytes_per_second: u64,
    },
}

/// Why an account may not use the service; its name is the `type` of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountProblem {
    /// The account was never set up for the service.
    AccountNotOnboarded,
    /// The account is switched off.
    AccountDisabled,
    /// The account is being worked on.
    AccountUnderMaintenance,
    /// The account may not ask for this.
    RequestTypeForbidden,
}

/// Decides which request is struck.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    rng: ChaCha8Rng,
}

#[derive(Debug)]
struct Rule {
    wanted: FaultRule,
    matched: u64,
    struck: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        let faults =
            Self(Mutex::new(State { rules: Vec::new(), rng: ChaCha8Rng::seed_from_u64(seed) }));
        for rule in rules {
            faults.add(rule);
        }
        faults
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        let mut state = self.0.lock().expect("deciding does not panic");
        state.rules.push(Rule { wanted: rule, matched: 0, struck: 0 });
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("deciding does not panic").rules.clear();
    }

    /// The fault that strikes this request, from the first rule that does.
    pub(crate) fn strike(&self, endpoint: Endpoint, table: Option<&str>) -> Option<Fault> {
        let mut state = self.0.lock().expect("deciding does not panic");
        let State { rules, rng } = &mut *state;
        rules.iter_mut().find_map(|rule| rule.strike(endpoint, table, rng))
    }
}

impl Rule {
    fn strike(
        &mut self,
        endpoint: Endpoint,
        table: Option<&str>,
        rng: &mut ChaCha8Rng,
    ) -> Option<Fault> {
        let wanted = &self.wanted;
        if wanted.on != endpoint || (wanted.table.is_some() && wanted.table.as_deref() != table) {
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

    fn strikes(rule: FaultRule, requests: usize) -> Vec<bool> {
        let faults = Faults::new(1, vec![rule]);
        (0..requests)
            .map(|_| faults.strike(Endpoint::Schema, Some("canvas.users")).is_some())
            .collect()
    }

    #[test]
    fn a_rule_strikes_what_it_names_and_as_often_as_it_says() {
        let rule = FaultRule::new(Endpoint::Schema, Fault::NotFound);
        assert_eq!(strikes(rule.clone().after(1).times(2), 5), [false, true, true, false, false]);
        assert_eq!(strikes(rule.clone().table("canvas.courses"), 2), [false, false]);
        assert_eq!(strikes(FaultRule { on: Endpoint::Login, ..rule }, 2), [false, false]);
    }

    #[test]
    fn chance_repeats_with_the_seed() {
        let rule = FaultRule::new(Endpoint::Schema, Fault::NotFound).probability(0.5);
        assert_eq!(strikes(rule.clone(), 50), strikes(rule.clone(), 50));
        assert!(strikes(rule.clone(), 50).contains(&true) && strikes(rule, 50).contains(&false));
    }
}
