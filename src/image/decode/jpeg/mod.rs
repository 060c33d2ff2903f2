//! JPEG, decoded to the very pixels that libjpeg-turbo gives by default, which is what Pillow shows.
//!
//! Sequential and progressive files with Huffman or arithmetic coding, of one, three or four components
//! with any sampling factors that libjpeg knows; lossless files of gray or RGB ([`lossless`]). Damaged data is read on as libjpeg reads it: lost
//! segments are grey, restart markers out of order are recovered from, and the missing frequencies of
//! a progressive file are smoothed over. A file that ends early is refused, as Pillow refuses it.
//!
//! Integers only, so that every machine and WebAssembly gives the same bits. Memory is computed from the
//! header, compared with the caller's limit and asked for fallibly; work is bounded by [`Work`]; and the
//! caller can stop decoding at every row of MCUs.
//!
//! Files read top to bottom: [`input`] finds markers, [`marker`] and [`frame`] read headers, [`bits`],
//! [`huffman`], [`sequential`], [`progressive`] and [`arithmetic`] read coefficients, which [`scan`] puts
//! into their places; [`idct`], [`smoothing`], [`upsample`] and [`color`] make pixels of them.

mod arithmetic;
mod arithmetic_table;
mod bits;
mod color;
mod decoder;
mod entropy;
mod error;
mod file;
mod frame;
mod huffman;
mod idct;
mod idct_scaled;
mod input;
mod lossless;
mod marker;
mod metadata;
mod planes;
mod progressive;
mod scan;
mod sequential;
mod smoothing;
mod store;
#[cfg(test)]
mod tests;
mod upsample;
mod zigzag;

pub(super) use color::ColorSpace;
pub(super) use decoder::decode_in;
pub(super) use file::{explain, read};

/// The part of its width and height that an image is decoded at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// As it is.
    Full,
    /// 1/2.
    Half,
    /// 1/4.
    Quarter,
    /// 1/8.
    Eighth,
}

impl Scale {
    /// Pixels that a block of 8x8 is put out with across and down.
    fn block_size(self) -> usize {
        match self {
            Self::Full => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// Properties that the container of a JPEG gives, which count before the markers of the JPEG itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container {
    /// Meaning of the components.
    pub colors: ColorSpace,
    /// Components of fewer samples are enlarged with filters, or else by repetition.
    pub smooth: bool,
}

/// A decoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes of a pixel: one of gray, three of red, green and blue, or as many as there are components.
    pub channels: usize,
    /// The pixels row by row.
    pub data: Vec<u8>,
}
