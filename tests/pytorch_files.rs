//! PyTorch files, damaged and forged: every one loads or fails with a typed error that names the file, and none makes
//! the reader run anything, or allocate what a file merely claims.
#![cfg(not(target_family = "wasm"))]

mod support;

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use cliplet::{Clip, Error, Result};
use proptest::prelude::*;
use support::{CountingAllocator, tiny};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/models/pytorch-bin")
}

/// The bytes of the small model's file.
fn whole() -> Vec<u8> {
    std::fs::read(model().join("pytorch_model.bin")).unwrap()
}

/// A snapshot whose weights are `bytes`.
fn snapshot_with(bytes: &[u8]) -> Result<Clip> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "preprocessor_config.json"] {
        std::fs::copy(model().join(file), folder.path().join(file)).unwrap();
    }
    std::fs::copy(
        tiny().join("tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    std::fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
    Clip::open(folder.path())
}

/// The file with another list of tensors, its checksum made right.
fn with_pickle(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(whole())).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for i in 0..from.len() {
        let mut entry = from.by_index(i).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name.ends_with("data.pkl") {
            change(&mut bytes);
        }
        to.start_file(name, stored()).unwrap();
        to.write_all(&bytes).unwrap();
    }
    to.finish().unwrap().into_inner()
}

fn stored() -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
}

/// Changes the first place that holds `from` to `to`, of the same length.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
}

#[test]
fn damaged_files_are_refused_by_name() {
    let good = whole();
    assert!(snapshot_with(&good).is_ok());
    for cut in [0, 3, 8, 100, good.len() / 2, good.len() - 1] {
        let error = snapshot_with(&good[..cut]).err().expect("a cut file loads");
        assert!(
            error.to_string().contains("pytorch_model.bin: "),
            "cut at {cut}: {error}"
        );
    }
    let cases: [(&str, Vec<u8>); 6] = [
        ("no zip archive", b"weights".to_vec()),
        (
            "before 1.6",
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(),
        ),
        (
            "git lfs pull",
            b"version https://git-lfs.github.com/spec/v1\n".to_vec(),
        ),
        // Another function than those that make tensors: it is not called, and its tensor is missing.
        (
            "is missing",
            with_pickle(|list| replace(list, b"_rebuild_tensor_v2", b"_rebuild_tensor_v9")),
        ),
        (
            "IalfStorage",
            with_pickle(|list| replace(list, b"HalfStorage", b"IalfStorage")),
        ),
        ("data.pkl", with_pickle(|list| list.truncate(500))),
    ];
    for (expected, bytes) in cases {
        CountingAllocator::take_largest();
        let error = snapshot_with(&bytes).err().expect("it loads").to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        let largest = CountingAllocator::take_largest();
        assert!(
            largest < 1 << 20,
            "{expected}: {largest} bytes were asked for at once"
        );
    }
}

#[test]
fn a_program_is_not_weights() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["model/data.pkl", "model/constants.pkl"] {
        archive.start_file(name, stored()).unwrap();
        archive.write_all(b"\x80\x02}.").unwrap();
    }
    let error = snapshot_with(&archive.finish().unwrap().into_inner())
        .err()
        .unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("TorchScript"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_archive_loads_or_is_refused(changes in changes()) {
        let mut bytes = whole();
        // Its own lists are at its end.
        let start = bytes.len() - 12_000;
        change(&mut bytes[start..], &changes);
        prop_assert!(refused_or_loaded(&bytes) < 1 << 21);
    }

    #[test]
    fn a_changed_list_of_tensors_loads_or_is_refused(changes in changes()) {
        let bytes = with_pickle(|list| change(list, &changes));
        prop_assert!(refused_or_loaded(&bytes) < 1 << 21);
    }
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

fn change(bytes: &mut [u8], changes: &[(prop::sample::Index, u8)]) {
    for (index, byte) in changes {
        bytes[index.index(bytes.len())] = *byte;
    }
}

/// Opens a snapshot of these weights and gives the largest number of bytes that were asked for at once.
fn refused_or_loaded(bytes: &[u8]) -> usize {
    CountingAllocator::take_largest();
    let _ = snapshot_with(bytes);
    CountingAllocator::take_largest()
}
