//! Configurations: what is read, and what is refused, by path.

#![expect(clippy::float_cmp, reason = "what is written is what is read")]

use stepwell_stream_qc::checks::Mode;
use stepwell_stream_qc::config::{Config, Format, Problem};
use stepwell_stream_qc::flag::RollUp;

const MANY: &str = r#"
[defaults]
cadence_s = 600
process2 = { gross_range = { fail = [0, 25], suspect = [5, 13] } }

[groups.coast]
mode = "strict"
by_cadence = [
    { up_to_s = 60, process3 = { gap_h = 0.1 } },
    { up_to_s = 3600, process3 = { gap_h = 2 } },
]

[groups.coast.streams."buoy-7/temp"]
unit = "degC"
process3 = { rate_per_s = { suspect = 0.005, fail = 0.02 } }

[groups.coast.streams.fast]
cadence_s = 10
process2 = { gross_range = { fail = [0, 40] } }

[groups.lab.streams.t1]
mode = "ioos_qc_3_0"
process2 = { gross_range = false, valid_range = { min = 0 } }
"#;

fn refused(text: &str) -> Vec<Problem> {
    Config::parse(text, Format::Toml).expect_err("it is wrong")
}

fn only(text: &str) -> String {
    match &refused(text)[..] {
        [problem] => problem.to_string(),
        all => panic!("one problem is expected: {all:?}"),
    }
}

#[test]
fn a_stream_overrides_its_group_and_that_the_defaults() {
    let config = Config::parse(MANY, Format::Toml).expect("it is right");
    let buoy = config.stream("coast", "buoy-7/temp").expect("it is there");
    assert_eq!(
        (buoy.unit.as_deref(), buoy.mode, buoy.roll_up),
        (Some("degC"), Mode::Strict, RollUp::Strict)
    );
    assert_eq!(buoy.process2.gross_range.as_ref().expect("by default").fail.high(), 25.0);
    assert_eq!(buoy.process3.gap.as_ref().expect("by cadence").fail_h, 2.0);
    let fast = config.stream("coast", "fast").expect("it is there");
    assert_eq!(fast.process2.gross_range.as_ref().expect("its own").fail.high(), 40.0);
    assert_eq!(fast.process3.gap.as_ref().expect("by cadence").fail_h, 0.1);
    let lab = config.stream("lab", "t1").expect("it is there");
    assert_eq!((lab.mode, lab.roll_up), (Mode::IoosQc3_0, RollUp::Qartod));
    assert!(lab.process2.gross_range.is_none(), "`false` takes a check away");
    assert_eq!(config.streams().count(), 3);
}

#[test]
fn yaml_json_and_toml_say_the_same() {
    let yaml = "stream: s\ncadence_s: 600\nprocess2:\n  gross_range: {fail: [0, 25]}\nprocess3: {gap_h: 1}\n";
    let json = serde_json::json!({
        "stream": "s", "cadence_s": 600, "process2": {"gross_range": {"fail": [0, 25]}}, "process3": {"gap_h": 1},
    });
    let toml = "stream = \"s\"\ncadence_s = 600\nprocess2.gross_range.fail = [0, 25]\nprocess3.gap_h = 1\n";
    let of_toml = Config::parse(toml, Format::Toml).expect("it is right");
    assert_eq!(Config::parse(yaml, Format::Yaml).expect("it is right"), of_toml);
    assert_eq!(Config::parse(&json.to_string(), Format::Json).expect("it is right"), of_toml);
    assert_eq!(Config::from_value(&json).expect("it is right"), of_toml);
    assert_eq!(of_toml.stream("any", "s").expect("it names no group").cadence_s, Some(600.0));
}

#[test]
fn infinite_limits_can_be_written_in_yaml_too() {
    let yaml = |mode: &str, limit: &str| {
        let text = format!("mode: {mode}\nprocess2:\n  gross_range: {{fail: [{limit}, 25]}}\n");
        Config::parse(&text, Format::Yaml).map_err(|problems| problems[0].to_string())
    };
    let config = yaml("ioos_qc_3_0", "-.inf").expect("the library takes it");
    let toml = "mode = \"ioos_qc_3_0\"\nprocess2.gross_range.fail = [-inf, 25]";
    assert_eq!(config, Config::parse(toml, Format::Toml).expect("it is right"));
    for (mode, limit, told) in
        [("strict", "-.inf", "-inf is not finite"), ("ioos_qc_3_0", ".nan", "NaN is not finite")]
    {
        let refused = yaml(mode, limit).expect_err("it is wrong");
        assert!(refused.starts_with(&format!("`process2.gross_range.fail`: {told}")), "{refused}");
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_path() {
    let text = r#"
[defaults]
mode = "strikt"
[groups.g.streams.s]
cadence_s = 600
process2 = { gross_range = { fail = [0, 25], suspect = [5, 30] }, gros_range = { } }
process3 = { flat_line = { suspect_s = 900, fail_s = 3000 }, spike = { suspect = inf }, gap_h = "one" }
"#;
    let told: Vec<_> = refused(text).iter().map(ToString::to_string).collect();
    let expected = [
        "`groups.g.streams.s.mode`: \"strikt\" is unknown; did you mean \"strict\"?",
        "`groups.g.streams.s.process2.gross_range.suspect`: [5, 30] is not inside of [0, 25], outside of which values FAIL; write [5, 25]",
        "`groups.g.streams.s.process2.gros_range`: the key is unknown; did you mean `gross_range`?",
        "`groups.g.streams.s.process3.gap_h`: it is the text \"one\"; write a number",
        "`groups.g.streams.s.process3.spike.suspect`: inf is not finite; write a finite number, or leave it out",
        "`groups.g.streams.s.process3.flat_line.suspect_s`: 900 s are shorter than two cadences of 600 s; write at least 1200",
    ];
    assert_eq!(told, expected);
}

/// Also in tables that are for streams of another cadence, and where the stream says something else itself.
#[test]
fn problems_of_all_tables_by_cadence_are_told_at_once() {
    let text = r#"
[groups.g]
process2 = { gross_range = { fail = [0, 25] } }
by_cadence = [
    { up_to_s = 60, process3 = { gap_hh = 1, flat_line = { suspect_s = 90, fail_s = "long" } } },
    { up_to_s = "hour", process2 = { gross_range = { suspect = [5, 30] } }, unit = 3 },
    { up_to_s = 7200, process3 = { gap_h = -2 } },
]
[groups.g.streams.s]
cadence_s = 3600
process3 = { gap_h = 3 }
"#;
    let told: Vec<_> = refused(text).iter().map(ToString::to_string).collect();
    let expected = [
        "`groups.g.streams.s.by_cadence[1].up_to_s`: it is the text \"hour\"; write a number",
        "`groups.g.streams.s.by_cadence[0].process3.flat_line.fail_s`: it is the text \"long\"; write a number",
        "`groups.g.streams.s.by_cadence[0].process3.gap_hh`: the key is unknown; did you mean `gap_h`?",
        "`groups.g.streams.s.by_cadence[1].unit`: it is the number 3; write a text that is not empty",
        "`groups.g.streams.s.by_cadence[1].process2.gross_range.suspect`: [5, 30] is not inside of [0, 25], outside of which values FAIL; write [5, 25]",
        "`groups.g.streams.s.by_cadence[2].process3.gap_h`: -2 is not above zero; write a number above zero",
    ];
    assert_eq!(told, expected);
    let single = "cadence_s = 600\nby_cadence = [{ up_to_s = 60, proces3 = {} }]";
    assert_eq!(
        only(single),
        "`by_cadence[0].proces3`: the key is unknown; did you mean `process3`?"
    );
}

/// What is at odds with another cadence, or with what one stream says itself, may be right for others of the group.
#[test]
fn tables_for_other_cadences_may_be_at_odds_with_a_stream() {
    let text = r#"
[groups.g]
process1 = { row_count = {} }
process2 = { drift = { method = "psi", edges = [1, 2], expected = [1, 1, 1] } }
process3 = { rate_per_s = { suspect = 3, fail = 9 } }
by_cadence = [
    { up_to_s = 60, process3 = { gap_h = 0.1, flat_line = { suspect_s = 200, fail_s = 300 }, rate_per_s = { suspect = 5 } } },
    { up_to_s = 3600, process2 = { drift = { edges = [1, 3] } } },
    { up_to_s = 7200, process3 = { speed = { suspect = 1, fail = 2 } } },
]
[groups.g.streams.slow]
cadence_s = 3600
process3 = { rate_per_s = { suspect = 2, fail = 4 } }
columns = { lon = "x", lat = "y" }
"#;
    assert_eq!(Config::parse(text, Format::Toml).map(|it| it.streams().count()), Ok(1));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let stream = |body: &str| only(&format!("cadence_s = 600\n{body}\n"));
    assert!(
        stream("process3.gap_h = 0.1")
            .starts_with("`process3.gap_h`: 0.1 hours are less than the cadence")
    );
    assert!(
        stream("process3.rate_per_s = { suspect = 2, fail = 1 }")
            .starts_with("`process3.rate_per_s.suspect`: 2 is beyond")
    );
    assert!(stream("process3.spike = {}").starts_with("`process3.spike.suspect`: it is missing"));
    assert!(
        stream("process3.speed = { suspect = 1, fail = 2 }")
            .starts_with("`columns`: a check looks at positions")
    );
    assert!(
        stream("process2.drift = { method = \"psi\" }")
            .starts_with("`process2.drift.edges`: it is missing")
    );
    assert!(
        stream("process2.validity.status.regex = \"(\"")
            .starts_with("`process2.validity.status.regex`")
    );
    assert!(
        stream("process2.rules = [\"value\"]")
            .starts_with("`process2.rules`: `value` compares nothing")
    );
    assert!(
        stream("process1.completeness.value = { warn = 0.5, fail = 0.9 }")
            .starts_with("`process1.completeness.value.warn`")
    );
    assert!(
        only("process1.row_count = { tolerance = 0.1 }")
            .starts_with("`process1.row_count`: the cadence is not known")
    );
    assert!(
        only("limits = { fail_share = 2 }").starts_with("`limits.fail_share`: 2 is out of range")
    );
    let late = "process3.attenuated_signal = { suspect = 1, fail = 2 }";
    assert!(stream(late).starts_with("`process3.attenuated_signal.fail`: 2 is above `suspect`"));
    assert!(only("= 3").starts_with("`(document)`"));
}

/// What makes no sense, but is taken by the library: its flags are wanted all the same.
const OF_THE_LIBRARY: [&str; 17] = [
    "process1.reception_h = -1",
    "process1.impossible_date = { earliest = \"2100-01-01\", latest = \"2000-01-01\" }",
    "process1.syntax = { characters = 2.5 }",
    "process1.syntax = { bytes = 2, delimiter = \",\" }",
    "process2.valid_range = { min = 2, max = 1 }",
    "process2.percentile_range = { low = 95, high = 5 }",
    "process2.climatology = [{ period = \"month\", tspan = [1, 2], vspan = [0, 9], fspan = [1, 2] }]",
    "process2.gross_range = { fail = [-inf, 25] }",
    "process3.gap_h = 0.1",
    "process3.spike = { suspect = 2, fail = 1 }",
    "process3.spike = { suspect = -1 }",
    "process3.rate_per_s = { suspect = 2, fail = 1 }",
    "process3.flat_line = { suspect_s = 600, fail_s = 3000, tolerance = 1 }",
    "process3.flat_line = { suspect_s = 3000, fail_s = 1800, tolerance = 1 }",
    "process3.attenuated_signal = { suspect = 1, fail = 2 }",
    "process3.attenuated_signal = { suspect = 2, fail = 1, period_s = 1200, min_obs = 4 }",
    "process3.density_inversion = { suspect = -2, fail = -1 }",
];

#[test]
fn what_makes_no_sense_is_taken_as_the_library_takes_it() {
    for said in OF_THE_LIBRARY {
        let stream = format!("cadence_s = 600\ncolumns.depth = \"depth\"\n{said}\n");
        let check = said.split([' ', '=']).next().expect("a path");
        let problems = refused(&stream);
        assert!(problems.iter().all(|it| it.path.starts_with(check)), "{said}: {problems:?}");
        let ioos = format!("mode = \"ioos_qc_3_0\"\n{stream}");
        assert_eq!(Config::parse(&ioos, Format::Toml).map(|it| it.streams().count()), Ok(1));
        assert!(Config::parse_as(&stream, Format::Toml, Some(Mode::IoosQc3_0)).is_ok(), "{said}");
    }
}

/// Checks that only we have refuse in both modes what makes no sense.
#[test]
fn what_the_library_does_not_know_is_refused_in_its_mode_too() {
    for said in [
        "process1.freshness_h = { suspect = 2, fail = 1 }",
        "process2.reference_percentile = { reference = [1], low = 95, high = 5 }",
        "process2.drift = { method = \"ks\", reference = [1], suspect = 2, fail = 1 }",
        "process3.rate_per_s = { fail = 1 }",
        "process3.spike = { suspect = nan }",
    ] {
        let told = only(&format!("mode = \"ioos_qc_3_0\"\n{said}"));
        assert!(
            told.starts_with(&format!("`{}.", said.split(' ').next().expect("a path"))),
            "{told}"
        );
    }
}

/// pandas makes nanoseconds of seconds by multiplying, and takes no window whose product is not whole: of 0.001 s to
/// 19.999 s these 183.
#[test]
fn a_window_that_pandas_does_not_take_is_refused_in_the_mode_of_the_library() {
    let said = |seconds: f64| {
        format!("process3.attenuated_signal = {{ suspect = 1, fail = 1, period_s = {seconds:?} }}")
    };
    let taken = |seconds, mode| Config::parse_as(&said(seconds), Format::Toml, Some(mode));
    let refused: Vec<_> = (1..20_000_u32)
        .filter(|ms| taken(f64::from(*ms) / 1000.0, Mode::IoosQc3_0).is_err())
        .collect();
    assert_eq!(refused[..4], [1001, 1003, 1005, 1007]);
    assert_eq!((refused.len(), refused.iter().sum::<u32>()), (183, 1_947_183));
    assert_eq!(
        only(&format!("mode = \"ioos_qc_3_0\"\n{}", said(1.001))),
        "`process3.attenuated_signal.period_s`: ioos_qc 3.0.0 takes no window of 1.001 s; write 0, or seconds from \
         0.0001 to 9223372036 that are a whole number of nanoseconds to pandas too, for instance 1"
    );
    assert!(taken(-1.001, Mode::IoosQc3_0).is_ok() && taken(1.001, Mode::Strict).is_ok());
}

#[test]
fn a_stream_that_is_not_there_is_named_with_the_one_that_may_be_meant() {
    let config = Config::parse(MANY, Format::Toml).expect("it is right");
    let told =
        |group, stream| config.stream(group, stream).expect_err("it is not there").to_string();
    assert_eq!(
        told("coats", "fast"),
        "the configuration has no group `coats`; did you mean `coast`?"
    );
    assert_eq!(
        told("coast", "fats"),
        "the configuration has no stream `fats` in the group `coast`; did you mean `fast`?"
    );
}

#[test]
fn what_is_not_there_or_too_much_is_refused_with_the_next_step() {
    let land = only("process2.location_on_land = true");
    assert!(land.contains("GSHHG") && land.contains("location_bounds"), "{land}");
    let details = only("details_max = 600000");
    assert!(details.contains("write 10000 at most"), "{details}");
}
