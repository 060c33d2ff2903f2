//! Rows of 8-bit codes packed into a panel: transposed, summed and searched for their minimum in one pass, since
//! loading a model is little else.

use std::mem::MaybeUninit;

use super::layout::{GROUP, PANEL};

/// Statistics of packed rows, found on the way.
#[derive(Debug, PartialEq, Eq)]
pub struct PackStats {
    /// Sum of each row's codes.
    pub sums: [i32; PANEL],
    /// Smallest code of all rows, or zero.
    pub min: i8,
}

/// Packs [`PANEL`] `rows`, each a whole number of groups, into a `panel` of the same size, every byte of which is
/// written: `[PANEL, k]` becomes `[k / GROUP, PANEL, GROUP]`.
///
/// # Panics
/// If the sizes differ.
pub fn transpose_pack(rows: &[i8], panel: &mut [MaybeUninit<u8>]) -> PackStats {
    assert!(rows.len() == panel.len() && rows.len().is_multiple_of(PANEL * GROUP));
    let k = rows.len() / PANEL;
    let (groups, _) = rows.as_chunks::<GROUP>();
    let groups: [&[[i8; GROUP]]; PANEL] = std::array::from_fn(|row| &groups[row * k / GROUP..][..k / GROUP]);
    let (blocks, _) = panel.as_chunks_mut::<GROUP>();
    for (group, block) in blocks.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
        for (row, place) in groups.iter().zip(block) {
            *place = row[group].map(|code| MaybeUninit::new(code as u8));
        }
    }
    PackStats {
        sums: std::array::from_fn(|row| sum(&rows[row * k..][..k])),
        min: min(rows),
    }
}

/// Packs one row into a panel as the given output; bytes that fill up the last group stay as they are.
pub fn pack_row(row: &[i8], output: usize, panel: &mut [u8]) {
    for (codes, block) in row.chunks(GROUP).zip(panel.chunks_exact_mut(PANEL * GROUP)) {
        for (&code, byte) in codes.iter().zip(&mut block[output * GROUP..]) {
            *byte = code as u8;
        }
    }
}

/// Sum of codes: in 16 bits as long as those cannot overflow, which takes half the instructions.
pub fn sum(row: &[i8]) -> i32 {
    let part = |codes: &[i8]| codes.iter().fold(0i16, |sum, &code| sum + i16::from(code));
    row.chunks(256).map(|codes| i32::from(part(codes))).sum()
}

/// Smallest of the codes and zero. (Without an early exit, so that compilers vectorize it.)
pub fn min(codes: &[i8]) -> i8 {
    codes.iter().fold(0, |min, &code| min.min(code))
}
