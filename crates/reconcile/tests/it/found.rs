//! What a comparison tells, and what it refuses.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use stepwell_reconcile::{
    Batches, Column, ColumnDifference, CompareError, Extent, Kind, Layout, Options, Policy,
    Selection, Side, SideError, Which, compare,
};

use crate::table::{batches, layout, row, rows};

#[test]
fn a_missing_an_extra_and_a_different_row_are_told_by_key_and_column() {
    let mut lake = rows(1_000);
    lake[4].amount = Some(2_950);
    lake[5].note = None;
    lake.remove(7);
    lake.push(row(5_000, 3, 1, "stranger"));
    lake.push(lake[0].clone());
    let found =
        compare(&batches(&rows(1_000), 64), &batches(&lake, 100), &layout(), &Options::default())
            .unwrap();
    let told: Vec<_> = found
        .differences
        .iter()
        .map(|it| (it.key[0].1.clone().unwrap(), it.group.day.unwrap().to_string(), &it.kind))
        .collect();
    let find = |id: &str| {
        let (_, day, kind) = told.iter().find(|(key, _, _)| key == id).unwrap();
        (day.as_str(), *kind)
    };
    let value = |text: &str| Some(text.to_owned());
    let column = |name: &str, source, lake| {
        Kind::Different(vec![ColumnDifference { name: name.into(), source, lake }])
    };
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(find("4"), ("2026-03-05", &column("amount", value("0.28"), value("29.50"))));
    assert_eq!(find("5"), ("2026-03-06", &column("note", value("row 5"), None)));
    assert_eq!(find("7"), ("2026-03-08", &Kind::Missing));
    assert_eq!(find("5000"), ("2026-03-04", &Kind::Extra));
    assert_eq!(find("0"), ("2026-03-01", &Kind::Duplicate));
    assert!(found.days[1].is_equal() && !found.days[7].is_equal());
}

#[test]
fn many_rows_of_one_key_are_matched_once_each() {
    let many = |count: i64| -> Vec<_> {
        (0..count).map(|it| row(1, (it % 10) as i32, it.into(), "tenant")).collect()
    };
    let mut lake = many(60_000);
    lake.reverse();
    lake.push(row(1, 0, 70_000, "tenant"));
    let source = batches(&many(60_000), 8_192);
    let found = compare(&source, &batches(&lake, 8_192), &layout(), &Options::default()).unwrap();
    let [difference] = found.differences.as_slice() else { panic!("{}", found.differences.len()) };
    assert_eq!(difference.kind, Kind::Duplicate);
}

#[test]
fn totals_of_a_day_have_nulls_extents_and_sums() {
    let mut table = rows(20);
    table[10].amount = None;
    let table = batches(&table, 3);
    let found = compare(&table, &table, &layout(), &Options::default()).unwrap();
    let day = &found.days[0];
    assert_eq!((day.source.rows, day.lake.rows), (2, 2));
    let place = found.columns.iter().position(|(name, _)| name == "amount").unwrap();
    let amount = day.source.columns[place];
    assert_eq!(amount.nulls, 1);
    assert_eq!(amount.extent, Some(Extent::Number { min: 0, max: 0, sum: 0 }));
    let (_, rule) = found.columns[place];
    let texts = found.days[3].source.columns[place].extent.unwrap().texts(rule);
    assert_eq!(texts, ("0.21".into(), "0.91".into(), Some("1.12".into())));
}

#[test]
fn a_row_that_moved_to_another_day_is_one_difference() {
    let mut lake = rows(100);
    lake[3].day = lake[4].day;
    let (source, lake) = (batches(&rows(100), 10), batches(&lake, 10));
    for columns in [layout().columns, vec![Column::exact("note")]] {
        let layout = Layout { columns, ..layout() };
        let found = compare(&source, &lake, &layout, &Options::default()).unwrap();
        let [difference] = found.differences.as_slice() else { panic!("{:?}", found.differences) };
        let Kind::Different(columns) = &difference.kind else { panic!("{difference:?}") };
        assert_eq!(columns[0].name, "day");
        assert_eq!(columns[0].source.as_deref(), Some("2026-03-04"));
        assert_eq!(columns[0].lake.as_deref(), Some("2026-03-05"));
    }
}

#[test]
fn differences_beyond_the_limit_are_counted_and_said_to_be_left_out() {
    let options = Options { differences_max: 10, rows_at_once: 50, ..Options::default() };
    let (source, lake) = (batches(&rows(300), 100), batches(&rows(100), 100));
    let found = compare(&source, &lake, &layout(), &options).unwrap();
    assert_eq!((found.differences.len(), found.omitted), (10, 190));
    assert_eq!(found.days.iter().map(|day| day.missing).sum::<u64>(), 200);
}

#[test]
fn partitions_are_counted_apart() {
    let layout = Layout { partition: vec!["note".into()], ..layout() };
    let table = batches(&rows(20), 7);
    let found = compare(&table, &table, &layout, &Options::default()).unwrap();
    assert_eq!(found.days.len(), 20);
    assert_eq!(found.days[1].group.partition, [Some("row 10".to_owned())]);
}

fn pair(name: &'static str, array: ArrayRef) -> Vec<RecordBatch> {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..array.len() as i64));
    vec![RecordBatch::try_from_iter([("id", id), (name, array)]).unwrap()]
}

fn by_id(column: Column) -> Layout {
    Layout { key: vec!["id".into()], columns: vec![column], ..Layout::default() }
}

#[test]
fn a_tolerance_finds_no_false_differences_and_no_false_equality() {
    let source: Vec<f64> = (0..2_000).map(|n| f64::from(n) * 0.25).collect();
    let mut lake: Vec<f64> = source.iter().map(|value| value + 0.009).collect();
    lake[7] += 0.002;
    let side = |values: Vec<f64>| pair("x", Arc::new(Float64Array::from(values)));
    let policy = Policy { tolerance: Some(0.01), ..Policy::default() };
    let layout = by_id(Column { name: "x".into(), policy });
    let found = compare(&side(source), &side(lake), &layout, &Options::default()).unwrap();
    assert_eq!(found.days[0].different, 1);
    assert_eq!(found.differences[0].key, [("id".to_owned(), Some("7".to_owned()))]);
}

#[test]
fn what_cannot_be_compared_is_an_error_that_names_it() {
    let numbers = pair("x", Arc::new(Int64Array::from(vec![1])));
    let texts = pair("x", Arc::new(StringArray::from(vec!["1"])));
    let error = |layout: &Layout| {
        compare(&numbers, &texts, layout, &Options::default()).unwrap_err().to_string()
    };
    assert_eq!(
        error(&by_id(Column::exact("x"))),
        "the column `x` cannot be compared: Int64 in the source and Utf8 in the lake have no common form"
    );
    assert_eq!(error(&by_id(Column::exact("y"))), "the source has no column `y`");
    assert_eq!(error(&Layout::default()), "the table has no key, so its rows cannot be told apart");
}

#[test]
fn a_side_that_cannot_be_read_is_not_equal() {
    struct Broken(Vec<RecordBatch>);
    impl Side for Broken {
        fn schema(&self) -> Result<arrow::datatypes::SchemaRef, SideError> {
            self.0.schema()
        }
        fn read<'a>(
            &'a self,
            columns: &'a [String],
            selection: Option<&'a Selection>,
        ) -> Result<Batches<'a>, SideError> {
            let whole = self.0.read(columns, selection)?;
            Ok(Box::new(whole.chain([Err("connection lost".into())])))
        }
    }
    let table = batches(&rows(10), 5);
    let error = compare(&Broken(table.clone()), &table, &layout(), &Options::default());
    assert!(
        matches!(error, Err(CompareError::Unreadable { which: Which::Source, .. })),
        "{error:?}"
    );
}

#[test]
fn a_side_that_changes_between_readings_is_not_equal() {
    struct Moving(Vec<RecordBatch>);
    impl Side for Moving {
        fn schema(&self) -> Result<arrow::datatypes::SchemaRef, SideError> {
            self.0.schema()
        }
        fn read<'a>(
            &'a self,
            columns: &'a [String],
            selection: Option<&'a Selection>,
        ) -> Result<Batches<'a>, SideError> {
            let rest = if selection.is_some() { usize::MAX } else { 0 };
            Ok(Box::new(self.0.read(columns, selection)?.skip(rest)))
        }
    }
    let table = batches(&rows(10), 20);
    let lake = batches(&rows(9), 20);
    let error = compare(&Moving(table), &lake, &layout(), &Options::default());
    assert!(matches!(error, Err(CompareError::Unsteady)), "{error:?}");
}

#[test]
fn a_comparison_can_be_stopped() {
    let stop = Arc::new(AtomicBool::new(true));
    let table = batches(&rows(10), 5);
    let error = compare(&table, &table, &layout(), &Options { stop, ..Options::default() });
    assert!(matches!(error, Err(CompareError::Stopped)), "{error:?}");
}
