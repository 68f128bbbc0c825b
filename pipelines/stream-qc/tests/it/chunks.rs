//! A series that is judged chunk by chunk has the flags, sums and details of the same series judged at once: whatever the
//! chunks, the checks and the mode.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use stepwell_stream_qc::config::{Config, Format, StreamConfig};
use stepwell_stream_qc::facts::Facts;
use stepwell_stream_qc::flag::Flag;
use stepwell_stream_qc::process::{Evaluation, Input, Process, ProcessResult};
use stepwell_stream_qc::series::{NAT, Series};

/// What a process found, with all flags.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) result: ProcessResult,
    /// By test; those of the batch have one flag.
    pub(crate) tests: BTreeMap<String, Vec<Flag>>,
    pub(crate) roll_up: Vec<Flag>,
}

/// What a process finds, which must be the same in chunks of any size.
pub(crate) fn evaluated(
    process: Process,
    series: &Series,
    input: &Input<'_>,
    config: &StreamConfig,
) -> Found {
    let whole = in_chunks(1_000_000, process, series, input, config);
    for chunk in [1, 2, 3, 7] {
        let found = in_chunks(chunk, process, series, input, config);
        // As text: NaN is not equal to itself.
        assert_eq!(format!("{found:?}"), format!("{whole:?}"), "in chunks of {chunk}");
    }
    whole
}

fn in_chunks(
    chunk: usize,
    process: Process,
    series: &Series,
    input: &Input<'_>,
    config: &StreamConfig,
) -> Found {
    let before = input.context.map_or(&[][..], Series::times);
    let facts = Facts::of(&[before, series.times()].concat(), series.depth());
    let schema = series.table().schema();
    let evaluation = Evaluation::new(&[process], input, &schema, facts, config);
    let mut evaluation = evaluation.in_chunks_of(chunk);
    let (mut tests, mut roll_up) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    let mut sink = |judged: &stepwell_stream_qc::process::Judged<'_>| {
        assert_eq!(judged.first, roll_up.len(), "points come in order");
        for test in judged.tests {
            assert_eq!(test.flags.len(), judged.series.len(), "{}", test.name);
            tests.entry(test.name.clone()).or_default().extend_from_slice(&test.flags);
        }
        roll_up.extend_from_slice(&judged.roll_ups[0].1);
        Ok(())
    };
    evaluation.push(series.clone(), &mut sink).expect("it is judged");
    let mut results = evaluation.finish(&mut sink).expect("it is judged");
    let result = results.pop().expect("one process");
    let whole = result.tests.iter().filter_map(|test| Some((test.name.clone(), vec![test.flag?])));
    tests.extend(whole.collect::<Vec<_>>());
    Found { result, tests, roll_up }
}

/// All checks that need no further columns; what differs between the cases is filled in.
const CHECKS: &str = r#"
mode = "MODE"
details_max = 3
columns = { depth = "depth", lon = "lon", lat = "lat" }
[process1]
completeness = { value = { warn = 0.9 } }
freshness_h = 1
reception_h = 6
impossible_date = { earliest = "1970-01-01T00:01:00Z" }
DUPLICATES
[process2]
gross_range = { fail = [0, 8], suspect = [1, 7] }
valid_range = { min = 1, max = 9 }
climatology = [{ period = "hour", tspan = [0, 0], vspan = [2, 6], zspan = [0, 5] }, { period = "minute", tspan = [3, 5], vspan = [0, 9] }]
location = { range_max_m = METRES, range_method = "haversine" }
drift = { method = "psi", edges = [3, 6], expected = [0.3, 0.3, 0.4], suspect = 0.1, fail = 0.3 }
[process3]
order = true
gap_h = 0.05
spike = { method = "METHOD", suspect = 0.75, fail = 2.5, bridge = BRIDGE }
rate_per_s = { suspect = 0.01, fail = 0.05, bridge = BRIDGE }
flat_line = { suspect_s = SECONDS, fail_s = 300, tolerance = 0.5, mark = "MARK" }
attenuated_signal = { suspect = 2, fail = 0.5, period_s = PERIOD, min_obs = MIN_OBS, type = "SPREAD" }
speed = { suspect = 1, fail = 25 }
density_inversion = { suspect = -0.5, fail = -3 }
"#;

fn configs() -> impl Strategy<Value = StreamConfig> {
    let mode = prop::sample::select(vec!["strict", "ioos_qc_3_0"]);
    let method = prop::sample::select(vec!["average", "differential"]);
    let spread = prop::sample::select(vec!["std", "range"]);
    (mode, method, spread, any::<[bool; 4]>(), 1..5_u8).prop_map(
        |(mode, method, spread, [bridge, marks_run, duplicates, is_odd], min_obs)| {
            let is_strict = mode == "strict";
            // What only the library takes.
            let odd = |odd, usual| if is_odd && !is_strict { odd } else { usual };
            let text = CHECKS
                .replace("METRES", odd("-1", "1000"))
                .replace("SECONDS", odd("-30", "180"))
                .replace("PERIOD", odd("-60", "400"))
                .replace("MODE", mode)
                .replace("METHOD", method)
                .replace("SPREAD", spread)
                .replace("BRIDGE", if bridge && is_strict { "true" } else { "false" })
                .replace("MARK", if marks_run && is_strict { "run" } else { "end" })
                .replace("MIN_OBS", &min_obs.to_string())
                .replace("DUPLICATES", if duplicates { "duplicate_stamp = true" } else { "" });
            let config = Config::parse(&text, Format::Toml).expect("the configuration is right");
            config.streams().next().expect("a stream").clone()
        },
    )
}

fn values(length: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => prop::sample::select(vec![1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 9.0]),
        2 => 0.0..10.0,
        1 => Just(f64::NAN),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NAN]),
    ];
    prop::collection::vec(value, length)
}

/// Mostly steps of a minute; some series have holes in time, equal times, times that run backwards or are missing.
fn times(length: usize) -> impl Strategy<Value = Vec<i64>> {
    let usual = || prop_oneof![8 => Just(60_000), 1 => Just(3_600_000), 1 => Just(90_500)].boxed();
    let odd = prop_oneof![6 => Just(60_000), 1 => Just(0), 1 => Just(-60_000), 1 => Just(i64::MIN)];
    let steps = prop_oneof![
        3 => prop::collection::vec(usual(), length),
        1 => prop::collection::vec(usual().prop_map(|step| -step), length),
        2 => prop::collection::vec(odd, length),
    ];
    steps.prop_map(|steps| {
        let mut now = 0;
        let time = |step: i64| {
            if step == i64::MIN {
                return NAT;
            }
            now += step;
            now * 1_000_000
        };
        steps.into_iter().map(time).collect()
    })
}

fn series() -> impl Strategy<Value = Series> {
    (0_usize..40).prop_flat_map(|length| {
        let places = [values(length), values(length), values(length)];
        (times(length), values(length), places).prop_map(|(times, values, [depth, lon, lat])| {
            let near = |place: Vec<f64>| place.into_iter().map(|it| it / 300.0).collect();
            let series = Series::new(times, values).with_depth(depth);
            series.with_position(near(lon), near(lat))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn chunks_make_no_difference(
        series in series(),
        config in configs(),
        before in 0_usize..6,
        chunk in 1_usize..12,
    ) {
        let now = Timestamp::from_second(8_000).expect("a time");
        let context = Series::new(
            (0..before as i64).map(|at| (at - before as i64) * 60_000_000_000).collect(),
            (0..before).map(|at| if at == 1 { f64::NAN } else { 2.0 }).collect(),
        );
        for process in Process::ALL {
            let context = (process == Process::Three && before > 0).then_some(&context);
            let input = Input { context, window: None, now };
            let whole = in_chunks(1_000_000, process, &series, &input, &config);
            let found = in_chunks(chunk, process, &series, &input, &config);
            prop_assert_eq!(format!("{found:?}"), format!("{whole:?}"));
        }
    }
}
