//! Small tables to compare.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use stepwell_reconcile::{Column, Layout};

/// One row: key, day, amount in cents, text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) day: Option<i32>,
    pub(crate) amount: Option<i128>,
    pub(crate) note: Option<String>,
}

/// The 1st of March 2026, counted from 1970.
pub(crate) const DAY: i32 = 20_513;

pub(crate) fn row(id: i64, day: i32, amount: i128, note: &str) -> Row {
    Row { id, day: Some(DAY + day), amount: Some(amount), note: Some(note.to_owned()) }
}

/// As many rows as asked for, over ten days.
pub(crate) fn rows(count: i64) -> Vec<Row> {
    (0..count)
        .map(|id| row(id, (id % 10) as i32, i128::from(id) * 7, &format!("row {id}")))
        .collect()
}

pub(crate) fn layout() -> Layout {
    Layout {
        key: vec!["id".into()],
        day: Some("day".into()),
        partition: Vec::new(),
        columns: ["day", "amount", "note"].map(Column::exact).to_vec(),
    }
}

/// The rows in batches of at most `size`.
pub(crate) fn batches(rows: &[Row], size: usize) -> Vec<RecordBatch> {
    if rows.is_empty() {
        return vec![batch(rows)];
    }
    rows.chunks(size).map(batch).collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let amounts: Decimal128Array = rows.iter().map(|row| row.amount).collect();
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(rows.iter().map(|row| Some(row.id)).collect::<Int64Array>())),
        ("day", Arc::new(rows.iter().map(|row| row.day).collect::<Date32Array>())),
        ("amount", Arc::new(amounts.with_precision_and_scale(20, 2).unwrap())),
        ("note", Arc::new(rows.iter().map(|row| row.note.clone()).collect::<StringArray>())),
    ];
    // The same columns in every batch, with NULLs or without.
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}
