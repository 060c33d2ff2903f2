//! The order in which the coefficients of a block are coded.

/// For each place in zigzag order the index in natural order (8 times the row plus the column). The
/// 16 places behind the last are for runs that lead out of a damaged block: they stay in its corner.
pub(super) const NATURAL_ORDER: [u8; 64 + 16] = zigzag();

const fn zigzag() -> [u8; 80] {
    let mut order = [63; 80];
    let (mut row, mut column, mut place) = (0, 0, 0);
    while place < 64 {
        order[place] = 8 * row + column;
        let up = (row + column) % 2 == 0;
        // At an edge the path goes one step along it and turns round.
        (row, column) = match (up, row, column) {
            (true, _, 7) => (row + 1, 7),
            (true, 0, _) => (0, column + 1),
            (true, _, _) => (row - 1, column + 1),
            (false, 7, _) => (7, column + 1),
            (false, _, 0) => (row + 1, 0),
            (false, _, _) => (row + 1, column - 1),
        };
        place += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_begins_and_ends_as_in_the_standard() {
        assert_eq!(NATURAL_ORDER[..12], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25]);
        assert_eq!(NATURAL_ORDER[56..64], [53, 60, 61, 54, 47, 55, 62, 63]);
    }

    #[test]
    fn every_coefficient_is_met_once() {
        let mut all = NATURAL_ORDER[..64].to_vec();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..64));
        assert!(NATURAL_ORDER[64..].iter().all(|&place| place == 63));
    }
}
