//! Refusals: sizes, counts, keys, methods, and requests that take too long.

use std::time::Duration;

use cliplet_server::{ApiKeys, EngineSettings, Limits, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

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
            max_pixels: 96 * 96,
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
    // Counts are checked before the inputs.
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
async fn a_key_lets_its_owner_in_and_health_is_open() {
    let server = serve(Settings {
        api_keys: ApiKeys::single("open sesame").unwrap(),
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
    // Whether it ends or is reset, the rest does not come.
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
async fn named_keys_have_limits_of_their_own() {
    let mut settings = Settings {
        api_keys: ApiKeys::parse("ann: one\nbob: two\n").unwrap(),
        ..Settings::default()
    };
    settings.limits.requests = 4;
    settings.limits.requests_per_client = 1;
    settings.engine.texts.wait = Duration::from_secs(2);
    let server = serve(settings).await;
    let with = async |key: &str, milliseconds: u64| {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        let call = server.client.post(server.url("/v1/embeddings")).bearer_auth(key);
        Running::send(call.json(&json!({"input": "a cat"}))).await.status
    };
    let statuses = tokio::join!(
        with("one", 0),
        with("one", 300),
        with("two", 300),
        with("three", 0)
    );
    assert_eq!(statuses, (200, 429, 200, 401));
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
