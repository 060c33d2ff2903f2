//! The limits of decoding, on files that are made for the purpose.

use super::Scale;
use super::decoder::decode;
use super::error::JpegError;
use crate::image::limits::{Cancel, Limits};
use std::sync::atomic::{AtomicU32, Ordering};

/// A marker with its parameters.
fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker][..], &length, data].concat()
}

/// A grey progressive file whose AC scans, `scans` of them, each say in one long run that all is zero.
fn many_scans(side: u16, scans: usize) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let mut file = vec![0xff, 0xd8];
    file.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    file.extend(segment(0xc2, &[8, high, low, high, low, 1, 1, 0x11, 0]));
    // One code, 0, for a run of 2^14 blocks and 14 bits more.
    file.extend(segment(0xc4, &[&[0x10, 1][..], &[0; 15], &[0xe0]].concat()));
    let blocks = usize::from(side).div_ceil(8).pow(2);
    let mut scan = segment(0xda, &[1, 1, 0, 1, 63, 1]);
    scan.extend(vec![0; 15 * blocks.div_ceil(1 << 14) / 8 + 1]);
    for _ in 0..scans {
        file.extend(&scan);
    }
    file.extend([0xff, 0xd9]);
    // Comments, for the length that so many pixels ask for.
    while file.len() < blocks / 8 + 100 {
        file.splice(2..2, segment(0xfe, &[0; 60_000]));
    }
    file
}

#[test]
fn scans_are_bounded_by_work_not_by_number() {
    let pixels = decode(&many_scans(80, 1400), &Limits::default(), Scale::Full).unwrap();
    assert_eq!((pixels.width, pixels.height, pixels.channels), (80, 80, 1));
    assert!(pixels.data.iter().all(|&pixel| pixel == 128));
    let error = decode(&many_scans(4000, 1400), &Limits::default(), Scale::Full).unwrap_err();
    assert!(
        matches!(error, JpegError::TooMuchWork { scans: 60..=200, .. }),
        "{error}"
    );
}

#[test]
fn limits_are_kept_before_anything_is_decoded() {
    let file = many_scans(80, 1);
    let limits = |max_pixels, max_memory| Limits {
        max_pixels,
        max_memory,
        ..Limits::default()
    };
    let error = decode(&file, &limits(6399, u64::MAX), Scale::Full).unwrap_err();
    assert!(
        matches!(error, JpegError::TooManyPixels { limit: 6399, .. }),
        "{error}"
    );
    // 100 blocks of coefficients, 6,400 pixels, and some rows.
    let error = decode(&file, &limits(6400, 19_000), Scale::Full).unwrap_err();
    assert!(
        matches!(
            error,
            JpegError::OutOfMemory {
                needed: 19_001..30_000,
                ..
            }
        ),
        "{error}"
    );
    let half = decode(&file, &limits(6400, 25_000), Scale::Half).unwrap();
    assert_eq!((half.width, half.height, half.data.len()), (40, 40, 1600));
}

#[test]
fn cancelling_stops_at_the_next_row() {
    let asked = AtomicU32::new(0);
    let cancelled = || asked.fetch_add(1, Ordering::Relaxed) >= 25;
    let limits = Limits {
        cancel: Cancel::new(&cancelled),
        ..Limits::default()
    };
    let error = decode(&many_scans(80, 1400), &limits, Scale::Full).unwrap_err();
    assert_eq!(error, JpegError::Cancelled);
    assert_eq!(asked.load(Ordering::Relaxed), 26);
}

#[test]
fn files_that_end_anywhere_are_refused() {
    let file = many_scans(80, 2);
    for length in 0..file.len() - 1 {
        assert!(
            decode(&file[..length], &Limits::default(), Scale::Full).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn more_pixels_than_the_file_has_bits_are_refused() {
    let mut file = many_scans(80, 1);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
    let error = decode(&file, &Limits::default(), Scale::Full).unwrap_err();
    assert!(error.to_string().contains("cannot hold"), "{error}");
}
