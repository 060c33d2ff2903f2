//! GGUF files as they arrive, damaged and forged: every one loads or fails with a typed error that
//! names the file, and none makes the reader allocate what a header merely claims.
#![cfg(not(target_family = "wasm"))]

mod support;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use cliplet::clip::{Clip, LoadOptions, Loader};
use cliplet::weights::{Quant, convert};
use cliplet::{Error, Result};
use proptest::prelude::*;
use support::{CountingAllocator, tiny};
use xxhash_rust::xxh3::xxh3_64;

/// The tiny snapshot as a q4 file: it holds every kind of tensor.
fn file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        convert(&tiny(), &path, Quant::Q4, None).unwrap();
        std::fs::read(path).unwrap()
    })
}

fn load(bytes: &[u8], chunk: usize, total: Option<u64>) -> Result<Clip> {
    let mut loader = Loader::new(total).named("some.gguf");
    for chunk in bytes.chunks(chunk) {
        loader.push(chunk)?;
    }
    loader.finish()
}

/// Loads by writing to where the loader has room, at most `most` bytes at a time.
fn pour(mut bytes: &[u8], most: usize) -> Result<Clip> {
    let mut loader = Loader::new(Some(bytes.len() as u64)).named("some.gguf");
    while !bytes.is_empty() {
        let room = loader.chunk_mut()?;
        let (piece, rest) = bytes.split_at(room.len().min(most).min(bytes.len()));
        room[..piece.len()].copy_from_slice(piece);
        loader.advance(piece.len())?;
        bytes = rest;
    }
    loader.finish()
}

/// The error of loading `bytes`, whatever is known of their number beforehand.
fn refusal(bytes: &[u8]) -> Error {
    let streamed = load(bytes, 4096, None).err().expect("it loads as a stream");
    let sized = load(bytes, usize::MAX, Some(bytes.len() as u64))
        .err()
        .expect("it loads as a whole");
    let poured = pour(bytes, usize::MAX).err().expect("it loads in place");
    for error in [&streamed, &sized, &poured] {
        assert!(
            matches!(error, Error::Model { .. } | Error::Unsupported { .. }),
            "{error:?}"
        );
        assert!(error.to_string().starts_with("some.gguf: "), "{error}");
    }
    streamed
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes
        .windows(needle.len())
        .position(|w| w == needle)
        .expect("the file holds it")
}

/// Makes the header's checksum right again after it was changed, given where its tensors end.
fn forge(bytes: &mut [u8], header_end: usize) {
    let at = find(bytes, b"cliplet.header_checksum") + "cliplet.header_checksum".len() + 4;
    bytes[at..at + 8].fill(0);
    let sum = xxh3_64(&bytes[..header_end]);
    bytes[at..at + 8].copy_from_slice(&sum.to_le_bytes());
}

/// The byte after the last tensor info.
fn header_end(bytes: &[u8]) -> usize {
    let info = "text_model.encoder.layers.1.mlp.fc2.weight";
    let last = (0..bytes.len() - info.len())
        .rev()
        .find(|i| &bytes[*i..*i + info.len()] == info.as_bytes())
        .unwrap();
    let dims = 2;
    last + info.len() + 4 + 8 * dims + 4 + 8
}

#[test]
fn any_chunks_give_the_same_model() {
    let whole = load(file(), usize::MAX, Some(file().len() as u64)).unwrap();
    let expected = whole.embed_texts(&["a photo of a cat"]).unwrap();
    for chunk in [1, 7, 4096] {
        for total in [None, Some(file().len() as u64)] {
            let clip = load(file(), chunk, total).unwrap();
            assert_eq!(clip.embed_texts(&["a photo of a cat"]).unwrap(), expected);
            assert_eq!(clip.info(), whole.info());
        }
    }
    for most in [1, 999, usize::MAX] {
        let clip = pour(file(), most).unwrap();
        assert_eq!(clip.embed_texts(&["a photo of a cat"]).unwrap(), expected);
        assert_eq!(clip.info(), whole.info());
    }
}

#[test]
fn more_than_there_was_room_for_is_refused() {
    let mut loader = Loader::new(None);
    assert!(matches!(loader.advance(1), Err(Error::Input(_))));
    let mut loader = Loader::new(None);
    let room = loader.chunk_mut().unwrap().len();
    assert!(matches!(loader.advance(room + 1), Err(Error::Input(_))));
    // Within a tensor too.
    let mut loader = Loader::new(None);
    loader.push(&file()[..header_end(file()) + 200]).unwrap();
    let room = loader.chunk_mut().unwrap().len();
    assert!(matches!(loader.advance(room + 1), Err(Error::Input(_))));
}

#[test]
fn room_that_was_not_used_is_forgotten() {
    let (header, tensors) = file().split_at(header_end(file()) + 200);
    let mut loader = Loader::new(None);
    loader.chunk_mut().unwrap();
    loader.push(header).unwrap();
    let room = loader.chunk_mut().unwrap();
    let (piece, rest) = tensors.split_at(room.len());
    room.copy_from_slice(piece);
    loader.advance(piece.len()).unwrap();
    loader.push(rest).unwrap();
    loader.finish().unwrap();
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let cuts = (0..file().len())
        .step_by(97)
        .chain(file().len() - 40..file().len());
    for end in cuts {
        let error = load(&file()[..end], usize::MAX, None)
            .err()
            .expect("a cut file loads");
        assert!(error.to_string().contains("ends after"), "cut at {end}: {error}");
    }
    let short = load(&file()[..1000], usize::MAX, Some(1000)).err().unwrap();
    assert!(matches!(short, Error::Model { .. }), "{short}");
    let long = [file(), &[0; 64]].concat();
    assert!(refusal(&long).to_string().contains("after its last tensor"));
    let early = Loader::new(Some(10)).push(&file()[..11]).unwrap_err();
    assert!(early.to_string().contains("of a file of 10"), "{early}");
}

#[test]
fn after_an_error_nothing_more_is_taken() {
    let mut loader = Loader::new(None);
    loader.push(b"what is this?").unwrap_err();
    assert!(
        loader
            .push(file())
            .unwrap_err()
            .to_string()
            .contains("already failed")
    );
    assert!(loader.finish().is_err());
}

#[test]
fn a_header_that_claims_too_much_allocates_nothing() {
    let header = |tensors: u64, metadata: u64, rest: &[u8]| {
        let counts = [tensors.to_le_bytes(), metadata.to_le_bytes()].concat();
        [b"GGUF", 3u32.to_le_bytes().as_slice(), &counts, rest].concat()
    };
    let text = |claimed: u64, bytes: &[u8]| [claimed.to_le_bytes().as_slice(), bytes].concat();
    let key = |kind: u32| [text(1, b"k"), kind.to_le_bytes().to_vec()].concat();
    let tensor = |dims: &[u64], kind: u32| {
        let dims_bytes = dims.iter().flat_map(|d| d.to_le_bytes()).collect();
        [
            text(1, b"t"),
            (dims.len() as u32).to_le_bytes().to_vec(),
            dims_bytes,
            kind.to_le_bytes().to_vec(),
            vec![0; 8],
        ]
        .concat()
    };
    let huge = u64::MAX;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("tensors", header(huge, 1, &[])),
        ("metadata", header(1, huge, &[])),
        ("name of a metadata", header(1, 1, &text(huge, b"k"))),
        ("at most", header(1, 1, &[key(8), text(huge, b"")].concat())),
        ("at most", header(1, 1, &[key(8), text(1 << 33, b"")].concat())),
        (
            "at most",
            header(
                1,
                1,
                &[key(9), 10u32.to_le_bytes().to_vec(), text(huge / 4, b"")].concat(),
            ),
        ),
        (
            "texts",
            header(
                1,
                1,
                &[key(9), 8u32.to_le_bytes().to_vec(), text(huge, b"")].concat(),
            ),
        ),
        ("unknown type", header(1, 1, &[key(77), vec![0; 64]].concat())),
        (
            "unknown type",
            header(
                1,
                1,
                &[key(9), 9u32.to_le_bytes().to_vec(), text(1, &[0; 64])].concat(),
            ),
        ),
        ("name of a tensor", header(1, 0, &text(huge, b""))),
        (
            "dimensions",
            header(1, 0, &[text(1, b"t"), 9u32.to_le_bytes().to_vec()].concat()),
        ),
        ("overflow", header(1, 0, &tensor(&[huge, huge], 0))),
        ("the type 2;", header(1, 0, &tensor(&[32, 32], 2))),
        ("starts with", b"PK\x03\x04 and so on".to_vec()),
        ("GGUF version 2;", b"GGUF\x02\0\0\0 and so on".to_vec()),
        (
            "architecture is missing",
            header(1, 0, &tensor(&[1 << 30, 1 << 20], 0)),
        ),
    ];
    for (expected, bytes) in cases {
        CountingAllocator::take_largest();
        let error = refusal(&bytes).to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        let largest = CountingAllocator::take_largest();
        assert!(
            largest < 1 << 20,
            "{expected}: {} bytes were asked for at once",
            largest
        );
    }
}

#[test]
fn a_forged_header_is_refused_by_name() {
    let end = header_end(file());
    let forged = |needle: &str, replacement: &str| {
        assert_eq!(needle.len(), replacement.len());
        let mut bytes = file().to_vec();
        let at = find(&bytes, needle.as_bytes());
        bytes[at..at + needle.len()].copy_from_slice(replacement.as_bytes());
        forge(&mut bytes, end);
        refusal(&bytes).to_string()
    };
    let cases = [
        ("cliplet.tokenizer", "cliplet.tokenizes", "cliplet.tokenizes"),
        ("general.name", "cliplet.name", "cliplet.name"),
        ("logit_scale", "logit_shift", "logit_scale is missing"),
        (
            "text_projection.weight.scale",
            "text_projection.weight.scalp",
            "text_projection.weight.scale is missing",
        ),
        (r#""hidden_size": 48"#, r#""hidden_size": 51"#, "expected"),
        (
            r#""hidden_size": 48"#,
            r#""hidden_size": 40"#,
            "num_attention_heads",
        ),
        (
            r#""num_hidden_layers": 2"#,
            r#""num_hidden_layers": 9"#,
            "layers.2",
        ),
        (
            r#""projection_dim": 32"#,
            r#""projection_dim": 33"#,
            "visual_projection",
        ),
        (r#""image_size": 32"#, r#""image_size": 40"#, "position_embedding"),
        (r#""quick_gelu""#, r#""quick_silu""#, "quick_silu"),
        (r#""model_type": "clip""#, r#""model_type": "blip""#, "blip"),
        (
            "softmax",
            "sigmoid",
            "score rule is \"sigmoid\" but that of clip is \"softmax\"",
        ),
    ];
    for (needle, replacement, expected) in cases {
        let error = forged(needle, replacement);
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    }

    let architecture = find(file(), b"general.architecture") + "general.architecture".len() + 4 + 8;
    let mut bytes = file().to_vec();
    bytes[architecture..architecture + 4].copy_from_slice(b"bert");
    forge(&mut bytes, end);
    let error = refusal(&bytes).to_string();
    assert!(
        error.contains("architecture is \"bert\"; \"clip\" and \"siglip\" are supported"),
        "{error}"
    );

    let version = find(file(), b"cliplet.format_version") + "cliplet.format_version".len() + 4;
    let mut bytes = file().to_vec();
    bytes[version] = 2;
    forge(&mut bytes, end);
    assert!(refusal(&bytes).to_string().contains("format version is 2"));

    let mut bytes = file().to_vec();
    bytes[end - 8..end].copy_from_slice(&0u64.to_le_bytes());
    forge(&mut bytes, end);
    assert!(refusal(&bytes).to_string().contains("lies at 0"));
}

#[test]
fn a_code_outside_its_range_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    convert(&tiny(), &path, Quant::Q8, None).unwrap();
    let clean = std::fs::read(path).unwrap();
    let end = header_end(&clean);
    // One that is packed, and a table.
    for name in [
        "text_model.encoder.layers.1.mlp.fc2.weight",
        "text_model.embeddings.token_embedding.weight",
    ] {
        let mut bytes = clean.clone();
        let text = [&name.len().to_le_bytes(), name.as_bytes()].concat();
        let info = find(&bytes, &text) + text.len() + 4;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let start = end.next_multiple_of(32) + number(info + 8 * 2 + 4);
        let codes = start..start + number(info) * number(info + 8);
        let sum = find(&bytes, &xxh3_64(&bytes[codes.clone()]).to_le_bytes());
        bytes[codes.start + 3] = i8::MIN as u8;
        let right = xxh3_64(&bytes[codes]);
        bytes[sum..sum + 8].copy_from_slice(&right.to_le_bytes());
        forge(&mut bytes, end);
        let refused = refusal(&bytes).to_string();
        assert!(
            refused.contains(name) && refused.contains("the code -128"),
            "{refused}"
        );
    }
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    let end = header_end(file());
    let mut bytes = file().to_vec();
    let at = find(&bytes, b"\"vocab\"");
    bytes[at..at + 7].copy_from_slice(b"\"vocal\"");
    forge(&mut bytes, end);
    let error = load(&bytes, 4096, None).err().expect("it loads");
    assert!(matches!(error, Error::Tokenizer { .. }), "{error:?}");

    // Of a file that was kept it is read when it is wanted, and refused then.
    let kept = |bytes| {
        let mut loader = Loader::new(None).defer_tokenizer(true);
        loader.push(bytes).unwrap();
        loader.finish().unwrap()
    };
    let error = kept(&bytes).embed_texts(&["a cat"]).unwrap_err();
    assert!(matches!(error, Error::Tokenizer { .. }), "{error:?}");
    let expected = load(file(), 4096, None).unwrap().embed_texts(&["a cat"]).unwrap();
    assert_eq!(kept(file()).embed_texts(&["a cat"]).unwrap(), expected);
}

#[test]
fn loading_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, file()).unwrap();
    let stop = |_| ControlFlow::Break(());
    let options = LoadOptions::default().progress(Some(&stop));
    assert!(matches!(Clip::open_with(&path, &options), Err(Error::Cancelled)));
    assert!(matches!(Clip::open_with(tiny(), &options), Err(Error::Cancelled)));

    let converted = folder.path().join("converted.gguf");
    assert!(matches!(
        convert(&tiny(), &converted, Quant::Q8, Some(&stop)),
        Err(Error::Cancelled)
    ));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        ["tiny.gguf"],
        "a cancelled conversion leaves nothing behind"
    );
}

#[test]
fn reading_allocates_at_most_a_tensor_at_once() {
    let mut loader = Loader::new(Some(file().len() as u64));
    CountingAllocator::take_largest();
    file().chunks(1024).for_each(|chunk| loader.push(chunk).unwrap());
    // The header is the largest thing in so small a file; it is collected by doubling.
    let largest = CountingAllocator::take_largest();
    assert!(
        largest <= 2 * header_end(file()),
        "{} bytes were asked for at once",
        largest
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_noticed(at in 0..file().len(), bit in 0..8u32) {
        let mut bytes = file().to_vec();
        bytes[at] ^= 1 << bit;
        let result = load(&bytes, 1 << 16, None);
        prop_assert!(result.is_err(), "bit {bit} of byte {at}");
    }

    #[test]
    fn a_flipped_header_behind_a_right_checksum_never_panics(at in 24..header_end(file()), byte: u8) {
        let mut bytes = file().to_vec();
        bytes[at] = byte;
        CountingAllocator::take_largest();
        if bytes.windows(23).any(|w| w == b"cliplet.header_checksum") {
            forge(&mut bytes, header_end(file()));
        }
        let _ = load(&bytes, 1 << 16, None);
        let largest = CountingAllocator::take_largest();
        prop_assert!(largest < 8 << 20, "{largest} bytes were asked for at once");
    }

    #[test]
    fn noise_after_the_magic_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [b"GGUF\x03\0\0\0".as_slice(), &noise].concat();
        prop_assert!(load(&bytes, 64, None).is_err());
    }
}
