//! Memory while a model is quantized as it arrives: at most 1.3 times what the packed file takes.
//! A test binary of its own, since every allocation of the process counts.
#![cfg(not(target_family = "wasm"))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cliplet::clip::SnapshotLoader;
use cliplet::weights::{ClipConfig, Quant, SnapshotTexts, slots};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting what is in use.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let slots = slots(&ClipConfig::from_json(CONFIG).unwrap());
    let mut parts: Vec<_> = slots.iter().flat_map(|slot| &slot.parts).collect();
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
        let before = NOW.load(Relaxed);
        PEAK.store(before, Relaxed);
        let texts = SnapshotTexts::new("wide", CONFIG.into(), tokenizer.into(), None, None).unwrap();
        let total = (header.len() + 4 * values) as u64;
        let mut loader = SnapshotLoader::new(texts, quant, Some(total));
        loader.push(&header).unwrap();
        let mut chunk = Vec::with_capacity(1 << 16);
        let mut state = 1u32;
        let mut packed = 0;
        for value in 0..values {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            let weight = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            chunk.extend(weight.to_le_bytes());
            if chunk.len() == chunk.capacity() || value + 1 == values {
                loader.push(&chunk).unwrap();
                packed += loader.take_packed().len();
                chunk.clear();
            }
        }
        let file = loader.file_bytes() as usize;
        assert!(packed > file / 2, "{packed} of {file} bytes were handed out");
        let (_clip, header) = loader.finish().unwrap();
        assert_eq!(header.len() + packed, file);
        let peak = PEAK.load(Relaxed) - before;
        let times = peak as f64 / file as f64;
        assert!(
            times <= 1.3,
            "{quant:?}: {peak} bytes at most for {file} packed, {times:.2} times"
        );
    }
}
