//! Limits on sizes, counts, texts and pixels.

use cliplet_server::{EngineSettings, Limits, Settings};
use serde_json::{Value, json};

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
