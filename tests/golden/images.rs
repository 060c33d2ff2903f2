//! Outputs of Hugging Face's processors for the files beside this one (`make_golden.py`), and the
//! assertions that ours make the same: used natively and in a browser.

use cliplet::image::{ImageProcessor, PixelValues};
use serde::Deserialize;
use std::collections::HashMap;

include!("files.rs");

/// `images.json`.
#[derive(Deserialize)]
pub struct Images {
    configs: HashMap<String, serde_json::Value>,
    levels: Vec<u8>,
    /// By configuration: the normalised red, green and blue of each of `levels`.
    values_of_levels: HashMap<String, Vec<[f32; 3]>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    config: String,
    kind: Kind,
    expected: String,
}

/// Tolerance of a comparison: not every decoder of lossy WebP rounds alike.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Jpeg,
    Lossy,
    Lossless,
}

/// Mean and largest absolute difference of two `pixel_values`.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    pub mean: f64,
    pub largest: f32,
}

impl Images {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("images.json")).expect("images.json is well formed")
    }

    pub fn processor(&self, config: &str) -> ImageProcessor {
        ImageProcessor::from_json(&self.configs[config].to_string()).expect(config)
    }

    /// Distance of `actual` from the square of bytes in `expected`, normalised by Hugging Face's figures.
    pub fn difference(&self, config: &str, actual: &PixelValues, expected: &str) -> Difference {
        let square = image::load_from_memory(file(EXPECTED, expected))
            .expect(expected)
            .into_rgb8();
        let pixels = square.len() / 3;
        assert_eq!(actual.width * actual.height, pixels, "{expected}");
        // Normalising is linear, so the values of 0 and 255 give those between.
        let (dark, light) = (self.values_of_levels[config][0], self.values_of_levels[config][3]);
        assert_eq!((self.levels[0], self.levels[3]), (0, 255));
        let mut difference = Difference {
            mean: 0.0,
            largest: 0.0,
        };
        for (pixel, bytes) in square.pixels().enumerate() {
            for channel in 0..3 {
                let share = f32::from(bytes[channel]) / 255.0;
                let wanted = dark[channel] + (light[channel] - dark[channel]) * share;
                let distance = (actual.data[channel * pixels + pixel] - wanted).abs();
                difference.mean += f64::from(distance) / (3 * pixels) as f64;
                difference.largest = difference.largest.max(distance);
            }
        }
        difference
    }

    /// Every file, through the processor it was given, is as close as its kind allows.
    pub fn assert_images(&self) {
        let mut failures = String::new();
        for case in self.cases.iter().filter(|case| is_read(&case.file)) {
            let processor = self.processor(&case.config);
            let (line, good) = match processor.preprocess(file(IMAGES, &case.file)) {
                Err(error) => (format!("{}: {error}", case.expected), false),
                Ok(actual) => {
                    let Difference { mean, largest } = self.difference(&case.config, &actual, &case.expected);
                    let (most_mean, most) = case.kind.tolerance();
                    (
                        format!("{}: mean {mean:.5}, largest {largest:.4}", case.expected),
                        mean <= most_mean && largest <= most,
                    )
                }
            };
            println!("{} {line}", if good { "ok  " } else { "FAIL" });
            if !good {
                failures += &format!("\n{line}");
            }
        }
        assert!(
            failures.is_empty(),
            "images that are not as Hugging Face has them:{failures}"
        );
    }

    /// A plain image of each level gives exactly Hugging Face's value of that level.
    pub fn assert_normalizing(&self) {
        for (config, values) in &self.values_of_levels {
            let processor = self.processor(config);
            for (level, wanted) in self.levels.iter().zip(values) {
                let size = processor.size().expect("one square");
                let side = size as u32;
                let rgba = [*level, *level, *level, 255].repeat((side * side) as usize);
                let plane = size * size;
                let actual = processor
                    .preprocess_rgba(side, side, &rgba)
                    .expect("a plain image")
                    .data;
                let centre = plane / 2 + size / 2;
                for (channel, wanted) in wanted.iter().enumerate() {
                    assert_eq!(
                        actual[channel * plane + centre],
                        *wanted,
                        "{config}, level {level}, channel {channel}"
                    );
                }
            }
        }
    }
}

impl Kind {
    /// The largest mean and the largest single difference allowed.
    fn tolerance(self) -> (f64, f32) {
        match self {
            Self::Lossy => (0.01, 0.06),
            // Bytes are equal; what remains is the test's own arithmetic.
            Self::Jpeg | Self::Lossless => (1e-5, 1e-5),
        }
    }
}

/// Returns true for a fixture that is read: no AVIF without the feature, as in a browser, whose own decoder is asked.
pub fn is_read(name: &str) -> bool {
    cfg!(feature = "avif") || !name.ends_with(".avif")
}

/// The bytes of a fixture.
pub fn file(list: &[(&str, &'static [u8])], name: &str) -> &'static [u8] {
    list.iter()
        .find(|(other, _)| *other == name)
        .unwrap_or_else(|| panic!("no fixture {name}"))
        .1
}
