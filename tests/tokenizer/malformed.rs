//! A `tokenizer.json` that is broken or not CLIP's gets a typed error that says so, and any text gets ids.

use crate::texts::SMALL;
use cliplet::Error;
use cliplet::tokenizer::Tokenizer;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

const CONTEXT: usize = 16;

fn small() -> Value {
    serde_json::from_slice(SMALL).expect("well-formed JSON")
}

/// The message of the error that a tokenizer gives once `change` has been at it.
fn message(change: impl FnOnce(&mut Value)) -> String {
    let mut json = small();
    change(&mut json);
    match Tokenizer::from_json(json.to_string().as_bytes(), CONTEXT) {
        Err(error @ Error::Tokenizer { .. }) => error.to_string(),
        Err(error) => panic!("not a tokenizer error: {error}"),
        Ok(_) => panic!("read without complaint"),
    }
}

#[test]
fn what_is_wrong_is_said() {
    let template = json!({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {}});
    let cases: Vec<(String, &str)> = vec![
        (
            message(|json| json["model"]["type"] = "WordPiece".into()),
            "WordPiece",
        ),
        (
            message(|json| json["model"]["vocab"] = json!({})),
            "not in the vocabulary",
        ),
        (
            message(|json| json["model"]["vocab"]["cat"] = json!(u32::MAX)),
            "4294967295",
        ),
        (message(|json| json["model"]["vocab"]["cat"] = json!(-1)), "-1"),
        (
            message(|json| json["model"]["merges"] = json!([["never", "seen"]])),
            "never",
        ),
        (
            message(|json| json["model"]["merges"] = json!([["x".repeat(500), "y".repeat(500)]])),
            "merge",
        ),
        (
            message(|json| json["model"]["merges"] = json!(["a b c"])),
            "a b c",
        ),
        (message(|json| json["model"]["dropout"] = json!(0.5)), "dropout"),
        (
            message(|json| json["model"]["continuing_subword_prefix"] = "##".into()),
            "prefix",
        ),
        (
            message(|json| json["model"]["unk_token"] = "[UNK]".into()),
            "[UNK]",
        ),
        (
            message(|json| json["normalizer"] = json!({"type": "Precompiled"})),
            "Precompiled",
        ),
        (
            message(|json| json["pre_tokenizer"]["pretokenizers"][0]["pattern"] = json!({"Regex": "("})),
            "pre_tokenizer",
        ),
        (message(|json| json["post_processor"] = json!(null)), "null"),
        (
            message(|json| json["post_processor"] = template),
            "one start and one end",
        ),
        (
            message(|json| json["post_processor"]["sep"][1] = json!(9999)),
            "9999",
        ),
    ];
    for (message, part) in cases {
        assert!(
            message.to_lowercase().contains(&part.to_lowercase()),
            "{message:?} does not tell of {part:?}"
        );
        assert!(message.contains("tokenizer.json"), "{message}");
    }
    assert!(Tokenizer::from_json(b"", CONTEXT).is_err());
    assert!(Tokenizer::from_json(SMALL, 1).is_err());
}

#[test]
fn older_ways_of_writing_the_same_file_are_read() {
    let expected = Tokenizer::from_json(SMALL, CONTEXT).unwrap();
    let mut json = small();
    let start = json["post_processor"]["cls"].take();
    let end = json["post_processor"]["sep"].take();
    let special = |token: &Value| json!({"id": token[0], "ids": [token[1]], "tokens": [token[0]]});
    let piece = |token: &Value| json!({"SpecialToken": {"id": token[0], "type_id": 0}});
    json["post_processor"] = json!({
        "type": "TemplateProcessing",
        "single": [piece(&start), {"Sequence": {"id": "A", "type_id": 0}}, piece(&end)],
        "pair": [],
        "special_tokens": {"start": special(&start), "end": special(&end)},
    });
    json["post_processor"]["special_tokens"] =
        json!({ start[0].as_str().unwrap(): special(&start), end[0].as_str().unwrap(): special(&end) });
    for merge in json["model"]["merges"].as_array_mut().unwrap() {
        *merge = format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap()).into();
    }
    let older = Tokenizer::from_json(json.to_string().as_bytes(), CONTEXT).unwrap();
    for text in ["", "a photo of a cat", "it's 10 <|endoftext|> \u{1f600}"] {
        assert_eq!(
            older.encode(text).unwrap(),
            expected.encode(text).unwrap(),
            "{text:?}"
        );
    }
}

#[test]
fn vocab_size_counts_added_tokens() {
    let mut json = small();
    let before = Tokenizer::from_json(SMALL, CONTEXT).unwrap().vocab_size();
    json["added_tokens"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": 0, "content": "<|new|>", "single_word": false,
        "lstrip": false, "rstrip": false, "normalized": false, "special": true}));
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), CONTEXT).unwrap();
    assert_eq!(tokenizer.vocab_size(), before + 1);
    assert_eq!(tokenizer.encode("<|new|>").unwrap()[1] as usize, before);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gets_ids_from_start_to_end_within_the_context(text in any::<String>(), context in 2usize..40) {
        let tokenizer = Tokenizer::from_json(SMALL, context).unwrap();
        for text in [text.repeat(5), text] {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert!((2..=context).contains(&ids.len()));
            prop_assert_eq!((Some(ids[0]), ids[ids.len() - 1]), (tokenizer.bos(), tokenizer.eos()));
            prop_assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
        }
    }

    #[test]
    fn damaged_files_never_panic(changes in vec((any::<Index>(), any::<u8>()), 1..6), end in proptest::option::of(any::<Index>())) {
        let mut json = SMALL.to_vec();
        for (at, value) in changes {
            // Half of the changes among the settings, where most is to be broken.
            let range = if value % 2 == 0 { json.len() } else { 1500 };
            json[at.index(range)] = value;
        }
        if let Some(end) = end {
            json.truncate(end.index(json.len()));
        }
        match Tokenizer::from_json(&json, CONTEXT) {
            Ok(tokenizer) => drop(tokenizer.encode("it's a cat <|endoftext|> 12 \u{1f600}")),
            Err(error) => prop_assert!(matches!(error, Error::Tokenizer { .. }), "{}", error),
        }
    }
}
