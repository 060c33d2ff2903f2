//! Connections: accepted at once, each with a time limit for a request's header and for a client that does
//! not take its answer, and finished rather than cut when the server stops.
//!
//! Where as many are open as are allowed, a new one takes the place of one that is idle. Where none is, it is
//! accepted all the same into a small lane that answers probes alone, so that these are always answered.

mod table;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tower::Service;

use super::client::Client;
use super::guarded_body::guarded;
use super::limits::Limits;
use table::{Connections, Lane, Place};

/// Pause before accepting again where the system has no more file handles.
const PAUSE: Duration = Duration::from_millis(100);
/// Pause before accepting again where an idle connection is being closed.
const SHORT_PAUSE: Duration = Duration::from_millis(2);
/// Time between two warnings that connections cannot be accepted.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);
/// Time for a request's header on a connection of the lane for probes.
const PROBE_HEADER_TIME: Duration = Duration::from_secs(1);

/// The routers of the two lanes.
pub(crate) struct Routers {
    /// Every endpoint.
    pub all: Router,
    /// Probes; everything else is answered with 503.
    pub probes: Router,
}

/// Serves on `listener` until `stop`; then takes no more connections, lets requests in progress finish within
/// their time limit, and returns.
pub(crate) async fn serve(
    listener: TcpListener,
    routers: Routers,
    limits: &Limits,
    stop: impl Future<Output = ()>,
) {
    let open = GracefulShutdown::new();
    let connections = Connections::new(limits.connections, limits.connections_per_client);
    let mut warned: Option<Instant> = None;
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = connections.admit(Client::at(peer.ip()));
                start(stream, peer, place, &routers, limits, &open);
            }
            Err(error) => {
                let closed = connections.close_an_idle_one();
                if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    warned = Some(Instant::now());
                }
                // A connection that is being closed gives its handle back in a moment.
                tokio::time::sleep(if closed { SHORT_PAUSE } else { PAUSE }).await;
            }
        }
    }
    drop(listener);
    let longest = limits.request_time + limits.stall_time;
    if tokio::time::timeout(longest, open.shutdown()).await.is_err() {
        tracing::warn!("connections were cut that did not end within {longest:?}");
    }
}

/// Starts the task of one connection.
fn start(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    routers: &Routers,
    limits: &Limits,
    open: &GracefulShutdown,
) {
    // Answers are small and waited for. Where the option is refused they are merely later.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stall_time));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let router = match place.lane() {
        Lane::All => {
            http.header_read_timeout(limits.stall_time);
            routers.all.clone()
        }
        Lane::Probes => {
            http.header_read_timeout(PROBE_HEADER_TIME.min(limits.stall_time))
                .keep_alive(false);
            routers.probes.clone()
        }
    };
    let place = Arc::new(place);
    let service = {
        let place = place.clone();
        service_fn(move |request| answer(router.clone(), request, peer, place.clone()))
    };
    let connection = open.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            },
            () = place.told_to_close() => tracing::debug!("an idle connection made room for a new one"),
        }
    });
}

/// Answers one request; its connection counts as busy until the client has taken the answer.
async fn answer(
    mut router: Router,
    mut request: hyper::Request<Incoming>,
    peer: SocketAddr,
    place: Arc<Place>,
) -> io::Result<axum::response::Response> {
    let busy = place.busy();
    request.extensions_mut().insert(ConnectInfo(peer));
    let Ok(response): Result<_, Infallible> = router.call(request).await;
    Ok(guarded(response, busy, None))
}
