//! Numbers of any length, as Thrift's and Parquet's encodings write them.

/// Reads a number of seven bits a byte, the lowest first, of the bytes that `next` gives; none for one of over 64 bits.
///
/// # Errors
/// Those of `next`.
pub fn read<E>(mut next: impl FnMut() -> Result<u8, E>) -> Result<Option<u64>, E> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_last_byte() {
        let number = |bytes: &[u8]| {
            let mut bytes = bytes.iter();
            (read(|| bytes.next().copied().ok_or("cut")), bytes.len())
        };
        assert_eq!(number(&[5, 6]), (Ok(Some(5)), 1));
        assert_eq!(number(&[0x80, 1]), (Ok(Some(128)), 0));
        assert_eq!(number(&[0xff; 9]), (Err("cut"), 0));
        assert_eq!(number(&[&[0xff; 9][..], &[1]].concat()), (Ok(Some(u64::MAX)), 0));
        assert_eq!(number(&[0xff; 11]), (Ok(None), 1));
    }
}
