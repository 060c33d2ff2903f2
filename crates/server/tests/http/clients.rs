//! Requests in progress, shared fairly between clients.

use std::time::Duration;

use cliplet_server::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::support::*;

#[tokio::test]
async fn requests_without_their_bodies_take_no_place() {
    let mut settings = Settings::default();
    settings.limits.requests = 2;
    let server = serve(settings).await;
    let head = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.answer("/v1/embeddings", &json!({"input": "a cat"})).await;
}

/// The status of an embedding request from an address of loopback.
async fn status_from(server: &Running, address: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let body = json!({"input": "a cat"}).to_string();
    let request = format!(
        "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer["HTTP/1.1 ".len()..][..3].into()
}

#[tokio::test]
async fn one_client_leaves_places_to_the_others() {
    let mut settings = Settings::default();
    settings.limits.requests = 4;
    settings.limits.requests_per_client = 2;
    settings.engine.texts.wait = Duration::from_secs(2);
    let server = serve(settings).await;
    let flood = async {
        tokio::join!(
            status_from(&server, "127.0.0.2"),
            status_from(&server, "127.0.0.2"),
            status_from(&server, "127.0.0.2"),
        )
    };
    let polite = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        status_from(&server, "127.0.0.3").await
    };
    let (flood, polite) = tokio::join!(flood, polite);
    let mut flood = [flood.0, flood.1, flood.2];
    flood.sort_unstable();
    assert_eq!(
        (flood.join(" ").as_str(), polite.as_str()),
        ("200 200 429", "200")
    );
}

#[tokio::test]
async fn too_many_requests_in_progress_are_turned_away() {
    let mut settings = Settings::default();
    settings.limits.requests = 1;
    settings.engine.texts.wait = Duration::from_secs(2);
    let server = serve(settings).await;
    let request = json!({"input": "a cat"});
    let (one, other) = tokio::join!(
        server.post("/v1/embeddings", &request),
        server.post("/v1/embeddings", &request)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    let refused = if one.status == 429 { one } else { other };
    assert!(refused.retry_after() >= 1, "{refused:?}");
    assert_eq!(server.get("/healthz").await.status, 200);
}
