//! The error type of the crate.
//!
//! Every failure names what was being read, the value that was wrong and, where there is one, the
//! way out. Callers match on the variant; shells (page, HTTP, CLI) use [`Error::code`].

use std::io;
use std::path::Path;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Failures between a file's bytes and a score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("{file}: {source}")]
    Io {
        /// Path or name of the file.
        file: String,
        /// Answer of the operating system.
        #[source]
        source: io::Error,
    },
    /// A model file (GGUF, safetensors, `config.json`) is malformed, truncated or corrupted.
    #[error("{file}: {reason}")]
    Model {
        /// Path or name of the file.
        file: String,
        /// Reason, with the offending name and value.
        reason: String,
    },
    /// A model file is well formed but of a kind, version or architecture that is not understood.
    #[error("{file}: {reason}")]
    Unsupported {
        /// Path or name of the file.
        file: String,
        /// Reason, with what is supported.
        reason: String,
    },
    /// The tokenizer is malformed or does not fit the weights.
    #[error("{file}: {reason}")]
    Tokenizer {
        /// Path or name of the file.
        file: String,
        /// Reason.
        reason: String,
    },
    /// An image could not be decoded or is over a limit.
    #[error("{file}: {reason}")]
    Image {
        /// Path or name of the image.
        file: String,
        /// Reason.
        reason: String,
    },
    /// The caller's input (labels, template, shapes) cannot be used.
    #[error("{0}")]
    Input(String),
    /// A result could not be written as JSON: a fault of this program, not of its input.
    #[error("a result could not be written as JSON: {0}")]
    Serialize(#[from] serde_json::Error),
    /// The operation was cancelled through its progress callback.
    #[error("cancelled")]
    Cancelled,
    /// candle failed (shapes, device memory, driver).
    #[error("tensor operation failed: {0}")]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// An [`Error::Model`]: `file` is malformed, for this reason.
    pub fn model(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Model {
            file: file.into(),
            reason: reason.into(),
        }
    }

    /// An [`Error::Unsupported`]: `file` is sound but of a kind that is not understood, for this reason.
    pub fn unsupported(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unsupported {
            file: file.into(),
            reason: reason.into(),
        }
    }

    /// An [`Error::Image`]: the image `file` cannot be read, for this reason.
    pub fn image(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Image {
            file: file.into(),
            reason: reason.into(),
        }
    }

    /// An [`Error::Io`] of a file, for `map_err`.
    pub fn io(file: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let file = file.as_ref().display().to_string();
        move |source| Self::Io { file, source }
    }

    /// Stable, machine-readable name of the kind of error (`ClipletError.code` in JavaScript).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Model { .. } => "model",
            Self::Unsupported { .. } => "unsupported",
            Self::Tokenizer { .. } => "tokenizer",
            Self::Image { .. } => "image",
            Self::Input(_) => "input",
            Self::Serialize(_) => "internal",
            Self::Cancelled => "cancelled",
            Self::Candle(_) => "compute",
        }
    }

    /// Makes the error name `name` as its file: parsers of bytes do not know where those came from.
    pub fn in_file(mut self, name: &str) -> Self {
        match &mut self {
            Self::Io { file, .. }
            | Self::Model { file, .. }
            | Self::Unsupported { file, .. }
            | Self::Tokenizer { file, .. }
            | Self::Image { file, .. } => *file = name.to_string(),
            Self::Input(_) | Self::Serialize(_) | Self::Cancelled | Self::Candle(_) => {}
        }
        self
    }
}

/// A matrix that the kernels refuse is one of the caller's: the readers of files check shapes before.
impl From<cliplet_kernels::Error> for Error {
    fn from(error: cliplet_kernels::Error) -> Self {
        Self::Input(error.to_string())
    }
}
