//! Request ids, methods, content types and encodings.

use cliplet_server::Settings;
use serde_json::json;

use super::support::*;

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
