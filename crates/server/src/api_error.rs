//! The errors that clients are sent: a status, a stable code and a sentence, as JSON in the shape of the
//! request's protocol.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use super::pool::Panicked;
use super::service::ServiceError;

/// Seconds after which to come back where too many requests are in progress.
const RETRY_SECONDS: u64 = 1;

/// An error response before its body is written: [`super::middleware::request_context`] does that, since the
/// shape of the body depends on the request's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable name of the kind of error.
    pub code: &'static str,
    /// A sentence for a person about what is wrong.
    pub message: String,
    /// Seconds after which to try again, where that may help.
    pub retry_after: Option<u64>,
}

impl ApiError {
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

    /// 401: the bearer key is missing or wrong.
    pub fn unauthorized() -> Self {
        let message = "this server wants its key: send the header \"Authorization: Bearer KEY\"";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// 403: the request comes from a web page of another origin.
    pub fn foreign_origin() -> Self {
        let message = "requests from web pages of other origins are refused: --cors-origin allows an origin";
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", message)
    }

    /// 404: there is nothing of that name.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 400: the body ends before it should.
    pub fn unreadable_body() -> Self {
        let message = "the body could not be read to its end";
        Self::new(StatusCode::BAD_REQUEST, "unreadable_body", message)
    }

    /// 408: the body arrives too slowly.
    pub fn stalled(seconds: u64) -> Self {
        let message = format!("the body came too slowly: hardly any of it within {seconds} s");
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
    }

    /// 413: the body is over the limit.
    pub fn body_too_large() -> Self {
        let message = "the body is over this server's limit (--max-body-mb)";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    /// 415: the body is not of a type that the endpoint reads.
    pub fn media_type(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        )
    }

    /// 421: the request names a host that is not among the allowed hosts.
    pub fn unknown_host() -> Self {
        let message =
            "this server does not answer for the host that the request names: --allowed-hosts allows one";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message)
    }

    /// 429: too much is in progress, `seconds` from now it may be less.
    pub fn busy(seconds: u64) -> Self {
        let message = format!("the server is busy: try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
        }
    }

    /// 429: as many requests are in progress as the server, or this client, may have.
    pub fn too_many_requests() -> Self {
        Self::busy(RETRY_SECONDS)
    }

    /// 503: the server is stopping.
    pub fn stopping() -> Self {
        Self {
            retry_after: Some(RETRY_SECONDS),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the server is stopping",
            )
        }
    }

    /// 503: all connections are in use; this one answers probes alone.
    pub fn no_connection() -> Self {
        let message = "all connections of this server are in use: try again in 1 s";
        Self {
            retry_after: Some(RETRY_SECONDS),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
        }
    }

    /// 504: the answer took longer than the server allows.
    pub fn timeout(seconds: u64) -> Self {
        let message = format!("the request was not done within {seconds} s");
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
    }

    /// 500: a fault of the server; the answer gives no details.
    pub fn internal() -> Self {
        let message = "something went wrong in the server; its log has the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The error behind a status that axum or a service of tower-http gave.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "this path does not take that method"),
            _ => ("error", status.canonical_reason().unwrap_or("the request failed")),
        };
        Self::new(status, code, message)
    }

    /// The JSON body and its status, in the shape of the protocol that `path` belongs to; of `headers`, those
    /// that clients of an error need.
    pub fn response(&self, path: &str, headers: &HeaderMap) -> Response {
        let mut response = match path.starts_with("/v2") {
            true => (self.status, Json(OpenInferenceErrorBody::of(self))).into_response(),
            false => (self.status, Json(ErrorBody::of(self))).into_response(),
        };
        let needed = [
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            header::ALLOW,
            header::VARY,
        ];
        let cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| needed.contains(name) || cors(name))
        {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}

impl IntoResponse for ApiError {
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

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid(message) => Self::invalid(message),
            ServiceError::Unusable { code, message } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
            }
            ServiceError::NotFound(message) => Self::not_found(message),
            ServiceError::Busy { seconds } => Self::busy(seconds),
            ServiceError::Stopping => Self::stopping(),
            ServiceError::Internal => Self::internal(),
        }
    }
}

impl From<Panicked> for ApiError {
    fn from(_: Panicked) -> Self {
        Self::internal()
    }
}

/// An error, as OpenAI's clients read it.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorBody {
    error: ErrorDetail,
}

/// A description of the error.
#[derive(Serialize, ToSchema)]
struct ErrorDetail {
    /// A stable name of the kind of error.
    code: &'static str,
    /// For a person.
    message: String,
    /// OpenAI's name for the kind of error: the code again.
    r#type: &'static str,
}

impl ErrorBody {
    fn of(error: &ApiError) -> Self {
        Self {
            error: ErrorDetail {
                code: error.code,
                message: error.message.clone(),
                r#type: error.code,
            },
        }
    }
}

/// An error, as the Open Inference Protocol has it.
#[derive(Serialize, ToSchema)]
pub(super) struct OpenInferenceErrorBody {
    /// For a person.
    error: String,
}

impl OpenInferenceErrorBody {
    fn of(error: &ApiError) -> Self {
        Self {
            error: error.message.clone(),
        }
    }
}

/// The errors of an endpoint that runs the model.
macro_rules! errors {
    ($name:ident, $body:ty) => {
        #[derive(IntoResponses)]
        #[allow(dead_code, reason = "only the derived description is used")]
        pub(super) enum $name {
            /// The request's shape is wrong; the message names the row.
            #[response(status = 400)]
            Invalid($body),
            /// The key is missing or wrong.
            #[response(status = 401)]
            Unauthorized($body),
            /// The request comes from a web page of another origin.
            #[response(status = 403)]
            ForeignOrigin($body),
            /// There is no such model.
            #[response(status = 404)]
            NotFound($body),
            /// The body came too slowly.
            #[response(status = 408)]
            Stalled($body),
            /// The body is over the limit.
            #[response(status = 413)]
            TooLarge($body),
            /// The body is not of a type that is read.
            #[response(status = 415)]
            MediaType($body),
            /// The request names a host that is not among the allowed hosts.
            #[response(status = 421)]
            UnknownHost($body),
            /// An image cannot be read, or something is over a limit.
            #[response(status = 422)]
            Unusable($body),
            /// The server is busy: Retry-After tells when to come back.
            #[response(status = 429)]
            Busy($body),
            /// The model failed.
            #[response(status = 500)]
            Internal($body),
            /// The server is stopping, or all of its connections are in use.
            #[response(status = 503)]
            Stopping($body),
            /// The request took too long.
            #[response(status = 504)]
            TooSlow($body),
        }
    };
}

errors!(Errors, ErrorBody);
errors!(OpenInferenceErrors, OpenInferenceErrorBody);
