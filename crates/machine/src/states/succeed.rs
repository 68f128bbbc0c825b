//! The Succeed state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work | `InputPath` and `OutputPath` are applied; the frame ends | `SucceedStateExited` |

use stepwell_asl::dataflow::select;
use stepwell_asl::model::{State, Succeed, Transition};

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
    let output = d.evaluate(frame, |scope| {
        let input = select(&succeed.input_path, &raw, scope)?;
        select(&succeed.output_path, &input, scope)
    })?;
    exit(d, state, frame, output, Transition::End)
}
