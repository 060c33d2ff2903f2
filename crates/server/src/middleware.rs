//! The steps that every request passes: an id, a log line, metrics and the body of an error; the key; and
//! limits on how much is in progress.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, gauge, histogram};
use tower_http::request_id::RequestId;

use super::api_error::ApiError;
use super::client::{Client, sender};
use super::guarded_body::guarded;
use super::{Shared, body};

/// The header that names a request in the log and in its answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes a request id away that a log cannot hold, so that the request is given a new one.
pub(crate) fn drop_unusable_id(mut request: Request) -> Request {
    const LONGEST: usize = 128;
    let id = request.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
    let usable = |id: &[u8]| (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    if id.is_some_and(|id| !usable(id)) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Writes the log line, the metrics and, where the request failed, the error's body. Its client is found out
/// for the steps within.
pub(crate) async fn request_context(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.header_value().clone());
    let method = request.method().clone();
    let path = request.uri().path().to_string();
    // The route, not the path: a path may hold anything, and metrics want few labels.
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("other", MatchedPath::as_str).to_string();
    let sender = sender(&request, &app.trusted_proxies);
    request
        .extensions_mut()
        .insert(sender.map_or(Client::Unknown, Client::at));

    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<ApiError>();
    let key = response.extensions_mut().remove::<KeyName>().map(|name| name.0);
    let status = response.status();
    let id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    if status.is_client_error() || status.is_server_error() {
        let error = error.unwrap_or_else(|| match status {
            StatusCode::GATEWAY_TIMEOUT => ApiError::timeout(app.limits.request_time.as_secs()),
            status => ApiError::of_status(status),
        });
        // The message is left out, since it may quote what was sent.
        tracing::debug!(
            id,
            code = error.code,
            status = status.as_u16(),
            "the request failed"
        );
        response = error.response(&path, response.headers());
    }
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let took = start.elapsed();
    let labels = [("route", route.clone()), ("status", status.as_u16().to_string())];
    counter!("cliplet_requests_total", &labels).increment(1);
    histogram!("cliplet_request_seconds", "route" => route.clone()).record(took);
    let client = sender.map(tracing::field::display);
    let (status, ms) = (status.as_u16(), took.as_secs_f64() * 1e3);
    tracing::info!(id, client, key, %method, route, status, ms, "request");
    response
}

/// The name of the key that a request was let in with, on its response for the log.
#[derive(Debug, Clone)]
struct KeyName(String);

/// Rejects requests without one of the configured API keys (401).
pub(crate) async fn require_api_key(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let keys = app.api_keys();
    if keys.is_empty() {
        return next.run(request).await;
    }
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent.and_then(|value| value.as_bytes().split_at_checked("Bearer ".len()));
    let key = match sent {
        Some((scheme, sent)) if scheme.eq_ignore_ascii_case(b"Bearer ") => keys.find(sent),
        _ => None,
    };
    let Some(key) = key else {
        return ApiError::unauthorized().into_response();
    };
    if keys.are_named() {
        request.extensions_mut().insert(Client::Key(key));
    }
    let mut response = next.run(request).await;
    let name = keys.name(key);
    if !name.is_empty() {
        response.extensions_mut().insert(KeyName(name.into()));
    }
    response
}

/// Reads the body of a request for the model, then rejects it (429) where as many are in progress as the
/// server, or this client, may have. A request without its body takes no place; one with a place keeps it
/// until the client has taken the answer.
pub(crate) async fn limit_concurrency(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>().copied().unwrap_or_default();
    let Some(mut memory) = app.body_memory.try_acquire(client, 0) else {
        return ApiError::too_many_requests().into_response();
    };
    let (parts, body) = request.into_parts();
    let body = match body::read(body, &parts.headers, &app.limits, &mut memory).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let Some(permit) = app.requests.try_acquire(client, 1) else {
        return ApiError::too_many_requests().into_response();
    };
    let in_progress = InProgress::new();
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    guarded(
        response,
        (permit, memory, in_progress),
        Some(app.limits.request_time),
    )
}

/// Counts itself among the requests in progress as long as it lives.
struct InProgress;

impl InProgress {
    fn new() -> Self {
        gauge!("cliplet_requests_under_way").increment(1.0);
        Self
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        gauge!("cliplet_requests_under_way").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::to_bytes;
    use axum::routing::get;
    use tower::Service;

    use super::*;
    use crate::{Server, Settings};
    use cliplet::clip::Clip;

    async fn falls_over() -> &'static str {
        panic!("a secret detail")
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_without_its_details() {
        let file =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("models/cliplet-everyday.gguf");
        let clip = Clip::open(&file).unwrap();
        let server = Server::new(Arc::new(clip), Settings::default()).unwrap();
        let mut router = server.behind_middleware(Router::new().route("/falls", get(falls_over)));
        let request = Request::builder()
            .uri("/falls")
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        let response = router.call(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key(REQUEST_ID));
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "internal");
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
