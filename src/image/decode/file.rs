//! One file that is being decoded: its checks, its memory and its errors.

use super::broken;
use crate::image::decoded::{DecodedImage, Orientation, PixelLayout};
use crate::image::format::Format;
use crate::image::limits::{Cancel, Limits};
use crate::{Error, Result};
use image::{ColorType, ImageDecoder, ImageError};
use std::fmt::Display;
use std::io::{self, BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};

/// A file of known format, and the limits it is read under.
pub(super) struct File<'a> {
    pub format: Format,
    pub bytes: &'a [u8],
    pub limits: Limits<'a>,
}

impl<'a> File<'a> {
    /// A file within this one, as icons hold PNGs.
    pub fn within(&self, format: Format, bytes: &'a [u8]) -> File<'a> {
        File {
            format,
            bytes,
            limits: self.limits,
        }
    }

    /// Refuses an image of no pixels, of more than the limit, or of so many that a file of at least `shortest` bytes
    /// would be needed.
    pub fn check_size(&self, width: u32, height: u32, shortest: impl Fn(u64) -> u64) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(self.damaged(format_args!("its header says {width}x{height} pixels")));
        }
        if pixels > self.limits.max_pixels {
            let megapixels = |pixels: u64| pixels as f64 / 1e6;
            return Err(broken(format!(
                "{width}x{height} pixels are {:.0} megapixels, over the limit of {:.0}",
                megapixels(pixels),
                megapixels(self.limits.max_pixels)
            )));
        }
        if shortest(pixels) > self.bytes.len() as u64 {
            return Err(self.damaged(format_args!(
                "the file ends early: its header says {width}x{height} pixels, which {} bytes cannot hold",
                self.bytes.len()
            )));
        }
        Ok(())
    }

    /// An empty vector with room for the pixels of an image, provided that those and the `working` bytes that its
    /// decoder takes besides are within the memory limit and the machine's memory.
    pub fn reserve(&self, width: u32, height: u32, bytes_per_pixel: usize, working: u64) -> Result<Vec<u8>> {
        let bytes = u64::from(width) * u64::from(height) * bytes_per_pixel as u64;
        let total = bytes.saturating_add(working);
        let mut data = Vec::new();
        let fits = total <= self.limits.max_memory
            && usize::try_from(bytes).is_ok_and(|bytes| data.try_reserve_exact(bytes).is_ok())
            // The decoder's memory is asked for once and given back: decoders themselves do not ask.
            && usize::try_from(working).is_ok_and(|working| Vec::<u8>::new().try_reserve_exact(working).is_ok());
        if fits {
            return Ok(data);
        }
        let megabytes = total.div_ceil(1_000_000);
        Err(broken(format!(
            "{width}x{height} pixels of {} take {megabytes} MB of memory, more than there is; make the image smaller",
            self.format.name()
        )))
    }

    /// Stops a decode that nobody waits for any more.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.limits.cancel.is_cancelled() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// `bytes` for a decoder that reads: reading fails once the decode is cancelled.
    pub fn reader<'b>(&self, bytes: &'b [u8]) -> CancelReader<'b>
    where
        'a: 'b,
    {
        CancelReader {
            source: Cursor::new(bytes),
            cancel: self.limits.cancel,
        }
    }

    /// Decodes with one of `image`'s decoders, which takes `working` bytes besides the pixels. `shortest` is as for
    /// [`check_size`](Self::check_size); `failed` says what the decoder's error means.
    pub fn read_with(
        &self,
        decoder: impl ImageDecoder,
        working: u64,
        shortest: impl Fn(u64) -> u64,
        failed: impl Fn(&Self, &ImageError) -> Error,
    ) -> Result<StoredPixels> {
        let (width, height) = decoder.dimensions();
        self.check_size(width, height, shortest)?;
        let layout = match decoder.color_type() {
            ColorType::L8 => PixelLayout::L8,
            ColorType::La8 => PixelLayout::La8,
            ColorType::Rgb8 => PixelLayout::Rgb8,
            ColorType::Rgba8 => PixelLayout::Rgba8,
            other => return Err(self.unsupported(format_args!("pixels of type {other:?}"))),
        };
        let length = width as usize * height as usize * layout.bytes_per_pixel();
        let mut data = self.reserve(width, height, layout.bytes_per_pixel(), working)?;
        data.resize(length, 0);
        decoder
            .read_image(&mut data)
            .map_err(|error| failed(self, &error))?;
        Ok(StoredPixels {
            width,
            height,
            layout,
            data,
        })
    }

    /// The error of a decoder: cancelled, cut short, or damaged.
    pub fn failed(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        if self.limits.cancel.is_cancelled() {
            return Error::Cancelled;
        }
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        let cut_short = causes.any(|error| {
            // `image` does not give an input error as the source of its own.
            let input = match error.downcast_ref() {
                Some(ImageError::IoError(input)) => Some(input),
                _ => error.downcast_ref::<io::Error>(),
            };
            input.is_some_and(|input| input.kind() == ErrorKind::UnexpectedEof)
        });
        if cut_short {
            self.ends_early()
        } else {
            self.damaged(error)
        }
    }

    pub fn ends_early(&self) -> Error {
        broken(format!("damaged {}: the file ends early", self.format.name()))
    }

    pub fn damaged(&self, reason: impl Display) -> Error {
        broken(format!("damaged {}: {reason}", self.format.name()))
    }

    pub fn unsupported(&self, what: impl Display) -> Error {
        let name = self.format.name();
        broken(format!("{name} with {what} is not supported; convert it to PNG"))
    }
}

/// All pixels of an image in the order of the file.
pub(super) struct StoredPixels {
    pub width: u32,
    pub height: u32,
    pub layout: PixelLayout,
    pub data: Vec<u8>,
}

impl StoredPixels {
    pub fn turned(self, orientation: Orientation) -> DecodedImage<'static> {
        DecodedImage::new(
            self.width,
            self.height,
            self.layout,
            orientation,
            self.data.into(),
        )
    }
}

/// Bytes in memory that can no longer be read once the decode is cancelled.
pub(super) struct CancelReader<'a> {
    source: Cursor<&'a [u8]>,
    cancel: Cancel<'a>,
}

impl CancelReader<'_> {
    fn check(&self) -> io::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        Ok(())
    }
}

impl Read for CancelReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.source.read(out)
    }
}

impl BufRead for CancelReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        /// Bytes between two questions whether the decode is cancelled.
        const BLOCK: usize = 1 << 16;
        self.check()?;
        let rest = self.source.fill_buf()?;
        Ok(&rest[..rest.len().min(BLOCK)])
    }

    fn consume(&mut self, bytes: usize) {
        self.source.consume(bytes);
    }
}

impl Seek for CancelReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}
