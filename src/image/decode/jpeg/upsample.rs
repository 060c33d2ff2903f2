//! Enlarging subsampled components to the size of the image as libjpeg does by default: a triangle filter
//! where a component has half the width, half the height or both, repetition otherwise (`jdsample.c`).

use super::error::{JpegError, Result};

/// Enlargement of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upsample {
    /// It has the size of the image.
    None,
    /// Triangle filter to twice the width.
    Wider,
    /// Triangle filter to twice the height.
    Taller,
    /// Triangle filter to twice the width and height.
    Both,
    /// Each sample is repeated so many times across and down.
    Repeat(usize, usize),
}

impl Upsample {
    /// The way for a component with `h` x `v` samples in an area where the image has `max_h` x `max_v`.
    ///
    /// `width` is the component's in samples. At an eighth of the size libjpeg does without filters.
    pub fn choose(
        h: usize,
        v: usize,
        max_h: usize,
        max_v: usize,
        width: usize,
        smooth: bool,
    ) -> Result<Self> {
        Ok(match (max_h, max_v) {
            _ if (h, v) == (max_h, max_v) => Self::None,
            _ if h * 2 == max_h && v == max_v && smooth && width > 2 => Self::Wider,
            _ if h == max_h && v * 2 == max_v && smooth => Self::Taller,
            _ if h * 2 == max_h && v * 2 == max_v && smooth && width > 2 => Self::Both,
            _ if max_h.is_multiple_of(h) && max_v.is_multiple_of(v) => Self::Repeat(max_h / h, max_v / v),
            _ => {
                return Err(JpegError::Unsupported(format!(
                    "{h}x{v} samples of one component to {max_h}x{max_v} of another"
                )));
            }
        })
    }

    /// Reports whether rows above and below are needed for a row.
    pub fn needs_neighbors(self) -> bool {
        matches!(self, Self::Taller | Self::Both)
    }

    /// For the row `y` of the image: the nearest row of samples, and the next nearest where the filter
    /// goes over two; `height` is the component's in samples.
    #[inline]
    pub fn rows(self, y: usize, height: usize) -> (usize, usize) {
        match self {
            Self::None | Self::Wider => (y, y),
            Self::Repeat(_, down) => (y / down, y / down),
            Self::Taller | Self::Both => {
                let near = y / 2;
                let far = if y.is_multiple_of(2) {
                    near.saturating_sub(1)
                } else {
                    (near + 1).min(height - 1)
                };
                (near, far)
            }
        }
    }

    /// Enlarges one row to `output` (at least the image's width). `near` and `far` are cut to the
    /// component's width; `sums` is room for as many numbers.
    pub fn row(self, near: &[u8], far: &[u8], below: bool, sums: &mut [u16], output: &mut [u8]) {
        match self {
            Self::None => output[..near.len()].copy_from_slice(near),
            Self::Wider => wider(near, output),
            Self::Taller => taller(near, far, below, output),
            Self::Both => both(near, far, sums, output),
            Self::Repeat(across, _) => {
                for (samples, &sample) in output.chunks_mut(across).zip(near) {
                    samples.fill(sample);
                }
            }
        }
    }
}

/// Three quarters of the nearer sample and one of the further; halves go down on the left of a sample
/// and up on its right, so that they cancel.
fn wider(input: &[u8], output: &mut [u8]) {
    let (pairs, _) = output.as_chunks_mut::<2>();
    let last = input.len() - 1;
    let sample = |i: usize| u16::from(input[i]);
    pairs[0] = [input[0], ((sample(0) * 3 + sample(1) + 2) >> 2) as u8];
    let neighbors = input.iter().zip(&input[1..]).zip(&input[2..]);
    for (pair, ((&left, &middle), &right)) in pairs[1..].iter_mut().zip(neighbors) {
        let middle = u16::from(middle) * 3;
        *pair = [
            ((middle + u16::from(left) + 1) >> 2) as u8,
            ((middle + u16::from(right) + 2) >> 2) as u8,
        ];
    }
    pairs[last] = [
        ((sample(last) * 3 + sample(last - 1) + 1) >> 2) as u8,
        input[last],
    ];
}

fn taller(near: &[u8], far: &[u8], below: bool, output: &mut [u8]) {
    let bias = if below { 2 } else { 1 };
    for ((pixel, &near), &far) in output.iter_mut().zip(near).zip(far) {
        *pixel = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
    }
}

fn both(near: &[u8], far: &[u8], sums: &mut [u16], output: &mut [u8]) {
    let sums = &mut sums[..near.len()];
    for ((sum, &near), &far) in sums.iter_mut().zip(near).zip(far) {
        *sum = u16::from(near) * 3 + u16::from(far);
    }
    let (pairs, _) = output.as_chunks_mut::<2>();
    let last = sums.len() - 1;
    pairs[0] = [
        ((sums[0] * 4 + 8) >> 4) as u8,
        ((sums[0] * 3 + sums[1] + 7) >> 4) as u8,
    ];
    let neighbors = sums.iter().zip(&sums[1..]).zip(&sums[2..]);
    for (pair, ((left, middle), right)) in pairs[1..].iter_mut().zip(neighbors) {
        *pair = [
            ((middle * 3 + left + 8) >> 4) as u8,
            ((middle * 3 + right + 7) >> 4) as u8,
        ];
    }
    pairs[last] = [
        ((sums[last] * 3 + sums[last - 1] + 8) >> 4) as u8,
        ((sums[last] * 4 + 7) >> 4) as u8,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(upsample: Upsample, near: &[u8], far: &[u8], below: bool, width: usize) -> Vec<u8> {
        let mut output = vec![0; width];
        upsample.row(near, far, below, &mut vec![0; near.len()], &mut output);
        output
    }

    #[test]
    fn ways_are_chosen_as_in_libjpeg() {
        let choose =
            |h, v, max_h, max_v, width, smooth| Upsample::choose(h, v, max_h, max_v, width, smooth).unwrap();
        assert_eq!(choose(2, 2, 2, 2, 9, true), Upsample::None);
        assert_eq!(choose(1, 1, 2, 1, 9, true), Upsample::Wider);
        assert_eq!(choose(1, 1, 2, 1, 2, true), Upsample::Repeat(2, 1));
        assert_eq!(choose(1, 1, 1, 2, 1, true), Upsample::Taller);
        assert_eq!(choose(1, 1, 2, 2, 3, true), Upsample::Both);
        assert_eq!(choose(2, 1, 4, 2, 9, true), Upsample::Both);
        assert_eq!(choose(1, 1, 2, 2, 9, false), Upsample::Repeat(2, 2));
        assert_eq!(choose(1, 1, 4, 1, 9, true), Upsample::Repeat(4, 1));
        assert!(Upsample::choose(2, 1, 3, 1, 9, true).is_err());
    }

    #[test]
    fn triangle_filters_weigh_nine_three_three_one() {
        assert_eq!(
            row(Upsample::Wider, &[0, 100, 200], &[], false, 6),
            [0, 25, 75, 125, 175, 200]
        );
        assert_eq!(row(Upsample::Taller, &[10, 20], &[21, 9], false, 2), [13, 17]);
        assert_eq!(row(Upsample::Taller, &[10, 20], &[20, 10], true, 2), [13, 18]);
        let both = row(Upsample::Both, &[0, 160, 0], &[0, 0, 0], false, 6);
        assert_eq!(both, [0, 30, 90, 90, 30, 0]);
    }

    #[test]
    fn flat_rows_stay_flat() {
        for upsample in [
            Upsample::Wider,
            Upsample::Taller,
            Upsample::Both,
            Upsample::Repeat(2, 1),
        ] {
            for level in 0..=255 {
                let width = if upsample == Upsample::Taller { 5 } else { 10 };
                let flat = [level; 5];
                assert_eq!(
                    row(upsample, &flat, &flat, level % 2 == 0, width),
                    vec![level; width]
                );
            }
        }
    }

    #[test]
    fn rows_above_and_below_end_at_the_edges() {
        assert_eq!(Upsample::Both.rows(0, 3), (0, 0));
        assert_eq!(Upsample::Both.rows(1, 3), (0, 1));
        assert_eq!(Upsample::Both.rows(2, 3), (1, 0));
        assert_eq!(Upsample::Both.rows(5, 3), (2, 2));
        assert_eq!(Upsample::Repeat(2, 2).rows(5, 3), (2, 2));
        assert_eq!(Upsample::None.rows(5, 6), (5, 5));
    }
}
