//! What every request passes: an id, a log line, a time limit; the key; and a limit on how many are
//! under way. What goes wrong leaves as JSON, in the shape of the request's protocol.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use metrics::{counter, gauge, histogram};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Shared;
use super::problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Seconds after which to come back where too many requests are under way.
const CROWDED_SECONDS: u64 = 1;

/// The outermost step: the id, the log line and the metrics of a request, its time limit, and a
/// problem's body. A panic below is a problem like any other.
pub async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let protocol = Protocol::of(request.uri().path());
    // The route, not the path: a path may hold anything, and metrics want few labels.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_string();

    let limit = app.settings.limits.request_time;
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::internal().into_response(),
        Err(_) => Problem::too_slow(limit.as_secs()).into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let problem = problem.unwrap_or_else(|| Problem::of_status(status));
        // Not its message, which may quote what was sent.
        tracing::debug!(%id, code = problem.code, status = status.as_u16(), "the problem");
        response = protocol.tell(&problem, response);
    }
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    let took = start.elapsed();
    let labels = [("route", route.clone()), ("status", status.as_u16().to_string())];
    counter!("cliplet_requests_total", &labels).increment(1);
    histogram!("cliplet_request_seconds", "route" => route.clone()).record(took);
    tracing::info!(%id, %method, route, status = status.as_u16(), ms = took.as_secs_f64() * 1e3, "request");
    response
}

/// Lets through who sends the key, where the server has one.
pub async fn key(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let Some(key) = &app.key else {
        return next.run(request).await;
    };
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent.and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()));
    match sent {
        Some((scheme, sent)) if scheme.eq_ignore_ascii_case(b"Bearer ") && key.is(sent) => {
            next.run(request).await
        }
        _ => Problem::unauthorized().into_response(),
    }
}

/// What is kept of the key: its digest. Comparing digests takes as long whatever was sent, however long.
pub struct Key([u8; 32]);

impl Key {
    /// Keeps `key`.
    pub fn new(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    fn is(&self, sent: &[u8]) -> bool {
        Sha256::digest(sent).ct_eq(&self.0).into()
    }
}

/// Refuses a request for the model where as many are under way as the server allows.
pub async fn crowd(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let Ok(permit) = app.requests.clone().try_acquire_owned() else {
        return Problem::busy(CROWDED_SECONDS).into_response();
    };
    let under_way = UnderWay::new();
    let response = next.run(request).await;
    drop((permit, under_way));
    response
}

/// Counts itself among the requests under way as long as it lives.
struct UnderWay;

impl UnderWay {
    fn new() -> Self {
        gauge!("cliplet_requests_under_way").increment(1.0);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        gauge!("cliplet_requests_under_way").decrement(1.0);
    }
}

/// The client's id where it is one that a log can hold, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    const LONGEST: usize = 128;
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let usable = |id: &&str| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    given
        .filter(usable)
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_string)
}

/// Whose shape an error takes.
#[derive(Clone, Copy)]
enum Protocol {
    /// `{"error": "…"}`.
    OpenInference,
    /// `{"error": {"message": …, "type": …, "code": …}}`, as OpenAI's clients read it.
    Other,
}

impl Protocol {
    fn of(path: &str) -> Self {
        match path.starts_with("/v2") {
            true => Self::OpenInference,
            false => Self::Other,
        }
    }

    /// `response` with the problem as its body.
    fn tell(self, problem: &Problem, response: Response) -> Response {
        let body = match self {
            Self::OpenInference => json!({ "error": problem.message }),
            Self::Other => {
                json!({ "error": {"message": problem.message, "type": problem.code, "code": problem.code} })
            }
        };
        let mut told = (problem.status, Json(body)).into_response();
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW] {
            if let Some(value) = response.headers().get(&name) {
                told.headers_mut().insert(name, value.clone());
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::Service;

    use super::*;
    use crate::{Server, Settings};
    use cliplet::Clip;

    async fn falls_over() -> &'static str {
        panic!("a secret detail")
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_without_its_details() {
        let file =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("models/cliplet-everyday.gguf");
        let clip = Clip::open(&file).unwrap();
        let server = Server::new(Arc::new(clip), Settings::default()).unwrap();
        let mut router = Router::new()
            .route("/falls", get(falls_over))
            .layer(from_fn_with_state(server.0.clone(), guard));
        let request = Request::builder().uri("/falls").body(Body::empty()).unwrap();
        let response = router.call(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key(REQUEST_ID));
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "internal");
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
