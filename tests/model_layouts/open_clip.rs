//! Models of open_clip whose towers are those of other libraries: text towers of transformers, and SigLIPs and other image
//! towers of timm. Their texts go through open_clip's own cleaning.

use super::*;

/// Checks a model, the ids of the texts beside it, and their embeddings.
fn check_with_texts(name: &str) -> Clip {
    let clip = check(name);
    let folder = snapshot(name);
    let texts = std::fs::read(folder.path().join("texts.json")).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&texts).unwrap();
    let ids = reference(folder.path()).tensor("input_ids").to_dtype(DType::U32);
    let ids: Vec<Vec<u32>> = ids.unwrap().to_vec2().unwrap();
    let padding = *ids[1].last().unwrap();
    for (text, ids) in texts.iter().zip(&ids) {
        let mut own = clip.tokenizer().unwrap().encode(text).unwrap();
        own.resize(ids.len(), padding);
        assert_eq!(&own, ids, "{name}: {text:?}");
    }
    check_texts(name, &clip, folder.path());
    clip
}

/// The model `name` with one text of its settings in place of another: the error of opening it.
fn changed(name: &str, from: &str, to: &str) -> String {
    let folder = snapshot(name);
    let path = folder.path().join("open_clip_config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name}: {text}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    Clip::open(folder.path()).err().expect("it loads").to_string()
}

#[test]
fn open_clip_with_text_towers_of_transformers() {
    for name in ["open-clip-xlm-roberta", "open-clip-roberta", "open-clip-biomed"] {
        let clip = check_with_texts(name);
        assert_eq!(
            (clip.info().family.as_str(), clip.info().score_rule.as_str()),
            ("clip", "softmax")
        );
        assert_eq!(clip.info().context_length, Some(16));
    }
}

#[test]
fn open_clip_with_the_towers_of_siglip() {
    for name in ["open-clip-siglip", "open-clip-siglip2"] {
        let clip = check_with_texts(name);
        assert_eq!(
            (clip.info().family.as_str(), clip.info().score_rule.as_str()),
            ("siglip", "sigmoid")
        );
        assert!(clip.info().warnings.is_empty());
    }
}

/// Converted files have the cleaning in their tokenizers.
#[test]
fn converted_files_clean_texts_too() {
    for name in ["open-clip-roberta", "open-clip-siglip"] {
        let folder = snapshot(name);
        let file = folder.path().join("converted.gguf");
        convert(folder.path(), &file, Quant::F16, None).unwrap();
        let (whole, converted) = (Clip::open(folder.path()).unwrap(), Clip::open(&file).unwrap());
        for text in ["\u{201c}Two\u{201d}  DOGS,\n it\u{2019}s", "a_b", ""] {
            let ids = |clip: &Clip| clip.tokenizer().unwrap().encode(text).unwrap();
            assert_eq!(ids(&whole), ids(&converted), "{name}: {text:?}");
        }
    }
}

#[test]
fn towers_that_contradict_their_weights_are_named() {
    for (name, from, to, reason) in [
        (
            "open-clip-xlm-roberta",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 1",
            "has 2 blocks, but text_config.num_hidden_layers is 1",
        ),
        (
            "open-clip-xlm-roberta",
            "\"mean_pooler\"",
            "\"cls_pooler\"",
            "tensor text.transformer.pooler.dense.bias is missing",
        ),
        (
            "open-clip-biomed",
            "\"mlp\"",
            "\"linear\"",
            "tensor text.proj.weight is missing",
        ),
        (
            "open-clip-siglip",
            "\"depth\": 2",
            "\"depth\": 3",
            "has 2 blocks, but vision_config.num_hidden_layers is 3",
        ),
        (
            "open-clip-siglip",
            "\"image_size\": 24",
            "\"image_size\": 32",
            "image_size is 32, but images of \"vit_base_patch16_siglip_224\" have the side 24",
        ),
        (
            "open-clip-siglip",
            "\"vocab_size\": ",
            "\"vocab_size\": 1",
            "text.token_embedding.weight is [",
        ),
    ] {
        let message = changed(name, from, to);
        assert!(message.contains(reason), "{name}: {message}");
    }
}
