//! What starts executions from outside, beside schedules: requests over HTTP, messages of a queue.
//!
//! Both take the input as it comes, check it, and start an execution whose name says what it was started for: a repeat
//! starts nothing new. What is wrong with an input is told with the name of its field.
//!
//! Left to others: which triggers there are ([`crate::config`]), what a pipeline asks of its input
//! (`Settings::check_input`).

mod field;
pub(crate) mod http;
pub(crate) mod queue;

use ring::digest;
use serde_json::Value;
use stepwell_engine::{Error, Handle, StartExecution};
use stepwell_pipeline::settings::InvalidInput;

use crate::built_in;
use crate::config::{Config, Problem};
use crate::failure::Outcome;
use crate::project;
use crate::wiring::Machine;

pub(crate) use field::Field;

/// What a trigger starts.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The state machine.
    machine: String,
    machine_arn: String,
    /// What its input must look like.
    fields: Vec<Field>,
}

/// An execution that a trigger asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It goes on now, or it was asked for before with the same input.
    Started {
        /// Which.
        arn: String,
    },
    /// The same was asked for before, with another input.
    Conflict {
        /// The execution of then.
        arn: String,
    },
}

impl Target {
    /// The state machine `name` among those that are published.
    pub(crate) fn new(name: &str, fields: &[Field], published: &[(Machine, String)]) -> Self {
        let (machine, arn) = published
            .iter()
            .find(|(machine, _)| machine.name == name)
            .expect("`check` was asked before");
        Self { machine: machine.name.clone(), machine_arn: arn.clone(), fields: fields.to_vec() }
    }

    /// What is wrong with an input.
    fn check(&self, input: &Value) -> Result<(), InvalidInput> {
        if !input.is_object() {
            return Err(InvalidInput::new("", "the input is no JSON object"));
        }
        self.fields.iter().try_for_each(|field| field.check(input))?;
        match built_in::of_machine(&self.machine) {
            Some(built_in) => (built_in.check_input)(&self.machine, input),
            None => Ok(()),
        }
    }

    /// Starts an execution with a name of its own, or with one that stands for `cause`.
    async fn start(
        &self,
        engine: &Handle,
        input: &Value,
        cause: Option<String>,
    ) -> Result<Start, Error> {
        let start = StartExecution {
            state_machine_arn: self.machine_arn.clone(),
            name: cause,
            input: input.to_string(),
        };
        match engine.start_execution(start).await {
            Ok(started) => Ok(Start::Started { arn: started.execution_arn }),
            Err(Error::ExecutionAlreadyExists { arn }) => {
                let known = engine.describe_execution(&arn).await?;
                let is_same =
                    serde_json::from_str::<Value>(&known.input).is_ok_and(|it| it == *input);
                Ok(if is_same { Start::Started { arn } } else { Start::Conflict { arn } })
            }
            Err(error) => Err(error),
        }
    }
}

/// The name of an execution that stands for what started it: `queue-` and 32 hexadecimal digits.
fn name_of(kind: &str, parts: &[&str]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let half = digest.as_ref()[..16].try_into().expect("a digest has 32 bytes");
    format!("{kind}-{:032x}", u128::from_be_bytes(half))
}

/// Refuses triggers of state machines that the project does not know.
pub(crate) fn check(config: &Config, machines: &[Machine]) -> Outcome {
    let triggers = &config.triggers;
    let http = triggers.http.values().map(|it| (&it.state_machine, &it.place));
    let queues = triggers.queues.values().map(|it| (&it.state_machine, &it.place));
    let unknown =
        http.chain(queues).filter(|(name, _)| machines.iter().all(|it| it.name != **name));
    let problems: Vec<_> = unknown
        .map(|(name, place)| {
            let message = format!("there is no pipeline or state machine `{name}` here");
            Problem::new(place.clone(), message)
                .help("name one that is configured; `stepwell pipeline list` shows them")
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(project::refuse(&config.source, &problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_with_every_part() {
        let name = name_of("queue", &["a", "bc"]);
        assert_eq!(name, name_of("queue", &["a", "bc"]));
        assert_ne!(name, name_of("queue", &["ab", "c"]));
        assert!(stepwell_engine::arn::check_name(&name).is_ok());
    }
}
