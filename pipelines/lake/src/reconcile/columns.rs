//! What a proof keeps of the columns of a day that are not the same on both sides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_reconcile::{ColumnTotals, Day, Rule, Totals};

/// A column of a day on both sides.
///
/// ```json
/// {"source":{"nulls":0,"checksum":"9f86d081884c7d65","min":"0.28","max":"99.00","sum":"1234.50"},
///  "lake":{"nulls":1,"checksum":"2c26b46b68ffc68f","min":"0.28","max":"99.00","sum":"1200.00"}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnProof {
    /// What the source has.
    pub source: ColumnSide,
    /// What the lake has.
    pub lake: ColumnSide,
}

/// A column of a day on one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSide {
    /// Rows without a value.
    pub nulls: u64,
    /// The sum of the hashes of all values, in 16 hexadecimal digits: the same in any order of rows.
    pub checksum: String,
    /// The smallest number; only where the settings show values, as the next two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The largest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Of all numbers; none of instants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
}

impl ColumnProof {
    /// Of every column that is not the same on both sides, by its name.
    pub(super) fn of_day(
        day: &Day,
        columns: &[(String, Rule)],
        show_values: bool,
    ) -> BTreeMap<String, Self> {
        let total =
            |totals: &Totals, place: usize| totals.columns.get(place).copied().unwrap_or_default();
        let proof = |(place, (name, rule)): (usize, &(String, Rule))| {
            let (source, lake) = (total(&day.source, place), total(&day.lake, place));
            let is_same = (source.nulls, source.checksum) == (lake.nulls, lake.checksum);
            let side = |totals| ColumnSide::of(totals, *rule, show_values);
            let proof = || Self { source: side(source), lake: side(lake) };
            (!is_same).then(|| (name.clone(), proof()))
        };
        columns.iter().enumerate().filter_map(proof).collect()
    }
}

impl ColumnSide {
    fn of(totals: ColumnTotals, rule: Rule, show_values: bool) -> Self {
        let extent = totals.extent.filter(|_| show_values).map(|extent| extent.texts(rule));
        let (min, max, sum) = match extent {
            Some((min, max, sum)) => (Some(min), Some(max), sum),
            None => (None, None, None),
        };
        let checksum = format!("{:016x}", totals.checksum);
        Self { nulls: totals.nulls, checksum, min, max, sum }
    }
}
