//! Memory while a model is quantized as it arrives: at most 1.3 times what the packed file takes.
//! A test binary of its own, since every allocation of the process counts.
#![cfg(not(target_family = "wasm"))]

#[path = "support/weights.rs"]
mod weights;

use std::fmt::Write;

use cliplet::clip::SnapshotLoader;
use cliplet::weights::{ClipConfig, Quant, SnapshotMetadata, weight_specs};
use cliplet_kernels::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A CLIP of the proportions of ViT-B/32: a quarter of its weights are the token embeddings.
const CONFIG: &str = r#"{
    "projection_dim": 256,
    "text_config": {"vocab_size": 30000, "hidden_size": 256, "intermediate_size": 1024,
        "num_hidden_layers": 6, "num_attention_heads": 4, "eos_token_id": 2},
    "vision_config": {"image_size": 224, "patch_size": 32, "hidden_size": 384, "intermediate_size": 1536,
        "num_hidden_layers": 8, "num_attention_heads": 6}
}"#;

/// The header of a file of all tensors in 32 bits, in the order of their names as `safetensors`
/// writes them, and the number of their values.
fn header() -> (Vec<u8>, usize) {
    let specs = weight_specs(&ClipConfig::from_json(CONFIG).unwrap());
    let mut parts: Vec<_> = specs.iter().flat_map(|spec| &spec.parts).collect();
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    let (mut json, mut at) = (String::from("{"), 0);
    for part in parts {
        let comma = if at == 0 { "" } else { "," };
        let end = at + 4 * part.values();
        let (name, shape) = (&part.name, &part.shape);
        write!(
            json,
            r#"{comma}"{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{at},{end}]}}"#
        )
        .unwrap();
        at = end;
    }
    json.push('}');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.into_bytes());
    (bytes, at / 4)
}

#[test]
fn quantizing_on_the_way_takes_at_most_1_3_times_the_packed_size() {
    let tokenizer = include_str!("parity/tiny/tokenizer.json");
    let (header, values) = header();
    for quant in [Quant::Q8, Quant::Q4] {
        let before = CountingAllocator::reset_peak();
        let texts = SnapshotMetadata::new("wide", CONFIG.into(), tokenizer.into(), None, None).unwrap();
        let file = texts.file_bytes(quant) as usize;
        let total = (header.len() + 4 * values) as u64;
        let index = weights::index("wide.safetensors", &header, Some(total)).unwrap();
        let mut loader = SnapshotLoader::new(texts, quant, &[index]).unwrap();
        let mut position = header.len() as u64;
        let mut chunk = Vec::with_capacity(1 << 16);
        let mut state = 1u32;
        let mut packed = 0;
        for value in 0..values {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            let weight = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            chunk.extend(weight.to_le_bytes());
            if chunk.len() == chunk.capacity() || value + 1 == values {
                loader.push(0, position, &chunk).unwrap();
                position += chunk.len() as u64;
                packed += loader.take_packed().len();
                chunk.clear();
            }
        }
        assert!(packed > file / 2, "{packed} of {file} bytes were handed out");
        let (_clip, header) = loader.finish().unwrap();
        assert_eq!(header.len() + packed, file);
        let peak = CountingAllocator::peak() - before;
        let times = peak as f64 / file as f64;
        assert!(
            times <= 1.3,
            "{quant:?}: {peak} bytes at most for {file} packed, {times:.2} times"
        );
    }
}
