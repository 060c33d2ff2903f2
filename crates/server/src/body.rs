//! The bodies of requests and answers: read within limits of size, pace and memory, and taken for JSON only
//! where the header says so. Large ones are parsed and written on the pool, so that the threads that answer
//! probes are never held up.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use tokio::time::{Instant, timeout_at};

use super::App;
use super::api_error::ApiError;
use super::client::Client;
use super::fair_limit::FairPermit;
use super::limits::Limits;

/// Bytes of JSON that are parsed where they are: handing them to another thread would take longer.
const SMALL: usize = 16 << 10;

/// Bytes of a body that must come within the server's stall time, unless the body ends: one that drips
/// holds memory for nothing.
const PACE: usize = 64 << 10;

/// The bytes of a body that is not compressed: one that grows when it is unpacked is not taken. `memory` grows
/// with the bytes that have come.
pub(crate) async fn read(
    body: Body,
    headers: &HeaderMap,
    limits: &Limits,
    memory: &mut FairPermit,
) -> Result<Bytes, ApiError> {
    if is_encoded(headers) {
        return Err(ApiError::media_type(
            "compressed bodies are not read: send the body as it is",
        ));
    }
    let mut chunks = body.into_data_stream();
    let mut body = BytesMut::new();
    let (mut due, mut wanted) = (Instant::now() + limits.stall_time, PACE);
    loop {
        let chunk = timeout_at(due, chunks.next()).await;
        let Some(chunk) = chunk.map_err(|_| ApiError::stalled(limits.stall_time.as_secs()))? else {
            return Ok(body.freeze());
        };
        let chunk = chunk.map_err(|_| ApiError::unreadable_body())?;
        if body.len() + chunk.len() > limits.body_bytes {
            return Err(ApiError::body_too_large());
        }
        if !memory.try_grow(chunk.len()) {
            return Err(ApiError::too_many_requests());
        }
        body.extend_from_slice(&chunk);
        if body.len() >= wanted {
            (due, wanted) = (Instant::now() + limits.stall_time, body.len() + PACE);
        }
    }
}

/// The bytes of a request whose body is already in memory, if its header says that it is JSON.
pub(crate) async fn json(request: Request) -> Result<Bytes, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if !is_json(kind.and_then(|kind| kind.to_str().ok())) {
        return Err(ApiError::media_type(
            "the body's type is not JSON: send the header \"Content-Type: application/json\"",
        ));
    }
    bytes(request).await
}

/// The bytes of a request whose body is already in memory.
pub(crate) async fn bytes(request: Request) -> Result<Bytes, ApiError> {
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    bytes.map_err(|_| ApiError::unreadable_body())
}

/// Returns true for the content type of JSON, whatever its parameters.
pub(crate) fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A request's JSON made into what it asks for by `convert`, on the pool where it is large.
pub(crate) async fn parse<T: DeserializeOwned, R: Send + 'static>(
    app: &App,
    client: Client,
    bytes: Bytes,
    convert: impl FnOnce(T) -> Result<R, ApiError> + Send + 'static,
) -> Result<R, ApiError> {
    let small = bytes.len() <= SMALL;
    let parse = move || {
        let parsed = serde_json::from_slice(&bytes);
        let parsed = parsed
            .map_err(|error| ApiError::invalid(shortened(format!("the body is not as expected: {error}"))))?;
        drop(bytes);
        convert(parsed)
    };
    match small {
        true => parse(),
        false => app.service.on_pool(client, move |_| parse()).await?,
    }
}

/// A JSON answer, written on the pool where `values`, the count of its numbers, is large.
pub(crate) async fn answer<T: Serialize + Send + 'static>(
    app: &App,
    client: Client,
    values: usize,
    answer: T,
) -> Result<Response, ApiError> {
    const FEW: usize = 2048;
    let write = move || serde_json::to_vec(&answer).map_err(|_| ApiError::internal());
    let body = match values <= FEW {
        true => write()?,
        false => app.service.on_pool(client, move |_| write()).await??,
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    encoding.is_some_and(|encoding| encoding != "identity")
}

/// A message that may quote what was sent, cut where that is long.
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 300;
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| message.is_char_boundary(at));
        message.truncate(end.unwrap_or(0));
        message.push('…');
    }
    message
}

/// For a field that may be left out but not be `null`.
pub(crate) fn present<'a, T: Deserialize<'a>, D: Deserializer<'a>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}
