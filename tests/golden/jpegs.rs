//! Pillow's pixels of the JPEG files beside this one (`make_jpegs.py`), and the assertion that ours are
//! the same to the bit: used natively and in a browser.

use serde::Deserialize;

include!("jpeg_files.rs");

/// `jpeg.json`.
#[derive(Deserialize)]
pub struct Jpegs {
    read: Vec<Read>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Read {
    file: String,
    width: u32,
    height: u32,
    /// FNV-1a of the RGB pixels, in hexadecimal digits.
    fnv1a: String,
}

#[derive(Deserialize)]
struct Refused {
    file: String,
    /// Words of the message.
    reason: String,
}

impl Jpegs {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("jpeg.json")).expect("jpeg.json is well formed")
    }

    /// Every file that Pillow reads has Pillow's pixels.
    pub fn assert_pixels(&self) {
        let wrong: Vec<String> = self.read.iter().filter_map(Read::difference).collect();
        assert!(self.read.len() > 60, "only {} files", self.read.len());
        assert!(
            wrong.is_empty(),
            "not as Pillow reads them:\n{}",
            wrong.join("\n")
        );
    }

    /// Every file that Pillow refuses is refused, with a message that says why.
    pub fn assert_refusals(&self) {
        assert!(!self.refused.is_empty());
        for case in &self.refused {
            match cliplet::image::decode(bytes(&case.file)) {
                Ok(_) => panic!("{} is read", case.file),
                Err(error) => assert!(error.to_string().contains(&case.reason), "{}: {error}", case.file),
            }
        }
    }
}

impl Read {
    fn difference(&self) -> Option<String> {
        match cliplet::image::decode(bytes(&self.file)) {
            Err(error) => Some(format!("{}: {error}", self.file)),
            Ok(image) if image.dimensions() != (self.width, self.height) => {
                Some(format!("{}: {:?} pixels", self.file, image.dimensions()))
            }
            Ok(image) if fnv1a(&image) != self.fnv1a => Some(format!("{}: other pixels", self.file)),
            Ok(_) => None,
        }
    }
}

fn bytes(name: &str) -> &'static [u8] {
    let file = JPEGS.iter().find(|(other, _)| *other == name);
    file.unwrap_or_else(|| panic!("no fixture {name}")).1
}

fn fnv1a(data: &[u8]) -> String {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{hash:016x}")
}
