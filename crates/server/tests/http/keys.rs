//! API keys, one or several with names.

use std::time::Duration;

use cliplet_server::{ApiKeys, Settings};
use serde_json::json;

use super::support::*;

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
