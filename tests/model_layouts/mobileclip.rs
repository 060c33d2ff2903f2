//! MobileCLIPs, in the files of open_clip and in Apple's.

use super::*;

#[test]
fn mobileclips_are_folded_when_they_are_read() {
    for (name, tower) in [
        ("mobileclip-s1", "fastvit"),
        ("mobileclip-s2", "fastvit"),
        ("mobileclip2-s3", "fastvit"),
        ("mobileclip-b", "vit"),
        ("mobileclip2-l", "vit"),
    ] {
        let clip = check(name);
        assert_eq!(clip.info().image_tower.as_deref(), Some(tower));
        let texts = ["a photo of a cat", "a photo of a dog", "", "cat, 2 dogs!"];
        let embedded = tensor(&clip.embed_texts(&texts).unwrap());
        let folder = snapshot(name);
        let error = relative_error(&embedded, reference(folder.path()).tensor("text_embeds"));
        assert!(error < TOLERANCE, "{name}: texts differ by {error:e}");
    }
}

/// The text tower of MobileCLIP S0 has convolutions before and behind its transformer.
#[test]
fn a_mobileclip_may_have_convolutions_over_texts() {
    let clip = check("mobileclip-s0-apple");
    let texts = ["a photo of a cat", "a photo of a dog", "", "cat, 2 dogs!"];
    let embedded = tensor(&clip.embed_texts(&texts).unwrap());
    let folder = snapshot("mobileclip-s0-apple");
    let error = relative_error(&embedded, reference(folder.path()).tensor("text_embeds"));
    assert!(error < TOLERANCE, "texts differ by {error:e}");
    let path = folder.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        config.replace("\"causal_masking\": false", "\"causal_masking\": true"),
    )
    .unwrap();
    let message = Clip::open(folder.path()).err().unwrap().to_string();
    assert!(
        message.contains("convolution_window is 11, but no_causal_mask is not true"),
        "{message}"
    );
}

/// Apple's files come without settings: their names tell them, whose sizes these weights do not have.
#[test]
fn files_of_apples_are_known_by_their_names() {
    let folder = snapshot("mobileclip-s0-apple");
    let error = |name: &str| {
        let path = folder.path().join(name);
        std::fs::copy(folder.path().join("mobileclip.pt"), &path).unwrap();
        Clip::open(&path).err().expect("it loads").to_string()
    };
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    let message = error("mobileclip_s0.pt");
    assert!(
        message.contains("has 2 blocks, but text_config.num_hidden_layers is 4"),
        "{message}"
    );
    let message = error("mine.pt");
    assert!(message.contains("config.json: file is missing"), "{message}");
}

/// open_clip's own model configurations, which lie in its package, are settings without those of images.
#[test]
fn a_model_configuration_of_open_clips_does_as_settings() {
    let folder = snapshot("mobileclip-s1");
    let path = folder.path().join("open_clip_config.json");
    let settings: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let whole = Clip::open(folder.path()).unwrap();
    std::fs::write(&path, settings["model_cfg"].to_string()).unwrap();
    let bare = Clip::open(folder.path()).unwrap();
    let texts = |clip: &Clip| clip.embed_texts(&["a photo of a cat"]).unwrap();
    assert_eq!(texts(&bare), texts(&whole));
    assert!(bare.info().warnings[0].contains("defaults"));
}

/// Apple's own names and configuration, beside weights of any name.
#[test]
fn mobileclips_of_apples_are_those_of_open_clip() {
    for (name, same) in [
        ("mobileclip-s1-apple", "mobileclip-s1"),
        ("mobileclip-b-apple", "mobileclip-b"),
    ] {
        let (folder, other) = (snapshot(name), snapshot(same));
        let reference = reference(folder.path());
        let clip = Clip::open(folder.path().join("mobileclip.pt")).unwrap();
        for (what, got) in outputs(&clip, &reference) {
            let error = relative_error(&got, reference.tensor(what));
            assert!(error < TOLERANCE, "{name}: {what} differs by {error:e}");
        }
        let texts = |clip: &Clip| clip.embed_texts(&["a photo of a cat"]).unwrap();
        assert_eq!(texts(&clip), texts(&Clip::open(other.path()).unwrap()));
        assert!(clip.info().warnings.is_empty());
    }
}

/// Were a branch left out where it is missing, the tower would still run.
#[test]
fn branches_of_a_mobileclip_that_are_missing_are_named() {
    let folder = snapshot("mobileclip-s1");
    let path = folder.path().join("open_clip_model.safetensors");
    let name = b"visual.trunk.stem.2.identity.running_var";
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap();
    bytes[at + name.len() - 1] = b'X';
    std::fs::write(&path, bytes).unwrap();
    let message = Clip::open(folder.path()).err().expect("it loads").to_string();
    assert!(
        message.contains("tensor visual.trunk.stem.2.identity.running_var is missing"),
        "{message}"
    );
}
