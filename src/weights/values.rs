//! The values of one published tensor as a file stores them, and what they stand for.

use std::borrow::Cow;
use std::collections::TryReserveError;

use cliplet_kernels::Q4_GROUP;

/// Values of a tensor, row by row; codes may be borrowed from what a file brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<'a> {
    /// Floating point.
    Dense(Vec<f32>),
    /// 8-bit: `scales[row] * code`, codes in -127..=127.
    Q8 {
        /// Codes, row-major.
        codes: Cow<'a, [i8]>,
        /// One a row.
        scales: Vec<f32>,
    },
    /// 4-bit in groups of 32: `scales[row] * multipliers[row][column / 32] * (nibble - 8)`.
    Q4 {
        /// Row-major; the even column in the low half of a byte.
        nibbles: Cow<'a, [u8]>,
        /// 0..=15, row-major.
        multipliers: Vec<u8>,
        /// One a row.
        scales: Vec<f32>,
    },
}

impl Values<'_> {
    /// A copy that borrows from nothing.
    pub fn into_owned(self) -> Values<'static> {
        match self {
            Self::Dense(values) => Values::Dense(values),
            Self::Q8 { codes, scales } => Values::Q8 {
                codes: Cow::Owned(codes.into_owned()),
                scales,
            },
            Self::Q4 {
                nibbles,
                multipliers,
                scales,
            } => Values::Q4 {
                nibbles: Cow::Owned(nibbles.into_owned()),
                multipliers,
                scales,
            },
        }
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        match self {
            Self::Dense(values) => values.len(),
            Self::Q8 { codes, .. } => codes.len(),
            Self::Q4 { nibbles, .. } => nibbles.len() * 2,
        }
    }

    /// Returns true if an 8-bit code is outside its range.
    pub fn has_invalid_codes(&self) -> bool {
        // Every code is looked at, so that many are at a time.
        matches!(self, Self::Q8 { codes, .. } if codes.iter().fold(false, |found, &code| found | (code == i8::MIN)))
    }

    /// Describes what else is wrong with quantized values of rows of `cols`, if anything is: counts that do not
    /// match, or multipliers and scales outside their range.
    pub fn validate(&self, cols: usize) -> Option<String> {
        let (rows, groups) = (self.count() / cols, cols / Q4_GROUP);
        let scales = match self {
            Self::Dense(_) => return None,
            Self::Q8 { scales, .. } => scales,
            Self::Q4 {
                multipliers, scales, ..
            } => {
                if multipliers.len() != rows * groups {
                    return Some(format!(
                        "has {} multipliers, not {}",
                        multipliers.len(),
                        rows * groups
                    ));
                }
                if let Some(over) = multipliers.iter().find(|m| **m > 15) {
                    return Some(format!("has the multiplier {over}; multipliers are at most 15"));
                }
                scales
            }
        };
        if scales.len() != rows {
            return Some(format!("has {} scales for {rows} rows", scales.len()));
        }
        scales
            .iter()
            .find(|s| !s.is_finite())
            .map(|s| format!("has a scale of {s}"))
    }

    /// Joins rows of the same kind to these.
    ///
    /// # Panics
    /// Where they are of another kind.
    pub fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Dense(values), Self::Dense(more)) => values.extend(more),
            (
                Self::Q8 { codes, scales },
                Self::Q8 {
                    codes: more,
                    scales: more_scales,
                },
            ) => {
                codes.to_mut().extend_from_slice(&more);
                scales.extend(more_scales);
            }
            (
                Self::Q4 {
                    nibbles,
                    multipliers,
                    scales,
                },
                Self::Q4 {
                    nibbles: more,
                    multipliers: more_multipliers,
                    scales: more_scales,
                },
            ) => {
                nibbles.to_mut().extend_from_slice(&more);
                multipliers.extend(more_multipliers);
                scales.extend(more_scales);
            }
            _ => panic!("rows of one tensor are quantized alike"),
        }
    }

    /// Asks for memory for the codes of `count` values in all, so that appending need not copy them.
    pub fn reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        match self {
            Self::Dense(values) => values.try_reserve_exact(count.saturating_sub(values.len())),
            Self::Q8 { codes, .. } => {
                let more = count.saturating_sub(codes.len());
                codes.to_mut().try_reserve_exact(more)
            }
            Self::Q4 { nibbles, .. } => {
                let more = (count / 2).saturating_sub(nibbles.len());
                nibbles.to_mut().try_reserve_exact(more)
            }
        }
    }

    /// Writes the values of `row`, of `out.len()` columns, to `out`.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        let cols = out.len();
        match self {
            Self::Dense(values) => out.copy_from_slice(&values[row * cols..][..cols]),
            Self::Q8 { codes, scales } => {
                let scale = scales[row];
                let codes = &codes[row * cols..][..cols];
                out.iter_mut()
                    .zip(codes)
                    .for_each(|(out, &code)| *out = scale * f32::from(code));
            }
            Self::Q4 {
                nibbles,
                multipliers,
                scales,
            } => {
                let nibbles = &nibbles[row * cols / 2..][..cols / 2];
                let multipliers = &multipliers[row * (cols / Q4_GROUP)..][..cols / Q4_GROUP];
                let groups = out
                    .chunks_exact_mut(Q4_GROUP)
                    .zip(nibbles.chunks_exact(Q4_GROUP / 2));
                for ((out, nibbles), &multiplier) in groups.zip(multipliers) {
                    let scale = scales[row] * f32::from(multiplier);
                    for (pair, byte) in out.chunks_exact_mut(2).zip(nibbles) {
                        pair[0] = scale * f32::from((byte & 15) as i8 - 8);
                        pair[1] = scale * f32::from((byte >> 4) as i8 - 8);
                    }
                }
            }
        }
    }

    /// All values in floating point.
    pub fn into_dense(self, cols: usize) -> Vec<f32> {
        if let Self::Dense(values) = self {
            return values;
        }
        let mut out = vec![0.0; self.count()];
        out.chunks_exact_mut(cols)
            .enumerate()
            .for_each(|(row, out)| self.read_row(row, out));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nibbles_run_low_half_first_and_scale_by_group() {
        let mut nibbles = vec![0x88; 32];
        nibbles[0] = 0xf0;
        nibbles[16] = 0x09;
        let values = Values::Q4 {
            nibbles: nibbles.into(),
            multipliers: vec![2, 3],
            scales: vec![0.5],
        };
        let dense = values.into_dense(64);
        assert_eq!(dense[..3], [-8.0, 7.0, 0.0]);
        assert_eq!(dense[32..35], [1.5, -12.0, 0.0]);
    }

    #[test]
    fn codes_and_counts_are_checked() {
        let q8 = |codes: &[i8], scales: &[f32]| Values::Q8 {
            codes: codes.to_vec().into(),
            scales: scales.into(),
        };
        assert_eq!(q8(&[1, -127], &[1.0]).validate(2), None);
        assert!(!q8(&[1, -127], &[1.0]).has_invalid_codes());
        assert!(q8(&[1, -128], &[1.0]).has_invalid_codes());
        assert!(q8(&[1, 2], &[1.0, 1.0]).validate(2).unwrap().contains("2 scales"));
        assert!(q8(&[1, 2], &[f32::NAN]).validate(2).unwrap().contains("NaN"));
        let q4 = |multiplier| Values::Q4 {
            nibbles: vec![0; 16].into(),
            multipliers: vec![multiplier],
            scales: vec![1.0],
        };
        assert_eq!(q4(15).validate(32), None);
        assert!(q4(16).validate(32).unwrap().contains("16"));
    }
}
