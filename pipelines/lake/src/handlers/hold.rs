//! One execution at a time works on a dataset, and a run that cannot be gone on with is marked.
//!
//! A lease is short and renewed while a function works: who was stopped for good holds nobody up for longer, and who comes
//! back too late is told so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;

use super::Planned;
use crate::ledger::{Run, State};
use crate::service::Service;

const LEASE: SignedDuration = SignedDuration::from_secs(60);
const RENEW: Duration = Duration::from_secs(15);

/// Takes a dataset for an execution, or keeps it.
///
/// # Errors
/// [`HandlerError::Retryable`] while another execution works on it.
pub(super) async fn take(
    service: &Service,
    dataset: &str,
    execution: &str,
) -> Result<(), HandlerError> {
    let now = service.world.now();
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    match service.ledger().await?.lease(dataset, execution, (now, until)).await? {
        None => Ok(()),
        Some(other) => Err(HandlerError::Retryable(format!(
            "{other} works on `{dataset}`; wait until it has ended, or stop it"
        ))),
    }
}

/// Works on a run while its dataset is held. What failed for a reason that lies in the data is not gone on with later.
///
/// # Errors
/// As [`take`], and those of the work.
pub(super) async fn during<T>(
    service: &Service,
    input: &Planned,
    work: impl Future<Output = Result<T, HandlerError>>,
) -> Result<T, HandlerError> {
    take(service, &input.dataset, &input.execution).await?;
    let outcome = kept(service, &input.dataset, &input.execution, work).await;
    if let Err(HandlerError::Data(_) | HandlerError::Fatal(_)) = &outcome {
        service.ledger().await?.fail(&input.dataset, &input.plan.run).await?;
    }
    if let Err(HandlerError::Data(_) | HandlerError::Fatal(_) | HandlerError::Config(_)) = &outcome
    {
        service.ledger().await?.release(&input.dataset, &input.execution).await?;
    }
    outcome
}

/// Works on a dataset while it is held, on no run of it.
///
/// # Errors
/// As [`take`], and those of the work.
pub(super) async fn beside_runs<T>(
    service: &Service,
    dataset: &str,
    execution: &str,
    work: impl Future<Output = Result<T, HandlerError>>,
) -> Result<T, HandlerError> {
    take(service, dataset, execution).await?;
    kept(service, dataset, execution, work).await
}

/// Works until it is done or the dataset is lost.
async fn kept<T>(
    service: &Service,
    dataset: &str,
    execution: &str,
    work: impl Future<Output = Result<T, HandlerError>>,
) -> Result<T, HandlerError> {
    tokio::select! {
        outcome = work => outcome,
        lost = renewing(service, dataset, execution) => Err(lost),
    }
}

/// Ends when the dataset is lost.
async fn renewing(service: &Service, dataset: &str, execution: &str) -> HandlerError {
    loop {
        tokio::time::sleep(RENEW).await;
        if let Err(lost) = take(service, dataset, execution).await {
            return lost;
        }
    }
}

/// The run of a call.
///
/// # Errors
/// [`HandlerError::Config`] if there is none, [`HandlerError::Fatal`] if it was given up.
pub(super) async fn run_of(service: &Service, input: &Planned) -> Result<Run, HandlerError> {
    let run = service.ledger().await?.run(&input.dataset, &input.plan.run).await?;
    if run.state == State::Abandoned {
        return Err(HandlerError::Fatal(format!(
            "the run {} of `{}` was given up by another execution",
            run.run, run.dataset
        )));
    }
    Ok(run)
}
