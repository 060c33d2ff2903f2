//! A snapshot's folder whose weights file is arbitrary, under each name that it may have: safetensors, PyTorch's
//! pickle, an index of shards.
#![no_main]

use cliplet::weights::Snapshot;
use cliplet_fuzz::{Bound, SMALL_CONFIG, TOKENIZER, check, with_files};

const NAMES: [&str; 4] = [
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&which, data)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(which) % NAMES.len()];
    let files = [
        ("config.json", SMALL_CONFIG.as_bytes()),
        ("tokenizer.json", TOKENIZER.as_bytes()),
        (name, data),
    ];
    with_files(&files, |folder| {
        check(Bound::of_model(data), || {
            if let Ok(mut snapshot) = Snapshot::open(folder) {
                let _ = snapshot.load(cliplet_fuzz::placement(), None);
            }
        });
    });
});
