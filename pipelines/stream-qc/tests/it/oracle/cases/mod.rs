//! For each check, random calls of the library and what a configuration with the same parameters gives.

mod one;
mod three;
mod two;

use serde_json::{Value, json};
use stepwell_stream_qc::checks::Mode;
use stepwell_stream_qc::flag::{Flag, RollUp, roll_up};

use super::Case;
use super::random::{Random, real};

const MODE: Mode = Mode::IoosQc3_0;

/// Makes a case.
type Make = fn(&mut Random) -> Case;

/// The checks by name, and what makes a case of each.
pub(crate) const ALL: [(&str, Make); 20] = [
    ("gross_range", two::gross_range),
    ("valid_range", two::valid_range),
    ("percentile_range", two::percentile_range),
    ("climatology", two::climatology),
    ("spike", three::spike),
    ("rate_of_change", three::rate_of_change),
    ("flat_line", three::flat_line),
    ("attenuated_signal", three::attenuated_signal),
    ("attenuated_signal of long windows", three::attenuated_signal_of_long_windows),
    ("density_inversion", three::density_inversion),
    ("gap", three::gap),
    ("reception", one::reception),
    ("impossible_date", one::impossible_date),
    ("duplicate_stamp", one::duplicate),
    ("increasing", three::pressure),
    ("syntax", one::syntax),
    ("location", two::location),
    ("location_bounds", two::location_bounds),
    ("speed", three::speed),
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
    Case {
        function: "qartod.qartod_compare",
        args: json!({ "vectors": vectors }),
        ours: Some(Ok(ours)),
    }
}

fn tuple(pair: [f64; 2]) -> Value {
    json!({ "tuple": pair.map(real) })
}
