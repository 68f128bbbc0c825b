//! The checks of the second process.

use serde_json::{Value, json};
use stepwell_stream_qc::checks::climatology::Period;
use stepwell_stream_qc::facts::Facts;

use super::super::Case;
use super::super::configured::{configured, list, table};
use super::super::random::{Random, instants, numbers, real};
use super::{MODE, tuple};

pub(super) fn gross_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let (fail, suspect) = (random.span(), random.maybe(Random::span));
    let said = table([("fail", Some(list(fail))), ("suspect", suspect.map(list))]);
    let check = configured("process2", "gross_range", said).and_then(|it| it.process2.gross_range);
    Case {
        function: "qartod.gross_range_test",
        args: json!({ "inp": numbers(&values), "fail_span": tuple(fail), "suspect_span": suspect.map(tuple) }),
        ours: check.map(|it| it.flags(MODE, &values)),
    }
}

pub(super) fn valid_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let [low, high] = random.span();
    let (min, max) = (random.maybe(|_| low), random.maybe(|_| high));
    let (min_inclusive, max_inclusive) = (random.chance(0.5), random.chance(0.5));
    let said = table([
        ("min", min.map(Into::into)),
        ("max", max.map(Into::into)),
        ("min_inclusive", Some(min_inclusive.into())),
        ("max_inclusive", Some(max_inclusive.into())),
    ]);
    let check = configured("process2", "valid_range", said).and_then(|it| it.process2.valid_range);
    Case {
        function: "axds.valid_range_test",
        args: json!({
            "inp": numbers(&values),
            "valid_span": { "tuple": [min.map(real), max.map(real)] },
            "start_inclusive": min_inclusive,
            "end_inclusive": max_inclusive,
        }),
        ours: check.map(|it| Ok(it.flags(MODE, &values))),
    }
}

pub(super) fn percentile_range(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let percents = [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.9, 100.0];
    let low = if random.chance(0.5) { random.pick(&percents) } else { random.float(0.0, 50.0) };
    let high = if random.chance(0.5) { random.pick(&percents) } else { random.float(50.0, 100.0) };
    let pad = random.threshold();
    let keys = [("low", low), ("high", high), ("pad", pad)];
    let said = table(keys.map(|(key, number)| (key, Some(number.into()))));
    let check = configured("process2", "percentile_range", said);
    let check = check.and_then(|it| it.process2.percentile_range);
    Case {
        function: "qartod.percentile_range_test",
        args: json!({
            "inp": numbers(&values),
            "low_percentile": low,
            "hi_percentile": high,
            "pad": real(pad),
        }),
        ours: check.map(|it| it.flags(MODE, &values)),
    }
}

pub(super) fn climatology(random: &mut Random) -> Case {
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
    let (members, said): (Vec<_>, Vec<_>) = (0..random.below(6)).map(|_| member(random)).unzip();
    let missing_depths = vec![f64::NAN; length];
    let config = configured("process2", "climatology", said.into());
    let (facts, zinp) = (Facts::of(&times, depths.as_deref()), depths.as_deref());
    Case {
        function: "qartod.climatology_test",
        args: json!({
            "config": members,
            "inp": numbers(&values),
            "tinp": instants(&times),
            "zinp": numbers(depths.as_ref().unwrap_or(&missing_depths)),
        }),
        ours: config
            .and_then(|it| it.process2.climatology)
            .map(|it| it.flags(MODE, &facts, &times, &values, zinp)),
    }
}

/// A member as the library takes it, and as a configuration says it.
fn member(random: &mut Random) -> (Value, toml::Value) {
    let (suspect, fail) = (random.span(), random.maybe(Random::span));
    let depths =
        random.maybe(|random| random.pick(&[[0.0, 10.0], [10.0, 0.0], [4.0, 60.0], [5.0, 5.0]]));
    let (period, of_library, of_configuration) = when(random);
    let theirs = json!({
        "period": period,
        "tspan": { "tuple": of_library },
        "vspan": tuple(suspect),
        "fspan": fail.map(tuple),
        "zspan": depths.map(tuple),
    });
    let ours = table([
        ("period", period.map(Into::into)),
        ("tspan", Some(of_configuration)),
        ("vspan", Some(list(suspect))),
        ("fspan", fail.map(list)),
        ("zspan", depths.map(list)),
    ]);
    (theirs, ours)
}

/// The period, and when a member applies: as the library takes it, and as a configuration says it.
fn when(random: &mut Random) -> (Option<&'static str>, [Value; 2], toml::Value) {
    let (name, period) = random.pick(&Period::NAMES);
    if random.chance(0.6) {
        let ends = numbers_of_period(random, period);
        return (Some(name), ends.map(real), ends.map(toml::Value::from).to_vec().into());
    }
    let dates =
        ["2026-03-01", "2026-04-15T12:00:00", "2026-09-01", "2027-01-01", "2027-06-30T23:59:59.5"];
    let ends = [random.pick(&dates), random.pick(&dates)];
    (None, ends.map(Value::from), ends.map(toml::Value::from).to_vec().into())
}

fn numbers_of_period(random: &mut Random, period: Period) -> [f64; 2] {
    let (end, widest) = match period {
        Period::Year => (1970 + random.below(60), 12),
        Period::DayOfYear => (random.below(367), 200),
        Period::Microsecond => (random.below(1_000_000), 400_000),
        Period::Nanosecond => (random.below(1000), 400),
        Period::DaysInMonth => (27 + random.below(5), 4),
        _ => (random.below(60), 12),
    };
    let mut ends = [end as f64, (end + random.below(widest)) as f64];
    if random.chance(0.1) {
        ends[1] = f64::INFINITY;
    }
    if random.chance(0.2) {
        ends.reverse();
    }
    ends
}

fn metres(random: &mut Random) -> f64 {
    random.pick(&[0.0, 10.0, 1000.0, 5000.0, 100_000.0, 5e6, 6.5e6, -1.0, f64::INFINITY])
}

pub(super) fn location(random: &mut Random) -> Case {
    let length = random.length();
    let (lon, lat) = random.places(length);
    let (range_max, method) = (random.maybe(metres), random.pick(&["wgs84", "haversine"]));
    let said =
        table([("range_max_m", range_max.map(Into::into)), ("range_method", Some(method.into()))]);
    let check = configured("process2", "location", said).and_then(|it| it.process2.location);
    let facts = Facts::of(&vec![0; lon.len()], None);
    Case {
        function: "qartod.location_test",
        args: json!({
            "lon": numbers(&lon),
            "lat": numbers(&lat),
            "range_max": range_max.map(real),
            "range_method": method,
        }),
        ours: check.map(|it| Ok(it.flags(MODE, &facts, &lon, &lat))),
    }
}

pub(super) fn location_bounds(random: &mut Random) -> Case {
    let length = random.length();
    let (lon, lat) = random.places(length);
    let side = random.pick(&["inside", "outside"]);
    let (key, said, shape) = if random.chance(0.4) { bbox(random) } else { polygon(random) };
    let said = table([(key, Some(said)), ("fail", Some(side.into()))]);
    let check = configured("process2", "location_bounds", said);
    let check = check.and_then(|it| it.process2.location_bounds);
    Case {
        function: "qartod.location_bounds_test",
        args: json!({ "lon": numbers(&lon), "lat": numbers(&lat), "shape": shape, "flag_area": side }),
        ours: check.map(|it| Ok(it.flags(&lon, &lat))),
    }
}

/// A box, in a third of all with its corners exchanged.
fn bbox(random: &mut Random) -> (&'static str, toml::Value, Value) {
    let ends = [
        random.float(-180.0, 0.0),
        random.float(-90.0, 0.0),
        random.float(0.0, 180.0),
        random.float(0.0, 90.0),
    ];
    let mut corners = ends.map(f64::round);
    if random.chance(0.3) {
        corners.reverse();
    }
    ("bbox", list(corners), json!(corners))
}

/// A polygon around a centre, or one whose border may cross itself.
fn polygon(random: &mut Random) -> (&'static str, toml::Value, Value) {
    let (is_plain, count) = (random.chance(0.6), 3 + random.below(6));
    let corner = |at: usize| {
        if !is_plain {
            return [random.float(-150.0, 150.0), random.float(-80.0, 80.0)].map(f64::round);
        }
        let (angle, radius) = (at as f64, random.float(10.0, 80.0));
        [radius * angle.cos(), radius * angle.sin()]
    };
    let corners: Vec<_> = (0..count).map(corner).collect();
    let said: Vec<_> = corners.iter().map(|it| list(*it)).collect();
    let shape: Vec<_> = corners.iter().map(|it| tuple(*it)).collect();
    ("polygon", said.into(), json!({ "tuple": shape }))
}
