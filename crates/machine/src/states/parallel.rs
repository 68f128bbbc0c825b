//! The Parallel state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, also as a retry | a frame opens for every branch | `ParallelStateStarted` |
//! | work, every branch has ended | the output is computed | `ParallelStateSucceeded`, `ParallelStateExited` |
//!
//! Both closing events follow from the last event of the branch that ended last, as AWS has it. What a
//! failed branch leads to is in `failure`.

use std::sync::Arc;

use stepwell_asl::Data;
use stepwell_asl::model::{Parallel, State};

use crate::data_flow;
use crate::decide::Decider;
use crate::event::Event;
use crate::failure::Failure;
use crate::frame::{FrameId, Step};
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    parallel: &Parallel,
    frame: FrameId,
) -> Result<(), Failure> {
    match d.run.folded.frame(frame).map(|frame| &frame.step) {
        Some(Step::Fork(fork)) => {
            let result = Arc::new(fork.output());
            finish(d, state, parallel, frame, &result)
        }
        _ => start(d, parallel, frame),
    }
}

fn start(d: &mut Decider<'_>, parallel: &Parallel, frame: FrameId) -> Result<(), Failure> {
    let raw = d.input(frame);
    let input =
        d.evaluate(frame, |scope| data_flow::effective_input(&parallel.flow, &raw, scope))?;
    d.recordable(frame, &input)?;
    let input = data_flow::unless_raw(&input, &raw);
    d.emit(frame, Event::ParallelStateStarted { input });
    Ok(())
}

pub(crate) fn finish(
    d: &mut Decider<'_>,
    state: &State,
    parallel: &Parallel,
    frame: FrameId,
    result: &Data,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome =
        d.evaluate(frame, |scope| data_flow::outcome(&parallel.flow, &raw, result, scope))?;
    d.emit(frame, Event::ParallelStateSucceeded);
    exit(d, state, frame, outcome, parallel.transition)
}
