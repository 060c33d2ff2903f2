//! x86-64: `vpdpbusd` (AVX-512 VNNI, AVX-VNNI) on unsigned bytes, or `pmaddubsw` (AVX2), whose pairs of products fit 16 bits.

use core::arch::x86_64::*;

use super::super::dispatch::{Kernel, Product, Tile};
use super::super::layout::{CodeRange, PANEL};
use super::x86_64_tokens::{Avx2, Avx512Vnni, AvxVnni};

/// The kernels that this machine can run, the fastest first.
pub fn available() -> impl Iterator<Item = Kernel> {
    let kernels = [
        Avx512Vnni::detect().map(|token| Kernel {
            name: "avx512-vnni",
            range: CodeRange::U8,
            pairwise: false,
            rows: 12,
            panels: 8,
            product: Product::Avx512Vnni(token),
        }),
        AvxVnni::detect().map(|token| Kernel {
            name: "avx-vnni",
            range: CodeRange::U8,
            pairwise: false,
            rows: 12,
            panels: 12,
            product: Product::AvxVnni(token),
        }),
        Avx2::detect().map(|token| Kernel {
            name: "avx2",
            range: CodeRange::U7,
            pairwise: true,
            rows: 6,
            panels: 24,
            product: Product::Avx2(token),
        }),
    ];
    kernels.into_iter().flatten()
}

/// Bytes that memory hands out together.
const LINE: usize = 64;

/// The product by AVX-512 VNNI: [`Kernel::dot`].
pub fn dot_avx512(_: Avx512Vnni, tile: &Tile, sums: &mut [[i32; PANEL]]) {
    let panel = tile.groups * 32;
    let mut pieces = tile
        .next
        .chunks(tile.next.len().div_ceil(tile.panels.div_ceil(4)).max(1));
    let mut first = 0;
    // Four panels at a time while there are, then two, then the last with a copy of it whose sums are dropped.
    while first < tile.panels {
        let count = if tile.panels - first >= 4 {
            4
        } else {
            (tile.panels - first).min(2)
        };
        let weights = &tile.weights[first * panel..][..count * panel];
        let next = pieces.next().unwrap_or_default();
        if count == 4 {
            // SAFETY: the token proves that the machine has the features.
            unsafe {
                by_rows!(tile.rows, avx512_rows2, (tile, weights, next, first, sums), 1 2 3 4 5 6 7 8 9 10 11 12);
            }
        } else {
            // SAFETY: the token proves that the machine has the features.
            unsafe {
                by_rows!(tile.rows, avx512_rows1, (tile, weights, next, first, sums), 1 2 3 4 5 6 7 8 9 10 11 12);
            }
        }
        first += count;
    }
}

#[target_feature(enable = "avx512vl,avx512vnni")]
fn avx512_rows2<const R: usize>(
    tile: &Tile,
    weights: &[i8],
    next: &[u8],
    first: usize,
    sums: &mut [[i32; PANEL]],
) {
    avx512_rows::<R, 2>(tile, weights, next, first, sums);
}

#[target_feature(enable = "avx512vl,avx512vnni")]
fn avx512_rows1<const R: usize>(
    tile: &Tile,
    weights: &[i8],
    next: &[u8],
    first: usize,
    sums: &mut [[i32; PANEL]],
) {
    avx512_rows::<R, 1>(tile, weights, next, first, sums);
}

/// `R` rows by `2 * V` panels, two panels a vector; an odd last panel stands in both halves. Meanwhile the bytes that
/// are read next are asked for, a line a group: all at once they would hold up what is read now.
#[inline]
#[target_feature(enable = "avx512vl,avx512vnni")]
fn avx512_rows<const R: usize, const V: usize>(
    tile: &Tile,
    weights: &[i8],
    next: &[u8],
    first: usize,
    sums: &mut [[i32; PANEL]],
) {
    let (stride, panel) = (tile.groups * 4, tile.groups * 32);
    let panels = weights.len() / panel;
    assert!(tile.codes.len() == R * stride && weights.len() == panels * panel && panels >= 1);
    assert!(first + panels <= tile.panels && sums.len() >= R * tile.panels);
    let codes = tile.codes.as_ptr();
    let start = |index: usize| weights.as_ptr().wrapping_add(index.min(panels - 1) * panel);
    let starts: [[*const i8; 2]; V] = std::array::from_fn(|v| [start(2 * v), start(2 * v + 1)]);
    let mut acc = [[_mm512_setzero_si512(); V]; R];
    let lines = next.len() / LINE;
    for group in 0..tile.groups {
        if V == 2 && group < lines {
            // SAFETY: every machine with AVX-512 has the instruction, which neither reads nor writes.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(next.as_ptr().add(group * LINE).cast()) };
        }
        // SAFETY: each start lies at a whole panel of `weights` and a group is 32 bytes of it; a row's
        // codes are `stride` bytes; group < tile.groups, row < R, and the lengths were checked above.
        unsafe {
            let weights: [__m512i; V] = std::array::from_fn(|v| {
                let low = _mm256_loadu_si256(starts[v][0].add(group * 32).cast());
                let high = _mm256_loadu_si256(starts[v][1].add(group * 32).cast());
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
            });
            for (row, acc) in acc.iter_mut().enumerate() {
                let code = codes.add((group * R + row) * 4).cast::<i32>().read_unaligned();
                let code = _mm512_set1_epi32(code);
                for (acc, weights) in acc.iter_mut().zip(weights) {
                    *acc = _mm512_dpbusd_epi32(*acc, code, weights);
                }
            }
        }
    }
    for (row, acc) in acc.into_iter().enumerate() {
        for (v, acc) in acc.into_iter().enumerate() {
            let mut both = [0; 2 * PANEL];
            // SAFETY: sixteen i32 are one vector.
            unsafe { _mm512_storeu_si512(both.as_mut_ptr().cast(), acc) };
            for (half, products) in both.chunks_exact(PANEL).enumerate().take(panels - 2 * v) {
                sums[row * tile.panels + first + 2 * v + half].copy_from_slice(products);
            }
        }
    }
}

/// Defines a kernel of one panel at a time on 256-bit vectors from its multiply-accumulate.
macro_rules! kernel_256 {
    ($(#[$meta:meta])* $dot:ident($token:ty), $rows:ident, $features:literal, $accumulate:expr, $($n:literal)*) => {
        $(#[$meta])*
        pub fn $dot(_: $token, tile: &Tile, sums: &mut [[i32; PANEL]]) {
            // SAFETY: the token proves that the machine has the features.
            unsafe { by_rows!(tile.rows, $rows, (tile, sums), $($n)*) };
        }

        #[target_feature(enable = $features)]
        fn $rows<const R: usize>(tile: &Tile, sums: &mut [[i32; PANEL]]) {
            let stride = tile.groups * 4;
            assert!(tile.codes.len() == R * stride);
            let codes = tile.codes.as_ptr();
            for (panel, weights) in tile.weights.chunks_exact(8 * stride).enumerate() {
                let mut acc = [_mm256_setzero_si256(); R];
                for group in 0..tile.groups {
                    // SAFETY: a group is 32 bytes of a panel's 8 * stride and 4 bytes of codes a row, whose
                    // length was checked above; group < tile.groups, row < R.
                    unsafe {
                        let weights = _mm256_loadu_si256(weights.as_ptr().add(group * 32).cast());
                        for (row, acc) in acc.iter_mut().enumerate() {
                            let code = codes.add((group * R + row) * 4).cast::<i32>().read_unaligned();
                            *acc = $accumulate(*acc, _mm256_set1_epi32(code), weights);
                        }
                    }
                }
                for (row, acc) in acc.into_iter().enumerate() {
                    let sums = &mut sums[row * tile.panels + panel];
                    // SAFETY: eight i32 are one vector.
                    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), acc) };
                }
            }
        }
    };
}

kernel_256!(
    /// The product by AVX-VNNI: [`Kernel::dot`].
    dot_avx_vnni(AvxVnni), avx_vnni_rows, "avx2,avxvnni", |acc, codes, weights| _mm256_dpbusd_avx_epi32(acc, codes, weights), 1 2 3 4 5 6 7 8 9 10 11 12);
kernel_256!(
    /// The product by AVX2: [`Kernel::dot`].
    dot_avx2(Avx2), avx2_rows, "avx2", |acc, codes, weights| {
    // Seven-bit codes keep each sum of two products within 16 bits, so nothing saturates.
    let pairs = _mm256_maddubs_epi16(codes, weights);
    _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}, 1 2 3 4 5 6);
