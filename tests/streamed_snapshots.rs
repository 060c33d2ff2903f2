//! Weights that are quantized while they arrive: whatever the container and the chunks, and wherever the
//! connection was lost, they become the model and the file that converting the snapshot makes.
#![cfg(not(target_family = "wasm"))]

#[path = "support/held.rs"]
mod held;
mod support;
#[path = "support/weights.rs"]
mod weights_in_memory;

use std::collections::HashMap;
use std::fs::read_to_string;
use std::path::Path;

use cliplet::Embedding;
use cliplet::clip::{Clip, Loader, SnapshotLoader};
use cliplet::weights::{Quant, SnapshotMetadata, convert, convert_towers};
use cliplet::{Error, Result};
use held::Held;
use proptest::prelude::*;
use support::{CountingAllocator, tiny};
use weights_in_memory::{feed, index};

fn weights() -> Vec<u8> {
    std::fs::read(tiny().join("model.safetensors")).unwrap()
}

fn texts() -> SnapshotMetadata {
    let text = |name: &str| read_to_string(tiny().join(name)).unwrap();
    SnapshotMetadata::new(
        "tiny",
        text("config.json"),
        text("tokenizer.json"),
        Some(text("preprocessor_config.json")),
        Some("---\nlicense: mit\n---"),
    )
    .unwrap()
}

fn loader(quant: Quant) -> SnapshotLoader {
    loader_of(quant, &weights()).unwrap()
}

/// A loader of the tiny model from a file that is not its own.
fn loader_of(quant: Quant, bytes: &[u8]) -> Result<SnapshotLoader> {
    let index = index("tiny/model.safetensors", bytes, Some(bytes.len() as u64))?;
    SnapshotLoader::new(texts(), quant, &[index])
}

/// Pushes chunks and gives the packed parts as they came, and what is left of the loader.
fn parts(
    mut loader: SnapshotLoader,
    files: &[&[u8]],
    chunk: usize,
) -> Result<(SnapshotLoader, Vec<Vec<u8>>)> {
    let mut parts = Vec::new();
    feed(&mut loader, files, chunk, |loader| {
        parts.push(loader.take_packed())
    })?;
    parts.retain(|part| !part.is_empty());
    Ok((loader, parts))
}

/// The model and our file.
fn whole(loader: SnapshotLoader, parts: &[Vec<u8>]) -> (Clip, Vec<u8>) {
    let (clip, mut file) = loader.finish().unwrap();
    file.extend(parts.concat());
    (clip, file)
}

fn embedded(clip: &Clip) -> (Vec<Embedding>, Vec<Embedding>) {
    let picture = clip
        .image_processor()
        .preprocess_rgba(9, 7, &[120; 9 * 7 * 4])
        .unwrap();
    let images = clip.embed_images(&[picture]).unwrap();
    (images, clip.embed_texts(&["a cat", "two dogs"]).unwrap())
}

fn opened(file: &[u8]) -> Clip {
    let mut loader = Loader::new(Some(file.len() as u64));
    loader.push(file).unwrap();
    loader.finish().unwrap()
}

/// Fused projections come as parts of one tensor, and transposed ones whole.
#[test]
fn weights_of_open_clip_stream_too() {
    streams_as_it_converts("open-clip-openai", &["open_clip_model.safetensors"], true);
}

/// Several tensors make one, and come in another order than those that they make.
#[test]
fn weights_of_a_mobileclip_stream_too() {
    let file = "open_clip_model.safetensors";
    for name in ["mobileclip-s1", "mobileclip2-s3", "mobileclip-b"] {
        streams_as_it_converts(name, &[file], true);
    }
    for name in ["mobileclip-s0-apple", "mobileclip-b-apple"] {
        streams_as_it_converts(name, &["mobileclip.pt"], false);
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/models/mobileclip-s1");
    let bytes = std::fs::read(dir.join(file)).unwrap();
    let small = HashMap::from([
        (
            "open_clip_config.json".to_string(),
            std::fs::read(dir.join("open_clip_config.json")).unwrap(),
        ),
        (
            "tokenizer.json".to_string(),
            std::fs::read(tiny().join("tokenizer.json")).unwrap(),
        ),
    ]);
    let loader = || {
        let texts = SnapshotMetadata::read("m", &small, true).unwrap();
        let index = index(file, &bytes, Some(bytes.len() as u64)).unwrap();
        SnapshotLoader::new(texts, Quant::Q8, &[index]).unwrap()
    };
    goes_on_after_a_loss(loader, &bytes);
}

#[test]
fn weights_of_a_siglip_stream_too() {
    streams_as_it_converts("siglip2", &["model.safetensors"], false);
    streams_as_it_converts("siglip2-naflex", &["model.safetensors"], false);
    streams_as_it_converts("siglip", &["model.safetensors"], false);
}

/// Towers of transformers and of timm in files of open_clip; keys and values of pooling attention are one tensor.
#[test]
fn weights_of_open_clip_with_towers_of_other_libraries_stream_too() {
    let file = "open_clip_model.safetensors";
    for name in [
        "open-clip-xlm-roberta",
        "open-clip-roberta",
        "open-clip-siglip",
        "open-clip-siglip2",
    ] {
        streams_as_it_converts(name, &[file], true);
    }
    streams_as_it_converts("open-clip-biomed", &["open_clip_pytorch_model.bin"], true);
}

/// The bytes that are wanted lie in the order of the list, not of the file.
#[test]
fn files_of_pytorch_stream_too() {
    streams_as_it_converts("pytorch-bin", &["pytorch_model.bin"], false);
    streams_as_it_converts("open-clip-custom", &["open_clip_pytorch_model.bin"], true);
}

#[test]
fn shards_stream_too() {
    let shards = [1, 2, 3].map(|n| format!("model-0000{n}-of-00003.safetensors"));
    streams_as_it_converts("fashion-clip", &shards.each_ref().map(String::as_str), false);
    let shards = [1, 2].map(|n| format!("pytorch_model-0000{n}-of-00002.bin"));
    streams_as_it_converts("pytorch-shards", &shards.each_ref().map(String::as_str), false);
}

/// Sizes of the pieces in which weights come, and how they are stored.
const WAYS: [(Quant, usize); 3] = [(Quant::Q8, 100), (Quant::Q8, 7000), (Quant::F16, 1 << 20)];

/// Compares the model `name` that was streamed from `files` with the same model converted.
fn streams_as_it_converts(name: &str, files: &[&str], of_open_clip: bool) {
    let model = Held::new(name, files, of_open_clip);
    let bytes: Vec<&[u8]> = model.bytes().collect();
    for (quant, chunk) in WAYS {
        let path = model.folder.path().join("converted.gguf");
        convert(model.folder.path(), &path, quant, None).unwrap();
        let promised = model.texts().file_bytes(quant);
        let loader = SnapshotLoader::new(model.texts(), quant, &model.indexes()).unwrap();
        let (loader, parts) = parts(loader, &bytes, chunk).unwrap();
        is_as_converted(name, whole(loader, &parts), promised, &path);
    }
}

/// Compares a model that was streamed, and its file, with the size that was promised and with the file at `path`.
fn is_as_converted(name: &str, (streamed, file): (Clip, Vec<u8>), promised: u64, path: &Path) {
    assert_eq!(file.len() as u64, promised, "{name}");
    assert_eq!(embedded(&opened(&file)), embedded(&streamed));
    let (streamed, converted) = (embedded(&streamed), embedded(&Clip::open(path).unwrap()));
    let unit = |one: &Embedding| one.clone().normalize();
    let pairs = streamed
        .0
        .iter()
        .zip(&converted.0)
        .chain(streamed.1.iter().zip(&converted.1));
    for (a, b) in pairs {
        let cosine = unit(a).cosine(&unit(b));
        assert!(cosine > 0.99999, "{name}: {cosine}");
    }
}

/// A text tower, in folders of sentence-transformers or of M-CLIP, streams with the image tower of another model.
#[test]
fn a_text_tower_streams_with_the_image_tower_of_another_model() {
    let folders = ["model.safetensors", "2_Dense/model.safetensors"];
    let apples = "mobileclip.pt";
    for (text, text_files, image, image_file, of_open_clip) in [
        (
            "multilingual-distilbert",
            &folders[..],
            "metaclip",
            folders[0],
            false,
        ),
        ("m-clip", &["pytorch_model.bin"], "tinyclip", folders[0], false),
        // Of this, weights are made of several tensors, those of its own text tower too.
        (
            "multilingual-distilbert",
            &folders,
            "mobileclip-s0-apple",
            apples,
            false,
        ),
    ] {
        let (text, image) = (
            Held::new(text, text_files, false),
            Held::new(image, &[image_file], of_open_clip),
        );
        let bytes: Vec<&[u8]> = text.bytes().chain(image.bytes()).collect();
        for (quant, chunk) in WAYS {
            let path = text.folder.path().join("converted.gguf");
            convert_towers(text.folder.path(), image.folder.path(), &path, quant, None).unwrap();
            let texts = text.texts().with_image_tower(&image.texts()).unwrap();
            let promised = texts.file_bytes(quant);
            let (indexes, image_indexes) = (text.indexes(), image.indexes());
            let loader = SnapshotLoader::with_image_files(texts, quant, &indexes, &image_indexes).unwrap();
            let (loader, parts) = parts(loader, &bytes, chunk).unwrap();
            is_as_converted(&text.name, whole(loader, &parts), promised, &path);
        }
    }
}

/// The error of a file that is not good, known by its length or not.
fn refusal(bytes: &[u8]) -> Error {
    let run = |length| {
        let index = index("tiny/model.safetensors", bytes, length)?;
        let loader = SnapshotLoader::new(texts(), Quant::Q8, &[index])?;
        parts(loader, &[bytes], 4096).and_then(|(loader, _)| loader.finish().map(drop))
    };
    let known = run(Some(bytes.len() as u64)).expect_err("it loads");
    // Of a file of unknown length, all but bytes behind its end is noticed.
    let unknown = run(None).err();
    for error in unknown.iter().chain([&known]) {
        assert!(
            matches!(error, Error::Model { .. } | Error::Unsupported { .. }),
            "{error:?}"
        );
        assert!(
            error.to_string().starts_with("tiny/model.safetensors: "),
            "{error}"
        );
    }
    unknown.unwrap_or(known)
}

#[test]
fn it_is_the_model_that_converting_makes() {
    let folder = tempfile::tempdir().unwrap();
    for quant in [Quant::F16, Quant::Q8, Quant::Q4] {
        let path = folder.path().join("tiny.gguf");
        convert(&tiny(), &path, quant, None).unwrap();
        let converted = Clip::open(&path).unwrap();
        let (loader, parts) = parts(loader(quant), &[&weights()], 5000).unwrap();
        let promised = texts().file_bytes(quant);
        let (streamed, file) = whole(loader, &parts);
        assert_eq!(promised, file.len() as u64);
        let reopened = opened(&file);
        if quant == Quant::F16 {
            // Converted weights were rounded to 16 bits; those that were streamed are rounded when stored.
            assert_eq!(embedded(&reopened), embedded(&converted));
        } else {
            assert_eq!(embedded(&streamed), embedded(&converted));
            assert_eq!(embedded(&reopened), embedded(&converted));
        }
        assert_eq!(streamed.info(), reopened.info());
        assert_eq!(streamed.info().licence.as_deref(), Some("mit"));
        assert_eq!(streamed.info().bytes, file.len() as u64);
        assert!(streamed.info().checksum.is_some());
    }
}

#[test]
fn chunks_of_any_size_give_the_same_file() {
    let file = |chunk| {
        let (loader, parts) = parts(loader(Quant::Q4), &[&weights()], chunk).unwrap();
        whole(loader, &parts).1
    };
    let at_once = file(usize::MAX);
    for chunk in [1, 7, 4096, 100_000] {
        assert_eq!(file(chunk), at_once, "chunks of {chunk}");
    }
}

#[test]
fn what_was_packed_before_a_loss_need_not_come_again() {
    goes_on_after_a_loss(|| loader(Quant::Q8), &weights());
}

/// Restores every number of parts, and lets the rest of the file come again.
fn goes_on_after_a_loss(loader: impl Fn() -> SnapshotLoader, bytes: &[u8]) {
    let (first, packed) = parts(loader(), &[bytes], 3000).unwrap();
    let (_, expected) = whole(first, &packed);
    assert!(packed.len() > 5);
    for good in 0..=packed.len() {
        let mut again = loader();
        for part in &packed[..good] {
            again.restore(part).unwrap();
        }
        assert_eq!(again.done() > 0, good > 0);
        let (again, rest) = parts(again, &[bytes], 3000).unwrap();
        let all = [&packed[..good], &rest].concat();
        assert_eq!(whole(again, &all).1, expected, "after {good} parts");
    }
}

#[test]
fn packed_parts_that_do_not_fit_are_refused() {
    let bytes = weights();
    let (_, packed) = parts(loader(Quant::Q8), &[&bytes], 3000).unwrap();
    let refused = |mut loader: SnapshotLoader, part: &[u8]| {
        let (file, position) = loader.wanted().unwrap();
        let error = loader.restore(part).unwrap_err();
        assert!(error.to_string().contains("packed part does not fit"), "{error}");
        assert!(loader.push(file, position, &bytes[position as usize..]).is_err());
    };
    refused(loader(Quant::Q8), &packed[0][..packed[0].len() - 1]);
    refused(loader(Quant::Q8), &[]);
    let mut within = loader(Quant::Q8);
    let (file, position) = within.wanted().unwrap();
    within
        .push(file, position, &bytes[position as usize..][..1])
        .unwrap();
    refused(within, &packed[0]);
}

#[test]
fn files_that_are_not_this_model_are_refused_by_name() {
    let good = weights();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let json = String::from_utf8(good[8..header].to_vec()).unwrap();
    let with = |json: String| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.into_bytes());
        bytes.extend(&good[header..]);
        bytes
    };
    let longer = [&good[..], b"more"].concat();
    let mut infinite = good.clone();
    infinite[good.len() - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    for (bytes, word) in [
        (good[..good.len() - 1].to_vec(), "visual_projection"),
        (good[..header - 1].to_vec(), "header"),
        (good[..5].to_vec(), "header"),
        (b"GGUF, they say".to_vec(), "no safetensors file"),
        (longer, "end"),
        (infinite, "holds"),
        (
            with(json.replace("logit_scale", "logit_scole")),
            "logit_scale is missing",
        ),
        (with(json.replace("\"F16\"", "\"I16\"")), "F16 and BF16"),
        (with("{".repeat(50)), "bad safetensors header"),
    ] {
        let error = refusal(&bytes);
        assert!(error.to_string().contains(word), "{error}; expected {word}");
    }
}

#[test]
fn a_header_makes_nothing_be_allocated_that_it_merely_claims() {
    let mut bytes = 90_000_000u64.to_le_bytes().to_vec();
    bytes.extend(b"{");
    CountingAllocator::take_largest();
    refusal(&bytes);
    let largest = CountingAllocator::take_largest();
    assert!(largest < 1 << 20, "{} bytes at once", largest);
}

proptest! {
    #[test]
    fn a_flipped_byte_is_refused_or_a_weight(at in 0..weights().len(), byte: u8) {
        let mut bytes = weights();
        bytes[at] = byte;
        let run = || {
            let (loader, _) = parts(loader_of(Quant::Q8, &bytes)?, &[&bytes], 10_000)?;
            loader.finish()
        };
        if let Err(error) = run() {
            prop_assert!(matches!(error, Error::Model { .. } | Error::Unsupported { .. }), "{error:?}");
        }
    }
}
