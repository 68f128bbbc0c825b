//! What an event means: which accesses have to be examined again.
//!
//! An event is a notification and no snapshot, so that duplicates, another order and three generations of names
//! need no care: all of them say "look at X". What X is like now is read when its turn comes.
//!
//! | Event | What is examined |
//! | --- | --- |
//! | `Access*` (generation 3), `DataUsageAgreement*` (2) | the access |
//! | `DataContractActivated`, `…Deactivated` (1 only; the other `DataContract*` events are about schemas today) | the access |
//! | `DataProduct*`, `OutputPort*` | every access that provides from it or consumes through it |
//! | `Team*` | every access that the team consumes |
//! | `AccessProvisioning*`, `AccessDeprovisioning*`, `AccessProvisioned`, `AccessDeprovisioned` | nothing: our own reports |
//! | whatever else | nothing |

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dmm::{Event, Resource};

/// The event that made an access worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The id of the last event about it.
    pub event: String,
    /// For instance `AccessActivatedEvent`.
    pub kind: String,
}

/// What a page of the feed asks for, each access and resource once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) accesses: BTreeMap<String, Cause>,
    pub(crate) products: BTreeMap<String, Cause>,
    pub(crate) teams: BTreeMap<String, Cause>,
    /// Events that ask for nothing.
    pub(crate) skipped: usize,
}

/// What an event is about.
enum About {
    Access,
    Product,
    Team,
    Nothing,
}

impl Asked {
    pub(crate) fn by(events: &[Event]) -> Self {
        let mut asked = Self::default();
        for event in events {
            let of = match about(&event.kind) {
                About::Access => &mut asked.accesses,
                About::Product => &mut asked.products,
                About::Team => &mut asked.teams,
                About::Nothing => {
                    asked.skipped += 1;
                    continue;
                }
            };
            let cause = Cause { event: event.id.clone(), kind: event.kind.clone() };
            match &event.resource {
                Some(resource) => drop(of.insert(resource.clone(), cause)),
                None => asked.skipped += 1,
            }
        }
        asked
    }

    /// Adds the accesses that the products and teams affect.
    pub(crate) fn add_affected(&mut self, affected: BTreeSet<(String, String)>) {
        for (access, resource) in affected {
            let cause = self.products.get(&resource).or_else(|| self.teams.get(&resource));
            if let Some(cause) = cause.cloned() {
                self.accesses.entry(access).or_insert(cause);
            }
        }
    }
}

/// The collection of the accesses that events of this kind tell of.
pub(crate) fn resource_of(kind: &str) -> Option<Resource> {
    let name = kind.strip_suffix("Event").unwrap_or(kind);
    let starts = |prefix: &&str| name.starts_with(*prefix);
    // The other events about data contracts are about schemas today.
    if matches!(name, "DataContractActivated" | "DataContractDeactivated") {
        Some(Resource::DataContracts)
    } else if starts(&"DataUsageAgreement") {
        Some(Resource::DataUsageAgreements)
    } else {
        let is_report = ["AccessProvision", "AccessDeprovision"].iter().any(starts);
        (starts(&"Access") && !is_report).then_some(Resource::Access)
    }
}

/// The accesses of older collections that events tell of.
pub(crate) fn legacy(events: &[Event]) -> Vec<(String, Resource)> {
    let of_event = |event: &Event| {
        let resource = resource_of(&event.kind).filter(|it| *it != Resource::Access)?;
        Some((event.resource.clone()?, resource))
    };
    events.iter().filter_map(of_event).collect()
}

fn about(kind: &str) -> About {
    let starts = |prefix: &&str| kind.starts_with(*prefix);
    if resource_of(kind).is_some() {
        About::Access
    } else if ["DataProduct", "OutputPort"].iter().any(starts) {
        About::Product
    } else if starts(&"Team") {
        About::Team
    } else {
        About::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, kind: &str, resource: &str) -> Event {
        Event { id: id.into(), kind: kind.into(), resource: Some(resource.into()) }
    }

    #[test]
    fn all_generations_ask_for_the_access_once() {
        let kinds = [
            "AccessActivatedEvent",
            "DataUsageAgreementActivatedEvent",
            "DataContractActivatedEvent",
        ];
        let events: Vec<_> =
            kinds.iter().enumerate().map(|(at, kind)| event(&at.to_string(), kind, "a")).collect();
        let asked = Asked::by(&events);
        let last = Cause { event: "2".into(), kind: kinds[2].into() };
        assert_eq!(asked.accesses, [("a".to_owned(), last)].into());
    }

    #[test]
    fn our_own_reports_and_what_is_unknown_ask_for_nothing() {
        for kind in [
            "AccessProvisionedEvent",
            "AccessProvisioningFailedEvent",
            "AccessDeprovisionedEvent",
            "DataContractUpdatedEvent",
            "TestResultsCreatedEvent",
            "NewThingEvent",
            "",
        ] {
            let asked = Asked::by(&[event("1", kind, "a")]);
            assert_eq!((asked.accesses.len(), asked.skipped), (0, 1), "{kind}");
        }
    }

    #[test]
    fn a_product_asks_for_the_accesses_that_it_affects() {
        let mut asked = Asked::by(&[
            event("1", "OutputPortUpdatedEvent", "p"),
            event("2", "TeamUpdatedEvent", "t"),
        ]);
        asked.add_affected([("a".into(), "p".into()), ("b".into(), "t".into())].into());
        assert_eq!(asked.accesses.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(asked.accesses["b"].kind, "TeamUpdatedEvent");
    }
}
