//! SigLIP and SigLIP 2: scores by the sigmoid and padded texts.

use super::*;

#[test]
fn siglips_judge_each_label_alone_and_read_padded_texts() {
    for name in ["siglip", "siglip2", "siglip2-left", "siglip2-naflex"] {
        let clip = check(name);
        assert_eq!(
            (clip.info().family.as_str(), clip.info().score_rule.as_str()),
            ("siglip", "sigmoid")
        );
        let folder = snapshot(name);
        let reference = reference(folder.path());
        let texts = std::fs::read(folder.path().join("texts.json")).unwrap();
        let texts: Vec<String> = serde_json::from_slice(&texts).unwrap();
        let ids = reference.tensor("input_ids").to_dtype(DType::U32).unwrap();
        let ids: Vec<Vec<u32>> = ids.to_vec2().unwrap();
        let tokenizer = clip.tokenizer().unwrap();
        for (text, ids) in texts.iter().zip(&ids) {
            assert_eq!(&tokenizer.encode(text).unwrap(), ids, "{name}: {text:?}");
        }
        assert!(tokenizer.is_truncated(&texts[6]).unwrap() && !tokenizer.is_truncated(&texts[0]).unwrap());
        check_texts(name, &clip, folder.path());
        let logits: Vec<Vec<f32>> = reference.tensor("logits_per_image").to_vec2().unwrap();
        let scores: Vec<Vec<f32>> = reference.tensor("scores").to_vec2().unwrap();
        for (logits, scores) in logits.iter().zip(&scores) {
            let got = clip.scorer().scores(logits);
            assert!(got.iter().zip(scores).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        let small: Vec<u32> = ids[0][..3].to_vec();
        let error = clip.embed_tokens(&[small]).unwrap_err().to_string();
        assert!(
            error.contains("3 tokens long; the model takes texts padded to 16"),
            "{error}"
        );
    }
}

/// Gemma's own file puts a start token before a text and none behind it; SigLIP 2's settings say otherwise.
#[test]
fn settings_of_a_padded_tokenizer_win_over_its_file() {
    let folder = snapshot("siglip2");
    let edit = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let path = folder.path().join(file);
        let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(&path, json.to_string()).unwrap();
    };
    let start = serde_json::json!({"SpecialToken": {"id": "<bos>", "type_id": 0}});
    edit("tokenizer.json", &|json| {
        json["post_processor"]["single"][1] = json["post_processor"]["single"][0].take();
        json["post_processor"]["single"][0] = start.clone();
    });
    let error = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("one start and one end"), "{error}");
    edit("tokenizer_config.json", &|json| {
        json["add_bos_token"] = false.into();
        json["add_eos_token"] = true.into();
    });
    check_texts("siglip2", &Clip::open(folder.path()).unwrap(), folder.path());
}

/// A converted SigLIP has its tokenizer, padding and scores; a header that claims other scores is refused.
#[test]
fn files_of_a_siglip_say_what_it_is() {
    let folder = snapshot("siglip");
    let file = folder.path().join("converted.gguf");
    let whole = Clip::open(folder.path()).unwrap();
    for quant in [Quant::F16, Quant::Q8, Quant::Q4] {
        convert(folder.path(), &file, quant, None).unwrap();
        let converted = Clip::open(&file).unwrap();
        assert_eq!(converted.scorer(), whole.scorer());
        let texts = ["Two DOGS, in the snow!", ""];
        let ids = |clip: &Clip| texts.map(|text| clip.tokenizer().unwrap().encode(text).unwrap());
        assert_eq!(ids(&converted), ids(&whole));
    }
    let error = |from: &[u8], to: &[u8]| {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        let mut loader = cliplet::clip::Loader::new(None);
        match loader.push(&bytes) {
            Ok(()) => loader.finish().err().expect("it loads").to_string(),
            Err(error) => error.to_string(),
        }
    };
    // The checksum of the header is compared first.
    assert!(error(b"sigmoid", b"softmax").contains("corrupted"));
}
