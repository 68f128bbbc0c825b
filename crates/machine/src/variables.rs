//! The variables that a frame sees: its own, and those of the frames around it.
//!
//! Left to others: assigning them (`apply`), their names (`stepwell_asl::variable`).

use stepwell_asl::Data;
use stepwell_asl::variable::Variables;

use crate::frame::FrameId;
use crate::run::Run;

/// The variables that a frame sees.
pub(crate) struct Visible<'a> {
    pub(crate) run: &'a Run,
    pub(crate) frame: FrameId,
}

impl Variables for Visible<'_> {
    fn get(&self, name: &str) -> Option<&Data> {
        let folded = &self.run.folded;
        let mut around = std::iter::successors(Some(self.frame), |frame| folded.parent(*frame));
        around.find_map(|frame| folded.frame(frame)?.variables.get(name))
    }
}
