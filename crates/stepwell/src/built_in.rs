//! The pipelines that are built in. One row each: whoever adds a pipeline adds its row, and nothing else here.
//!
//! Left to others: reading the settings ([`crate::config`]), building what comes of them ([`crate::wiring`]).

use std::any::Any;

use serde_json::Value;
use stepwell_pipeline::settings::{InvalidInput, Problem, Variables};
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Settings, Surroundings};

use crate::config;

/// Every built-in pipeline.
pub(crate) static ALL: [BuiltIn; 5] = [
    BuiltIn::of::<stepwell_canvas::Settings>(),
    BuiltIn::of::<stepwell_data_products::Settings>(),
    BuiltIn::of::<stepwell_data_mesh::Settings>(),
    BuiltIn::of::<stepwell_stream_qc::Settings>(),
    BuiltIn::of::<stepwell_lake::Settings>(),
];

/// What is known of a pipeline before it is configured.
pub(crate) struct BuiltIn {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its state machines; the first has its name.
    pub(crate) machines: &'static [Machine],
    /// Its section of `stepwell.toml`, commented.
    pub(crate) template: &'static str,
    /// The settings when nothing is written.
    pub(crate) default: fn() -> Box<dyn AnySettings>,
    /// Reads the settings.
    pub(crate) read: fn(config::Node) -> Result<Box<dyn AnySettings>, config::Problem>,
    /// As [`Settings::check_input`].
    pub(crate) check_input: fn(&str, &Value) -> Result<(), InvalidInput>,
}

impl BuiltIn {
    const fn of<S: Settings>() -> Self {
        Self {
            name: S::PIPELINE,
            machines: S::MACHINES,
            template: S::TEMPLATE,
            default: || Box::new(S::default()),
            read: |node| Ok(Box::new(S::deserialize(node)?)),
            check_input: S::check_input,
        }
    }

    /// The word that a state machine has beside the pipeline's name: `reconcile` of `data-mesh-reconcile`.
    pub(crate) fn word(&self, machine: &Machine) -> Option<&'static str> {
        machine.name.strip_prefix(self.name)?.strip_prefix('-')
    }
}

/// Settings of any pipeline.
pub(crate) trait AnySettings: Send + Sync {
    /// As the pipeline's own type.
    fn as_any(&self) -> &dyn Any;
    /// As [`Settings::problems`].
    fn problems(&self, variables: Variables<'_>) -> Vec<Problem>;
    /// As [`Settings::literal_secrets`].
    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)>;
    /// As [`Settings::build`].
    fn build(
        &self,
        variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError>;
}

impl<S: Settings> AnySettings for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn problems(&self, variables: Variables<'_>) -> Vec<Problem> {
        Settings::problems(self, variables)
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        Settings::literal_secrets(self)
    }

    fn build(
        &self,
        variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        Settings::build(self, variables, surroundings)
    }
}

/// The names of all pipelines.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|built_in| built_in.name)
}

/// The pipeline that a state machine belongs to.
pub(crate) fn of_machine(name: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|built_in| built_in.machines.iter().any(|machine| machine.name == name))
}
