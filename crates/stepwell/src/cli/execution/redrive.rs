//! `stepwell execution redrive`

use clap::Args;
use stepwell_engine::RedriveExecution;

use super::{Decider, Store};
use crate::cli::Global;
use crate::cli::run::read_input;
use crate::client::AskRedrive;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;
use crate::wiring;

/// Let an execution go on that ended without success
///
/// It goes on in the same history, with the definition that it was started with: from where it failed, with what had
/// succeeded kept. Unlike AWS, a state may be named to go on from, its input may be edited, and with `--any-age` it does
/// not matter when the execution ended.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// Its name or ARN
    execution: String,
    /// State to go on from, one that is in no other state; without it, where the execution failed
    #[arg(long, value_name = "STATE")]
    from: Option<String>,
    /// Input of that state instead of the one that it had: JSON, or `@` and the file that holds it
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Even if it ended more than 14 days ago
    #[arg(long)]
    any_age: bool,
}

impl Redrive {
    pub(super) fn run(self, project: &Project, store: &Store, global: &Global) -> Outcome {
        let found = store.find(&self.execution)?;
        let status = found.summary.status;
        if !status.is_unsuccessful() {
            let message = format!("execution `{}` is {status}", found.summary.name);
            return Err(Failure::message(Exit::Refused, message)
                .hint("only what failed, timed out or was stopped is redriven"));
        }
        let ask = AskRedrive {
            execution_arn: found.summary.arn.clone(),
            from: self.from,
            input: self.input.as_deref().map(read_input).transpose()?,
            at_any_age: self.any_age,
        };
        let has_server = wiring::runtime()?.block_on(redrive(project, ask))?;
        if global.json {
            return store.show(&found.summary.arn, global);
        }
        output::note(format_args!("redrove {}", found.summary.arn));
        if !has_server {
            output::note("hint: it goes on with `stepwell serve` or `stepwell run`");
        }
        Ok(())
    }
}

/// Says whether a server did it.
async fn redrive(project: &Project, ask: AskRedrive) -> Outcome<bool> {
    match Decider::of(project)? {
        Decider::Engine(running) => {
            let redriven = running.engine.redrive_execution(ask.into()).await;
            running.stop().await?;
            redriven?;
            Ok(false)
        }
        Decider::Server(client) => {
            client.redrive(&ask).await?;
            Ok(true)
        }
    }
}

impl From<AskRedrive> for RedriveExecution {
    fn from(ask: AskRedrive) -> Self {
        let AskRedrive { execution_arn, from, input, at_any_age } = ask;
        Self { execution_arn, client_token: None, from, input, at_any_age }
    }
}
