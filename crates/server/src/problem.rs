//! What a client is told when a request cannot be answered: a status, a stable code, and a sentence.
//!
//! The answer's body is written at the door ([`super::door`]), where the request's path tells which
//! shape its protocol wants.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::fetch::FetchError;
use super::pool::Panicked;
use super::queue::Refusal;
use cliplet::error::Error;

/// Why a request is not answered as its sender hoped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable name of the kind of problem.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub message: String,
    /// Seconds after which to try again, where that may help.
    pub retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// 400: the request's shape is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// 422: the shape is right, but what it holds cannot be used or is over a limit.
    pub fn unusable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    /// 422 where `count` of `what` is over `limit`.
    pub fn over(count: usize, limit: usize, what: &str) -> Result<(), Self> {
        if count <= limit {
            return Ok(());
        }
        let message = format!("{count} {what} are over this server's limit of {limit}");
        Err(Self::unusable("over_limit", message))
    }

    /// 401: the bearer key is missing or wrong.
    pub fn unauthorized() -> Self {
        let message = "this server wants its key: send the header \"Authorization: Bearer KEY\"";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// 404: there is nothing of that name.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 400: the body ends before it should.
    pub fn unreadable_body() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "unreadable_body",
            "the body could not be read to its end",
        )
    }

    /// 408: the body does not come on.
    pub fn stalled(seconds: u64) -> Self {
        let message = format!("the body came too slowly: hardly any of it within {seconds} s");
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
    }

    /// 413: the body is over the limit.
    pub fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body is over this server's limit (--max-body-mb)",
        )
    }

    /// 415: the body is not what the endpoint reads.
    pub fn media_type(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
    }

    /// 429: too much is under way.
    pub fn busy(seconds: u64) -> Self {
        let message = format!("the server is busy: try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
        }
    }

    /// 503: the server is stopping.
    pub fn stopping() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the server is stopping",
            )
        }
    }

    /// 504: the answer took longer than the server allows.
    pub fn too_slow(seconds: u64) -> Self {
        let message = format!("the request was not done within {seconds} s");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    /// 500: our fault, told without details.
    pub fn internal() -> Self {
        let message = "something went wrong in the server; its log has the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The problem behind a status that axum or a service of tower-http gave.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path does not take that method"),
            _ => ("error", status.canonical_reason().unwrap_or("the request failed")),
        };
        Self::new(status, code, message)
    }

    /// The same problem, its message naming what of the request it is about.
    pub fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { seconds } => Self::busy(seconds),
            Refusal::Closed => Self::stopping(),
            Refusal::Failed => Self::internal(),
        }
    }
}

impl From<Panicked> for Problem {
    fn from(_: Panicked) -> Self {
        Self::internal()
    }
}

impl From<FetchError> for Problem {
    fn from(error: FetchError) -> Self {
        Self::unusable(
            "unfetchable_image",
            format!("the image's URL was not used: {error}"),
        )
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Image { reason, .. } => Self::unusable("unreadable_image", reason),
            Error::Input(message) => Self::invalid(message),
            error => {
                tracing::error!(%error, "the core failed");
                Self::internal()
            }
        }
    }
}
