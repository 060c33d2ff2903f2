//! SentencePiece's tables of characters and their replacements, checked before the `tokenizers` crate looks texts up
//! in them: it takes for granted that every link of a table leads into it.
//!
//! A table is the length of a trie in bytes, the trie as an array of 32-bit units ("double array"), and the
//! replacements, each ended by a zero byte.

use base64::Engine;
use serde_json::Value;

/// Units that one node of the trie may have: one for each byte that can follow.
const BLOCK: usize = 256;

/// Checks the step `Precompiled` of a normalizer.
///
/// # Errors
/// A sentence on what is malformed.
pub(super) fn check(step: &Value) -> Result<(), String> {
    let text = step.get("precompiled_charsmap").and_then(Value::as_str);
    let text = text.ok_or("a step Precompiled has no precompiled_charsmap")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    let bytes = bytes.map_err(|e| format!("precompiled_charsmap: {e}"))?;
    let table = Table::parse(&bytes).ok_or("precompiled_charsmap is cut")?;
    match table.is_sound() {
        true => Ok(()),
        false => Err("precompiled_charsmap is corrupted: a link in it leads out of it".into()),
    }
}

struct Table<'a> {
    units: Vec<usize>,
    replacements: &'a str,
}

impl<'a> Table<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (trie, replacements) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (units, []) = trie.as_chunks::<4>() else {
            return None;
        };
        Some(Self {
            units: units
                .iter()
                .map(|unit| u32::from_le_bytes(*unit) as usize)
                .collect(),
            replacements: std::str::from_utf8(replacements).ok()?,
        })
    }

    /// Follows every link that a text can lead along.
    fn is_sound(&self) -> bool {
        let count = self.units.len();
        if count == 0 || !count.is_multiple_of(BLOCK) {
            return false;
        }
        let mut seen = vec![false; count];
        let mut open = vec![offset(self.units[0])];
        while let Some(node) = open.pop() {
            // All units of a node lie in the block that it lies in, which is in the array as a whole.
            if node >= count {
                return false;
            }
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            for byte in 1..BLOCK {
                let unit = self.units[node ^ byte];
                if unit & (1 << 31 | 0xff) != byte {
                    continue;
                }
                let next = (node ^ byte) ^ offset(unit);
                if has_leaf(unit) && !self.is_replacement(next) {
                    return false;
                }
                open.push(next);
            }
        }
        true
    }

    /// Returns true if the unit `leaf` leads to a replacement.
    fn is_replacement(&self, leaf: usize) -> bool {
        let start = self.units.get(leaf).map(|unit| unit & ((1 << 31) - 1));
        start.is_some_and(|start| {
            start <= self.replacements.len() && self.replacements.is_char_boundary(start)
        })
    }
}

fn has_leaf(unit: usize) -> bool {
    unit >> 8 & 1 == 1
}

fn offset(unit: usize) -> usize {
    (unit >> 10) << ((unit & 1 << 9) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table in which the byte `a` is replaced by the text at `start`.
    fn table(start: u32) -> Vec<u8> {
        let mut units = [0u32; 256];
        // The root's node is 0; its child by `a` has a leaf and the offset of its own node.
        let byte = u32::from(b'a');
        units[byte as usize] = byte | 1 << 8 | (byte ^ 1) << 10;
        units[1] = start;
        let mut out = (256u32 * 4).to_le_bytes().to_vec();
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        out.extend("é\0".as_bytes());
        out
    }

    fn checked(bytes: &[u8]) -> Result<(), String> {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        check(&serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": text }))
    }

    #[test]
    fn links_stay_within_a_table() {
        assert_eq!(checked(&table(0)), Ok(()));
        assert!(checked(&table(1)).unwrap_err().contains("corrupted"));
        assert!(checked(&table(9)).unwrap_err().contains("corrupted"));
        let mut far = table(0);
        far[4 + 4 * usize::from(b'a') + 3] = 0x7f;
        assert!(checked(&far).unwrap_err().contains("corrupted"));
        assert!(checked(&table(0)[..100]).unwrap_err().contains("cut"));
        assert!(checked(&[]).unwrap_err().contains("cut"));
        assert!(checked(&[0; 4]).unwrap_err().contains("corrupted"));
    }
}
