//! `POST /v1/embeddings`: OpenAI's shape, of unit length.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cliplet_server::Settings;
use serde_json::{Value, json};

use super::support::*;

fn unit(vector: Vec<f32>) -> Vec<f32> {
    cliplet::Embedding::from(vector).normalize().into_vec()
}

#[tokio::test]
async fn a_text_or_a_list_of_them_is_embedded() {
    let server = serve(Settings::default()).await;
    let one = server
        .answer("/v1/embeddings", &json!({"input": "a cat", "model": "clip"}))
        .await;
    assert_eq!(
        (&one["object"], &one["data"][0]["object"]),
        (&json!("list"), &json!("embedding"))
    );
    assert_eq!(one["model"], "cliplet-everyday");
    assert_close(
        &numbers(&one["data"][0]["embedding"]),
        &unit(text_embedding("a cat")),
    );
    let tokens = clip().tokenizer().unwrap().encode("a cat").unwrap().len();
    assert_eq!(
        one["usage"],
        json!({"prompt_tokens": tokens, "total_tokens": tokens})
    );

    let two = server
        .answer("/v1/embeddings", &json!({"input": ["a cat", "a red circle"]}))
        .await;
    assert_eq!(
        (&two["data"][0]["index"], &two["data"][1]["index"]),
        (&json!(0), &json!(1))
    );
    assert_close(
        &numbers(&two["data"][1]["embedding"]),
        &unit(text_embedding("a red circle")),
    );
}

#[tokio::test]
async fn images_come_in_every_form_beside_texts() {
    let server = serve(Settings::default()).await;
    let red = disc(RED);
    let uri = format!("data:image/png;base64,{}", base64(&red));
    let input = json!([
        "a cat",
        {"image": base64(&red)},
        uri,
        {"type": "image_url", "image_url": {"url": uri}},
        {"text": "a dog"},
    ]);
    let answer = server.answer("/v1/embeddings", &json!({"input": input})).await;
    let image = unit(image_embedding(&red));
    for (i, wanted) in [
        &unit(text_embedding("a cat")),
        &image,
        &image,
        &image,
        &unit(text_embedding("a dog")),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(answer["data"][i]["index"], i);
        assert_close(&numbers(&answer["data"][i]["embedding"]), wanted);
    }
}

#[tokio::test]
async fn base64_holds_the_same_numbers() {
    let server = serve(Settings::default()).await;
    let request = |format: &str| json!({"input": "a cat", "encoding_format": format});
    let plain = server.answer("/v1/embeddings", &request("float")).await;
    let packed = server.answer("/v1/embeddings", &request("base64")).await;
    let bytes = BASE64_STANDARD
        .decode(packed["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let unpacked: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|x| f32::from_le_bytes(x.try_into().unwrap()))
        .collect();
    assert_eq!(unpacked, numbers(&plain["data"][0]["embedding"]));
}

#[tokio::test]
async fn what_cannot_be_embedded_is_named() {
    let server = serve(Settings::default()).await;
    let bad: [(Value, &str); 8] = [
        (json!({}), "input"),
        (json!({"input": []}), "empty list"),
        (json!({"input": ""}), "input 0"),
        (json!({"input": ["a", 5]}), "input 1"),
        (json!({"input": ["a", {"image": "a", "text": "b"}]}), "input 1"),
        (json!({"input": ["a", {"image": "!"}]}), "input 1"),
        (json!({"input": "a", "dimensions": 3}), "dimensions is 3"),
        (json!({"input": "a", "encoding_format": "xml"}), "encoding_format"),
    ];
    for (request, wanted) in bad {
        let answer = server.post("/v1/embeddings", &request).await;
        assert_eq!(answer.status, 400, "{request}: {answer:?}");
        let message = answer.message();
        assert!(
            message.contains(wanted) || wanted == "encoding_format" && message.contains("xml"),
            "{answer:?}"
        );
        assert_eq!(answer.body["error"]["type"], "invalid_request");
    }
    let dimension = clip().info().dimension;
    server
        .answer("/v1/embeddings", &json!({"input": "a", "dimensions": dimension}))
        .await;
}
