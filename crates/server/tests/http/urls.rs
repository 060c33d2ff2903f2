//! Images from URLs: only where allowed, only from public addresses, within limits. A small host on
//! loopback plays the web, and each test says which of loopback's addresses count as public.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use cliplet_server::{FetchSettings, Settings};
use futures_util::stream;
use serde_json::json;
use tokio::net::TcpListener;

use super::support::*;

fn redirect(to: String) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

/// The web, on `ip`: images, redirects, and hosts that misbehave. Gives its port.
async fn web(ip: &str) -> u16 {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let endless = || async {
        let chunks = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 16])));
        Body::from_stream(stream::iter(chunks))
    };
    let router = Router::new()
        .route("/red.png", get(|| async { disc(RED) }))
        .route("/letter", get(|| async { "Dear sir or madam" }))
        .route("/endless", get(endless))
        .route("/silent", get(|| async { std::future::pending::<()>().await }))
        .route("/hop", get(|| async { redirect("/red.png".into()) }))
        .route("/round", get(|| async { redirect("/round".into()) }))
        .route(
            "/inside",
            get(move || async move { redirect(format!("http://127.0.0.2:{port}/red.png")) }),
        )
        .route(
            "/name",
            get(move || async move { redirect(format!("http://localhost:{port}/red.png")) }),
        )
        .route("/file", get(|| async { redirect("file:///etc/passwd".into()) }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

/// A server that takes `allowed` for the public addresses.
async fn fetching(allowed: fn(IpAddr) -> bool) -> Running {
    let fetch = FetchSettings {
        bytes: 1 << 20,
        time: Duration::from_millis(500),
        redirects: 2,
        allowed,
        ..FetchSettings::default()
    };
    serve(Settings {
        urls: Some(fetch),
        ..Settings::default()
    })
    .await
}

async fn score(server: &Running, url: &str) -> Answer {
    let frame = json!({"columns": ["image"], "data": [[url]]});
    server.post("/score", &json!({ "input_data": frame })).await
}

/// Loopback's first address alone is the public internet.
fn first_only(address: IpAddr) -> bool {
    address == IpAddr::V4(Ipv4Addr::LOCALHOST)
}

#[tokio::test]
async fn urls_are_refused_unless_allowed() {
    let port = web("127.0.0.1").await;
    let server = serve(Settings::default()).await;
    let answer = score(&server, &format!("http://127.0.0.1:{port}/red.png")).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.message().contains("row 0") && answer.message().contains("--allow-url-images"));
}

#[tokio::test]
async fn an_image_is_fetched_through_redirects() {
    let port = web("127.0.0.1").await;
    let server = fetching(first_only).await;
    for path in ["red.png", "hop"] {
        let answer = score(&server, &format!("http://127.0.0.1:{port}/{path}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_close(
            &numbers(&answer.body[0]["image_features"]),
            &image_embedding(&disc(RED)),
        );
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_however_they_are_written() {
    let port = web("127.0.0.1").await;
    let server = fetching(cliplet_server::is_public).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::]",
        "0.0.0.0",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "user:word@127.0.0.1",
    ] {
        let answer = score(&server, &format!("http://{host}:{port}/red.png")).await;
        assert_eq!(answer.status, 422, "{host}: {answer:?}");
        assert!(
            answer.message().contains("not at a public address"),
            "{host}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn redirects_are_judged_like_first_requests() {
    let port = web("127.0.0.1").await;
    let server = fetching(first_only).await;
    let answer = score(&server, &format!("http://127.0.0.1:{port}/inside")).await;
    assert!(
        answer.status == 422 && answer.message().contains("public address"),
        "{answer:?}"
    );
    let answer = score(&server, &format!("http://127.0.0.1:{port}/file")).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    let answer = score(&server, &format!("http://127.0.0.1:{port}/round")).await;
    assert!(
        answer.status == 422 && answer.message().contains("more than 2 times"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn names_are_judged_by_the_addresses_they_resolve_to() {
    let port = web("127.0.0.1").await;
    /// Nothing is public but for addresses written in a URL, which this cannot tell apart: the first
    /// question is about the literal, so only the name's resolution is refused.
    fn second_only(address: IpAddr) -> bool {
        address == IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))
    }
    let second = web("127.0.0.2").await;
    let server = fetching(second_only).await;
    let answer = score(&server, &format!("http://localhost:{port}/red.png")).await;
    assert!(
        answer.status == 422 && answer.message().contains("public address"),
        "{answer:?}"
    );
    let answer = score(&server, &format!("http://127.0.0.2:{second}/name")).await;
    assert!(
        answer.status == 422 && answer.message().contains("public address"),
        "{answer:?}"
    );
    let answer = score(&server, &format!("http://127.0.0.2:{second}/red.png")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn size_time_and_kind_are_limited() {
    let port = web("127.0.0.1").await;
    let server = fetching(first_only).await;
    for (path, wanted) in [
        ("endless", "over the limit of 1048576"),
        ("silent", "longer than 0.5 s"),
        ("letter", "not an image"),
        ("none", "404"),
    ] {
        let answer = score(&server, &format!("http://127.0.0.1:{port}/{path}")).await;
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        assert!(answer.message().contains(wanted), "{path}: {answer:?}");
    }
    for url in [
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://",
    ] {
        let answer = score(&server, url).await;
        assert_eq!(answer.status, 422, "{url}: {answer:?}");
    }
}
