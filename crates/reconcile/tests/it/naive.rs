//! Against a naive comparison of multisets, on random tables.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stepwell_reconcile::{Comparison, Options, compare};

use crate::table::{DAY, Row, batches, layout};

/// Missing, extra, duplicate, different.
type Counts = [u64; 4];

/// Key by key: equal rows leave in pairs, the rest is paired or told.
fn naive(source: &[Row], lake: &[Row]) -> Counts {
    let mut by_id: BTreeMap<i64, [Vec<&Row>; 2]> = BTreeMap::new();
    for (side, rows) in [source, lake].into_iter().enumerate() {
        for row in rows {
            by_id.entry(row.id).or_default()[side].push(row);
        }
    }
    let mut counts = [0; 4];
    for [source, lake] in by_id.values() {
        let mut rest = lake.clone();
        let mut only = Vec::new();
        for row in source {
            match rest.iter().position(|other| other == row) {
                Some(place) => drop(rest.remove(place)),
                None => only.push(row),
            }
        }
        let both = only.len().min(rest.len());
        counts[0] += (only.len() - both) as u64;
        counts[if source.is_empty() { 1 } else { 2 }] += (rest.len() - both) as u64;
        counts[3] += both as u64;
    }
    counts
}

fn counted(found: &Comparison) -> Counts {
    found.days.iter().fold([0; 4], |sum, day| {
        let of_day = [day.missing, day.extra, day.duplicate, day.different];
        std::array::from_fn(|kind| sum[kind] + of_day[kind])
    })
}

fn any_row() -> impl Strategy<Value = Row> {
    let note = prop::option::of("[a|]{0,2}");
    let amount = prop::option::of(-2_i128..3);
    (0_i64..12, prop::option::of(0..3), amount, note).prop_map(|(id, day, amount, note)| Row {
        id,
        day: day.map(|day| DAY + day),
        amount,
        note,
    })
}

/// Two tables that have most rows in common.
fn two_tables() -> impl Strategy<Value = (Vec<Row>, Vec<Row>)> {
    let rows = |most| prop::collection::vec(any_row(), 0..most);
    (rows(30), rows(4), rows(4)).prop_flat_map(|(common, one, other)| {
        let source = [common.clone(), one].concat();
        let lake = [common, other].concat();
        (Just(source).prop_shuffle(), Just(lake).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn it_finds_what_a_naive_comparison_finds(
        (source, lake) in two_tables(),
        bucket_bits in 1_u32..6,
        rows_at_once in 1_u64..20,
        size in 1_usize..9,
    ) {
        let options = Options { bucket_bits, rows_at_once, ..Options::default() };
        let (one, other) = (batches(&source, size), batches(&lake, size));
        let found = compare(&one, &other, &layout(), &options).unwrap();
        prop_assert_eq!(counted(&found), naive(&source, &lake));
        prop_assert_eq!(found.differences.len() as u64, counted(&found).iter().sum::<u64>());
        let rows = |of: &[Row]| of.len() as u64;
        prop_assert_eq!(found.days.iter().map(|day| day.source.rows).sum::<u64>(), rows(&source));
        prop_assert_eq!(found.days.iter().map(|day| day.lake.rows).sum::<u64>(), rows(&lake));
        let mut sorted = (source, lake);
        sorted.0.sort();
        sorted.1.sort();
        prop_assert_eq!(found.is_equal(), sorted.0 == sorted.1);
    }
}
