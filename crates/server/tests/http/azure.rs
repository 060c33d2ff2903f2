//! `POST /score`: Azure ML's shapes, with the core's numbers.

use cliplet::Embedding;
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate};
use cliplet_server::{Settings, Task};
use serde_json::{Value, json};

use super::support::*;

fn frame(data: Value) -> Value {
    json!({"input_data": {"columns": ["image", "text"], "index": [0, 1], "data": data}})
}

/// Probabilities that the core gives for an image and labels.
fn probs(file: &[u8], labels: &[&str], template: &str) -> Vec<f32> {
    let labels = labels.iter().map(|label| label.to_string()).collect();
    let set = LabelSet::new(labels, vec![PromptTemplate::new(template).unwrap()]).unwrap();
    let clip = clip();
    let labels = LabelCache::new()
        .embeddings(&set, |texts| clip.embed_texts(texts))
        .unwrap();
    let image = Embedding::from(image_embedding(file)).normalize();
    let scorer = clip.scorer();
    scorer.scores(&scorer.logits(&image, &labels))
}

#[tokio::test]
async fn labels_for_images_give_probabilities_in_label_order() {
    let server = serve(Settings::default()).await;
    let (red, blue) = (disc(RED), disc(BLUE));
    let labels = ["blue circle", "red circle", "cat"];
    let text = "blue circle, red circle,\ncat";
    for second in [
        json!([base64(&blue)]),
        json!([base64(&blue), "ignored"]),
        json!([base64(&blue), ""]),
    ] {
        let answer = server
            .answer("/score", &frame(json!([[base64(&red), text], second])))
            .await;
        let rows = answer.as_array().unwrap();
        assert_eq!(rows.len(), 2);
        for (row, file) in rows.iter().zip([&red, &blue]) {
            assert_eq!(row["labels"], json!(labels));
            assert_close(&numbers(&row["probs"]), &probs(file, &labels, "a photo of a {}"));
            assert_eq!(row.as_object().unwrap().len(), 2);
        }
        assert!(rows[0]["probs"][1].as_f64() > rows[0]["probs"][0].as_f64());
    }
}

#[tokio::test]
async fn labels_that_are_judged_alone_have_matches() {
    let settings = Settings {
        model_name: Some("siglip".into()),
        ..Settings::default()
    };
    let server = serve_model(siglip(), settings).await;
    let answer = server
        .answer("/score", &frame(json!([[base64(&disc(RED)), "a cat, a dog"]])))
        .await;
    assert_eq!(answer[0]["kind"], "match");
    let probs = numbers(&answer[0]["probs"]);
    // Shares would add up to one.
    assert!(probs.len() == 2 && probs.iter().sum::<f32>() < 0.5, "{probs:?}");
    let tensors = json!({"inputs": [
        {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64(&disc(RED))]},
        {"name": "labels", "datatype": "BYTES", "shape": [2], "data": ["a cat", "a dog"]}]});
    let answer = server.answer("/v2/models/siglip/infer", &tensors).await;
    let outputs = answer["outputs"].as_array().unwrap();
    let found = outputs.iter().find(|output| output["name"] == "probs").unwrap();
    assert_eq!(found["parameters"], json!({"kind": "match"}));
    let features = outputs.iter().find(|output| output["name"] == "image_features");
    assert!(features.unwrap().get("parameters").is_none());
}

#[tokio::test]
async fn rows_of_one_kind_give_embeddings_that_are_not_normalised() {
    let server = serve(Settings::default()).await;
    let (red, blue) = (disc(RED), disc(BLUE));
    let images = server
        .answer("/score", &frame(json!([[base64(&red), ""], [base64(&blue), ""]])))
        .await;
    for (row, file) in images.as_array().unwrap().iter().zip([&red, &blue]) {
        let features = numbers(&row["image_features"]);
        assert_close(&features, &image_embedding(file));
        assert_eq!(features.len(), clip().info().dimension);
        let norm = features.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((norm - 1.0).abs() > 1e-3, "{norm}");
        assert!(row.get("text_features").is_none());
    }
    let texts = server
        .answer("/score", &frame(json!([["", "a cat"], ["", "a red circle"]])))
        .await;
    for (row, text) in texts.as_array().unwrap().iter().zip(["a cat", "a red circle"]) {
        assert_close(&numbers(&row["text_features"]), &text_embedding(text));
        assert!(row.get("image_features").is_none());
    }
    let mut both = frame(json!([[base64(&red), "a cat"], [base64(&blue), "a red circle"]]));
    both["params"] = json!({"task": "embeddings"});
    let both = server.answer("/score", &both).await;
    assert_close(&numbers(&both[1]["image_features"]), &image_embedding(&blue));
    assert_close(
        &numbers(&both[1]["text_features"]),
        &text_embedding("a red circle"),
    );
}

#[tokio::test]
async fn the_server_decides_where_both_tasks_fit() {
    let red = disc(RED);
    let request = frame(json!([[base64(&red), "cat, dog"]]));
    let server = serve(Settings::default()).await;
    assert!(server.answer("/score", &request).await[0]["probs"].is_array());
    let task = Some(Task::Embeddings);
    let server = serve(Settings {
        task,
        ..Settings::default()
    })
    .await;
    let answer = server.answer("/score", &request).await;
    assert_close(&numbers(&answer[0]["text_features"]), &text_embedding("cat, dog"));
}

#[tokio::test]
async fn templates_are_the_servers() {
    let templates = vec![PromptTemplate::new("{}").unwrap()];
    let server = serve(Settings {
        templates,
        ..Settings::default()
    })
    .await;
    let red = disc(RED);
    let answer = server
        .answer("/score", &frame(json!([[base64(&red), "red circle, cat"]])))
        .await;
    assert_close(
        &numbers(&answer[0]["probs"]),
        &probs(&red, &["red circle", "cat"], "{}"),
    );
}

#[tokio::test]
async fn data_uris_are_images() {
    let server = serve(Settings::default()).await;
    let red = disc(RED);
    let uri = format!("data:image/png;base64,{}", base64(&red));
    let answer = server.answer("/score", &frame(json!([[uri, ""]]))).await;
    assert_close(&numbers(&answer[0]["image_features"]), &image_embedding(&red));
}

#[tokio::test]
async fn a_bad_row_is_named() {
    let server = serve(Settings::default()).await;
    let red = base64(&disc(RED));
    let cut = base64(&disc(RED)[..60]);
    for (data, status, wanted) in [
        (json!([[red, ""], ["", "cat"]]), 400, "row 1"),
        (json!([[red, "cat"], ["", ""]]), 400, "row 1 is empty"),
        (json!([[red, "cat"], ["", "dog"]]), 400, "row 1"),
        (json!([]), 400, "no rows"),
        (json!([[red, " , "]]), 400, "row 0"),
        (json!([[red, ""], ["not base64!", ""]]), 400, "row 1"),
        (json!([[red, ""], [cut, ""]]), 422, "row 1"),
        (
            json!([[red, ""], [base64(b"Dear sir or madam"), ""]]),
            422,
            "row 1",
        ),
        (json!([[red, ""], ["data:text/plain,hello", ""]]), 400, "row 1"),
        (json!([[red, 5]]), 400, "line 1"),
    ] {
        let answer = server.post("/score", &frame(data)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.message().contains(wanted), "{answer:?}");
    }
}
