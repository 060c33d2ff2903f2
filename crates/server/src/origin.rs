//! Protection of a server without a key from web pages: a page that a person on this machine opens may send
//! requests to loopback, and with a name that it makes resolve to 127.0.0.1 (DNS rebinding) read the answers.
//! Such a server answers only for allowed hosts, and refuses requests of pages of other origins.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, AllowPrivateNetwork, CorsLayer};

use super::Shared;
use super::api_error::ApiError;

/// The hosts and origins of a server.
#[derive(Debug)]
pub(crate) struct Origins {
    /// Hosts beside loopback names, in lower case.
    hosts: Vec<String>,
    /// Origins of pages that may use the server, in lower case; `*` allows all.
    pages: Vec<String>,
}

impl Origins {
    pub fn new(hosts: &[String], pages: &[String]) -> Self {
        let lower = |all: &[String]| all.iter().map(|one| one.to_ascii_lowercase()).collect();
        Self {
            hosts: lower(hosts),
            pages: lower(pages),
        }
    }

    /// Returns true for a loopback name, for an address that no name was needed for (`numeric`), and for a host
    /// that is allowed, with or without its port.
    fn allows_host(&self, host: &Authority, numeric: bool) -> bool {
        let name = host.host().to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return numeric || address.is_loopback() || self.has_host(host, &name);
        }
        self.has_host(host, &name)
    }

    fn has_host(&self, host: &Authority, name: &str) -> bool {
        let whole = host.as_str().to_ascii_lowercase();
        self.hosts
            .iter()
            .any(|allowed| allowed == "*" || *allowed == name || *allowed == whole)
    }

    /// Returns true for a page that this server itself gave, and for one that was allowed.
    fn allows_page(&self, origin: &str, host: &Authority) -> bool {
        let origin = origin.to_ascii_lowercase();
        let same = origin
            .split_once("://")
            .is_some_and(|(_, authority)| authority == host.as_str().to_ascii_lowercase());
        same || self
            .pages
            .iter()
            .any(|allowed| *allowed == "*" || *allowed == origin)
    }

    /// Checks the host and the origin of a request, as [`Self::allows`] does.
    fn check(&self, request: &Request, numeric: bool) -> Result<(), ApiError> {
        let text = |name: HeaderName| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap_or_default())
        };
        let (host, origin) = (text(header::HOST), text(header::ORIGIN));
        let authority = request.uri().authority().cloned();
        match authority.or_else(|| host?.parse().ok()) {
            Some(host) => self.allows(&host, origin, numeric),
            // A request over HTTP/1.0 may name no host; browsers name one.
            None if host.is_none() && origin.is_none() => Ok(()),
            None => Err(ApiError::unknown_host()),
        }
    }

    /// Checks a request for `host` that a page of `origin` sends, if a page does; `numeric` allows every address.
    ///
    /// # Errors
    /// 421 for the host, 403 for the page.
    pub fn allows(&self, host: &Authority, origin: Option<&str>, numeric: bool) -> Result<(), ApiError> {
        if !self.allows_host(host, numeric) {
            return Err(ApiError::unknown_host());
        }
        match origin.is_none_or(|origin| self.allows_page(origin, host)) {
            true => Ok(()),
            false => Err(ApiError::foreign_origin()),
        }
    }

    /// The layer that answers preflight requests of pages that are allowed; none where no page is. Pages of the public
    /// internet ask besides whether they may reach a machine of a private network.
    pub fn cors(&self) -> Option<CorsLayer> {
        const INFERENCE_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
        let origins = match self.pages.iter().any(|page| page == "*") {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(
                self.pages
                    .iter()
                    .filter_map(|page| HeaderValue::from_str(page).ok()),
            ),
        };
        (!self.pages.is_empty()).then(|| {
            CorsLayer::new()
                .allow_origin(origins)
                .allow_private_network(AllowPrivateNetwork::yes())
                .allow_methods([Method::GET, Method::POST])
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    super::middleware::REQUEST_ID,
                    INFERENCE_LENGTH,
                ])
                .expose_headers([
                    super::middleware::REQUEST_ID,
                    header::RETRY_AFTER,
                    INFERENCE_LENGTH,
                ])
                .max_age(std::time::Duration::from_secs(3600))
        })
    }
}

/// Rejects requests for hosts that a server without a key does not allow (421), and requests of web pages of
/// other origins (403).
pub(crate) async fn check_host_and_origin(
    State(app): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = match app.api_keys().is_empty() {
        // A server that others reach is reached by its addresses too: rebinding needs a name.
        true => app.origins.check(&request, app.listens_beyond_loopback()),
        false => Ok(()),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Returns true for a socket that other machines may reach.
pub(crate) fn is_reachable(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_loopback_names_and_those_that_were_told() {
        let origins = Origins::new(&["Clip.example".into(), "other.example:81".into()], &[]);
        for (host, allowed) in [
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("page.localhost", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:8080", true),
            ("clip.example", true),
            ("clip.example:8080", true),
            ("other.example:81", true),
            ("other.example:82", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("evillocalhost", false),
            ("10.0.0.1", false),
            ("[2001:db8::1]", false),
        ] {
            let host: Authority = host.parse().unwrap();
            assert_eq!(origins.allows_host(&host, false), allowed, "{host}");
        }
        assert!(origins.allows_host(&"10.0.0.1:80".parse().unwrap(), true));
        assert!(!origins.allows_host(&"evil.example".parse().unwrap(), true));
    }

    #[test]
    fn pages_are_the_servers_own_and_those_that_were_told() {
        let host: Authority = "localhost:8080".parse().unwrap();
        let origins = Origins::new(&[], &["https://app.example".into()]);
        for (origin, allowed) in [
            ("http://localhost:8080", true),
            ("https://APP.example", true),
            ("http://app.example", false),
            ("http://localhost:9090", false),
            ("https://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allows_page(origin, &host), allowed, "{origin}");
        }
        assert!(Origins::new(&[], &["*".into()]).allows_page("null", &host));
    }
}
