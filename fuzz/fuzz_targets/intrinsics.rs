//! Any text behind a `.$` key: a path or a call of an intrinsic function that prints as itself, and gives a value or
//! an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_asl::eval::{Expression, Scope, States};
use stepwell_asl::intrinsic::Call;
use stepwell_asl::variable::Assigned;
use stepwell_fuzz::{Counter, text_and_value};

fuzz_target!(|data: &[u8]| {
    let Some((text, value)) = text_and_value(data) else { return };
    if let Ok(call) = Call::parse(text) {
        let again = Call::parse(&call.to_string()).expect("what is printed is a call");
        assert_eq!(format!("{call:?}"), format!("{again:?}"));
    }
    let Ok(expression) = Expression::parse("f.$", text) else { return };
    let variables = Assigned::from([("v".into(), value.clone().into())]);
    let mut scope = Scope {
        context: &value,
        variables: &variables,
        states: States::default(),
        random: &mut Counter::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        observer: None,
    };
    let _ = expression.evaluate(&value, &mut scope);
});
