//! Images behind http(s) addresses.

use std::time::Duration;

use cliplet::Error;
use cliplet_server::{FetchSettings, Fetcher};
use tokio::runtime::Runtime;

/// Bytes of the largest image.
const MAX_BYTES: usize = 100 << 20;
/// Time for one image, redirects and all.
const MAX_TIME: Duration = Duration::from_secs(60);
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// Fetches images, from several threads at a time.
pub struct ImageFetcher {
    fetcher: Fetcher,
    runtime: Runtime,
}

impl ImageFetcher {
    /// A fetcher for addresses that the user typed: any host may be asked, by way of the environment's proxies.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no network or no TLS.
    pub fn any_host() -> Result<Self, Error> {
        Self::new(FetchSettings {
            allowed: |_| true,
            use_proxies: true,
            ..limits()
        })
    }

    /// A fetcher for addresses that stand in data: only public hosts are asked, so that a row cannot reach services of
    /// this machine and its network.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no network or no TLS.
    pub fn public_hosts() -> Result<Self, Error> {
        Self::new(limits())
    }

    fn new(settings: FetchSettings) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::io("network"))?;
        let fetcher = Fetcher::new(settings);
        let fetcher = fetcher.map_err(|error| Error::io("network")(std::io::Error::other(error)))?;
        Ok(Self { fetcher, runtime })
    }

    /// The bytes behind `url`. `progress` is called with the number of bytes so far and, where the host tells it, of
    /// all.
    ///
    /// # Errors
    /// [`Error::Image`] with the address where it is refused, fails or is over a limit.
    pub fn fetch(&self, url: &str, progress: impl FnMut(u64, Option<u64>)) -> Result<Vec<u8>, Error> {
        let fetched = self.runtime.block_on(self.fetcher.fetch_reporting(url, progress));
        let bytes = fetched.map_err(|error| Error::image(url, error.to_string()))?;
        Ok(bytes.into())
    }
}

fn limits() -> FetchSettings {
    FetchSettings {
        bytes: MAX_BYTES,
        time: MAX_TIME,
        redirects: MAX_REDIRECTS,
        ..FetchSettings::default()
    }
}

/// Returns whether `name` is an http(s) address.
pub fn is_address(name: &str) -> bool {
    let has_scheme = |scheme: &str| {
        let start = name.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has_scheme("http://") || has_scheme("https://")
}
