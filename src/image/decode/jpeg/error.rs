//! Reasons why a JPEG file is refused.

use super::Scale;

/// Every way in which decoding a JPEG file can fail. Sizes are in pixels, bytes and blocks of 8x8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// The caller's [`Cancel`](crate::image::limits::Cancel) answered true.
    #[error("cancelled")]
    Cancelled,
    /// The header claims more pixels than the caller allows.
    #[error("{width}x{height} pixels are {:.0} megapixels, over the limit of {:.0}", megapixels(*width, *height), *limit as f64 / 1e6)]
    TooManyPixels {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The caller's limit.
        limit: u64,
    },
    /// Decoding would need more memory than the caller allows or the machine has.
    #[error(
        "{width}x{height} pixels of JPEG{} take {} MB of memory, more than there is; make the image smaller",
        at(*scale),
        needed.div_ceil(1_000_000)
    )]
    OutOfMemory {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The scale that was asked for.
        scale: Scale,
        /// Bytes that decoding would hold at once.
        needed: u64,
    },
    /// The scans of the file go over its pixels more often than any encoder has a use for.
    #[error(
        "its first {scans} scans decode {width}x{height} pixels over and over: more than {budget} blocks of work; save the image again"
    )]
    TooMuchWork {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// Scans begun when the budget was spent.
        scans: u32,
        /// The work that an image of this size is allowed, in visits to one block.
        budget: u64,
    },
    /// The data stops before the last pixel.
    #[error("the file ends early")]
    EndsEarly,
    /// A well-formed file of a kind that is not decoded.
    #[error("JPEG with {0} is not supported")]
    Unsupported(String),
    /// The file contradicts itself or the JPEG standard.
    #[error("{0}")]
    Damaged(String),
}

fn megapixels(width: u32, height: u32) -> f64 {
    f64::from(width) * f64::from(height) / 1e6
}

fn at(scale: Scale) -> &'static str {
    match scale {
        Scale::Full => "",
        Scale::Half => " at half their width and height",
        Scale::Quarter => " at a quarter of their width and height",
        Scale::Eighth => " at an eighth of their width and height",
    }
}

/// Shorthand for results of the JPEG decoder.
pub(super) type Result<T> = std::result::Result<T, JpegError>;

/// A [`JpegError::Damaged`] of that sentence.
pub(super) fn damaged(reason: impl Into<String>) -> JpegError {
    JpegError::Damaged(reason.into())
}
