//! Life goes on: records come, change and go.

use serde::{Deserialize, Serialize};

use super::Organization;
use crate::draw::{Draw, mix, salt_of};

/// So much life: `{"seed": 7, "changes": 50, "object": "Account"}`; all objects if none is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Decides what happens.
    pub seed: u64,
    /// How often something happens to each object: of twenty changes eight are new records, eight are changed, three are deleted, and
    /// one is deleted for good.
    pub changes: u64,
    /// The object.
    #[serde(default)]
    pub object: Option<String>,
}

/// Lets things happen at this moment, in milliseconds. False if the object is not there.
pub(crate) fn advance(organization: &mut Organization, wanted: &Advance, now: i64) -> bool {
    let is_meant =
        |name: &str| wanted.object.as_deref().is_none_or(|it| it.eq_ignore_ascii_case(name));
    let mut found = false;
    for table in organization.tables.iter_mut().filter(|table| is_meant(table.object.name)) {
        found = true;
        let mut draw = Draw::new(mix(wanted.seed, salt_of(table.object.name)));
        for _ in 0..wanted.changes {
            let (kind, place) = (draw.below(20), draw.below(table.rows.len().max(1) as u64));
            let id = table.rows.keys().nth(place as usize).cloned();
            match (kind, id) {
                (0..8, _) | (_, None) => drop(table.insert(now)),
                (8..16, Some(id)) => drop(table.change(&id, now)),
                (16..19, Some(id)) => drop(table.delete(&id, now)),
                (_, Some(id)) => drop(table.erase(&id, now)),
            }
        }
    }
    found
}
