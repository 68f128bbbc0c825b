//! Life goes on: records come and change.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Json, Kind, SPECS, Tenant};
use crate::draw::{Draw, mix, salt_of};

/// So much life: `{"seed": 7, "changes": 50, "table": "loan_accounts"}`; all tables if none is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Decides what happens.
    pub seed: u64,
    /// How often something happens to each table: records are added, and changed where they say when they were; transactions are
    /// adjusted, loans appraised.
    pub changes: u64,
    /// The table.
    #[serde(default)]
    pub table: Option<String>,
}

/// Lets things happen at this moment. False if the table is not there.
pub(crate) fn advance(tenant: &mut Tenant, wanted: &Advance, now: Timestamp) -> bool {
    let is_meant = |name: &str| wanted.table.as_deref().is_none_or(|it| it == name);
    let mut found = false;
    for spec in SPECS.iter().filter(|spec| is_meant(spec.name)) {
        found = true;
        let mut draw = Draw::new(mix(wanted.seed, salt_of(spec.name)));
        for _ in 0..wanted.changes {
            happen(tenant, spec.name, &mut draw, now);
        }
    }
    found
}

fn happen(tenant: &mut Tenant, table: &'static str, draw: &mut Draw, now: Timestamp) {
    let Some(found) = tenant.table(table) else { return };
    let place = draw.below(found.rows.len().max(1) as u64) as usize;
    let changes = found.spec.field(|kind| matches!(kind, Kind::Modified)).is_some();
    let done = match (draw.below(10), table) {
        (0..3, "loan_transactions" | "deposit_transactions") => tenant.adjust(table, place, now),
        // The daily appraisal does not count as a modification.
        (0..3, "loan_accounts") => {
            tenant.set(table, place, "lastAccountAppraisalDate", Json::Time(now))
                && tenant.set(table, place, "daysLate", Json::Number(draw.between(0, 90)))
        }
        (3..7, _) if changes => tenant.change(table, place, now),
        _ => tenant.insert(table, now).is_some(),
    };
    debug_assert!(done, "it is there");
}
