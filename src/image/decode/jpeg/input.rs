//! The bytes of a JPEG file and the place that has been read up to: finding markers and recovering
//! from wrong restart markers, as libjpeg does it (`jdmarker.c`).

use super::error::{JpegError, Result, damaged};

/// The lowest of the eight restart markers, RST0.
const RST0: u8 = 0xd0;
/// The highest of the eight restart markers, RST7.
const RST7: u8 = 0xd7;
/// The lowest marker that may stand in an image; what is below has no meaning.
const SOF0: u8 = 0xc0;

/// A cursor over the file.
#[derive(Debug, Clone)]
pub(super) struct Input<'a> {
    data: &'a [u8],
    position: usize,
    /// A marker that was met and not acted on yet; entropy-coded data cannot be read past it.
    pub pending: Option<u8>,
}

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            pending: None,
        }
    }

    /// The bytes that have not been read.
    #[inline(always)]
    pub fn rest(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    /// Passes over `count` bytes, which [`rest`](Self::rest) has shown to be there.
    #[inline(always)]
    pub fn advance(&mut self, count: usize) {
        self.position += count;
    }

    /// The next byte; [`JpegError::EndsEarly`] where there is none.
    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        let byte = *self.data.get(self.position).ok_or(JpegError::EndsEarly)?;
        self.position += 1;
        Ok(byte)
    }

    /// The next two bytes as a number, the high one first.
    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// The parameters of the marker called `name`, whose length must make sense.
    pub fn segment(&mut self, name: &'static str) -> Result<Segment<'a>> {
        let length = usize::from(self.u16()?);
        let length = length.checked_sub(2).ok_or_else(|| wrong_length(name))?;
        let there = length.min(self.rest().len());
        let bytes = &self.rest()[..there];
        self.position += there;
        Ok(Segment { name, length, bytes })
    }

    /// The parameters of a marker that is skipped; an impossible length means that there are none.
    pub fn skipped_segment(&mut self) -> Result<&'a [u8]> {
        let length = usize::from(self.u16()?).saturating_sub(2);
        let skipped = self.rest().get(..length).ok_or(JpegError::EndsEarly)?;
        self.position += length;
        Ok(skipped)
    }

    /// The pending marker or the next one in the file, whatever stands before it.
    pub fn next_marker(&mut self) -> Result<u8> {
        if let Some(marker) = self.pending.take() {
            return Ok(marker);
        }
        loop {
            while self.byte()? != 0xff {}
            let mut code = self.byte()?;
            while code == 0xff {
                code = self.byte()?;
            }
            if code != 0 {
                return Ok(code);
            }
        }
    }

    /// Reads the restart marker number `expected` (0 to 7) at the end of a restart interval.
    ///
    /// Where another marker stands, a restart marker that is up to two behind is passed over until a
    /// better one comes; one that is up to two ahead, or any other valid marker, stays pending, so
    /// that the coming interval is taken for lost; anything else is dropped.
    pub fn restart(&mut self, expected: u8) -> Result<()> {
        loop {
            let marker = self.next_marker()?;
            if marker < SOF0 {
                continue;
            }
            if !(RST0..=RST7).contains(&marker) {
                self.pending = Some(marker);
                return Ok(());
            }
            match (marker - RST0).wrapping_sub(expected) & 7 {
                1 | 2 => {
                    self.pending = Some(marker);
                    return Ok(());
                }
                6 | 7 => {}
                _ => return Ok(()),
            }
        }
    }
}

/// The parameters of a marker, taken piece by piece.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    name: &'static str,
    /// Bytes left by what the marker says.
    length: usize,
    /// Those of them that the file holds.
    bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Bytes that have not been taken.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The next `count` bytes: damage where the marker says that there are fewer, and
    /// [`JpegError::EndsEarly`] where the file does.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        self.length = self
            .length
            .checked_sub(count)
            .ok_or_else(|| wrong_length(self.name))?;
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(JpegError::EndsEarly)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|i| taken[i]))
    }

    /// Checks that exactly `count` bytes are left.
    pub fn expect(&self, count: usize) -> Result<()> {
        if self.length == count {
            Ok(())
        } else {
            Err(wrong_length(self.name))
        }
    }
}

fn wrong_length(name: &str) -> JpegError {
    damaged(format!("its {name} marker has the wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart(bytes: &[u8], expected: u8) -> (Option<u8>, usize) {
        let mut input = Input::new(bytes);
        input.restart(expected).unwrap();
        (input.pending, input.rest().len())
    }

    #[test]
    fn markers_are_found_behind_fill_bytes_and_stuffed_zeros() {
        let mut input = Input::new(&[1, 2, 0xff, 0, 3, 0xff, 0xff, 0xd9, 7]);
        assert_eq!(input.next_marker(), Ok(0xd9));
        assert_eq!(input.rest(), [7]);
        assert_eq!(input.next_marker(), Err(JpegError::EndsEarly));
    }

    #[test]
    fn restart_markers_out_of_order_are_recovered_from() {
        assert_eq!(restart(&[0xff, 0xd3, 9], 3), (None, 1));
        assert_eq!(restart(&[0xff, 0xd4, 9], 3), (Some(0xd4), 1));
        assert_eq!(restart(&[0xff, 0xd5, 9], 3), (Some(0xd5), 1));
        assert_eq!(restart(&[0xff, 0xd2, 9, 0xff, 0xd3, 9], 3), (None, 1));
        assert_eq!(restart(&[0xff, 0xd7, 9], 3), (None, 1), "too far away: dropped");
        assert_eq!(restart(&[0xff, 0x01, 0xff, 0xd9, 9], 3), (Some(0xd9), 1));
        assert_eq!(restart(&[0xff, 0xd0, 9], 7), (Some(0xd0), 1));
    }

    #[test]
    fn segments_are_bounded() {
        let mut segment = Input::new(&[0, 4, 1, 2, 3]).segment("x").unwrap();
        assert_eq!((segment.len(), segment.take(1)), (2, Ok(&[1][..])));
        assert_eq!(segment.expect(1), Ok(()));
        assert!(matches!(segment.expect(2), Err(JpegError::Damaged(_))));
        assert!(matches!(segment.take(2), Err(JpegError::Damaged(_))));
        let mut segment = Input::new(&[0, 9, 1]).segment("x").unwrap();
        assert_eq!(segment.array::<2>(), Err(JpegError::EndsEarly));
        assert!(matches!(
            Input::new(&[0, 1]).segment("x"),
            Err(JpegError::Damaged(_))
        ));
        assert_eq!(Input::new(&[0, 0, 5]).skipped_segment().unwrap(), [0u8; 0]);
    }
}
