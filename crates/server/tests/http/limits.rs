//! What a server refuses, and how: sizes, counts, keys, methods, and what takes too long.

use std::time::Duration;

use cliplet_server::{EngineSettings, Limits, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

fn small() -> Settings {
    Settings {
        limits: Limits {
            body_bytes: 20_000,
            rows: 3,
            labels: 4,
            text_chars: 50,
            ..Limits::default()
        },
        engine: EngineSettings {
            picture_pixels: 96 * 96,
            ..EngineSettings::default()
        },
        ..Settings::default()
    }
}

fn frame(data: Value) -> Value {
    json!({"input_data": {"columns": ["image", "text"], "data": data}})
}

/// A BMP's header that claims so many pixels, and nothing behind it.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    const ONE_PLANE_OF_24_BITS: u32 = 0x0018_0001;
    let head: [u32; 13] = [
        58,
        0,
        54,
        40,
        width,
        height,
        ONE_PLANE_OF_24_BITS,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    let fields = head.iter().flat_map(|field| field.to_le_bytes());
    b"BM".iter().copied().chain(fields).collect()
}

#[tokio::test]
async fn bodies_rows_labels_texts_and_pixels_have_limits() {
    let server = serve(small()).await;
    let red = base64(&disc(RED));
    let long = "ü".repeat(51);
    for (data, status, wanted) in [
        (json!([["A".repeat(20_000), ""]]), 413, "body is over"),
        (json!([["a"], ["a"], ["a"], ["a"]]), 422, "4 rows"),
        (json!([[red, "a, b, c, d, e"]]), 422, "5 labels"),
        (json!([[red, format!("a, {long}")]]), 422, "label 1"),
        (json!([["", "a"], ["", long]]), 422, "row 1"),
        (
            json!([[red, ""], [base64(&claiming(97, 96)), ""]]),
            422,
            "row 1: 97x96 pixels",
        ),
        (
            json!([[base64(&claiming(60_000, 60_000)), ""]]),
            422,
            "60000x60000 pixels",
        ),
    ] {
        let answer = server.post("/score", &frame(data)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.message().contains(wanted), "{answer:?}");
    }
    let inputs = server
        .post("/v1/embeddings", &json!({"input": ["a", "b", "c", "d"]}))
        .await;
    assert_eq!(inputs.status, 422, "{inputs:?}");
    // Counts are judged before what the inputs are.
    let inputs = server
        .post("/v1/embeddings", &json!({"input": [1, 2, 3, 4]}))
        .await;
    assert!(
        inputs.status == 422 && inputs.message().contains("4 inputs"),
        "{inputs:?}"
    );
    let input = json!({"input": ["a", long]});
    let inputs = server.post("/v1/embeddings", &input).await;
    assert!(
        inputs.status == 422 && inputs.message().contains("input 1"),
        "{inputs:?}"
    );
    server
        .answer(
            "/score",
            &frame(json!([
                [red, format!("a, b, c, {}", "ü".repeat(50))],
                [red],
                [red]
            ])),
        )
        .await;
}

#[tokio::test]
async fn labels_that_make_an_answer_larger_than_a_body_may_be_are_refused() {
    let mut settings = small();
    settings.limits.text_chars = 9000;
    let server = serve(settings).await;
    let red = base64(&disc(RED));
    let rows = |count: usize| {
        let mut data = vec![json!([red]); count];
        data[0] = json!([red, "a".repeat(9000)]);
        frame(json!(data))
    };
    server.answer("/score", &rows(2)).await;
    let answer = server.post("/score", &rows(3)).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.message().contains("27000 bytes of labels"), "{answer:?}");
}

#[tokio::test]
async fn a_key_lets_in_who_has_it_and_health_is_open() {
    let server = serve(Settings {
        key: Some("open sesame".into()),
        ..Settings::default()
    })
    .await;
    let request = json!({"input": "a cat"});
    let with = async |header: &str| {
        let call = server.client.post(server.url("/v1/embeddings")).json(&request);
        Running::send(call.header("Authorization", header)).await
    };
    let without = server.post("/v1/embeddings", &request).await;
    assert_eq!(
        (without.status, &without.headers["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    for wrong in [
        "Bearer open sesamE",
        "Bearer open",
        "Bearer open sesame!",
        "Bearer ",
        "Basic open sesame",
        "open sesame",
        "é",
    ] {
        assert_eq!(with(wrong).await.status, 401, "{wrong}");
    }
    assert_eq!(with("Bearer open sesame").await.status, 200);
    assert_eq!(with("bearer open sesame").await.status, 200);
    assert_eq!(server.get("/v2/models/cliplet-everyday").await.status, 401);
    for open in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/v2/health/ready",
        "/openapi.json",
        "/",
    ] {
        assert_eq!(server.get(open).await.status, 200, "{open}");
    }
    let document = server.get("/openapi.json").await.body;
    assert_eq!(
        document["paths"]["/score"]["post"]["security"],
        json!([{"key": []}])
    );
}

#[tokio::test]
async fn every_answer_has_an_id_and_keeps_the_clients() {
    let server = serve(Settings::default()).await;
    let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_string();
    let sent = async |id: &str| {
        Running::send(
            server
                .client
                .get(server.url("/healthz"))
                .header("X-Request-Id", id),
        )
        .await
    };
    assert_eq!(id(&sent("abc-123").await), "abc-123");
    for unfit in ["with space", "", &"x".repeat(129)] {
        assert_eq!(id(&sent(unfit).await).len(), 36, "{unfit}");
    }
    let (one, other) = (server.get("/none").await, server.get("/none").await);
    assert_eq!(one.status, 404);
    assert_ne!(id(&one), id(&other));
}

#[tokio::test]
async fn methods_types_and_encodings_are_told_from_what_is_read() {
    let server = serve(Settings::default()).await;
    let answer = server.get("/score").await;
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (405, &"POST".parse().unwrap())
    );
    assert!(answer.message().contains("method"));
    let call = |name: &'static str, value: &'static str| {
        let body = r#"{"input": "a"}"#;
        let call = server
            .client
            .post(server.url("/v1/embeddings"))
            .header(name, value)
            .body(body);
        async { Running::send(call).await.status }
    };
    assert_eq!(call("Content-Type", "application/json; charset=utf-8").await, 200);
    assert_eq!(call("Content-Type", "text/plain").await, 415);
    assert_eq!(call("X-Nothing", "at all").await, 415);
    let packed = server
        .client
        .post(server.url("/score"))
        .header("Content-Encoding", "gzip")
        .json(&json!({}));
    assert_eq!(Running::send(packed).await.status, 415);
    let answer = server.post("/score", &json!("x".repeat(5000))).await;
    assert!(answer.status == 400 && answer.message().len() < 400, "{answer:?}");
    let deep = "[".repeat(100_000);
    let call = server
        .client
        .post(server.url("/score"))
        .header("Content-Type", "application/json");
    assert_eq!(Running::send(call.body(deep)).await.status, 400);
}

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
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half")
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
            "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
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
    idle.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut taken = Vec::new();
    // Whether it ends or is reset, the rest does not come.
    let _ = idle.read_to_end(&mut taken).await;
    assert!((taken.len() as u64) < FILE, "{}", taken.len());
}

#[tokio::test]
async fn more_connections_than_are_allowed_wait_for_a_place() {
    let mut settings = Settings::default();
    settings.limits.connections = 1;
    let server = serve(settings).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    first.read_u8().await.unwrap();
    let call = tokio::time::timeout(Duration::from_millis(300), server.get("/healthz")).await;
    assert!(call.is_err(), "there is no place for it");
    drop(first);
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn too_many_requests_under_way_are_turned_away() {
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
