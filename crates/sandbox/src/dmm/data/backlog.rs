//! A long past: events of all kinds about agreements and their products, of which only the present is to be found.

use serde_json::{Value, json};

use crate::dmm::organization::Organization;
use crate::dmm::organization::feed::Principal;
use crate::draw::{Draw, mix, salt_of};

/// One draw in so many is of each kind.
const ACCESS_EVENTS: &[&str] = &[
    "AccessActivated",
    "AccessActivated",
    "AccessDeactivated",
    "AccessDeactivated",
    "AccessUpdated",
    "AccessRequested",
    "AccessApproved",
    "AccessProvisioned",
];

const PRODUCT_EVENTS: &[&str] = &["DataProductUpdated", "OutputPortUpdated"];

/// The list of types is declared open: what is unknown is to be passed over.
const OTHER_EVENTS: &[&str] = &["TestResultsCreated", "DefinitionUpdated", "ContractNegotiated"];

/// Nothing, where there is no access.
pub(crate) fn add_backlog(
    organization: &mut Organization,
    seed: u64,
    events: usize,
    accesses: usize,
) {
    let about = |(id, access): (&str, &crate::dmm::organization::access::Access)| {
        let port = access.provider_port().to_owned();
        (id.to_owned(), access.provider_product().to_owned(), port)
    };
    let subjects: Vec<_> = organization.accesses().take(accesses).map(about).collect();
    if subjects.is_empty() {
        return;
    }
    let mut draw = Draw::new(mix(seed, salt_of("backlog")));
    let end = organization.feed.count() + events as u64;
    let mut number = 0;
    while organization.feed.count() < end {
        // Each in turn, so that all of them are there.
        let (access, product, port) = &subjects[number % subjects.len()];
        number += 1;
        match draw.below(20) {
            0..=15 => {
                let name = draw.pick(ACCESS_EVENTS);
                organization.emit(name, access, principal(name), &Value::Null);
            }
            16..=18 => {
                let name = draw.pick(PRODUCT_EVENTS);
                let data = json!({"outputPortId": port});
                organization.emit(name, product, Principal::User, &data);
            }
            _ => organization.emit(draw.pick(OTHER_EVENTS), access, Principal::User, &Value::Null),
        }
    }
}

/// Dates are the platform's, the rest is people's.
fn principal(name: &str) -> Principal {
    match name {
        "AccessActivated" | "AccessDeactivated" => Principal::System,
        _ => Principal::User,
    }
}
