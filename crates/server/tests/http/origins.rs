//! Web pages and DNS rebinding: the hosts that a server answers for and the origins that may use it.

use cliplet_server::{ApiKeys, Settings};
use serde_json::json;

use super::support::*;

/// An embedding request with headers of a browser's.
async fn embed(server: &Running, headers: &[(&str, &str)]) -> Answer {
    let mut call = server.client.post(server.url("/v1/embeddings"));
    for &(name, value) in headers {
        call = call.header(name, value);
    }
    Running::send(call.json(&json!({"input": "a cat"}))).await
}

#[tokio::test]
async fn a_server_without_a_key_answers_for_hosts_that_it_was_told_of() {
    let server = serve(Settings {
        allowed_hosts: vec!["clip.example".into()],
        ..Settings::default()
    })
    .await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:9", 200),
        ("[::1]:9", 200),
        ("clip.example", 200),
        ("clip.example:8080", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("10.0.0.1", 421),
        ("a b", 421),
    ] {
        let answer = embed(&server, &[("Host", host)]).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
        assert!(
            status == 200 || answer.message().contains("--allowed-hosts"),
            "{answer:?}"
        );
    }
    for path in ["/", "/metrics", "/openapi.json", "/v2", "/healthz"] {
        let call = server.client.get(server.url(path)).header("Host", "evil.example");
        assert_eq!(Running::send(call).await.status, 421, "{path}");
    }
}

#[tokio::test]
async fn a_server_without_a_key_refuses_pages_of_other_origins() {
    let server = serve(Settings::default()).await;
    let own = format!("http://{}", server.address);
    for (origin, status) in [
        (own.as_str(), 200),
        ("https://evil.example", 403),
        ("http://localhost:1", 403),
        ("null", 403),
    ] {
        let answer = embed(&server, &[("Origin", origin)]).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        assert!(
            status == 200 || answer.message().contains("--cors-origin"),
            "{answer:?}"
        );
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let preflight = server
        .client
        .request(reqwest::Method::OPTIONS, server.url("/score"))
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    assert_eq!(Running::send(preflight).await.status, 403);
}

#[tokio::test]
async fn pages_that_were_allowed_may_use_it_from_a_browser() {
    let page = "https://app.example";
    for api_keys in [ApiKeys::default(), ApiKeys::single("sesame").unwrap()] {
        let server = serve(Settings {
            cors_origins: vec![page.into()],
            api_keys,
            ..Settings::default()
        })
        .await;
        let preflight = server
            .client
            .request(reqwest::Method::OPTIONS, server.url("/v1/embeddings"))
            .header("Origin", page)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type")
            .header("Access-Control-Request-Private-Network", "true");
        let answer = Running::send(preflight).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers["access-control-allow-origin"], page);
        assert_eq!(answer.headers["access-control-allow-private-network"], "true");
        let allowed = answer.headers["access-control-allow-headers"].to_str().unwrap();
        assert!(
            allowed.contains("authorization") && allowed.contains("content-type"),
            "{allowed}"
        );

        let answer = embed(&server, &[("Origin", page), ("Authorization", "Bearer sesame")]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["access-control-allow-origin"], page);
        // The page may read errors too.
        let call = server
            .client
            .post(server.url("/v1/embeddings"))
            .header("Origin", page);
        let refused = Running::send(call.bearer_auth("sesame").json(&json!({"input": []}))).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.headers["access-control-allow-origin"], page);
    }
}
