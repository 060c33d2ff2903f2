//! The identity by which limits and queues tell clients apart.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};

/// The sender of a request, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Client {
    /// Nothing is known: the router runs in a program that gives no addresses.
    #[default]
    Unknown,
    /// An IPv4 address, or the first 64 bits of an IPv6 address, which one host has to itself.
    Address(IpAddr),
    /// The named API key with this index.
    Key(usize),
}

impl Client {
    /// The client at an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        })
    }
}

/// The address that a request comes from: the connection's, or, where that is a trusted proxy, the last one in
/// `Forwarded` or `X-Forwarded-For`, which that proxy wrote itself.
pub(crate) fn sender<B>(request: &Request<B>, trusted_proxies: &[IpAddr]) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    let peer = peer.ip().to_canonical();
    let forwarded = || forwarded_for(request.headers());
    match trusted_proxies.contains(&peer) {
        true => Some(forwarded().unwrap_or(peer)),
        false => Some(peer),
    }
}

/// The last address of the header `Forwarded` (RFC 7239), else of `X-Forwarded-For`.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = |name: &str| {
        let value = headers.get_all(name).into_iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next().map(str::trim)
    };
    let standard = last(header::FORWARDED.as_str()).and_then(|element| {
        let parameters = element.split(';').filter_map(|pair| pair.split_once('='));
        let mut sources = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        sources.next().map(|(_, source)| source.trim().trim_matches('"'))
    });
    parse_address(standard.or_else(|| last("x-forwarded-for"))?)
}

/// An address with or without a port; an IPv6 address may stand in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: &str, headers: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        for &(name, value) in headers {
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn only_a_trusted_proxy_names_the_sender() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        for (header, value, wanted) in [
            ("forwarded", "for=192.0.2.60;proto=http", "192.0.2.60"),
            (
                "forwarded",
                "for=1.1.1.1, For=\"[2001:db8::1]:4711\"",
                "2001:db8::1",
            ),
            ("x-forwarded-for", "1.1.1.1, 192.0.2.61", "192.0.2.61"),
            ("x-forwarded-for", "192.0.2.62:80", "192.0.2.62"),
            ("x-forwarded-for", "unknown", "10.0.0.1"),
            ("via", "1.1 x", "10.0.0.1"),
        ] {
            let request = request("10.0.0.1:5", &[(header, value)]);
            assert_eq!(
                sender(&request, &[proxy]),
                Some(wanted.parse().unwrap()),
                "{value}"
            );
            assert_eq!(sender(&request, &[]), Some(proxy), "{value}");
        }
        assert_eq!(sender(&Request::new(()), &[proxy]), None);
    }

    #[test]
    fn a_host_is_one_client_whatever_ipv6_address_it_takes() {
        let client = |address: &str| Client::at(address.parse().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
    }
}
