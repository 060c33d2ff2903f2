//! Text towers of many languages, and those that go with the image tower of another model.

use super::*;

/// MetaCLIP 2's end token has the id 2, which in CLIP's older configurations means another pooling; Chinese-CLIP's
/// text tower is a BERT.
#[test]
fn texts_of_many_languages_go_through_their_tokenizers() {
    for name in ["metaclip2", "chinese-clip"] {
        let clip = check(name);
        let folder = snapshot(name);
        check_texts(name, &clip, folder.path());
        assert_eq!(clip.info().score_rule, "softmax");
    }
}

/// Text towers of other models' image towers embed texts alone, and both when they are joined.
#[test]
fn multilingual_text_towers_go_with_the_image_tower_of_a_clip() {
    for (name, image) in [("multilingual-distilbert", "metaclip"), ("m-clip", "tinyclip")] {
        let clip = check(name);
        let (text, image) = (snapshot(name), snapshot(image));
        check_texts(name, &clip, text.path());
        let error = clip.embed_image(ImageInput::Rgba {
            width: 61,
            height: 43,
            pixels: &drawn(),
        });
        assert!(error.unwrap_err().to_string().contains("has no image tower"));
        let file = text.path().join("joined.gguf");
        convert_towers(text.path(), image.path(), &file, Quant::F16, None).unwrap();
        let joined = Clip::open(&file).unwrap();
        check_texts(name, &joined, text.path());
        let (reference, own) = (reference(image.path()), Clip::open(image.path()).unwrap());
        let images = joined.model().embed_pixels(reference.tensor("pixel_values"));
        let error = relative_error(&images.unwrap(), reference.tensor("image_embeds"));
        assert!(error < TOLERANCE, "{name}: images differ by {error:e}");
        assert_eq!(joined.scorer(), own.scorer());
        assert_eq!(joined.info().languages, clip.info().languages);
        assert_eq!(joined.info().image_size, own.info().image_size);
    }
    let (text, image) = (snapshot("m-clip"), snapshot("metaclip"));
    let file = text.path().join("joined.gguf");
    let refused = |a: &Path, b: &Path| {
        let error = convert_towers(a, b, &file, Quant::Q8, None).unwrap_err();
        error.to_string()
    };
    let message = refused(text.path(), image.path());
    assert!(
        message.contains("embeds to 24 values, the image tower to 16"),
        "{message}"
    );
    assert!(refused(image.path(), image.path()).contains("an image tower of its own"));
    let tower = snapshot("vision-tower");
    assert!(refused(text.path(), tower.path()).contains("no CLIP of two towers"));
}

/// Parts that are not known or do not fit are named with both values.
#[test]
fn parts_of_sentence_transformers_that_do_not_fit_are_named() {
    let error = |file: &str, from: &str, to: &str| {
        let folder = snapshot("multilingual-distilbert");
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        Clip::open(folder.path()).err().expect("it loads").to_string()
    };
    for (file, from, to, reason) in [
        (
            "modules.json",
            "dense.Dense",
            "normalize.Normalize",
            "Transformer, Pooling, Normalize",
        ),
        (
            "modules.json",
            "\"2_Dense\"",
            "\"../2_Dense\"",
            "not a folder's name",
        ),
        (
            "1_Pooling/config.json",
            "\"mean\"",
            "\"max\"",
            "pooling is \"max\"",
        ),
        (
            "2_Dense/config.json",
            "linear.Identity",
            "activation.Tanh",
            "activation_function",
        ),
        (
            "2_Dense/config.json",
            "\"in_features\": 16",
            "\"in_features\": 17",
            "in_features is 17, but",
        ),
        ("config.json", "\"distilbert\"", "\"t5\"", "model_type is \"t5\""),
        (
            "config.json",
            "\"n_heads\": 2",
            "\"n_heads\": 3",
            "num_attention_heads 3",
        ),
    ] {
        let message = error(file, from, to);
        assert!(message.contains(reason), "{file}: {message}");
    }
    let folder = snapshot("multilingual-distilbert");
    std::fs::remove_file(folder.path().join("2_Dense/model.safetensors")).unwrap();
    let message = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(
        message.contains("2_Dense: holds neither model.safetensors nor"),
        "{message}"
    );
}

#[test]
fn a_list_of_words_does_in_place_of_berts_tokenizer() {
    let folder = snapshot("chinese-clip");
    let path = folder.path().join("tokenizer.json");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let vocab = json["model"]["vocab"].as_object().unwrap();
    let mut words: Vec<_> = vocab
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), word.as_str()))
        .collect();
    words.sort();
    let words: Vec<&str> = words.into_iter().map(|(_, word)| word).collect();
    std::fs::remove_file(&path).unwrap();
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("vocab.txt"), "{error}");
    std::fs::write(folder.path().join("vocab.txt"), words.join("\n") + "\n").unwrap();
    check_texts("vocab.txt", &Clip::open(folder.path()).unwrap(), folder.path());
}
