//! Frames and the tasks that they ask for.

use super::*;

fn task_of_frame(frame: Value, otherwise: Option<Task>) -> Result<ScoreTask, String> {
    let request: ScoreRequest = serde_json::from_value(frame).unwrap();
    request.into_task(otherwise).map_err(|error| match error {
        ServiceError::Invalid(message) => message,
        other => panic!("{other:?}"),
    })
}

fn frame(columns: &[&str], data: Value) -> Value {
    json!({"input_data": {"columns": columns, "index": [0], "data": data}})
}

const BOTH: &[&str] = &["image", "text"];

fn zero_shot(labels: &str, images: &[&str]) -> ScoreTask {
    ScoreTask::ZeroShot {
        labels: labels.into(),
        images: images.iter().map(|image| image.to_string()).collect(),
    }
}

fn embeddings(images: &[&str], texts: &[&str]) -> ScoreTask {
    let owned = |all: &[&str]| all.iter().map(|one| one.to_string()).collect();
    ScoreTask::Embeddings {
        images: owned(images),
        texts: owned(texts),
    }
}

#[test]
fn the_request_tells_the_task() {
    for (data, wanted) in [
        (json!([["i", "a, b"], ["j"]]), zero_shot("a, b", &["i", "j"])),
        (json!([["i", "a"], ["j", ""]]), zero_shot("a", &["i", "j"])),
        (json!([["i", "a"], ["j", "ignored"]]), zero_shot("a", &["i", "j"])),
        (json!([["i", ""], ["j", null]]), embeddings(&["i", "j"], &[])),
        (json!([["i"]]), embeddings(&["i"], &[])),
        (json!([["", "a"], [null, "b"]]), embeddings(&[], &["a", "b"])),
    ] {
        assert_eq!(
            task_of_frame(frame(BOTH, data.clone()), None).unwrap(),
            wanted,
            "{data}"
        );
    }
    let swapped = frame(&["text", "image"], json!([["a", "i"]]));
    assert_eq!(task_of_frame(swapped, None).unwrap(), zero_shot("a", &["i"]));
    let texts = frame(&["text"], json!([["a"]]));
    assert_eq!(task_of_frame(texts, None).unwrap(), embeddings(&[], &["a"]));
}

#[test]
fn where_both_tasks_fit_the_request_decides_before_the_server() {
    let both = frame(BOTH, json!([["i", "a"], ["j", "b"]]));
    let embedded = embeddings(&["i", "j"], &["a", "b"]);
    assert_eq!(
        task_of_frame(both.clone(), None).unwrap(),
        zero_shot("a", &["i", "j"])
    );
    assert_eq!(
        task_of_frame(both.clone(), Some(Task::Embeddings)).unwrap(),
        embedded
    );
    let mut asked = both;
    asked["params"] = json!({"task": "embeddings"});
    assert_eq!(
        task_of_frame(asked.clone(), Some(Task::ZeroShot)).unwrap(),
        embedded
    );
    asked["params"] = json!({"task": "zero-shot"});
    assert_eq!(
        task_of_frame(asked, Some(Task::Embeddings)).unwrap(),
        zero_shot("a", &["i", "j"])
    );
    let labelled = frame(BOTH, json!([["i", "a, b"], ["j"]]));
    assert_eq!(
        task_of_frame(labelled, Some(Task::Embeddings)).unwrap(),
        zero_shot("a, b", &["i", "j"])
    );
}

#[test]
fn what_does_not_fit_names_its_row() {
    let mut embedded = frame(BOTH, json!([["i", "a"], ["j"]]));
    embedded["params"] = json!({"task": "embeddings"});
    let mut classified = frame(BOTH, json!([["i"], ["j"]]));
    classified["params"] = json!({"task": "zero-shot"});
    for (request, wanted) in [
        (
            frame(BOTH, json!([["i", ""], ["", "a"]])),
            "row 1 has a text only",
        ),
        (
            frame(BOTH, json!([["i"], ["j"], ["k", "a"]])),
            "row 2 has an image and a text",
        ),
        (frame(BOTH, json!([["i", "a"], ["", ""]])), "row 1 is empty"),
        (frame(BOTH, json!([["", ""]])), "row 0 is empty"),
        (frame(BOTH, json!([[]])), "row 0 is empty"),
        (frame(BOTH, json!([["i", "a", "b"]])), "row 0 has 3 cells"),
        (frame(BOTH, json!([])), "no rows"),
        (frame(&["image", "image"], json!([["i", "j"]])), "columns"),
        (frame(&[], json!([["i"]])), "columns"),
        (embedded, "row 1 has an image only"),
        (classified, "row 0 has no labels"),
    ] {
        let message = task_of_frame(request.clone(), None).unwrap_err();
        assert!(message.contains(wanted), "{request}: {message}");
    }
}
