//! What a pipeline consists of. Where it comes from is said by [`crate::settings`]; who runs it is left to the binary.

use std::sync::Arc;
use std::time::Duration;

use crate::AnyFunction;

/// A pipeline, ready to run: its state machines and the functions that they share.
pub struct Pipeline {
    /// The name on the command line and in `stepwell.toml`, for instance `data-mesh`.
    pub name: &'static str,
    /// At least one. The first has the pipeline's name.
    pub machines: &'static [Machine],
    /// The functions that the definitions name.
    pub functions: Vec<Arc<dyn AnyFunction>>,
    /// How long one invocation of a function may work before it saves its checkpoint. A shorter time-out of
    /// the calling state shortens it.
    pub slice: Duration,
}

/// A state machine of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The pipeline's own name, or that and one word more: `data-mesh`, `data-mesh-reconcile`.
    pub name: &'static str,
    /// The ASL definition. Its Task states name functions through `arn:aws:states:::lambda:invoke` with a
    /// `FunctionName`, so that the same text runs on AWS.
    pub definition: &'static str,
    /// The input of an execution that gives none: a JSON object.
    pub default_input: &'static str,
    /// What it can be asked for beside its input.
    pub switches: &'static [Switch],
}

/// What a run can be asked for: a flag of `stepwell run`, and a member of the execution's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `--plan`: `{"plan":true}`. The execution changes nothing, and its output has what it would do under `plan`:
    /// a list of objects.
    Plan,
    /// `--allow-deletes`: `{"allow_deletes":true}`. Deletions go ahead where the pipeline would refuse so many.
    AllowDeletes,
}

impl Switch {
    /// The flag on the command line.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Plan => "--plan",
            Self::AllowDeletes => "--allow-deletes",
        }
    }

    /// The member of the input, which is `true`.
    pub fn member(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::AllowDeletes => "allow_deletes",
        }
    }
}
