//! The page at `/`: the static files that `./build.sh dist` makes, or a page that says how to make them.

use std::path::Path;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Html;
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::Shared;

const NOT_BUILT: &str = include_str!("page/not_built.html");

/// Headers of the page: isolation, for which browsers give threads their shared memory; no other site may show
/// it in a frame, where clicks could be stolen; and files are asked for again, since their names do not tell
/// whether they have changed.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'self'"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (header::CACHE_CONTROL, "no-cache"),
];

/// `routes`, and the page at every path that they leave.
pub(super) fn with_page(routes: Router<Shared>, folder: Option<&Path>) -> Router<Shared> {
    let [opener, embedder, frames, old_frames, cache] = HEADERS
        .map(|(name, value)| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    let headers = ServiceBuilder::new()
        .layer(opener)
        .layer(embedder)
        .layer(frames)
        .layer(old_frames)
        .layer(cache);
    match folder {
        Some(folder) => routes.fallback_service(headers.service(ServeDir::new(folder))),
        None => routes.route("/", get(async || Html(NOT_BUILT)).layer(headers)),
    }
}
