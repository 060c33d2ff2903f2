//! A response's body that holds what its request has taken until the client has taken the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Frame, SizeHint};

/// Bytes that are handed to the connection at a time: the body ends, and what it holds is given back, when
/// the client has taken all but about as much.
const CHUNK: usize = 64 << 10;

/// A body together with permits that are dropped with it.
pub(crate) struct GuardedBody<G> {
    inner: Body,
    /// The part of the inner body's last frame that was not handed on yet.
    rest: Bytes,
    /// The time by which the client must have taken the answer.
    deadline: Option<Instant>,
    _guard: G,
}

/// The client took longer for its answer than the server allows.
#[derive(Debug, thiserror::Error)]
#[error("the answer was taken too slowly")]
struct TakenTooSlowly;

/// Returns `response` with a body that holds `guard` until it is sent, for at most `longest` where that is given.
pub(crate) fn guarded<G: Send + Unpin + 'static>(
    response: Response,
    guard: G,
    longest: Option<Duration>,
) -> Response {
    response.map(|inner| {
        Body::new(GuardedBody {
            inner,
            rest: Bytes::new(),
            deadline: longest.map(|longest| Instant::now() + longest),
            _guard: guard,
        })
    })
}

impl<G: Unpin> http_body::Body for GuardedBody<G> {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Poll::Ready(Some(Err(TakenTooSlowly.into())));
        }
        if self.rest.is_empty() {
            let frame = match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => return other.map_err(Into::into),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let length = self.rest.len().min(CHUNK);
        let data = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use axum::body::to_bytes;
    use http_body::Body as _;

    #[tokio::test]
    async fn a_guard_is_held_until_the_body_is_taken() {
        let guard = Arc::new(());
        let whole = vec![7; 3 * CHUNK + 5];
        let response = guarded(Response::new(whole.clone().into()), guard.clone(), None);
        assert_eq!(response.body().size_hint().exact(), Some(whole.len() as u64));
        assert_eq!(Arc::strong_count(&guard), 2);
        assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), whole);
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_taken_too_slowly_is_cut() {
        let response = guarded(Response::new("late".into()), (), Some(Duration::ZERO));
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(to_bytes(response.into_body(), usize::MAX).await.is_err());
    }
}
