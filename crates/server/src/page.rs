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

/// Headers of the page: isolation, for which browsers give threads their shared memory; and asking
/// again whether a file has changed, since its name does not tell.
const HEADERS: [(HeaderName, &str); 3] = [
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (header::CACHE_CONTROL, "no-cache"),
];

/// `routes`, and the page at every path that they leave.
pub(super) fn beside(routes: Router<Shared>, folder: Option<&Path>) -> Router<Shared> {
    let Some(folder) = folder else {
        return routes.route("/", get(async || Html(NOT_BUILT)));
    };
    let [opener, embedder, cache] = HEADERS
        .map(|(name, value)| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    let headers = ServiceBuilder::new().layer(opener).layer(embedder).layer(cache);
    routes.fallback_service(headers.service(ServeDir::new(folder)))
}
