//! Bounds that every fuzz target asserts: an input of some size may take time and memory in proportion to it, and
//! no more. Not panicking is only the least of what is asked.

pub mod image_files;

use std::path::Path;
use std::time::Duration;

use cliplet::Error;
use cliplet::candle_core::{DType, Device};
use cliplet::image::ImageProcessor;
use cliplet::weights::Placement;
use cliplet_kernels::CountingAllocator;
use cpu_time::ProcessTime;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The configuration of a model of few weights.
pub const SMALL_CONFIG: &str = include_str!("../../tests/parity/tiny/config.json");

/// A tokenizer of few words.
pub const TOKENIZER: &str = include_str!("../../tests/parity/tiny/tokenizer.json");

/// The CPU, in float32.
pub fn placement() -> Placement {
    Placement::new(Device::Cpu, DType::F32)
}

/// Pixels of the largest image that a target decodes.
const MAX_PIXELS: u64 = 1 << 20;

/// Time and memory that an input may take.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    time: Duration,
    bytes: u64,
}

impl Bound {
    /// A bound of so many nanoseconds and bytes for each byte of the input, above what the smallest takes.
    fn new(data: &[u8], nanoseconds: u64, bytes: u64) -> Self {
        let length = data.len() as u64;
        Self {
            // A sanitizer makes everything a few times slower, and this process is not alone.
            time: Duration::from_secs(2) + Duration::from_nanos(nanoseconds * length),
            bytes: (4 << 20) + bytes * length,
        }
    }

    /// Text that is taken apart.
    pub fn of_text(data: &[u8]) -> Self {
        Self::new(data, 2_000, 64)
    }

    /// JSON that becomes values: a list of numbers has one for every two bytes.
    pub fn of_json(data: &[u8]) -> Self {
        Self::new(data, 5_000, 256)
    }

    /// Rows of a table.
    pub fn of_rows(data: &[u8]) -> Self {
        // Readers have buffers of their own, and compressed pages may grow a hundredfold.
        Self::new(data, 50_000, 1024).and_bytes(64 << 20)
    }

    /// A model file: its weights are unpacked to float32 at most, from four bits at least.
    pub fn of_model(data: &[u8]) -> Self {
        Self::new(data, 20_000, 64)
    }

    /// An image of so many pixels.
    pub fn of_pixels(pixels: u64) -> Self {
        Self::new(&[], 0, 0).and_pixels(pixels)
    }

    /// A file with an image of so many pixels: 16-bit RGBA twice, and work for every pixel. Decoders have buffers of
    /// their own besides: a WebP's partition, which is read whole, has up to 16 MB, and a narrow JPEG is padded to
    /// whole MCUs.
    pub fn of_image(data: &[u8], pixels: u64) -> Self {
        Self::new(data, 20_000, 32).and_bytes(20 << 20).and_pixels(pixels)
    }

    /// Adds the bound of an image of so many pixels.
    pub fn and_pixels(mut self, pixels: u64) -> Self {
        self.time += Duration::from_nanos(4_000 * pixels);
        self.and_bytes(16 * pixels)
    }

    /// The bound of work that a sanitizer slows down so many times more than other work.
    fn with_time(mut self, times: u32) -> Self {
        self.time *= times;
        self
    }

    fn and_bytes(mut self, bytes: u64) -> Self {
        self.bytes += bytes;
        self
    }
}

/// Runs `work`, which must stay within `bound`.
pub fn check(bound: Bound, work: impl FnOnce()) {
    let before = CountingAllocator::reset_peak();
    let start = ProcessTime::now();
    work();
    let took = start.elapsed();
    let bytes = CountingAllocator::peak().saturating_sub(before) as u64;
    assert!(bytes <= bound.bytes, "{bytes} bytes at a time are over {bound:?}");
    assert!(
        took <= bound.time,
        "{took:?} of processor time are over {bound:?}"
    );
}

/// Decodes and prepares an image file whose pixels are not known beforehand.
pub fn preprocess(file: &[u8]) {
    preprocess_claimed(file, MAX_PIXELS);
}

/// Decodes and prepares an image file that claims so many pixels, within the memory that these justify.
pub fn preprocess_claimed(file: &[u8], pixels: u64) {
    preprocess_within(file, image_bound(file, pixels));
}

/// The bound of decoding and preparing: also for the output of 224 x 224 floats, and the resampler's rows. A sanitizer slows
/// the decoder of AVIF down some thirty times, which transforms blocks of few pixels with code for each kind of them.
fn image_bound(file: &[u8], pixels: u64) -> Bound {
    let bound = Bound::of_image(file, pixels.min(MAX_PIXELS) + 224 * 224);
    let is_avif = file.get(4..8) == Some(b"ftyp");
    bound.with_time(if is_avif { 8 } else { 1 })
}

fn preprocess_within(file: &[u8], bound: Bound) {
    let processor = ImageProcessor::from_json("{}").map(|processor| processor.with_pixel_limit(MAX_PIXELS));
    let Ok(processor) = processor else {
        return;
    };
    check(bound, || match processor.preprocess(file) {
        Ok(values) => assert!(values.data.iter().all(|value| value.is_finite())),
        Err(Error::Image { reason, .. }) => assert!(!reason.is_empty()),
        Err(error) => panic!("an image file fails with {error:?}"),
    });
}

/// Calls `work` with the path of a file that holds `data`.
pub fn with_file(name: &str, data: &[u8], work: impl FnOnce(&Path)) {
    with_files(&[(name, data)], |folder| work(&folder.join(name)));
}

/// Calls `work` with a folder of files, which is gone afterwards.
pub fn with_files(files: &[(&str, &[u8])], work: impl FnOnce(&Path)) {
    // In memory where the system has such a folder: targets run thousands of times a second.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let folder = parent.join(format!("cliplet-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the input");
    for (name, data) in files {
        std::fs::write(folder.join(name), data).expect("a file for the input");
    }
    work(&folder);
    std::fs::remove_dir_all(&folder).expect("the folder is the target's own");
}
