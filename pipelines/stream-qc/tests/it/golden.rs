//! Worked examples of each check, in both modes: the library's flags, and where they differ what was meant.

use stepwell_stream_qc::checks::Mode::{self, IoosQc3_0, Strict};
use stepwell_stream_qc::checks::attenuated_signal::{AttenuatedSignal, Minimum, Rolling, Spread};
use stepwell_stream_qc::checks::climatology::{Climatology, Member, Period, When};
use stepwell_stream_qc::checks::flat_line::FlatLine;
use stepwell_stream_qc::checks::gross_range::GrossRange;
use stepwell_stream_qc::checks::impossible_date::ImpossibleDate;
use stepwell_stream_qc::checks::location::Location;
use stepwell_stream_qc::checks::percentile_range::PercentileRange;
use stepwell_stream_qc::checks::rate_of_change::RateOfChange;
use stepwell_stream_qc::checks::reception::Reception;
use stepwell_stream_qc::checks::speed::Speed;
use stepwell_stream_qc::checks::spike::{Method, Spike};
use stepwell_stream_qc::checks::time_gap::TimeGap;
use stepwell_stream_qc::checks::valid_range::ValidRange;
use stepwell_stream_qc::checks::{CheckError, Span, duplicate_stamp, increasing, order};
use stepwell_stream_qc::facts::Facts;
use stepwell_stream_qc::flag::Flag;
use stepwell_stream_qc::series::{NAT, parse_time};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// The flags as one writes them: `1 3 4`.
fn text(flags: impl IntoIterator<Item = Flag>) -> String {
    flags.into_iter().map(|flag| flag.value().to_string()).collect::<Vec<_>>().join(" ")
}

fn told(flags: Result<Vec<Flag>, CheckError>) -> String {
    match flags {
        Ok(flags) => text(flags),
        Err(CheckError::Raises { exception, .. }) => exception.to_owned(),
        Err(other) => other.to_string(),
    }
}

fn every(step: i64, count: usize) -> Vec<i64> {
    (1..=count as i64).map(|at| at * step).collect()
}

fn facts(times: &[i64]) -> Facts {
    Facts::of(times, None)
}

/// Holds both modes against what is expected.
fn both(flags: impl Fn(Mode) -> Result<Vec<Flag>, CheckError>, ioos: &str, strict: &str) {
    assert_eq!(told(flags(IoosQc3_0)), ioos, "in ioos_qc_3_0");
    assert_eq!(told(flags(Strict)), strict, "in strict");
}

#[test]
fn gross_range() {
    let check = GrossRange { fail: Span::new(5.0, 0.0), suspect: Some(Span::new(1.0, 4.0)) };
    let holds =
        |values: &[f64], expected| both(|mode| check.flags(mode, values), expected, expected);
    holds(&[-1.0, 0.0, 1.0, 4.0, 5.0, 6.0], "4 3 1 1 3 4");
    holds(&[1.0, NAN, INF, -INF, NAN, 2.0], "1 9 4 4 9 1");
    holds(&[], "");
    let outside = GrossRange { fail: Span::new(0.0, 5.0), suspect: Some(Span::new(-1.0, 4.0)) };
    both(|mode| outside.flags(mode, &[1.0]), "ValueError", "1");
}

#[test]
fn valid_range() {
    let range =
        |min, max, max_inclusive| ValidRange { min, max, min_inclusive: true, max_inclusive };
    let holds = |check: ValidRange, values: &[f64], expected| {
        both(|mode| Ok(check.flags(mode, values)), expected, expected);
    };
    holds(range(Some(0.0), Some(5.0), false), &[0.0, 1.0, 5.0, 5.1, NAN], "1 1 4 4 9");
    holds(range(Some(0.0), Some(5.0), true), &[0.0, 1.0, 5.0, 5.1, NAN], "1 1 1 4 9");
    holds(range(None, Some(5.0), false), &[-9.0, 1.0, 5.0, NAN], "1 1 4 9");
}

#[test]
fn percentile_range() {
    let holds = |[low, high, pad]: [f64; 3], values: &[f64], ioos, strict| {
        let check = PercentileRange { low, high, pad };
        both(|mode| check.flags(mode, values), ioos, strict);
    };
    let same = "1 3 1 1 1 3";
    holds([5.0, 95.0, 0.0], &[4.1, 4.0, 4.3, 4.5, 6.1, 6.2], same, same);
    let rising = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 100.0, NAN];
    let same = "1 1 1 1 1 1 1 1 1 3 9";
    holds([10.0, 90.0, 1.0], &rising, same, same);
    holds([5.0, 95.0, 0.0], &[NAN, NAN], "IndexError", "9 9");
    holds([5.0, 95.0, 0.0], &[], "IndexError", "");
}

fn month(from: f64, to: f64) -> Member {
    let when = When::Period(Period::Month, from, to);
    Member { when, suspect: Span::new(10.0, 20.0), fail: None, depths: None }
}

fn times(texts: &[&str]) -> Vec<i64> {
    texts.iter().map(|text| parse_time(text).unwrap_or(NAT)).collect()
}

#[test]
fn climatology() {
    let check = |members: Vec<Member>| Climatology { members };
    let spring = times(&["2026-03-01"; 3]);
    let values = [15.0, NAN, 25.0];
    let monthly = check(vec![month(1.0, 12.0)]);
    both(|mode| monthly.flags(mode, &facts(&spring), &spring, &values, None), "1 1 3", "1 9 3");
    let year = When::Dates(times(&["2026-01-01"])[0], times(&["2026-12-31"])[0]);
    let dated = check(vec![Member { when: year, ..month(1.0, 12.0) }]);
    both(|mode| dated.flags(mode, &facts(&spring), &spring, &values, None), "1 9 3", "1 9 3");
    let deep = check(vec![Member { depths: Some(Span::new(0.0, 10.0)), ..month(1.0, 12.0) }]);
    let depths = [5.0, NAN, 50.0];
    let of_deep = Facts::of(&spring, Some(&depths));
    both(|mode| deep.flags(mode, &of_deep, &spring, &[15.0; 3], Some(&depths)), "1 1 2", "1 2 2");
    let days = check(vec![Member {
        when: When::Period(Period::DayOfYear, 350.0, 20.0),
        ..month(0.0, 0.0)
    }]);
    let around = times(&["2026-01-05", "2026-07-01", "2026-12-25"]);
    both(|mode| days.flags(mode, &facts(&around), &around, &[15.0; 3], None), "2 1 2", "1 2 1");
    let january = Member { suspect: Span::new(0.0, 100.0), ..month(1.0, 1.0) };
    let later = check(vec![month(1.0, 12.0), january]);
    let winter = times(&["2026-01-05", "2026-02-05"]);
    both(|mode| later.flags(mode, &facts(&winter), &winter, &[50.0; 2], None), "1 3", "1 3");
}

#[test]
fn spike() {
    let holds = |method, values: &[f64], ioos: &str, strict: &str| {
        let check = Spike { method, suspect: Some(3.0), fail: Some(8.0), bridge: false };
        both(|mode| check.flags(mode, values), ioos, strict);
    };
    let same = |values: &[f64], average, differential| {
        holds(Method::Average, values, average, average);
        holds(Method::Differential, values, differential, differential);
    };
    same(&[10.0, 10.0, 20.0, 10.0, 10.0], "2 3 4 3 2", "2 1 4 1 2");
    same(&[10.0, 10.0, 20.0, 20.0, 20.0], "2 3 3 1 2", "2 1 1 1 2");
    same(&[10.0, NAN, 10.0, 25.0, 10.0, 10.0], "2 9 2 4 3 2", "2 9 2 4 1 2");
    same(&[0.0, 3.0, 0.0, 8.0, 0.0, 0.0], "2 1 3 3 3 2", "2 1 1 3 1 2");
    same(&[10.0, 10.0, 20.0, 20.0, 10.0, 10.0], "2 3 3 3 3 2", "2 1 1 1 1 2");
    same(&[NAN, 1.0, 1.0, NAN], "9 2 2 9", "9 2 2 9");
    same(&[1.0], "2", "2");
    same(&[1.0, 1.0], "2 2", "2 2");
    holds(Method::Average, &[], "IndexError", "");
    holds(Method::Average, &[1.0, INF, 1.0], "2 9 2", "2 2 2");
}

#[test]
fn spike_with_other_thresholds() {
    let long = [
        3.0, 4.99, 5.0, 6.0, 8.0, 6.0, 6.0, 6.75, 6.0, 6.0, 5.3, 6.0, 6.0, 9.0, 5.0, NAN, 4.0, 4.0,
    ];
    let flags = "2 3 1 1 4 3 1 3 1 1 3 1 4 4 2 9 2 2";
    let check =
        Spike { method: Method::Average, suspect: Some(0.5), fail: Some(1.0), bridge: false };
    both(|mode| check.flags(mode, &long), flags, flags);
    let zero =
        Spike { method: Method::Average, suspect: Some(0.0), fail: Some(8.0), bridge: false };
    both(|mode| zero.flags(mode, &[0.0, 0.0, 5.0, 0.0, 0.0]), "2 1 1 1 2", "2 3 3 3 2");
    let ramp =
        Spike { method: Method::Differential, suspect: Some(0.1), fail: Some(0.2), bridge: false };
    both(|mode| ramp.flags(mode, &[1.0, 2.0, 3.0, 4.0, 5.0]), "2 1 1 1 2", "2 1 1 1 2");
    let bridge = Spike { bridge: true, ..check };
    assert_eq!(told(bridge.flags(Strict, &[1.0, 9.0, NAN, 1.0])), "2 4 9 2");
}

#[test]
fn rate_of_change() {
    let holds = |[suspect, fail]: [Option<f64>; 2],
                 times: &[i64],
                 values: &[f64],
                 ioos: &str,
                 strict: &str| {
        let check = RateOfChange { suspect, fail, bridge: false };
        both(|mode| Ok(check.flags(mode, times, values)), ioos, strict);
    };
    let minutes = |count| every(60 * SECOND, count);
    let values = [2.0, 10.0, 2.1, 3.0, 4.0, 5.0, 7.0, 10.0, 0.0, 2.0, 2.2, 2.0];
    let of_one = [Some(1.0), None];
    holds(
        [Some(5.0 / 60.0), None],
        &minutes(12),
        &values,
        "1 3 3 1 1 1 1 1 3 1 1 1",
        "2 3 3 1 1 1 1 1 3 1 1 1",
    );
    holds(
        [Some(0.9), Some(3.0)],
        &minutes(5),
        &[0.0, 60.0, 60.0, 300.0, 300.0],
        "1 3 1 4 1",
        "2 3 1 4 1",
    );
    holds(of_one, &minutes(3), &[0.0, 60.0, 120.0], "1 1 1", "2 1 1");
    holds(of_one, &minutes(4), &[0.0, NAN, 600.0, 600.0], "1 9 1 1", "2 9 2 1");
    let doubled = [60, 120, 120, 180].map(|second| second * SECOND);
    holds(of_one, &doubled, &[0.0, 1.0, 5.0, 6.0], "1 1 3 1", "2 1 2 1");
    holds(of_one, &doubled, &[0.0, 1.0, 1.0, 6.0], "1 1 1 1", "2 1 2 1");
    holds([Some(11.0), None], &[0, SECOND / 2, SECOND], &[0.0, 5.0, 10.0], "1 1 1", "2 1 1");
    holds([Some(1.0), None], &[0, 1_900_000_000], &[0.0, 1.5], "1 3", "2 1");
    let bridge = RateOfChange { suspect: Some(1.0), fail: None, bridge: true };
    assert_eq!(text(bridge.flags(Strict, &minutes(3), &[0.0, NAN, 600.0])), "2 9 3");
}

fn flat(suspect_s: f64, fail_s: f64, tolerance: f64) -> FlatLine {
    FlatLine { suspect_s, fail_s, tolerance, gap_factor: 3.0, marks_run: false, cadence_s: None }
}

#[test]
fn flat_line() {
    let holds = |check: FlatLine, step: i64, values: &[f64], ioos: &str, strict: &str| {
        let times = every(step * SECOND, values.len());
        both(|mode| check.flags(mode, &facts(&times), &times, values), ioos, strict);
    };
    let long =
        [1.0, 2.0, 2.0001, 2.0, 2.0001, 2.0, 2.0001, 2.0, 4.0, 5.0, 3.0, 3.0001, 3.0005, 3.00001];
    let usual = flat(180.0, 300.0, 0.01);
    holds(usual.clone(), 60, &long, "1 1 1 1 3 3 4 4 1 1 1 1 1 3", "2 1 1 1 3 3 4 4 1 1 1 1 1 3");
    holds(usual.clone(), 60, &[5.0; 8], "1 1 1 3 3 4 4 4", "2 2 2 3 3 4 4 4");
    holds(flat(180.0, 300.0, 0.0), 60, &[5.0; 8], "1 1 1 1 1 1 1 1", "2 2 2 3 3 4 4 4");
    let hole = [5.0, 5.0, 5.0, NAN, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0];
    holds(usual.clone(), 60, &hole, "1 1 1 9 3 4 4 4 4 4", "2 2 2 9 3 4 4 4 4 4");
    let equal = [5.0, 5.5, 5.0, 5.5, 5.0, 5.5];
    holds(flat(120.0, 300.0, 0.5), 60, &equal, "1 1 1 1 1 1", "2 2 3 3 3 4");
    let settled = [10.0, 10.4, 10.2, 10.2, 10.2, 10.2, 10.2, 10.2, 10.9];
    holds(flat(1800.0, 3000.0, 0.05), 600, &settled, "1 1 1 1 1 3 3 4 1", "2 1 1 1 1 3 3 4 1");
    holds(flat(30.0, 45.0, 0.01), 60, &[1.0, 2.0, 3.0, 4.0], "4 4 4 4", "2 2 2 2");
    holds(flat(100.0, 200.0, 0.01), 60, &[5.0, 5.0, 5.0, 6.0], "1 3 3 1", "2 2 2 1");
    holds(usual, 60, &[5.0, NAN], "1 1", "2 9");
}

#[test]
fn a_hole_ends_a_flat_run_and_a_whole_run_can_be_marked() {
    let times = [1, 2, 3, 4, 64, 65, 66, 67].map(|minute| minute * 60 * SECOND);
    let check = flat(180.0, 300.0, 0.01);
    both(
        |mode| check.flags(mode, &facts(&times), &times, &[5.0; 8]),
        "1 1 1 3 3 4 4 4",
        "2 2 2 3 2 2 2 3",
    );
    let marking = FlatLine { marks_run: true, ..check.clone() };
    assert_eq!(told(marking.flags(Strict, &facts(&times), &times, &[5.0; 8])), "3 3 3 3 3 3 3 3");
    both(|mode| check.flags(mode, &facts(&[0; 4]), &[0; 4], &[5.0; 4]), "ValueError", "2 2 2 2");
}

#[test]
fn attenuated_signal() {
    let holds = |check: &AttenuatedSignal, step: i64, values: &[f64], ioos: &str, strict: &str| {
        let times = every(step * SECOND, values.len());
        let flags =
            |mode| check.flags(mode, &facts(&times), &mut Rolling::default(), &times, values);
        both(flags, ioos, strict);
    };
    let whole = AttenuatedSignal {
        suspect: 0.5,
        fail: 0.01,
        period_s: None,
        minimum: None,
        spread: Spread::Deviation,
    };
    let still = [1.0, 1.1, 0.9, 1.0, 1.05];
    holds(&whole, 60, &still, "3 3 3 3 3", "3 3 3 3 3");
    let range = AttenuatedSignal { fail: 0.3, spread: Spread::Range, ..whole.clone() };
    holds(&range, 60, &still, "4 4 4 4 4", "4 4 4 4 4");
    let rolling = AttenuatedSignal { fail: 0.1, period_s: Some(180.0), ..whole.clone() };
    let calming = [1.0, 5.0, 1.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    holds(&rolling, 60, &calming, "4 1 1 1 1 1 4 4 4", "2 2 1 1 1 1 4 4 4");
    let of_three = AttenuatedSignal { minimum: Some(Minimum::Observations(3)), ..rolling.clone() };
    holds(&of_three, 60, &calming, "2 2 1 1 1 1 4 4 4", "2 2 1 1 1 1 4 4 4");
    let slow = AttenuatedSignal {
        fail: 0.06,
        period_s: Some(2400.0),
        minimum: Some(Minimum::Observations(4)),
        ..whole.clone()
    };
    let ending = [10.0, 12.0, 10.0, 12.0, 10.1, 10.2, 10.1, 10.2, 10.1];
    holds(&slow, 600, &ending, "2 2 2 1 1 1 1 4 4", "2 2 2 1 1 1 1 4 4");
    let failing = AttenuatedSignal { fail: 0.1, ..whole };
    holds(&failing, 60, &[1.0, NAN, 1.0, 1.0], "4 9 4 4", "4 9 4 4");
    holds(&failing, 60, &[], "", "");
    let rolling_range = AttenuatedSignal { spread: Spread::Range, ..rolling };
    holds(&rolling_range, 60, &[1.0, NAN, 1.0, 1.0], "4 9 2 2", "2 9 2 2");
}

#[test]
fn gaps() {
    let holds = |hours: &[i64], ioos: &str, strict: &str| {
        let times: Vec<_> = hours.iter().map(|hour| hour * HOUR).collect();
        both(|mode| TimeGap { fail_h: 2.0 }.flags(mode, &facts(&times), &times), ioos, strict);
    };
    holds(&[0, 1, 4, 5, 7], "1 1 4 1 1", "2 1 4 1 1");
    holds(&[0, 5, 6], "4 4 1", "2 4 1");
    holds(&[9, 0, 1], "1 1 1", "2 2 1");
    holds(&[0], "IndexError", "2");
    holds(&[], "IndexError", "");
    let exact = [0, 2 * HOUR, 4 * HOUR + SECOND];
    both(|mode| TimeGap { fail_h: 2.0 }.flags(mode, &facts(&exact), &exact), "1 1 4", "2 1 4");
}

#[test]
fn other_checks_of_times() {
    let hours: Vec<_> = [0, 5, 6, 13].iter().map(|hour| hour * HOUR).chain([NAT]).collect();
    for mode in [IoosQc3_0, Strict] {
        assert_eq!(text(Reception { fail_h: 6.0 }.flags(mode, &hours, 12 * HOUR)), "4 4 1 1 9");
        assert_eq!(text(Reception { fail_h: 6.0 }.flags(mode, &hours, 12 * HOUR + 1)), "4 4 4 1 9");
    }
    // numpy counts an age of more than 292 years from the other end.
    let old = times(&["1700-01-01", "1733-12-31", "1735-01-01"]);
    let flags = |mode| {
        Ok(Reception { fail_h: 6.0 }.flags(mode, &old, parse_time("2026-04-13").expect("a time")))
    };
    both(flags, "1 1 4", "4 4 4");
    let dates = times(&["1999-06-01", "2026-01-01", "2199-01-01", ""]);
    let check = ImpossibleDate {
        earliest: parse_time("2000-01-01"),
        latest: parse_time("2100-01-01"),
        future_tolerance: 0,
    };
    let now = parse_time("2026-06-01").expect("a time");
    assert_eq!(text(check.flags(&dates, now)), "4 1 4 9");
    assert_eq!(text(duplicate_stamp::flags(&[1, 2, 1, 3, NAT, NAT])), "3 1 3 1 9 9");
    assert_eq!(text(duplicate_stamp::flags(&[1, 2, 2, 3])), "1 3 3 1");
    assert_eq!(text(order::flags(NAT, &[1, 3, 2, 3, NAT, 4])), "1 1 4 1 9 1");
}

#[test]
fn increasing_values() {
    let values = [0.0, 2.0, 2.1, 2.11, 4.0, 5.0, 4.0, 6.0];
    both(|mode| Ok(increasing::flags(mode, &values)), "1 1 1 1 1 1 3 1", "2 1 1 1 1 1 3 1");
}

#[test]
fn places() {
    let (lon, lat) = ([0.0, 181.0, NAN, 10.0, NAN], [0.0, 0.0, 5.0, 91.0, NAN]);
    both(
        |mode| Ok(Location::default().flags(mode, &facts(&[0; 5]), &lon, &lat)),
        "1 4 4 4 9",
        "1 4 4 4 9",
    );
    let near = Location { range_max_m: Some(1000.0), ..Location::default() };
    let lon = [0.0, 0.001, 1.0, 1.0];
    both(|mode| Ok(near.flags(mode, &facts(&[0; 4]), &lon, &[0.0; 4])), "1 1 3 1", "1 1 3 1");
    let check = Speed { suspect: 1.0, fail: 25.0 };
    let lon = [0.0, 0.01, 1.0, 1.0];
    both(|mode| Ok(check.flags(mode, &every(HOUR, 4), &lon, &[0.0; 4])), "2 1 4 1", "2 1 4 1");
}
