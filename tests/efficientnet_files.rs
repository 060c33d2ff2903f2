//! Files of an EfficientNet whose image tower, head or sizes do not fit: every one is refused by name, and none makes
//! the reader panic or allocate what a header merely claims.
#![cfg(not(target_family = "wasm"))]

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::{Device, Tensor, safetensors};
use cliplet::clip::{Clip, Loader};
use cliplet::weights::{Quant, convert};
use cliplet::{Error, Result};
use proptest::prelude::*;
use support::CountingAllocator;
use xxhash_rust::xxh3::xxh3_64;

fn snapshot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/tiny-efficientnet")
}

/// The tiny snapshot as a q8 file.
fn file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        convert(&snapshot(), &path, Quant::Q8, None).unwrap();
        std::fs::read(path).unwrap()
    })
}

fn load(bytes: &[u8]) -> Result<Clip> {
    let mut loader = Loader::new(Some(bytes.len() as u64)).named("some.gguf");
    loader.push(bytes)?;
    loader.finish()
}

/// The message of the error that names the file and refuses it.
fn refusal(result: Result<Clip>) -> String {
    match result.err().expect("it loads") {
        error @ (Error::Model { .. } | Error::Unsupported { .. }) => error.to_string(),
        error => panic!("{error:?}"),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    let mut windows = bytes.windows(needle.len());
    windows
        .position(|window| window == needle)
        .expect("the file holds it")
}

/// The byte after the last tensor's description: its name, two dimensions, type and offset.
fn header_end(bytes: &[u8]) -> usize {
    let name = b"text_model.encoder.layers.1.mlp.fc2.weight";
    let mut windows = bytes.windows(name.len());
    windows.rposition(|window| window == name).unwrap() + name.len() + 4 + 16 + 4 + 8
}

/// The file with a part of its header replaced by one of the same length, behind a right checksum.
fn forged(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut bytes, end) = (file().to_vec(), header_end(file()));
    let at = find(&bytes, from.as_bytes());
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    correct_checksum(&mut bytes, end);
    bytes
}

fn correct_checksum(bytes: &mut [u8], header_end: usize) {
    let key = b"cliplet.header_checksum";
    let at = find(bytes, key) + key.len() + 4;
    bytes[at..at + 8].fill(0);
    let sum = xxh3_64(&bytes[..header_end]);
    bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_config_that_does_not_fit_the_tensors_is_refused() {
    load(file()).unwrap();
    for (from, to, named) in [
        // The configuration contradicts itself.
        (
            "\"efficientnet_lite\"",
            "\"efficientnet_lime\"",
            "efficientnet_lime",
        ),
        (
            "\"stem_channels\": 16",
            "\"stem_channels\": 17",
            "blocks[0].in_channels",
        ),
        (
            "\"kernel_size\": 5",
            "\"kernel_size\": 9",
            "blocks[3].kernel_size is 9",
        ),
        ("\"stride\": 2", "\"stride\": 7", "blocks[1].stride is 7"),
        (
            "\"kind\": \"softmax_mlp\"",
            "\"kind\": \"softmax_mlq\"",
            "softmax_mlq",
        ),
        ("\"early_block\": 1", "\"early_block\": 8", "early_block is 8"),
        ("\"relu6\"", "\"swish\"", "swish"),
        (
            "\"no_match_threshold\": 0.25",
            "\"no_match_threshold\": 9.25",
            "no_match_threshold is 9.25",
        ),
        ("\"image_size\": 38", "\"image_size\": 37", "images of 38 pixels"),
        // It fits itself and not the tensors.
        (
            "\"kernel_size\": 5",
            "\"kernel_size\": 3",
            "_blocks.3._depthwise_conv.weight",
        ),
        ("\"expand_ratio\": 3", "\"expand_ratio\": 2", "_blocks.4."),
        (
            "\"expand_ratio\": 6",
            "\"expand_ratio\": 5",
            "visual_mlp.norm.weight",
        ),
        (
            "\"head_channels\": 48",
            "\"head_channels\": 47",
            "vision_model.classifier.weight",
        ),
        ("\"classes\": 10", "\"classes\": 11", "vision_model.classifier"),
        ("\"hidden\": 24", "\"hidden\": 23", "visual_mlp.fc1"),
        (
            "\"early_block\": 1",
            "\"early_block\": 0",
            "visual_mlp.norm.weight",
        ),
        ("\"projection_dim\": 32", "\"projection_dim\": 31", "projection"),
        // A tensor goes by another name.
        (
            "_conv_stem.weight",
            "_conv_stum.weight",
            "_conv_stem.weight is missing",
        ),
        (
            "_blocks.5._bn1.running_var",
            "_blocks.5._bn1.running_vat",
            "_blocks.5._bn1.running_var is missing",
        ),
    ] {
        CountingAllocator::take_largest();
        let message = refusal(load(&forged(from, to)));
        assert!(
            message.starts_with("some.gguf: ") && message.contains(named),
            "{to}: {message}"
        );
        assert!(CountingAllocator::take_largest() < 4 << 20, "{to}");
    }
}

/// Loads the snapshot after `change` was made to one of its tensors.
fn changed(name: &str, change: impl Fn(Tensor) -> Option<Tensor>) -> String {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(snapshot().join(file), folder.path().join(file)).unwrap();
    }
    let mut tensors = safetensors::load(snapshot().join("model.safetensors"), &Device::Cpu).unwrap();
    let tensor = tensors.remove(name).unwrap();
    tensors.extend(change(tensor).map(|tensor| (name.to_string(), tensor)));
    safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    refusal(Clip::open(folder.path()))
}

#[test]
fn a_snapshot_whose_tensors_do_not_fit_is_refused() {
    let head = "vision_model._conv_head.weight";
    let message = changed(head, |tensor| {
        Some(tensor.narrow(0, 0, 40).unwrap().contiguous().unwrap())
    });
    assert!(
        message.contains(head) && message.contains("[48, 32, 1, 1]"),
        "{message}"
    );
    let message = changed("visual_mlp.fc2.bias", |_| None);
    assert!(
        message.contains("tensor visual_mlp.fc2.bias is missing"),
        "{message}"
    );
    let message = changed("vision_model._blocks.2._bn1.running_var", |tensor| {
        Some((tensor - 1e4).unwrap())
    });
    assert!(
        message.contains("vision_model._blocks.2._bn1") && message.contains("not finite"),
        "{message}"
    );
}

#[test]
fn images_of_another_size_are_refused() {
    let clip = Clip::open(snapshot()).unwrap();
    let pixels = Tensor::zeros((1, 3, 38, 40), candle_core::DType::F32, &Device::Cpu).unwrap();
    let message = clip.model().embed_pixels(&pixels).unwrap_err().to_string();
    assert!(message.contains("[batch, 3, 38, 38]"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_header_behind_a_right_checksum_never_panics(at in 24..header_end(file()), byte: u8) {
        let mut bytes = file().to_vec();
        bytes[at] = byte;
        if bytes.windows(23).any(|window| window == b"cliplet.header_checksum") {
            correct_checksum(&mut bytes, header_end(file()));
        }
        CountingAllocator::take_largest();
        let _ = load(&bytes);
        let largest = CountingAllocator::take_largest();
        prop_assert!(largest < 8 << 20, "{largest} bytes were asked for at once");
    }

    /// Its every digit is one that sizes something.
    #[test]
    fn a_changed_config_never_panics(nth: usize, digit in b'0'..=b'9') {
        let mut bytes = file().to_vec();
        let start = find(&bytes, b"\"vision_config\"");
        let length = find(&bytes[start..], b"no_match_threshold");
        let digits: Vec<usize> = (start..start + length).filter(|at| bytes[*at].is_ascii_digit()).collect();
        bytes[digits[nth % digits.len()]] = digit;
        correct_checksum(&mut bytes, header_end(file()));
        CountingAllocator::take_largest();
        let _ = load(&bytes);
        let largest = CountingAllocator::take_largest();
        prop_assert!(largest < 8 << 20, "{largest} bytes were asked for at once");
    }
}
