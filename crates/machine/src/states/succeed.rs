//! The Succeed state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work | `InputPath` and `OutputPath` are applied; the frame ends | `SucceedStateExited` |

use stepwell_asl::model::{State, Succeed, Transition};

use crate::data_flow;
use crate::decide::Decider;
use crate::failure::Failure;
use crate::frame::FrameId;
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    succeed: &Succeed,
    frame: FrameId,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome = d.evaluate(frame, |scope| data_flow::pass_on(&succeed.flow, &raw, scope))?;
    exit(d, state, frame, outcome, Transition::End)
}
