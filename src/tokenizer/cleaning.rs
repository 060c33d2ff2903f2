//! Cleaning of texts as `open_clip` does it before a tokenizer of `transformers`: steps that are put before those of a
//! `tokenizer.json`.
//!
//! `open_clip` also repairs texts with ftfy. Of that, typographic quotation marks become straight ones here, and where
//! punctuation is removed, its wide forms are too. Other wide letters are left to the tokenizer (SentencePiece's make them
//! narrow), and HTML entities and text that was decoded wrongly stay as they are.

use serde_json::{Value, json};

use crate::weights::TextCleaning;

/// Punctuation that texts are freed of: Python's `string.punctuation` but for the underscore, its wide forms, and
/// typographic quotation marks, which become ASCII's.
const PUNCTUATION: &str = r##"[!-/:-@\[-^`{-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}\x{FF3B}-\x{FF3E}\x{FF40}\x{FF5B}-\x{FF5E}\x{02BC}\x{2018}-\x{201F}]"##;

/// Puts the steps of `cleaning` into a `tokenizer.json`.
pub(crate) fn clean_first(tokenizer: &mut Value, cleaning: TextCleaning) {
    let Some(fields) = tokenizer.as_object_mut() else {
        return;
    };
    let mut steps = steps(cleaning);
    steps.extend(fields.remove("normalizer").filter(|own| !own.is_null()));
    fields.insert(
        "normalizer".into(),
        json!({"type": "Sequence", "normalizers": steps}),
    );
    // Tokens are looked for before the steps are taken: those that no clean text has would be found in others.
    if let Some(added) = fields.get_mut("added_tokens").and_then(Value::as_array_mut) {
        added.retain(|token| {
            token["content"]
                .as_str()
                .is_none_or(|text| is_clean(text, cleaning))
        });
    }
}

fn steps(cleaning: TextCleaning) -> Vec<Value> {
    let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content});
    let mut steps = match cleaning {
        TextCleaning::Canonicalize => vec![replace(r"[_\x{FF3F}]", " "), replace(PUNCTUATION, "")],
        TextCleaning::Whitespace | TextCleaning::Lower => vec![
            json!({"type": "NFC"}),
            replace(r"[\x{02BC}\x{2018}-\x{201B}]", "'"),
            replace(r"[\x{201C}-\x{201F}]", "\""),
        ],
    };
    if cleaning != TextCleaning::Whitespace {
        steps.push(json!({"type": "Lowercase"}));
    }
    steps.push(replace(r"\s+", " "));
    steps.push(json!({"type": "Strip", "strip_left": true, "strip_right": true}));
    steps
}

/// True for a text that the cleaning leaves as it is.
fn is_clean(text: &str, cleaning: TextCleaning) -> bool {
    let changes = |c: char| match cleaning {
        TextCleaning::Canonicalize => c.is_ascii_punctuation() || c.is_uppercase() || c.is_whitespace(),
        TextCleaning::Lower => c.is_uppercase() || c.is_whitespace(),
        TextCleaning::Whitespace => c.is_whitespace(),
    };
    !text.chars().any(changes)
}
