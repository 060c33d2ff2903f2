//! Connections: accepted, given a time limit for each request's header, and on the way out finished
//! rather than cut.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::settings::Limits;

/// How long to wait before accepting again where the system has no more file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `stop`; then takes no more connections, lets requests under way
/// finish within their time limit, and returns.
pub async fn serve(listener: TcpListener, router: Router, limits: &Limits, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time);
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Answers are small and waited for. Where the option is refused they are merely later.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let longest = limits.request_time + limits.header_time;
    if tokio::time::timeout(longest, open.shutdown()).await.is_err() {
        tracing::warn!("connections were cut that did not end within {longest:?}");
    }
}
