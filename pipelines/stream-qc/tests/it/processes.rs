//! The three processes: which tests run, what they give, and what makes a process pass.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use jiff::Timestamp;
use stepwell_stream_qc::config::{Config, Format, StreamConfig};
use stepwell_stream_qc::flag::{Flag, roll_up};
use stepwell_stream_qc::process::{Input, Process};
use stepwell_stream_qc::series::{Columns, NAT, Series};

use crate::chunks::{Found, evaluated};

const SECOND: i64 = 1_000_000_000;

fn config(text: &str) -> StreamConfig {
    let config = Config::parse(text, Format::Toml).expect("the configuration is right");
    config.streams().next().expect("a stream").clone()
}

fn run(process: Process, series: &Series, config: &StreamConfig) -> Found {
    let now = Timestamp::from_second(10_000).expect("a time");
    evaluated(process, series, &Input { context: None, window: None, now }, config)
}

fn text(flags: &[Flag]) -> String {
    flags.iter().map(|flag| flag.value().to_string()).collect::<Vec<_>>().join(" ")
}

fn flags_of(found: &Found, test: &str) -> String {
    text(&found.tests[test])
}

fn series(seconds: &[i64], values: &[f64]) -> Series {
    Series::new(seconds.iter().map(|second| second * SECOND).collect(), values.to_vec())
}

const COMBINATION: &str = r#"
mode = "ioos_qc_3_0"
cadence_s = 600
process2.gross_range = { fail = [0, 25], suspect = [5, 13] }
[process3]
spike = { method = "average", suspect = 2, fail = 5 }
rate_per_s = { suspect = 0.005, fail = 0.02 }
flat_line = { suspect_s = 1800, fail_s = 3000, tolerance = 0.05 }
"#;

fn combination() -> Series {
    let values = [10.0, 10.1, 10.2, 14.0, 10.2, 10.3, f64::NAN, 10.4, 30.0, 10.3];
    series(&(0..10).map(|at| at * 600).collect::<Vec<_>>(), &values)
}

#[test]
fn a_combination_of_tests_is_rolled_up_per_point() {
    let config = config(COMBINATION);
    let series = combination();
    let two = run(Process::Two, &series, &config);
    let three = run(Process::Three, &series, &config);
    assert_eq!(flags_of(&two, "gross_range"), "1 1 1 3 1 1 9 1 4 1");
    assert_eq!(flags_of(&three, "spike"), "2 1 1 3 1 2 9 2 4 2");
    assert_eq!(flags_of(&three, "rate_of_change"), "1 1 1 3 3 1 9 1 4 4");
    assert_eq!(flags_of(&three, "flat_line"), "1 1 1 1 1 1 9 1 1 1");
    let rolled = roll_up(config.roll_up, series.len(), [&two.roll_up[..], &three.roll_up[..]]);
    assert_eq!(text(&rolled), "1 1 1 3 3 1 9 1 4 4");
    let (two, three) = (two.result, three.result);
    assert!(!two.pass && !three.pass);
    assert_eq!((two.worst, two.evaluated, two.points), (Flag::Fail, 9, 10));
    let detail = &two.tests[0].details[1];
    assert_eq!((detail.index, detail.flag, detail.value), (Some(8), Flag::Fail, Some(30.0)));
    assert_eq!(detail.message, "gross_range finds 30 FAIL (fail [0, 25], suspect [5, 13])");
}

#[test]
fn details_are_capped_and_say_so() {
    let config = config(&format!("details_max = 1\n{COMBINATION}"));
    let test = &run(Process::Two, &combination(), &config).result.tests[0];
    assert_eq!((test.details.len(), test.details_truncated), (1, true));
}

#[test]
fn every_odd_series_has_a_defined_result_in_both_modes() {
    let odd = [
        series(&[], &[]),
        series(&[0], &[1.0]),
        series(&[0, 600, 1200], &[f64::NAN; 3]),
        series(&[1200, 0, 600], &[1.0, 2.0, 3.0]),
        series(&[0, 0, 0], &[1.0, 2.0, 3.0]),
        Series::new(vec![NAT; 3], vec![1.0, 2.0, 3.0]),
    ];
    for mode in ["strict", "ioos_qc_3_0"] {
        let config = config(&COMBINATION.replace("ioos_qc_3_0", mode));
        for series in &odd {
            for process in Process::ALL {
                let found = run(process, series, &config);
                assert_eq!(found.roll_up.len(), series.len());
                for test in &found.result.tests {
                    let flags = found.tests[&test.name].len();
                    assert_eq!(flags, series.len(), "{} in {mode}", test.name);
                    assert!(mode != "strict" || test.error.is_none(), "{:?}", test.error);
                }
            }
        }
    }
}

#[test]
fn a_library_that_raises_is_told_by_name_and_does_not_pass() {
    let result = run(Process::Three, &series(&[], &[]), &config(COMBINATION)).result;
    assert!(!result.pass);
    let told = &result.reasons[0];
    assert!(
        told.starts_with("spike: the series is empty; ioos_qc 3.0.0 raises IndexError here"),
        "{told}"
    );
}

#[test]
fn a_process_that_judged_nothing_does_not_pass() {
    let config = config("process1.required = [\"value\"]");
    let result = run(Process::Two, &combination(), &config).result;
    assert!(!result.pass);
    assert_eq!(result.reasons, ["QCProcess2 judged nothing"]);
}

#[test]
fn strict_judges_in_order_of_time_and_reports_what_came_late() {
    let config = config("process3 = { gap_h = 1, rate_per_s = { suspect = 1 } }");
    let series = series(&[0, 60, 180, 120, 180, 240], &[0.0, 1.0, 3.0, 500.0, 3.0, 4.0]);
    let result = run(Process::Three, &series, &config);
    assert_eq!(flags_of(&result, "order"), "1 1 1 4 1 1");
    assert_eq!(flags_of(&result, "gap"), "2 1 1 2 2 1");
    assert_eq!(flags_of(&result, "rate_of_change"), "2 1 3 2 2 1");
}

#[test]
fn points_before_are_neighbours_and_not_judged() {
    let config = config("process3 = { gap_h = 1, rate_per_s = { suspect = 1 }, order = false }");
    let (context, now) =
        (series(&[0, 60], &[0.0, 1.0]), Timestamp::from_second(9).expect("a time"));
    let series = series(&[120, 180], &[500.0, 500.0]);
    let input = Input { context: Some(&context), window: None, now };
    let result = evaluated(Process::Three, &series, &input, &config);
    assert_eq!(flags_of(&result, "rate_of_change"), "3 1");
    assert_eq!(flags_of(&result, "gap"), "1 1");
}

fn table() -> Series {
    let columns: [(&str, ArrayRef); 5] = [
        ("time", Arc::new(Int64Array::from(vec![0, 600, 1200, 1800]))),
        ("value", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(9.0)]))),
        ("max", Arc::new(Float64Array::from(vec![Some(5.0), Some(5.0), None, Some(5.0)]))),
        ("id", Arc::new(StringArray::from(vec!["a", "b", "a", "c"]))),
        ("line", Arc::new(StringArray::from(vec![Some("1,2"), Some("1"), None, Some("1,")]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, true)),
    );
    Series::from_batch(&batch.expect("a batch"), &Columns::default()).expect("a series")
}

#[test]
fn the_first_process_looks_at_rows_and_columns() {
    let config = config(
        r#"
cadence_s = 600
[process1]
required = ["time", "valeu"]
forbidden = ["secret"]
types = { id = "text", value = "integer" }
completeness = { value = { warn = 0.9, fail = 0.5 } }
keys = ["id"]
distinctness = { id = { warn = 0.5 } }
row_count = { tolerance = 0.1 }
freshness_h = 1
syntax = { column = "line", fields = 2 }
"#,
    );
    let result = run(Process::One, &table(), &config);
    let flags = |test| flags_of(&result, test);
    assert_eq!(flags("schema"), "4");
    let told = result.result.tests[0].message.as_deref().expect("it says what");
    assert_eq!(
        told,
        "the column `valeu` is missing; there is `value`; the column `value` holds Float64, and should hold integer"
    );
    assert_eq!(flags("completeness:value"), "3");
    assert_eq!(flags("keys"), "4 1 4 1");
    assert_eq!(flags("distinctness:id"), "1");
    assert_eq!(flags("row_count"), "1");
    assert_eq!(flags("freshness"), "4");
    assert_eq!(flags("duplicate_stamp"), "1 1 1 1");
    assert_eq!(flags("syntax"), "1 4 9 1");
}

#[test]
fn no_rows_are_not_fresh_and_not_complete() {
    let config =
        config("process1 = { freshness_h = 1, completeness = { value = { fail = 0.5 } } }");
    let empty = table().slice(0, 0);
    let result = run(Process::One, &empty, &config);
    assert_eq!(flags_of(&result, "freshness"), "4");
    assert_eq!(flags_of(&result, "completeness:value"), "2");
    assert!(!result.result.pass);
}

#[test]
fn the_second_process_holds_columns_against_each_other() {
    let config = config(
        "process2 = { rules = [\"0 <= value <= max\"], validity = { id = { values = [\"a\", \"b\"] } } }",
    );
    let result = run(Process::Two, &table(), &config);
    assert_eq!(flags_of(&result, "rule:0 <= value <= max"), "1 2 2 4");
    assert_eq!(flags_of(&result, "validity:id"), "1 1 1 4");
}

#[test]
fn a_column_that_is_not_there_is_an_error_and_no_pass() {
    let config = config("process2 = { rules = [\"value <= most\"] }");
    let result = run(Process::Two, &table(), &config).result;
    assert!(!result.pass);
    assert!(
        result.reasons[0].starts_with("rules: the data has no column `most`"),
        "{:?}",
        result.reasons
    );
}

#[test]
fn limits_say_how_much_of_a_flag_is_allowed() {
    let series = series(
        &(0..100).map(|at| at * 60).collect::<Vec<_>>(),
        &(0..100).map(f64::from).collect::<Vec<_>>(),
    );
    let passes = |text: &str| run(Process::Two, &series, &config(text)).result.pass;
    let five_fail = "process2 = { gross_range = { fail = [0, 94] }, LIMITS }";
    assert!(!passes(&five_fail.replace(", LIMITS", "")));
    assert!(passes(&five_fail.replace("LIMITS", "limits = { fail_share = 0.05 }")));
    let five_suspect = "process2.gross_range = { fail = [0, 99], suspect = [0, 94] }";
    assert!(passes(five_suspect));
    assert!(!passes(&format!("limits.suspect_share = 0.04\n{five_suspect}")));
}

#[test]
fn a_window_that_the_cadence_fills_has_as_many_rows_as_expected() {
    let config = config("cadence_s = 600\nprocess1.row_count = {}");
    let hour = series(&(0..6).map(|at| at * 600).collect::<Vec<_>>(), &[1.0; 6]);
    let time = |second| Timestamp::from_second(second).expect("a time");
    let window = Some((time(0), time(3599)));
    let input = Input { context: None, window, now: time(3600) };
    let found = evaluated(Process::One, &hour, &input, &config);
    assert_eq!(flags_of(&found, "row_count"), "1");
}

#[test]
fn a_text_that_is_no_number_is_a_missing_value_to_completeness_too() {
    let config = config("process1.completeness = { value = { fail = 0.9 } }");
    let columns: [(&str, ArrayRef); 2] = [
        ("time", Arc::new(Int64Array::from(vec![0, 600, 1200, 1800]))),
        ("value", Arc::new(StringArray::from(vec![Some("1.5"), Some("n/a"), Some("NaN"), None]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let series = Series::from_batch(&batch, &Columns::default()).expect("a series");
    let found = run(Process::One, &series, &config);
    let test = &found.result.tests[0];
    let told = test.message.as_deref().expect("it says what");
    assert_eq!(
        (test.flag, told),
        (Some(Flag::Fail), "1 of 4 rows have a value in `value`: 0.2500")
    );
}

#[test]
fn what_looks_at_the_series_as_one_begins_with_the_data() {
    let config = config(
        "process3 = { attenuated_signal = { suspect = 0.5, fail = 0.06 }, increasing = true }",
    );
    let before = series(&[0, 60, 120, 180], &[1.0, 9.0, 1.0, 9.0]);
    let dead = series(&[240, 300, 360, 420], &[3.0; 4]);
    let now = Timestamp::from_second(500).expect("a time");
    let input = Input { context: Some(&before), window: None, now };
    let found = evaluated(Process::Three, &dead, &input, &config);
    assert_eq!(flags_of(&found, "attenuated_signal"), "4 4 4 4");
    let next_cast = series(&[240, 300, 360], &[1.0, 2.0, 3.0]);
    let found = evaluated(Process::Three, &next_cast, &input, &config);
    assert_eq!(flags_of(&found, "increasing"), "2 1 1");
}

#[test]
fn numbers_are_allowed_however_a_column_writes_them() {
    let config = config("process2.validity = { status = { values = [0, 1, \"ok\"] } }");
    let columns: [(&str, ArrayRef); 3] = [
        ("time", Arc::new(Int64Array::from(vec![0, 1, 2, 3]))),
        ("value", Arc::new(Float64Array::from(vec![1.0; 4]))),
        ("status", Arc::new(Float64Array::from(vec![Some(0.0), Some(1.0), Some(2.0), None]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let series =
        Series::from_batch(&batch.expect("a batch"), &Columns::default()).expect("a series");
    let found = run(Process::Two, &series, &config);
    assert_eq!(flags_of(&found, "validity:status"), "1 1 4 9");
}

#[test]
fn times_at_the_ends_of_what_can_be_counted_do_not_overflow() {
    let config = config(
        "process3 = { flat_line = { suspect_s = 60, fail_s = 120, tolerance = 1 }, \
         attenuated_signal = { suspect = 2, fail = 1, period_s = 60 }, gap_h = 1 }",
    );
    let far = Series::new(vec![NAT + 1, -1, 0, i64::MAX - 1], vec![1.0; 4]);
    let found = run(Process::Three, &far, &config);
    assert_eq!(flags_of(&found, "gap"), "2 4 1 4");
}
