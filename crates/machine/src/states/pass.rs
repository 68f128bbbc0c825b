//! The Pass state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work | the output is computed | `PassStateExited` |

use stepwell_asl::eval::Stage;
use stepwell_asl::model::{Pass, State};

use crate::data_flow;
use crate::decide::Decider;
use crate::failure::Failure;
use crate::frame::FrameId;
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    pass: &Pass,
    frame: FrameId,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome = d.evaluate(frame, |scope| match &pass.result {
        Some(result) => {
            scope.reached(Stage::Result, result);
            data_flow::outcome(&pass.flow, &raw, result, scope)
        }
        None => data_flow::pass_on(&pass.flow, &raw, scope),
    })?;
    exit(d, state, frame, outcome, pass.transition)
}
