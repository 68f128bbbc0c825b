//! Parameters that a configuration of the mode `ioos_qc_3_0` refuses, as calls of the library.

use serde_json::{Value, json};
use stepwell_stream_qc::checks::Mode;

use super::Case;
use super::configured::{configured, list, table};
use super::random::{instants, numbers, real};

const VALUES: [f64; 6] = [1.0, 2.0, 2.0, 2.0, 9.0, 2.0];

/// A call with what is said of its parameters beside the series.
fn refused(
    function: &'static str,
    parameters: Value,
    [process, check]: [&str; 2],
    said: toml::Value,
) -> Case {
    let mut args = json!({ "inp": numbers(&VALUES) });
    let minutes: Vec<_> = (0..6).map(|at| at * 60_000_000_000).collect();
    if !["gross_range", "percentile_range", "valid_range"].contains(&check) {
        args["tinp"] = instants(&minutes);
    }
    if ["gap_h", "reception_h"].contains(&check) {
        args.as_object_mut().expect("it is one").remove("inp");
    }
    args.as_object_mut()
        .expect("it is one")
        .extend(parameters.as_object().expect("it is one").clone());
    let flags = configured(process, check, said).map(|it| {
        assert_eq!(it.mode, Mode::IoosQc3_0);
        Ok(Vec::new())
    });
    Case { function, args, ours: flags }
}

fn window(key: &str, seconds: f64) -> toml::Value {
    let levels = ["suspect", "fail"].map(|level| (level, Some(1.0.into())));
    table([levels[0].clone(), levels[1].clone(), (key, Some(seconds.into()))])
}

fn attenuated(key: &str, parameter: &str, number: f64) -> Case {
    let mut parameters = json!({ "suspect_threshold": 1, "fail_threshold": 1, "test_period": 180 });
    parameters[parameter] = real(number);
    let check = ["process3", "attenuated_signal"];
    refused("qartod.attenuated_signal_test", parameters, check, window(key, number))
}

pub(super) fn all() -> Vec<(&'static str, Case)> {
    let mut cases = vec![
        (
            "a suspect span beside the fail span",
            refused(
                "qartod.gross_range_test",
                json!({ "fail_span": { "tuple": [0, 5] }, "suspect_span": { "tuple": [1, 6] } }),
                ["process2", "gross_range"],
                table([("fail", Some(list([0.0, 5.0]))), ("suspect", Some(list([1.0, 6.0])))]),
            ),
        ),
        (
            "a percentile above 100",
            refused(
                "qartod.percentile_range_test",
                json!({ "hi_percentile": 101 }),
                ["process2", "percentile_range"],
                table([("high", Some(101.into()))]),
            ),
        ),
        (
            "a rate without a suspect level",
            refused(
                "qartod.rate_of_change_test",
                json!({ "fail_threshold": 1 }),
                ["process3", "rate_per_s"],
                table([("fail", Some(1.into()))]),
            ),
        ),
        (
            "a flat line for ever",
            refused(
                "qartod.flat_line_test",
                json!({ "suspect_threshold": real(f64::INFINITY), "fail_threshold": 300 }),
                ["process3", "flat_line"],
                table([("suspect_s", Some(f64::INFINITY.into())), ("fail_s", Some(300.into()))]),
            ),
        ),
    ];
    for hours in [1e16, f64::INFINITY] {
        let parameters = json!({ "fail_span": real(hours) });
        let gap = ["process3", "gap_h"];
        let of_gap = refused("qartod.time_gap_test", parameters.clone(), gap, hours.into());
        let reception = ["process1", "reception_h"];
        let of_age = refused("qartod.data_reception_test", parameters, reception, hours.into());
        cases.extend([("hours of a gap", of_gap), ("hours of age", of_age)]);
    }
    for seconds in [
        1e-5,
        -1e-5,
        1e10,
        1e16,
        f64::INFINITY,
        1.001,
        1.003,
        2.002,
        16.38,
        -2.011,
        0.999_999_999_99,
    ] {
        cases.push(("a window", attenuated("period_s", "test_period", seconds)));
    }
    for count in [-1.0, 2.5, f64::INFINITY] {
        cases.push(("so many observations", attenuated("min_obs", "min_obs", count)));
    }
    cases.push(("a minimum for ever", attenuated("min_period_s", "min_period", f64::INFINITY)));
    cases
}
