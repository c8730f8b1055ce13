//! Stops on SIGTERM and Ctrl-C, after a limited time.

use std::future::Future;
use std::io;
use std::time::Duration;

/// The time for open calls after the signal.
const GRACE: Duration = Duration::from_secs(5);

/// Listens for Ctrl-C and SIGTERM from now on. The future is ready after the first signal.
#[cfg(unix)]
pub(crate) fn signal() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C. The future is ready after it.
#[cfg(not(unix))]
pub(crate) fn signal() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}

/// Runs `server` to its end, or until the time after a signal is over.
pub(crate) async fn in_time<E>(server: impl Future<Output = Result<(), E>>) -> Result<(), E> {
    let grace_is_over = async {
        match signal() {
            Ok(signal) => signal.await,
            Err(_) => std::future::pending().await,
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = server => result,
        () = grace_is_over => Ok(()),
    }
}
