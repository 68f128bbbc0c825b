//! The Fail state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work | fails with its `Error` and `Cause` | none of its own |

use serde_json::Value;
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::model::{Fail, Text};

use crate::decide::Decider;
use crate::failure::Failure;
use crate::frame::FrameId;

pub(crate) fn work(d: &mut Decider<'_>, fail: &Fail, frame: FrameId) -> Result<(), Failure> {
    let raw = d.input(frame);
    let (error, cause) = d.evaluate(frame, |scope| {
        if fail.is_jsonpath {
            scope.reached(Stage::AfterInputPath, &raw);
        }
        let error = text(fail.error.as_ref(), &raw, scope)?;
        let cause = text(fail.cause.as_ref(), &raw, scope)?;
        Ok((error, cause))
    })?;
    Err(Failure::reported(error, cause))
}

fn text(
    text: Option<&Text>,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Option<String>, StatesError> {
    match text {
        None => Ok(None),
        Some(Text::Literal(literal)) => Ok(Some(literal.clone())),
        Some(Text::Query(query)) => {
            query.evaluate_as("string", scope, |value| value.as_str().map(str::to_owned)).map(Some)
        }
        Some(Text::Dynamic(expression)) => match expression.evaluate(input, scope)? {
            Value::String(text) => Ok(Some(text)),
            other => Ok(Some(other.to_string())),
        },
    }
}
