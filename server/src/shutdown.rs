//! One token that everything watches: Ctrl-C or SIGTERM cancels it, a second one ends the process at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that the signals cancel.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancelled.is_cancelled() {
                tracing::warn!("stopped at once, without draining");
                std::process::exit(130);
            }
            tracing::info!("stopping: what was begun is finished first");
            cancelled.cancel();
        }
    });
    Ok(token)
}
