//! For each check, random calls of the library and of ours.

use arrow::array::StringArray;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_stream_qc::checks::attenuated_signal::{AttenuatedSignal, Minimum, Rolling, Spread};
use stepwell_stream_qc::checks::climatology::{Climatology, Member, Period, When};
use stepwell_stream_qc::checks::density_inversion::DensityInversion;
use stepwell_stream_qc::checks::distance::Method as Distance;
use stepwell_stream_qc::checks::flat_line::FlatLine;
use stepwell_stream_qc::checks::gross_range::GrossRange;
use stepwell_stream_qc::checks::impossible_date::ImpossibleDate;
use stepwell_stream_qc::checks::location::Location;
use stepwell_stream_qc::checks::location_bounds::LocationBounds;
use stepwell_stream_qc::checks::percentile_range::PercentileRange;
use stepwell_stream_qc::checks::rate_of_change::RateOfChange;
use stepwell_stream_qc::checks::reception::Reception;
use stepwell_stream_qc::checks::speed::Speed;
use stepwell_stream_qc::checks::spike::{Method, Spike};
use stepwell_stream_qc::checks::syntax::{Syntax, Unit};
use stepwell_stream_qc::checks::time_gap::TimeGap;
use stepwell_stream_qc::checks::valid_range::ValidRange;
use stepwell_stream_qc::checks::{Mode, Span, duplicate_stamp, increasing};
use stepwell_stream_qc::facts::Facts;
use stepwell_stream_qc::flag::{Flag, RollUp, roll_up};
use stepwell_stream_qc::series::parse_time;

use super::Case;
use super::random::{Random, instants, numbers};

const MODE: Mode = Mode::IoosQc3_0;

/// Makes a case.
type Make = fn(&mut Random) -> Case;

/// The checks by name, and what makes a case of each.
pub(crate) const ALL: [(&str, Make); 20] = [
    ("gross_range", gross_range),
    ("valid_range", valid_range),
    ("percentile_range", percentile_range),
    ("climatology", climatology),
    ("spike", spike),
    ("rate_of_change", rate_of_change),
    ("flat_line", flat_line),
    ("attenuated_signal", attenuated_signal),
    ("attenuated_signal of long windows", attenuated_signal_of_long_windows),
    ("density_inversion", density_inversion),
    ("gap", gap),
    ("reception", reception),
    ("impossible_date", impossible_date),
    ("duplicate_stamp", duplicate),
    ("increasing", pressure),
    ("syntax", syntax),
    ("location", location),
    ("location_bounds", location_bounds),
    ("speed", speed),
    ("roll-up", aggregate),
];

fn aggregate(random: &mut Random) -> Case {
    let length = random.length();
    let tests: Vec<Vec<Flag>> = (0..=random.below(5))
        .map(|_| (0..length).map(|_| random.pick(&Flag::ALL)).collect())
        .collect();
    let vectors: Vec<_> = tests
        .iter()
        .map(|test| json!({ "u8": test.iter().map(|flag| flag.value()).collect::<Vec<_>>() }))
        .collect();
    let ours = roll_up(RollUp::Qartod, length, tests.iter().map(|test| &test[..]));
    Case { function: "qartod.qartod_compare", args: json!({ "vectors": vectors }), ours: Ok(ours) }
}

fn tuple(pair: [f64; 2]) -> Value {
    json!({ "tuple": pair })
}

fn span([one, other]: [f64; 2]) -> Span {
    Span::new(one, other)
}

fn gross_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let (fail, suspect) = (random.span(), random.maybe(Random::span));
    let check = GrossRange { fail: span(fail), suspect: suspect.map(span) };
    Case {
        function: "qartod.gross_range_test",
        args: json!({ "inp": numbers(&values), "fail_span": tuple(fail), "suspect_span": suspect.map(tuple) }),
        ours: check.flags(MODE, &values),
    }
}

fn valid_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let [low, high] = random.span();
    let (min, max) = (random.maybe(|_| low), random.maybe(|_| high));
    let check = ValidRange {
        min,
        max,
        min_inclusive: random.chance(0.5),
        max_inclusive: random.chance(0.5),
    };
    Case {
        function: "axds.valid_range_test",
        args: json!({
            "inp": numbers(&values),
            "valid_span": { "tuple": [min, max] },
            "start_inclusive": check.min_inclusive,
            "end_inclusive": check.max_inclusive,
        }),
        ours: Ok(check.flags(MODE, &values)),
    }
}

fn percentile_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let percents = [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.9, 100.0];
    let check = PercentileRange {
        low: if random.chance(0.5) { random.pick(&percents) } else { random.float(0.0, 50.0) },
        high: if random.chance(0.5) { random.pick(&percents) } else { random.float(50.0, 100.0) },
        pad: random.limit(),
    };
    Case {
        function: "qartod.percentile_range_test",
        args: json!({
            "inp": numbers(&values),
            "low_percentile": check.low,
            "hi_percentile": check.high,
            "pad": check.pad,
        }),
        ours: check.flags(MODE, &values),
    }
}

fn climatology(random: &mut Random) -> Case {
    let length = random.length();
    let (values, times) = (random.values(length), random.times(length));
    let depths = random.maybe(|random| {
        let missing = random.pick(&[0.0, 0.0, 0.2, 1.0]);
        let depth = |random: &mut Random| {
            if random.chance(missing) {
                random.pick(&[f64::NAN, f64::NAN, f64::INFINITY])
            } else {
                random.pick(&[0.0, 3.0, 5.0, 10.0, 50.0])
            }
        };
        (0..length).map(|_| depth(random)).collect::<Vec<_>>()
    });
    let (config, members): (Vec<_>, Vec<_>) = (0..=random.below(4)).map(|_| member(random)).unzip();
    let missing_depths = vec![f64::NAN; length];
    Case {
        function: "qartod.climatology_test",
        args: json!({
            "config": config,
            "inp": numbers(&values),
            "tinp": instants(&times),
            "zinp": numbers(depths.as_ref().unwrap_or(&missing_depths)),
        }),
        ours: Climatology { members }.flags(
            MODE,
            &Facts::of(&times, depths.as_deref()),
            &times,
            &values,
            depths.as_deref(),
        ),
    }
}

fn member(random: &mut Random) -> (Value, Member) {
    let (suspect, fail) = (random.span(), random.maybe(Random::span));
    let depths =
        random.maybe(|random| random.pick(&[[0.0, 10.0], [10.0, 0.0], [4.0, 60.0], [5.0, 5.0]]));
    let (name, period) = random.pick(&Period::NAMES);
    let mut config = json!({
        "vspan": tuple(suspect),
        "fspan": fail.map(tuple),
        "zspan": depths.map(tuple),
    });
    let when = if random.chance(0.6) {
        let end = match period {
            Period::Year => 1970 + random.below(60),
            Period::DayOfYear => random.below(367),
            _ => random.below(60),
        };
        let width = random.below(if period == Period::DayOfYear { 200 } else { 12 });
        let mut ends = [end as f64, (end + width) as f64];
        if random.chance(0.2) {
            ends.reverse();
        }
        config["period"] = json!(name);
        config["tspan"] = tuple(ends);
        When::Period(period, ends[0], ends[1])
    } else {
        let dates = [
            "2026-03-01",
            "2026-04-15T12:00:00",
            "2026-09-01",
            "2027-01-01",
            "2027-06-30T23:59:59.5",
        ];
        let (from, to) = (random.pick(&dates), random.pick(&dates));
        config["tspan"] = json!({ "tuple": [from, to] });
        let time = |text| parse_time(text).expect("a time");
        When::Dates(time(from), time(to))
    };
    (
        config,
        Member { when, suspect: span(suspect), fail: fail.map(span), depths: depths.map(span) },
    )
}

fn spike(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let (method, name) =
        random.pick(&[(Method::Average, "average"), (Method::Differential, "differential")]);
    let check = Spike {
        method,
        suspect: random.maybe(Random::limit),
        fail: random.maybe(Random::limit),
        bridge: false,
    };
    Case {
        function: "qartod.spike_test",
        args: json!({
            "inp": numbers(&values),
            "suspect_threshold": check.suspect,
            "fail_threshold": check.fail,
            "method": name,
        }),
        ours: check.flags(MODE, &values),
    }
}

fn rate_of_change(random: &mut Random) -> Case {
    let length = random.length();
    let (values, times) = (random.values(length), random.times(length));
    let scale = random.pick(&[1.0, 1.0 / 60.0, 1e-3]);
    let suspect = random.limit() * scale;
    let fail = random.maybe(|random| random.limit() * scale);
    let check = RateOfChange { suspect: Some(suspect), fail, bridge: false };
    Case {
        function: "qartod.rate_of_change_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(&times),
            "threshold": suspect,
            "fail_threshold": fail,
        }),
        ours: Ok(check.flags(MODE, &times, &values)),
    }
}

fn flat_line(random: &mut Random) -> Case {
    let length = random.length();
    let (values, times) = (random.values(length), random.times(length));
    let seconds = |random: &mut Random| match random.below(4) {
        0 => random.pick(&[0.0, 1.0, 30.0, 59.9]),
        1 => random.pick(&[60.0, 120.0, 180.0, 300.0]),
        2 => random.float(0.0, 40_000.0),
        _ => random.below(20_000) as f64,
    };
    let check = FlatLine {
        suspect_s: seconds(random),
        fail_s: seconds(random),
        tolerance: random.limit(),
        gap_factor: 3.0,
        marks_run: false,
        cadence_s: None,
    };
    Case {
        function: "qartod.flat_line_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(&times),
            "suspect_threshold": check.suspect_s,
            "fail_threshold": check.fail_s,
            "tolerance": check.tolerance,
        }),
        ours: check.flags(MODE, &Facts::of(&times, None), &times, &values),
    }
}

fn attenuated_signal(random: &mut Random) -> Case {
    let length = random.length();
    let times = if random.chance(0.8) { random.rising_times(length) } else { random.times(length) };
    attenuated(random, &times)
}

/// Long series of windows: what is added and removed leaves its rounding errors.
fn attenuated_signal_of_long_windows(random: &mut Random) -> Case {
    let length = 100 + random.below(400);
    let mut times = random.rising_times(length);
    if random.chance(0.1) {
        times.reverse();
    }
    attenuated(random, &times)
}

fn attenuated(random: &mut Random, times: &[i64]) -> Case {
    let values = random.values(times.len());
    let (spread, name) = random.pick(&[(Spread::Deviation, "std"), (Spread::Range, "range")]);
    let minimum = match random.below(3) {
        0 => None,
        1 => Some(Minimum::Observations(random.below(6) as u64)),
        _ => Some(Minimum::Seconds(random.pick(&[1.0, 60.0, 600.0, 3600.0, 90.5]))),
    };
    let check = AttenuatedSignal {
        suspect: random.limit(),
        fail: random.limit(),
        period_s: random.pick(&[
            None,
            Some(1.0),
            Some(180.0),
            Some(600.0),
            Some(7200.0),
            Some(90_000.0),
        ]),
        minimum,
        spread,
    };
    let (min_obs, min_period) = match minimum {
        None => (None, None),
        Some(Minimum::Observations(count)) => (Some(count), None),
        Some(Minimum::Seconds(seconds)) => (None, Some(seconds)),
    };
    Case {
        function: "qartod.attenuated_signal_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(times),
            "suspect_threshold": check.suspect,
            "fail_threshold": check.fail,
            "test_period": check.period_s.map(|period| period as u64),
            "min_obs": min_obs,
            "min_period": min_period,
            "check_type": name,
        }),
        ours: check.flags(MODE, &Facts::of(times, None), &mut Rolling::default(), times, &values),
    }
}

fn density_inversion(random: &mut Random) -> Case {
    let length = random.length();
    let (values, depths) = (random.values(length), random.values(length));
    let limit = |random: &mut Random| -random.limit();
    let check = DensityInversion { suspect: random.maybe(limit), fail: random.maybe(limit) };
    Case {
        function: "qartod.density_inversion_test",
        args: json!({
            "inp": numbers(&values),
            "zinp": numbers(&depths),
            "suspect_threshold": check.suspect,
            "fail_threshold": check.fail,
        }),
        ours: Ok(check.flags(MODE, &values, &depths)),
    }
}

fn hours(random: &mut Random) -> f64 {
    match random.below(3) {
        0 => random.pick(&[0.0, 0.25, 1.0, 2.0, 2.5]),
        1 => random.float(0.0, 3.0),
        _ => random.float(0.0, 0.01),
    }
}

fn gap(random: &mut Random) -> Case {
    let length = random.length();
    let times = random.times(length);
    let fail_h = hours(random);
    Case {
        function: "qartod.time_gap_test",
        args: json!({ "tinp": instants(&times), "fail_span": fail_h }),
        ours: TimeGap { fail_h }.flags(MODE, &Facts::of(&times, None), &times),
    }
}

fn reception(random: &mut Random) -> Case {
    let length = random.length();
    let times = random.times(length);
    let fail_h = hours(random);
    let near = if times.is_empty() { 0 } else { times[random.below(times.len())].max(0) };
    let text =
        instant_text(near.saturating_add(random.pick(&[0, 1_000_000_000, 3_600_000_000_000, -60])));
    let now = parse_time(&text).expect("a time");
    Case {
        function: "qartod.data_reception_test",
        args: json!({ "tinp": instants(&times), "fail_span": fail_h, "from_time": text }),
        ours: Ok(Reception { fail_h }.flags(MODE, &times, now)),
    }
}

/// A time as numpy reads it: without a zone.
fn instant_text(time: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time)).expect("it is in range");
    time.to_string().trim_end_matches('Z').to_owned()
}

fn impossible_date(random: &mut Random) -> Case {
    let length = random.length();
    let mut times = random.times(length);
    for time in &mut times {
        if random.chance(0.1) {
            // Far from now, which the library asks the clock for.
            *time = parse_time(random.pick(&[
                "1999-12-31T23:59:59",
                "2000-01-01",
                "2199-01-01",
                "1900-01-01",
            ]))
            .expect("a time");
        }
    }
    let dates = ["1900-01-01", "2000-01-01", "2010-01-01", "2100-01-01", "2200-01-01"];
    let span = random.maybe(|random| [random.pick(&dates), random.pick(&dates)]);
    // Series of this year lie around now: move them into the past.
    let year = 2 * 366 * 86_400 * 1_000_000_000;
    let recent =
        parse_time("2026-01-01").expect("a time")..parse_time("2100-01-01").expect("a time");
    times.iter_mut().filter(|time| recent.contains(time)).for_each(|time| *time -= year);
    let time = |text: &str| parse_time(text).expect("a time");
    let check = ImpossibleDate {
        earliest: span.map(|[from, _]| time(from)),
        latest: span.map(|[_, to]| time(to)),
        future_tolerance: 0,
    };
    let now = i64::try_from(Timestamp::now().as_nanosecond()).expect("it is in range");
    Case {
        function: "qartod.impossible_date_test",
        args: json!({ "tinp": instants(&times), "fail_span": span.map(|ends| json!({ "tuple": ends })) }),
        ours: Ok(check.flags(&times, now)),
    }
}

fn duplicate(random: &mut Random) -> Case {
    let length = random.length();
    let times = random.times(length);
    Case {
        function: "argo.duplicate_timestamp_test",
        args: json!({ "tinp": instants(&times) }),
        ours: Ok(duplicate_stamp::flags(&times)),
    }
}

fn pressure(random: &mut Random) -> Case {
    let length = random.length();
    let mut values = random.values(length);
    if random.chance(0.5) {
        let is_down = random.chance(0.5);
        values = (0..length).map(|at| at as f64 + random.float(-1.0, 1.0)).collect();
        if is_down {
            values.reverse();
        }
    }
    Case {
        function: "argo.pressure_increasing_test",
        args: json!({ "inp": numbers(&values) }),
        ours: Ok(increasing::flags(MODE, &values)),
    }
}

fn syntax(random: &mut Random) -> Case {
    let length = random.length();
    let pieces = ["a", "0A", "ü", ",", ";", ", ", "12", "", " ", "水"];
    let lines: Vec<String> =
        (0..length).map(|_| (0..random.below(6)).map(|_| random.pick(&pieces)).collect()).collect();
    let count = random.below(7);
    let (unit, kind, delimiter) = match random.below(3) {
        0 => (Unit::Characters, "char", None),
        1 => (Unit::Bytes, "byte", None),
        _ => {
            let delimiter = random.pick(&[",", ";", ", ", "a"]);
            (Unit::Fields(delimiter.to_owned()), "char", Some(delimiter))
        }
    };
    let check = Syntax { column: "line".to_owned(), unit, count };
    Case {
        function: "qartod.syntax_test",
        args: json!({ "inp": { "texts": lines }, "nchar": count, "lentype": kind, "delimiter": delimiter }),
        ours: Ok(check.flags(MODE, &StringArray::from(lines))),
    }
}

fn metres(random: &mut Random) -> f64 {
    random.pick(&[0.0, 10.0, 1000.0, 5000.0, 100_000.0, 5e6, 6.5e6])
}

fn location(random: &mut Random) -> Case {
    let length = random.length();
    let (lon, lat) = random.places(length);
    let (range_method, name) =
        random.pick(&[(Distance::Wgs84, "wgs84"), (Distance::Haversine, "haversine")]);
    let check = Location { range_max_m: random.maybe(metres), range_method };
    Case {
        function: "qartod.location_test",
        args: json!({
            "lon": numbers(&lon),
            "lat": numbers(&lat),
            "range_max": check.range_max_m,
            "range_method": name,
        }),
        ours: Ok(check.flags(MODE, &Facts::of(&vec![0; lon.len()], None), &lon, &lat)),
    }
}

fn location_bounds(random: &mut Random) -> Case {
    let length = random.length();
    let (lon, lat) = random.places(length);
    let fails_inside = random.chance(0.5);
    let (check, shape) = if random.chance(0.4) {
        let corners = [
            random.float(-180.0, 0.0),
            random.float(-90.0, 0.0),
            random.float(0.0, 180.0),
            random.float(0.0, 90.0),
        ]
        .map(f64::round);
        (LocationBounds::of_box(corners, fails_inside), json!(corners))
    } else {
        let polygon: Vec<[f64; 2]> = (0..3 + random.below(6))
            .map(|at| {
                // Around a centre, so that the border does not cross itself.
                let angle = at as f64;
                let radius = random.float(10.0, 80.0);
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect();
        let points: Vec<_> = polygon.iter().map(|point| tuple(*point)).collect();
        (LocationBounds { polygon, fails_inside }, json!({ "tuple": points }))
    };
    Case {
        function: "qartod.location_bounds_test",
        args: json!({
            "lon": numbers(&lon),
            "lat": numbers(&lat),
            "shape": shape,
            "flag_area": if fails_inside { "inside" } else { "outside" },
        }),
        ours: Ok(check.flags(&lon, &lat)),
    }
}

fn speed(random: &mut Random) -> Case {
    let length = random.length();
    let ((lon, lat), times) = (random.places(length), random.times(length));
    let limits = [0.0, 0.5, 1.0, 3.0, 25.0, 300.0];
    let check = Speed { suspect: random.pick(&limits), fail: random.pick(&limits) };
    Case {
        function: "argo.speed_test",
        args: json!({
            "lon": numbers(&lon),
            "lat": numbers(&lat),
            "tinp": instants(&times),
            "suspect_threshold": check.suspect,
            "fail_threshold": check.fail,
        }),
        ours: Ok(check.flags(MODE, &times, &lon, &lat)),
    }
}
