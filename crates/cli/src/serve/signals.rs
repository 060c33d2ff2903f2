//! Signals: the server stops at Ctrl-C and what a service manager sends, and reads its keys again at SIGHUP.

/// Returns once the process receives a signal to stop.
///
/// # Errors
/// Those of the system, where it gives no signals.
#[cfg(unix)]
pub fn stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: requests in progress are finished first");
    })
}

/// Returns once Ctrl-C is pressed.
#[cfg(not(unix))]
pub fn stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // A server that cannot wait for the signal runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Calls `reload` at every SIGHUP, which then does not end the process. It never returns.
///
/// # Errors
/// Those of the system, where it gives no signals.
#[cfg(unix)]
pub fn on_hangup(reload: impl Fn()) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            reload();
        }
        std::future::pending().await
    })
}

/// Never returns: the system has no such signal.
#[cfg(not(unix))]
pub fn on_hangup(_reload: impl Fn()) -> std::io::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}
