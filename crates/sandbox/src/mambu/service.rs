//! What all endpoints share: the tenant, the clock, the observer, and the life between two pages.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::data::{self, Kind, Style, Tenant};
use super::endpoint::Endpoint;
use super::{Churn, Money, Options};
use crate::clock::Clock;
use crate::draw::{Draw, mix};
use crate::http::Observer;

/// The running sandbox, without its socket.
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) options: Options,
    pub(crate) zone: TimeZone,
    pub(crate) clock: Arc<Clock>,
    pub(crate) observer: Arc<Observer<Endpoint>>,
    tenant: Mutex<Tenant>,
    churn: Mutex<(Option<Churn>, u64)>,
}

impl Service {
    pub(crate) fn new(options: Options, base_url: String) -> Self {
        let clock = Arc::new(Clock::new(options.time));
        let zone = TimeZone::get(&options.zone).expect("the option is a zone");
        let observer = Observer::new(options.seed, options.faults.clone(), options.latency);
        Self {
            base_url,
            tenant: Mutex::new(data::populate(&options, now(&clock))),
            observer: Arc::new(observer),
            churn: Mutex::new((options.churn.clone(), 0)),
            zone,
            clock,
            options,
        }
    }

    /// Now, in whole seconds.
    pub(crate) fn now(&self) -> Timestamp {
        now(&self.clock)
    }

    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().expect("changing it does not panic")
    }

    pub(crate) fn set_churn(&self, churn: Option<Churn>) {
        *self.churn.lock().expect("setting it does not panic") = (churn, 0);
    }

    /// How a record with this number is written.
    pub(crate) fn style(&self, place: usize, full: bool) -> Style<'_> {
        let money_as_text = match self.options.money {
            Money::Number => false,
            Money::Text => true,
            Money::Mixed => place % 2 == 1,
        };
        Style { zone: &self.zone, money_as_text, full, first_version: false }
    }

    /// Life goes on behind a page that was just answered.
    pub(crate) fn churn(&self, table: &str) {
        let mut state = self.churn.lock().expect("changing it does not panic");
        let (Some(churn), pages) = &mut *state else { return };
        if churn.table.as_deref().is_some_and(|it| it != table) || *pages >= churn.pages {
            return;
        }
        *pages += 1;
        let mut draw = Draw::new(mix(self.options.seed, *pages));
        let (churn, now) = (churn.clone(), self.now());
        drop(state);
        let mut tenant = self.tenant();
        for _ in 0..churn.changed {
            let Some(found) = tenant.tables.get(table) else { return };
            let place = draw.below(found.rows.len().max(1) as u64) as usize;
            if found.spec.field(|kind| matches!(kind, Kind::Modified)).is_some() {
                tenant.change(table, place, now);
            }
        }
        for _ in 0..churn.inserted {
            tenant.insert(table, now);
        }
        for _ in 0..churn.deleted {
            let Some(found) = tenant.tables.get_mut(table) else { return };
            if !found.rows.is_empty() {
                found.rows.remove(draw.below(found.rows.len() as u64) as usize);
            }
        }
    }
}

fn now(clock: &Clock) -> Timestamp {
    Timestamp::from_second(clock.now_seconds()).unwrap_or(Timestamp::MAX)
}
