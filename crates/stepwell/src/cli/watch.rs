//! `stepwell watch FUNCTION...`

use std::time::Duration;

use clap::{Args, ValueEnum};
use stepwell_integrations::cloudwatch::{CloudWatch, Rules, Stream, Watched};
use stepwell_pipeline::HandlerError;
use stepwell_services::Opener;

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::wiring;

/// Watch functions of Lambda: keep their logs for a time, and tell when they fail, are late or fall behind
///
/// Prints the rules as JSON, in the words of `PutRetentionPolicy` and `PutMetricAlarm`. AWS is reached as `[services.aws]` says.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Names of functions
    #[arg(required = true, value_name = "FUNCTION")]
    functions: Vec<String>,
    /// After how long Lambda ends them; beyond 80 % of it somebody is told
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout_seconds: u64,
    /// They read a stream, which is at times idle or never; records that wait for 15 minutes are told
    #[arg(long, value_name = "IDLE")]
    stream: Option<Idle>,
    /// How long logs are kept, in days that CloudWatch knows
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    retention_days: u32,
    /// The ARN of a topic that is told; without one, alarms are only to be looked at
    #[arg(long, value_name = "ARN")]
    tell: Vec<String>,
    /// Put the rules, in the place of those that were put before
    #[arg(long)]
    apply: bool,
}

/// Whether a stream is ever idle.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Idle {
    /// No records are no alarm.
    AtTimes,
    /// No records are an alarm.
    Never,
}

impl Watch {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let rules = self.functions.iter().map(|function| self.watched(function).rules());
        let rules = rules.collect::<Result<Vec<_>, _>>();
        let rules = rules.map_err(|error| Failure::new(Exit::Usage, error))?;
        if self.apply {
            wiring::runtime()?.block_on(apply(global, &rules))?;
        }
        output::json(&rules)?;
        let count = rules.len();
        output::note(if self.apply {
            format!("put the rules of {count} functions")
        } else {
            "nothing is changed; `--apply` puts these rules".to_owned()
        });
        Ok(())
    }

    fn watched(&self, function: &str) -> Watched {
        Watched {
            function: function.to_owned(),
            timeout: Duration::from_secs(self.timeout_seconds),
            stream: self.stream.map(|idle| match idle {
                Idle::AtTimes => Stream::AtTimesIdle,
                Idle::Never => Stream::NeverIdle,
            }),
            retention_days: self.retention_days,
            tell: self.tell.clone(),
        }
    }
}

async fn apply(global: &Global, rules: &[Rules]) -> Outcome {
    let project = global.project()?;
    let opener = Opener::new(wiring::surroundings(&project, &project.config()?));
    let failed = |error: HandlerError| match error {
        HandlerError::Retryable(_) => Failure::new(Exit::Unavailable, error),
        _ => Failure::new(Exit::Usage, error),
    };
    let cloudwatch = CloudWatch::new(opener.connection().await.map_err(failed)?);
    for rules in rules {
        cloudwatch.put(rules).await.map_err(|error| {
            let exit = if error.is_retryable() { Exit::Unavailable } else { Exit::Usage };
            Failure::new(exit, error)
        })?;
    }
    Ok(())
}
