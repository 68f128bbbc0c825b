//! Any text as a JSONata expression: it gives a value or an error, in time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stepwell_asl::jsonata::{Bindings, Expression, Scope};
use stepwell_fuzz::{Counter, text_and_value};

/// `$states`, and one variable.
struct Variables(Value);

impl Bindings for Variables {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

// A panic of the library fails its evaluation and is no finding. One that gets out of the evaluation is: the
// fuzzer sees it without the hook that would end the process at every panic.
fuzz_target!(init: drop(std::panic::take_hook()), |data: &[u8]| {
    let Some((text, value)) = text_and_value(data) else { return };
    let Ok(expression) = Expression::parse(text) else { return };
    let again = Expression::parse(expression.source()).expect("the source is an expression");
    assert!(expression.variables().eq(again.variables()));
    let variables = Variables(json!({ "states": { "input": value }, "v": value }));
    let now = jiff::Timestamp::UNIX_EPOCH;
    let _ = expression.evaluate(&mut Scope {
        bindings: &variables,
        random: &mut Counter::default(),
        now,
    });
});
