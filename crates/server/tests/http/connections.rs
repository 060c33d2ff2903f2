//! Connections that are slow, idle or too many.

use std::time::Duration;

use cliplet_server::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn what_takes_too_long_is_ended() {
    let mut settings = Settings::default();
    settings.limits.request_time = Duration::from_millis(300);
    settings.limits.stall_time = Duration::from_millis(300);
    settings.engine.texts.wait = Duration::from_secs(30);
    let server = serve(settings).await;
    let answer = server.post("/v1/embeddings", &json!({"input": "a cat"})).await;
    assert_eq!(
        (answer.status, &answer.body["error"]["code"]),
        (504, &json!("timeout")),
        "{answer:?}"
    );

    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "a header that does not end is not waited for");
}

#[tokio::test]
async fn a_body_that_only_drips_is_cut_and_one_that_comes_on_is_not() {
    let mut settings = Settings::default();
    settings.limits.stall_time = Duration::from_secs(1);
    let server = serve(settings).await;
    let head = |length: usize| {
        format!(
            "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let dripping = TcpStream::connect(server.address).await.unwrap();
    let (mut answer, mut drip) = dripping.into_split();
    drip.write_all(head(10_000).as_bytes()).await.unwrap();
    let drip = tokio::spawn(async move {
        // Until the server has closed the connection.
        while drip.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut first = [0; 12];
    let answered = tokio::time::timeout(Duration::from_secs(20), answer.read_exact(&mut first)).await;
    answered.unwrap().unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    drip.abort();

    // Longer than the stall time in all, but never slower than the pace.
    let text = json!({"input": "a cat"}).to_string();
    let mut coming = TcpStream::connect(server.address).await.unwrap();
    let part = " ".repeat(100_000);
    let length = 6 * part.len() + text.len();
    coming.write_all(head(length).as_bytes()).await.unwrap();
    for _ in 0..6 {
        coming.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    coming.write_all(text.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    coming.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut() {
    const FILE: u64 = 64 << 20;
    let page = tempfile::tempdir().unwrap();
    std::fs::File::create(page.path().join("large"))
        .and_then(|file| file.set_len(FILE))
        .unwrap();
    let mut settings = Settings {
        page: Some(page.path().into()),
        ..Settings::default()
    };
    settings.limits.stall_time = Duration::from_millis(300);
    let server = serve(settings).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut taken = Vec::new();
    // The connection may end or be reset: the rest does not come.
    let _ = idle.read_to_end(&mut taken).await;
    assert!((taken.len() as u64) < FILE, "{}", taken.len());
}

/// The status and body of a request on a connection of its own.
async fn raw(server: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_another() {
    let mut settings = Settings::default();
    settings.limits.connections = 1;
    let server = serve(settings).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    first.read_u8().await.unwrap();
    assert!(raw(&server, "/v2").await.starts_with("HTTP/1.1 200"));
    // The answer that was sent, and the end.
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn probes_are_answered_where_every_connection_is_busy() {
    let mut settings = Settings::default();
    settings.limits.connections = 1;
    let server = serve(settings).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    busy.write_all(head.as_bytes()).await.unwrap();
    // Another connection is idle until its header is there.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for probe in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/v2/health/live",
        "/v2/health/ready",
    ] {
        let answer = raw(&server, probe).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{probe}: {answer}");
    }
    for other in ["/v2", "/openapi.json", "/", "/score"] {
        let answer = raw(&server, other).await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"),
            "{other}: {answer}"
        );
    }
    drop(busy);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(raw(&server, "/v2").await.starts_with("HTTP/1.1 200"));
}
