//! Images from the web, for servers configured to fetch them: http and https, from public
//! addresses only, within limits of size, time and redirects.
//!
//! The address is checked where it is used: a name after it was resolved, with the connection going to
//! the very addresses that were checked, and an address in the URL itself before anything is sent; the
//! same again on every redirect. Proxies of the environment are not used, since they would resolve
//! names themselves.

use std::error::Error as _;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url, redirect};

use super::ip_filter::is_public;

/// Limits of fetching images.
#[derive(Debug, Clone, Copy)]
pub struct FetchSettings {
    /// Bytes of the largest image.
    pub bytes: usize,
    /// Time for one image, redirects and all.
    pub time: Duration,
    /// Redirects that are followed.
    pub redirects: usize,
    /// The test of addresses that may be asked; [`is_public`] unless a test says otherwise.
    pub allowed: fn(IpAddr) -> bool,
    /// True where requests go by way of the environment's proxies, which resolve names themselves: `allowed` then
    /// cannot be relied on.
    pub use_proxies: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            bytes: 10 << 20,
            time: Duration::from_secs(10),
            redirects: 3,
            allowed: is_public,
            use_proxies: false,
        }
    }
}

/// The reason why a URL gave no image, in words for the one who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(String);

/// Fetches images within the limits of its [`FetchSettings`].
pub struct Fetcher {
    client: Client,
    settings: FetchSettings,
}

impl Fetcher {
    /// A fetcher with these settings.
    ///
    /// # Errors
    /// A [`FetchError`] where TLS cannot be set up.
    pub fn new(settings: FetchSettings) -> Result<Self, FetchError> {
        let FetchSettings {
            time,
            redirects,
            allowed,
            use_proxies,
            ..
        } = settings;
        let policy = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > redirects {
                return attempt.error(FetchError(format!("it redirects more than {redirects} times")));
            }
            match check(attempt.url(), allowed) {
                Ok(()) => attempt.follow(),
                Err(refused) => attempt.error(refused),
            }
        });
        let builder = match use_proxies {
            true => Client::builder(),
            false => Client::builder().no_proxy(),
        };
        let client = builder
            .dns_resolver(Arc::new(PublicResolver(allowed)))
            .redirect(policy)
            .referer(false)
            .timeout(time)
            .connect_timeout(time)
            .user_agent(concat!("cliplet/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| FetchError(format!("images cannot be fetched: {error}")))?;
        Ok(Self { client, settings })
    }

    /// The bytes behind `url`.
    ///
    /// # Errors
    /// A [`FetchError`] for a URL that is refused, fails, or is over a limit.
    pub async fn fetch(&self, url: &str) -> Result<Bytes, FetchError> {
        self.fetch_reporting(url, |_, _| {}).await
    }

    /// [`fetch`](Self::fetch) that calls `progress` with the number of bytes so far and, where the host tells it, of
    /// all.
    ///
    /// # Errors
    /// As `fetch`.
    pub async fn fetch_reporting(
        &self,
        url: &str,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<Bytes, FetchError> {
        let url = Url::parse(url).map_err(|error| FetchError(format!("it is no URL: {error}")))?;
        check(&url, self.settings.allowed)?;
        let mut response = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| self.explain(&error))?;
        if !response.status().is_success() {
            return Err(FetchError(format!("its host answered {}", response.status())));
        }
        let largest = self.settings.bytes;
        let too_large = |length: &dyn Display| {
            FetchError(format!(
                "{length} bytes are over the limit of {largest} for an image"
            ))
        };
        let total = response.content_length();
        if let Some(length) = total.filter(|length| *length > largest as u64) {
            return Err(too_large(&length));
        }
        let mut bytes = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.explain(&error))? {
            if bytes.len() + chunk.len() > largest {
                return Err(too_large(&"its"));
            }
            bytes.extend_from_slice(&chunk);
            progress(bytes.len() as u64, total);
        }
        Ok(bytes.freeze())
    }

    /// Our own refusal, if that is what lies under `error`, else its kind alone.
    fn explain(&self, error: &reqwest::Error) -> FetchError {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(refused) = error.downcast_ref::<FetchError>() {
                return refused.clone();
            }
            cause = error.source();
        }
        FetchError(if error.is_timeout() {
            format!("it took longer than {} s", self.settings.time.as_secs_f32())
        } else if error.is_connect() {
            "its host could not be reached".into()
        } else {
            "it could not be read to its end".into()
        })
    }
}

/// Refuses other schemes, and hosts that are an address which may not be asked.
fn check(url: &Url, allowed: fn(IpAddr) -> bool) -> Result<(), FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError(format!(
            "{} is not fetched: give http or https",
            url.scheme()
        )));
    }
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(address) if !allowed(address) => Err(refused()),
        _ => Ok(()),
    }
}

fn refused() -> FetchError {
    FetchError("its host is not at a public address".into())
}

/// The system's resolver, refusing names with any address that may not be asked.
struct PublicResolver(fn(IpAddr) -> bool);

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| allowed(address.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(refused().into())
            }
        })
    }
}
