//! SIGTERM and SIGINT: the first asks to stop in an orderly way, the second ends the process.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::{Exit, Outcome};
use crate::output;

/// A token that the first signal cancels.
pub(crate) fn on_signal() -> Outcome<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
        };
        next().await;
        output::note("stopping; a second signal quits at once");
        cancelled.cancel();
        next().await;
        quit();
    });
    Ok(token)
}

/// What was acknowledged is on disk at any instant, so that nothing is lost.
#[expect(clippy::exit, reason = "the user asked for the end twice")]
fn quit() -> ! {
    std::process::exit(i32::from(Exit::Interrupted as u8))
}
