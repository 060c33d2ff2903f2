//! The Open Inference Protocol, version 2, in JSON and with binary tensors.

use cliplet_server::Settings;
use serde_json::{Value, json};

use super::support::*;

const INFER: &str = "/v2/models/cliplet-everyday/infer";

fn tensor(name: &str, data: &[&str]) -> Value {
    json!({"name": name, "datatype": "BYTES", "shape": [data.len()], "data": data})
}

/// An output of an answer by its name.
fn output<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let outputs = answer["outputs"].as_array().unwrap();
    outputs
        .iter()
        .find(|output| output["name"] == name)
        .unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn the_server_and_its_model_describe_themselves() {
    let server = serve(Settings::default()).await;
    assert_eq!(server.get("/v2").await.body["name"], "cliplet");
    for (path, wanted) in [
        ("/v2/health/live", json!({"live": true})),
        ("/v2/health/ready", json!({"ready": true})),
        (
            "/v2/models/cliplet-everyday/ready",
            json!({"name": "cliplet-everyday", "ready": true}),
        ),
        (
            "/v2/models/cliplet-everyday/versions/1/ready",
            json!({"name": "cliplet-everyday", "ready": true}),
        ),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, &answer.body), (200, &wanted), "{path}");
    }
    let model = server.get("/v2/models/cliplet-everyday").await.body;
    assert_eq!(
        (&model["name"], &model["versions"]),
        (&json!("cliplet-everyday"), &json!(["1"]))
    );
    assert_eq!(model["outputs"][0]["shape"], json!([-1, clip().info().dimension]));
    assert_eq!(
        server.get("/v2/models/cliplet-everyday/versions/1").await.body,
        model
    );
    for path in [
        "/v2/models/other",
        "/v2/models/other/ready",
        "/v2/models/cliplet-everyday/versions/2",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 404);
        assert!(
            answer.body["error"]
                .as_str()
                .unwrap()
                .contains("cliplet-everyday"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn the_document_has_every_path_of_the_protocol() {
    let server = serve(Settings::default()).await;
    let document = server.get("/openapi.json").await.body;
    let model = "/v2/models/{model}";
    for (path, method) in [
        ("/v2".to_string(), "get"),
        ("/v2/health/live".into(), "get"),
        ("/v2/health/ready".into(), "get"),
        (model.into(), "get"),
        (format!("{model}/ready"), "get"),
        (format!("{model}/infer"), "post"),
        (format!("{model}/versions/{{version}}"), "get"),
        (format!("{model}/versions/{{version}}/ready"), "get"),
        (format!("{model}/versions/{{version}}/infer"), "post"),
    ] {
        let operation = &document["paths"][&path][method];
        assert!(operation.is_object(), "{path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let only = match parameter["name"].as_str() {
                Some("version") => "1",
                _ => "cliplet-everyday",
            };
            assert_eq!(parameter["schema"]["enum"], json!([only]), "{path}");
        }
    }
}

#[tokio::test]
async fn tensors_of_images_texts_and_labels_are_run() {
    let server = serve(Settings::default()).await;
    let (red, blue) = (disc(RED), disc(BLUE));
    let images = tensor("image", &[&base64(&red), &base64(&blue)]);
    let request = json!({"id": "7", "inputs": [
        tensor("text", &["a cat"]), images, tensor("labels", &["red circle", "blue circle"])]});
    let answer = server.answer(INFER, &request).await;
    assert_eq!(
        (&answer["id"], &answer["model_name"]),
        (&json!("7"), &json!("cliplet-everyday"))
    );
    let probs = output(&answer, "probs");
    assert_eq!(
        (&probs["shape"], &probs["datatype"]),
        (&json!([2, 2]), &json!("FP32"))
    );
    let all = numbers(&probs["data"]);
    assert!(all[0] > all[1] && all[2] < all[3]);

    let frame = json!({"columns": ["image", "text"], "data": [[base64(&red), "red circle, blue circle"]]});
    let score = server.answer("/score", &json!({"input_data": frame})).await;
    assert_close(&all[..2], &numbers(&score[0]["probs"]));

    let features = numbers(&output(&answer, "image_features")["data"]);
    assert_close(
        &features,
        &[image_embedding(&red), image_embedding(&blue)].concat(),
    );
    assert_close(
        &numbers(&output(&answer, "text_features")["data"]),
        &text_embedding("a cat"),
    );

    let mut one = request;
    one["outputs"] = json!([{"name": "text_features"}]);
    let answer = server.answer(INFER, &one).await;
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
}

/// A BYTES tensor as it lies in a body.
fn packed(elements: &[&[u8]]) -> Vec<u8> {
    let lengths = elements
        .iter()
        .map(|element| (element.len() as u32).to_le_bytes());
    lengths
        .zip(elements)
        .flat_map(|(length, element)| [&length[..], element].concat())
        .collect()
}

#[tokio::test]
async fn tensors_may_be_binary_both_ways() {
    let server = serve(Settings::default()).await;
    let red = disc(RED);
    let (images, texts) = (
        packed(&[&red, base64(&red).as_bytes()]),
        packed(&["a cat".as_bytes()]),
    );
    let input = |name: &str, count: usize, bytes: &[u8]| json!({"name": name, "datatype": "BYTES", "shape": [count], "parameters": {"binary_data_size": bytes.len()}});
    let json = json!({"inputs": [input("image", 2, &images), input("text", 1, &texts)],
        "outputs": [{"name": "image_features", "parameters": {"binary_data": true}}, {"name": "text_features"}]});
    let json = json.to_string().into_bytes();
    let request = server
        .client
        .post(server.url(INFER))
        .header("Inference-Header-Content-Length", json.len())
        .header("Content-Type", "application/octet-stream")
        .body([json, images, texts].concat());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let length: usize = response.headers()["inference-header-content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let body = response.bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&body[..length]).unwrap();
    let image = output(&answer, "image_features");
    assert_eq!(image["parameters"]["binary_data_size"], body.len() - length);
    assert!(image.get("data").is_none());
    let floats: Vec<f32> = body[length..]
        .chunks_exact(4)
        .map(|x| f32::from_le_bytes(x.try_into().unwrap()))
        .collect();
    assert_close(&floats, &[image_embedding(&red), image_embedding(&red)].concat());
    assert_close(
        &numbers(&output(&answer, "text_features")["data"]),
        &text_embedding("a cat"),
    );
}

#[tokio::test]
async fn requests_that_do_not_fit_are_refused_in_the_protocols_shape() {
    let server = serve(Settings::default()).await;
    let image = base64(&disc(RED));
    let wrong = |field: &str, value: Value| {
        let mut tensor = tensor("text", &["a", "b"]);
        tensor[field] = value;
        json!({ "inputs": [tensor] })
    };
    for (request, status, wanted) in [
        (json!({"inputs": []}), 400, "no input"),
        (json!({"inputs": [tensor("labels", &["a"])]}), 400, "no input"),
        (
            json!({"inputs": [tensor("text", &["a"]), tensor("text", &["b"])]}),
            400,
            "twice",
        ),
        (
            json!({"inputs": [tensor("text", &["a", ""])]}),
            400,
            "element 1 is empty",
        ),
        (
            json!({"inputs": [tensor("image", &[&image, "!"])]}),
            400,
            "image 1",
        ),
        (
            json!({"inputs": [tensor("text", &["a"])], "outputs": [{"name": "probs"}]}),
            400,
            "probs",
        ),
        (wrong("shape", json!([3])), 400, "shape"),
        (wrong("shape", json!([1])), 400, "shape"),
        (wrong("shape", json!([])), 400, "shape"),
        (wrong("shape", json!([300])), 422, "300 elements"),
        (wrong("shape", json!([u64::MAX, u64::MAX])), 400, "shape"),
        (wrong("datatype", json!("FP32")), 400, "BYTES"),
        (wrong("name", json!("audio")), 400, "audio"),
        (wrong("data", json!([1, 2])), 400, "no string"),
        (wrong("parameters", json!({"binary_data_size": 4})), 400, "both"),
        (
            json!({"inputs": [tensor("text", &["a"; 300])]}),
            422,
            "300 elements",
        ),
    ] {
        let answer = server.post(INFER, &request).await;
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        assert!(
            answer.body["error"].as_str().unwrap().contains(wanted),
            "{wanted}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn bodies_without_a_right_length_or_content_type_are_refused() {
    let server = serve(Settings::default()).await;
    for (length, wanted) in [("9999", "9999"), ("many", "many"), ("1", "not as expected")] {
        let call = server.client.post(server.url(INFER));
        let answer = Running::send(call.header("Inference-Header-Content-Length", length).body("{}")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.message().contains(wanted), "{answer:?}");
    }
    for content_type in [Some("text/plain"), None] {
        let mut call = server.client.post(server.url(INFER)).body("{}");
        if let Some(content_type) = content_type {
            call = call.header("Content-Type", content_type);
        }
        assert_eq!(Running::send(call).await.status, 415, "{content_type:?}");
    }
}
