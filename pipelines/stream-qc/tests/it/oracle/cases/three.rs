//! The checks of the third process.

use serde_json::json;
use stepwell_stream_qc::checks::attenuated_signal::Rolling;
use stepwell_stream_qc::checks::increasing;
use stepwell_stream_qc::facts::Facts;

use super::super::Case;
use super::super::configured::{configured, table};
use super::super::random::{Random, instants, numbers, real};
use super::MODE;

pub(super) fn spike(random: &mut Random) -> Case {
    let length = random.length();
    let values = random.values(length);
    let method = random.pick(&["average", "differential"]);
    let (suspect, fail) = (random.maybe(Random::threshold), random.maybe(Random::threshold));
    let said = table([
        ("method", Some(method.into())),
        ("suspect", suspect.map(Into::into)),
        ("fail", fail.map(Into::into)),
    ]);
    let check = configured("process3", "spike", said).and_then(|it| it.process3.spike);
    Case {
        function: "qartod.spike_test",
        args: json!({
            "inp": numbers(&values),
            "suspect_threshold": suspect.map(real),
            "fail_threshold": fail.map(real),
            "method": method,
        }),
        ours: check.map(|it| it.flags(MODE, &values)),
    }
}

pub(super) fn rate_of_change(random: &mut Random) -> Case {
    let length = random.length();
    let (values, times) = (random.values(length), random.times(length));
    let scale = random.pick(&[1.0, 1.0 / 60.0, 1e-3]);
    let suspect = random.threshold() * scale;
    let fail = random.maybe(|random| random.threshold() * scale);
    let said = table([("suspect", Some(suspect.into())), ("fail", fail.map(Into::into))]);
    let config = configured("process3", "rate_per_s", said);
    let check = config.and_then(|it| it.process3.rate_of_change);
    Case {
        function: "qartod.rate_of_change_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(&times),
            "threshold": real(suspect),
            "fail_threshold": fail.map(real),
        }),
        ours: check.map(|it| Ok(it.flags(MODE, &times, &values))),
    }
}

pub(super) fn flat_line(random: &mut Random) -> Case {
    let length = random.length();
    let (values, times) = (random.values(length), random.times(length));
    let seconds = |random: &mut Random| match random.below(16) {
        0..4 => random.pick(&[0.0, 1.0, 30.0, 59.9]),
        4..8 => random.pick(&[60.0, 120.0, 180.0, 300.0]),
        8..11 => random.float(0.0, 40_000.0),
        11..14 => random.below(20_000) as f64,
        14 => random.pick(&[-0.5, -1.0, -59.0, -600.0]),
        _ => random.pick(&[1e9, 1e18, 1e25, 1e300]),
    };
    let (suspect_s, fail_s) = (seconds(random), seconds(random));
    let tolerance = random.maybe(Random::threshold);
    let said = table([
        ("suspect_s", Some(suspect_s.into())),
        ("fail_s", Some(fail_s.into())),
        ("tolerance", tolerance.map(Into::into)),
    ]);
    let check = configured("process3", "flat_line", said).and_then(|it| it.process3.flat_line);
    let facts = Facts::of(&times, None);
    Case {
        function: "qartod.flat_line_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(&times),
            "suspect_threshold": suspect_s,
            "fail_threshold": fail_s,
            "tolerance": real(tolerance.unwrap_or(0.0)),
        }),
        ours: check.map(|it| it.flags(MODE, &facts, &times, &values)),
    }
}

pub(super) fn attenuated_signal(random: &mut Random) -> Case {
    let length = random.length();
    let times = if random.chance(0.8) { random.rising_times(length) } else { random.times(length) };
    attenuated(random, &times)
}

/// Long series of windows: what is added and removed leaves its rounding errors.
pub(super) fn attenuated_signal_of_long_windows(random: &mut Random) -> Case {
    let length = 100 + random.below(400);
    let mut times = random.rising_times(length);
    if random.chance(0.1) {
        times.reverse();
    }
    attenuated(random, &times)
}

fn attenuated(random: &mut Random, times: &[i64]) -> Case {
    let values = random.values(times.len());
    let kind = random.pick(&["std", "range"]);
    let (suspect, fail) = (random.threshold(), random.threshold());
    let windows = [1.0, 180.0, 600.0, 7200.0, 90_000.0, 0.0, 0.25, 90.5, 123.456_789, -60.0];
    // Some of the others are such that pandas takes none of the kind, or takes whole seconds in their place.
    let odd = [1.001, 2.002, 8.097, -2.011, 60.000_000_007, 120.000_000_02];
    let period = random.maybe(|random| match random.below(10) {
        0 => random.pick(&odd),
        1 => random.below(20_000) as f64 / 1000.0,
        _ => random.pick(&windows),
    });
    let min_obs = random.chance(0.4).then(|| random.below(6) as i64);
    let seconds = [1.0, 60.0, 600.0, 3600.0, 90.5, 0.0, -1.0, -600.0, 1e18, 1e300];
    let min_period = random.chance(0.4).then(|| random.pick(&seconds));
    let said = table([
        ("suspect", Some(suspect.into())),
        ("fail", Some(fail.into())),
        ("period_s", period.map(Into::into)),
        ("min_obs", min_obs.map(Into::into)),
        ("min_period_s", min_period.map(Into::into)),
        ("type", Some(kind.into())),
    ]);
    let config = configured("process3", "attenuated_signal", said);
    let check = config.and_then(|it| it.process3.attenuated_signal);
    let (facts, rolling) = (Facts::of(times, None), &mut Rolling::default());
    Case {
        function: "qartod.attenuated_signal_test",
        args: json!({
            "inp": numbers(&values),
            "tinp": instants(times),
            "suspect_threshold": real(suspect),
            "fail_threshold": real(fail),
            "test_period": period,
            "min_obs": min_obs,
            "min_period": min_period,
            "check_type": kind,
        }),
        ours: check.map(|it| it.flags(MODE, &facts, rolling, times, &values)),
    }
}

pub(super) fn density_inversion(random: &mut Random) -> Case {
    let length = random.length();
    let (values, depths) = (random.values(length), random.values(length));
    let limit = |random: &mut Random| -random.threshold();
    let (suspect, fail) = (random.maybe(limit), random.maybe(limit));
    let said = table([("suspect", suspect.map(Into::into)), ("fail", fail.map(Into::into))]);
    let config = configured("process3", "density_inversion", said);
    let check = config.and_then(|it| it.process3.density_inversion);
    Case {
        function: "qartod.density_inversion_test",
        args: json!({
            "inp": numbers(&values),
            "zinp": numbers(&depths),
            "suspect_threshold": suspect.map(real),
            "fail_threshold": fail.map(real),
        }),
        ours: check.map(|it| Ok(it.flags(MODE, &values, &depths))),
    }
}

pub(super) fn gap(random: &mut Random) -> Case {
    let length = random.length();
    let times = random.times(length);
    let fail_h = random.hours();
    let check = configured("process3", "gap_h", fail_h.into()).and_then(|it| it.process3.gap);
    let facts = Facts::of(&times, None);
    Case {
        function: "qartod.time_gap_test",
        args: json!({ "tinp": instants(&times), "fail_span": real(fail_h) }),
        ours: check.map(|it| it.flags(MODE, &facts, &times)),
    }
}

pub(super) fn pressure(random: &mut Random) -> Case {
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
        ours: Some(Ok(increasing::flags(MODE, &values))),
    }
}

pub(super) fn speed(random: &mut Random) -> Case {
    let length = random.length();
    let ((lon, lat), times) = (random.places(length), random.times(length));
    let limits = [0.0, 0.5, 1.0, 3.0, 25.0, 300.0, -1.0, f64::INFINITY];
    let (suspect, fail) = (random.pick(&limits), random.pick(&limits));
    let said = table([("suspect", Some(suspect.into())), ("fail", Some(fail.into()))]);
    let check = configured("process3", "speed", said).and_then(|it| it.process3.speed);
    Case {
        function: "argo.speed_test",
        args: json!({
            "lon": numbers(&lon),
            "lat": numbers(&lat),
            "tinp": instants(&times),
            "suspect_threshold": real(suspect),
            "fail_threshold": real(fail),
        }),
        ours: check.map(|it| Ok(it.flags(MODE, &times, &lon, &lat))),
    }
}
