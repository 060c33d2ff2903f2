//! The state machine under both streaming readers, that of our own files and that of snapshots: it cuts files that arrive
//! in chunks of any size into the spans of bytes that a format takes one after the other.
//!
//! A span that lies within one chunk is passed on where it lies. One that comes in several is collected, in memory that
//! is asked for as its bytes come, so that a size that is not true takes no more than comes. After an error nothing more
//! is taken. Which bytes are wanted, and what becomes of them, is the format's part.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Memory is asked for this many bytes of a span at a time.
const RESERVE: usize = 64 << 20;
/// The buffer grows by so many bytes, which are then written while they are in the processor's cache.
const GROWTH: usize = 256 << 10;

/// The bytes that a format takes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Place of the file among those that are read.
    pub file: usize,
    /// Its first byte in the file.
    pub start: u64,
    /// Number of its bytes.
    pub length: u64,
    /// True for bytes that are collected and taken all at once; false for some that are taken as they come.
    pub is_collected: bool,
}

/// A format of files that is read in spans.
pub trait Format {
    /// The span that is wanted next; `None` when all are in.
    fn next(&self) -> Option<Span>;

    /// Takes the bytes of a span that is collected.
    ///
    /// # Errors
    /// Those of the format.
    fn take(&mut self, bytes: Cow<[u8]>) -> Result<()>;

    /// Takes bytes of a span that is not collected, from its start on, and returns how many of them belong to it: at
    /// least one.
    ///
    /// # Errors
    /// Those of the format.
    fn take_some(&mut self, bytes: &[u8]) -> Result<usize> {
        Ok(bytes.len())
    }

    /// True if the bytes of the next span are held as they are, and so best handed over in memory of their own.
    fn holds_bytes(&self) -> bool {
        false
    }
}

/// Files of one format being read.
pub struct SpanReader<F> {
    /// Name of the first file, for errors about all of them.
    file: String,
    /// `None` after an error: nothing more is taken.
    state: Option<State<F>>,
}

struct State<F> {
    format: F,
    /// Bytes of the current span, `filled` of them so far, and memory for its next.
    buffer: Vec<u8>,
    filled: usize,
}

impl<F: Format> SpanReader<F> {
    /// A reader of `format`, of files whose first is called `file`.
    pub fn new(format: F, file: &str) -> Self {
        let state = State {
            format,
            buffer: Vec::new(),
            filled: 0,
        };
        Self {
            file: file.into(),
            state: Some(state),
        }
    }

    /// The format's part; `None` after an error.
    pub fn format(&self) -> Option<&F> {
        self.state.as_ref().map(|state| &state.format)
    }

    /// The format's part, to be changed; `None` after an error.
    pub fn format_mut(&mut self) -> Option<&mut F> {
        self.state.as_mut().map(|state| &mut state.format)
    }

    /// Bytes of the current span that have come.
    pub fn collected(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.filled)
    }

    /// The byte that is wanted next: the place of its file among those that are read, and where it is in the file.
    pub fn wanted(&self) -> Option<(usize, u64)> {
        let state = self.state.as_ref()?;
        let span = state.format.next()?;
        Some((span.file, span.start + state.filled as u64))
    }

    /// Takes bytes of a file that begin at `position`: those that are wanted, one span after the other. Bytes before and
    /// between spans are passed over.
    ///
    /// # Errors
    /// Those of the format, [`Error::Io`] where there is no memory, and [`Error::Model`] after an earlier error.
    pub fn push(&mut self, file: usize, position: u64, bytes: &[u8]) -> Result<()> {
        self.change(|state, name| state.push(file, position, bytes, name))
    }

    /// Memory for the next bytes of a span that is collected, to be written there and counted by [`Self::advance`]: they
    /// are then not copied again. `None` where other bytes come next.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no memory, and [`Error::Model`] after an earlier error.
    pub fn chunk_mut(&mut self) -> Result<Option<&mut [u8]>> {
        let state = self.state.as_mut().ok_or_else(|| failed(&self.file))?;
        match state.missing() {
            Some(missing) => state.chunk_mut(missing, &self.file).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the first `count` bytes of what [`Self::chunk_mut`] gave last.
    ///
    /// # Errors
    /// Those of [`Self::push`], and [`Error::Input`] where there was no memory for so many.
    pub fn advance(&mut self, count: usize) -> Result<()> {
        self.change(|state, _| state.advance(count))
    }

    /// Lets `work` change the format's part between two spans. Its argument says if the current one has begun.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Model`] after an earlier error.
    pub fn change_format(&mut self, work: impl FnOnce(&mut F, bool) -> Result<()>) -> Result<()> {
        self.change(|state, _| work(&mut state.format, state.filled > 0))
    }

    /// The format's part, with all that it has taken.
    ///
    /// # Errors
    /// [`Error::Model`] after an earlier error.
    pub fn finish(self) -> Result<F> {
        let failed = || Error::model(&self.file, "reading it has failed");
        self.state.map(|state| state.format).ok_or_else(failed)
    }

    fn change(&mut self, work: impl FnOnce(&mut State<F>, &str) -> Result<()>) -> Result<()> {
        let state = self.state.as_mut().ok_or_else(|| failed(&self.file))?;
        let result = work(state, &self.file);
        if result.is_err() {
            self.state = None;
        }
        result
    }
}

impl<F: Format> State<F> {
    fn push(&mut self, file: usize, mut position: u64, mut bytes: &[u8], name: &str) -> Result<()> {
        while let Some(span) = self.format.next() {
            let wanted = span.start + self.filled as u64;
            let ahead = wanted
                .checked_sub(position)
                .and_then(|ahead| usize::try_from(ahead).ok());
            let rest = ahead.and_then(|ahead| bytes.get(ahead..)).unwrap_or_default();
            if span.file != file || rest.is_empty() {
                break;
            }
            let taken = match self.missing() {
                None => {
                    let most = usize::try_from(span.length).unwrap_or(usize::MAX);
                    self.format.take_some(&rest[..rest.len().min(most)])?
                }
                Some(missing) if self.filled == 0 && rest.len() >= missing => {
                    self.format.take(Cow::Borrowed(&rest[..missing]))?;
                    missing
                }
                Some(missing) => {
                    let chunk = self.chunk_mut(missing, name)?;
                    let count = chunk.len().min(rest.len());
                    chunk[..count].copy_from_slice(&rest[..count]);
                    self.advance(count)?;
                    count
                }
            };
            (position, bytes) = (wanted + taken as u64, &rest[taken..]);
        }
        Ok(())
    }

    /// Bytes of the current span that have not come; `None` where it is not collected.
    fn missing(&self) -> Option<usize> {
        let span = self.format.next().filter(|span| span.is_collected)?;
        // More than the machine can address is refused where memory is asked for.
        let length = usize::try_from(span.length).unwrap_or(usize::MAX);
        Some(length - self.filled)
    }

    /// Memory for the next of the `missing` bytes of the current span.
    fn chunk_mut(&mut self, missing: usize, name: &str) -> Result<&mut [u8]> {
        if self.buffer.len() == self.filled {
            let size = self.filled + missing.min(GROWTH);
            if self.buffer.capacity() < size {
                let refused = |_| Error::Io {
                    file: name.into(),
                    source: std::io::ErrorKind::OutOfMemory.into(),
                };
                self.buffer
                    .try_reserve_exact(missing.min(RESERVE))
                    .map_err(refused)?;
            }
            self.buffer.resize(size, 0);
        }
        let end = self.buffer.len().min(self.filled + missing);
        Ok(&mut self.buffer[self.filled..end])
    }

    /// Counts `count` bytes that were written to the memory for them, and passes the span on when it is complete.
    fn advance(&mut self, count: usize) -> Result<()> {
        let missing = self.missing().unwrap_or(0);
        let most = missing.min(self.buffer.len() - self.filled);
        if count > most {
            return Err(too_many(count, most));
        }
        self.filled += count;
        if count < missing || count == 0 {
            return Ok(());
        }
        let (mut buffer, size) = (std::mem::take(&mut self.buffer), std::mem::take(&mut self.filled));
        if self.format.holds_bytes() {
            buffer.truncate(size);
            buffer.shrink_to_fit();
            return self.format.take(Cow::Owned(buffer));
        }
        self.format.take(Cow::Borrowed(&buffer[..size]))?;
        self.buffer = buffer;
        Ok(())
    }
}

/// The error of a caller that claims to have written `count` bytes where there is memory for `most`.
pub fn too_many(count: usize, most: usize) -> Error {
    Error::Input(format!(
        "{count} bytes of a model were said to be where there is room for {most}"
    ))
}

fn failed(file: &str) -> Error {
    Error::model(file, "reading it has already failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files of spans; collects them as they are taken.
    struct Listed {
        spans: Vec<Span>,
        taken: Vec<Vec<u8>>,
    }

    impl Format for Listed {
        fn next(&self) -> Option<Span> {
            self.spans.get(self.taken.len()).copied()
        }

        fn take(&mut self, bytes: Cow<[u8]>) -> Result<()> {
            if bytes.contains(&255) {
                return Err(Error::model("listed", "holds 255"));
            }
            self.taken.push(bytes.into_owned());
            Ok(())
        }

        fn take_some(&mut self, bytes: &[u8]) -> Result<usize> {
            // A mark, of one byte.
            self.taken.push(bytes[..1].to_vec());
            Ok(1)
        }
    }

    fn span(file: usize, start: u64, length: u64, is_collected: bool) -> Span {
        Span {
            file,
            start,
            length,
            is_collected,
        }
    }

    fn reader() -> SpanReader<Listed> {
        let spans = vec![
            span(0, 2, 3, true),
            span(0, 5, 9, false),
            span(0, 8, 2, true),
            span(1, 0, 2, true),
        ];
        let taken = Vec::new();
        SpanReader::new(Listed { spans, taken }, "listed")
    }

    const FIRST: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    #[test]
    fn spans_are_cut_from_chunks_of_any_size() {
        for size in 1..=FIRST.len() {
            let mut reader = reader();
            for (i, chunk) in FIRST.chunks(size).enumerate() {
                reader.push(0, (i * size) as u64, chunk).unwrap();
            }
            assert_eq!(reader.wanted(), Some((1, 0)));
            reader.push(0, 12, &[12]).unwrap();
            reader.push(1, 0, &[20, 21, 22]).unwrap();
            assert_eq!(reader.wanted(), None);
            let taken = reader.finish().unwrap().taken;
            assert_eq!(
                taken,
                [vec![2, 3, 4], vec![5], vec![8, 9], vec![20, 21]],
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn bytes_may_be_written_where_they_are_collected() {
        let mut reader = reader();
        reader.push(0, 0, &FIRST[..3]).unwrap();
        assert_eq!((reader.collected(), reader.wanted()), (1, Some((0, 3))));
        let chunk = reader.chunk_mut().unwrap().unwrap();
        assert_eq!(chunk.len(), 2);
        chunk.copy_from_slice(&FIRST[3..5]);
        reader.advance(2).unwrap();
        assert_eq!(reader.format().unwrap().taken, [vec![2, 3, 4]]);
        // A mark is not collected.
        assert!(reader.chunk_mut().unwrap().is_none());
        assert!(matches!(reader.advance(1), Err(Error::Input(_))));
    }

    #[test]
    fn nothing_is_taken_after_an_error() {
        let mut reader = reader();
        assert!(reader.push(0, 2, &[255, 255, 255]).is_err());
        let again = reader.push(0, 2, &FIRST[2..5]).unwrap_err().to_string();
        assert!(
            again.contains("listed") && again.contains("already failed"),
            "{again}"
        );
        assert!(reader.format().is_none() && reader.wanted().is_none());
        assert!(reader.finish().is_err());
    }

    #[test]
    fn a_span_that_no_memory_holds_is_refused() {
        let spans = vec![span(0, 0, u64::MAX - 1, true)];
        let taken = Vec::new();
        let mut reader = SpanReader::new(Listed { spans, taken }, "listed");
        // Only what comes is asked for.
        reader.push(0, 0, &FIRST).unwrap();
        assert_eq!(reader.collected(), FIRST.len());
    }
}
