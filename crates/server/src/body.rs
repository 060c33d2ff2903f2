//! A request's body: read within its limits of size and pace, and taken for JSON only where its header says so.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::problem::Problem;

/// Bytes of JSON that are parsed where they are: handing them to another thread would take longer.
const SMALL: usize = 16 << 10;

/// Bytes of a body that must come within the server's stall time, unless the body ends: one that drips
/// holds a request's place for nothing.
const PACE: usize = 64 << 10;

/// A JSON body. A large one, with pictures, is parsed on the pool.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Shared> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::media_type(
                "the body's type is not JSON: send the header \"Content-Type: application/json\"",
            ));
        }
        let bytes = read(request, app).await?;
        parse(app, bytes).await.map(Self)
    }
}

/// The bytes of a body that is not compressed: one that grows when it is unpacked is not taken.
pub async fn read(request: Request, app: &Shared) -> Result<Bytes, Problem> {
    if is_encoded(request.headers()) {
        return Err(Problem::media_type(
            "compressed bodies are not read: send the body as it is",
        ));
    }
    let limits = &app.settings.limits;
    let mut chunks = request.into_body().into_data_stream();
    let mut body = BytesMut::new();
    let (mut due, mut wanted) = (Instant::now() + limits.stall_time, PACE);
    loop {
        let chunk = timeout_at(due, chunks.next()).await;
        let Some(chunk) = chunk.map_err(|_| Problem::stalled(limits.stall_time.as_secs()))? else {
            return Ok(body.freeze());
        };
        let chunk = chunk.map_err(|_| Problem::unreadable_body())?;
        if body.len() + chunk.len() > limits.body_bytes {
            return Err(Problem::body_too_large());
        }
        body.extend_from_slice(&chunk);
        if body.len() >= wanted {
            (due, wanted) = (Instant::now() + limits.stall_time, body.len() + PACE);
        }
    }
}

/// JSON out of bytes, on the pool where they are many.
pub async fn parse<T: DeserializeOwned + Send + 'static>(app: &Shared, bytes: Bytes) -> Result<T, Problem> {
    let small = bytes.len() <= SMALL;
    let parse = move || serde_json::from_slice(&bytes);
    let parsed = match small {
        true => parse(),
        false => app.engine.on_pool(parse).await?,
    };
    parsed.map_err(|error| Problem::invalid(shortened(format!("the body is not as expected: {error}"))))
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
pub fn present<'a, T: Deserialize<'a>, D: Deserializer<'a>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}
