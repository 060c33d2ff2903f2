//! `preprocessor_config.json` in the forms that Hugging Face has written it over the years.

use super::Filter;
use crate::weights::MAX_IMAGE_TOKENS;
use crate::{Error, Result};
use serde::Deserialize;

const FILE: &str = "preprocessor_config.json";
/// Far above any published CLIP; keeps a malicious file from asking for gigabytes of floats.
const LARGEST_OUTPUT: usize = 4096;

/// Size that an image is brought to before it is cropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// It keeps its size.
    None,
    /// The shorter side becomes this long, the other in proportion, rounded down.
    ShortestEdge(usize),
    /// Both sides are given; proportions change.
    Exact {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// Proportions are preserved as far as whole patches allow, and as many patches are filled as there may be.
    Patches(Patches),
}

/// Square patches that an image is cut into, as SigLIP 2 NaFlex does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// Side of a patch in pixels.
    pub side: usize,
    /// The most patches of an image.
    pub most: usize,
}

impl Patches {
    /// Precision of the factor that is searched for, and its largest value, as in `transformers`.
    const PRECISION: f64 = 1e-5;
    const LARGEST_FACTOR: f64 = 100.0;

    /// Width and height of a `width` x `height` image after resizing: multiples of a patch's side, by the largest factor
    /// that does not give too many patches. `get_image_size_for_max_num_patches` of `transformers`, whose search it
    /// repeats step by step.
    fn target(self, width: usize, height: usize) -> (usize, usize) {
        let count =
            |factor: f64, length: usize| ((length as f64 * factor / self.side as f64).ceil() as usize).max(1);
        let (mut low, mut high) = (Self::PRECISION / 10.0, Self::LARGEST_FACTOR);
        while high - low >= Self::PRECISION {
            let factor = (low + high) / 2.0;
            match count(factor, width).saturating_mul(count(factor, height)) <= self.most {
                true => low = factor,
                false => high = factor,
            }
        }
        // A line is longer than its factor can make it short: then there are too many patches whatever the factor.
        let columns = count(low, width).min(self.most);
        let rows = count(low, height).min(self.most / columns);
        (columns * self.side, rows * self.side)
    }
}

impl Resize {
    /// Width and height of a `width` x `height` image after resizing: `int(size * long / short)`.
    pub fn target(self, width: usize, height: usize) -> (usize, usize) {
        // Python divides integers to the nearest float64; both operands are exact in one.
        let long = |edge: usize, long: usize, short: usize| ((edge * long) as f64 / short as f64) as usize;
        match self {
            Self::None => (width, height),
            Self::Exact { width, height } => (width, height),
            Self::Patches(patches) => patches.target(width, height),
            Self::ShortestEdge(edge) if width <= height => (edge, long(edge, height, width)),
            Self::ShortestEdge(edge) => (long(edge, width, height), edge),
        }
    }
}

/// The processor's steps, checked.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub resize: Resize,
    pub filter: Filter,
    /// Side of the square that is cut out of the middle; `None` where the whole image is taken.
    pub crop: Option<usize>,
    /// True where the part that a center crop takes off before the image is rounded to the even number where it has a
    /// half, and not down.
    pub rounds_half_even: bool,
    rescale: Option<f64>,
    normalize: Option<([f64; 3], [f64; 3])>,
}

/// A length, or lengths by name.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "size and crop_size are a whole number, or such by name"
)]
enum Size {
    Side(usize),
    Named {
        shortest_edge: Option<usize>,
        longest_edge: Option<usize>,
        width: Option<usize>,
        height: Option<usize>,
    },
}

/// One figure for all channels or one for each.
#[derive(Deserialize)]
#[serde(untagged, expecting = "image_mean and image_std are one number, or three")]
enum PerChannel {
    All(f64),
    Each([f64; 3]),
}

impl PerChannel {
    fn each(&self) -> [f64; 3] {
        match *self {
            Self::All(value) => [value; 3],
            Self::Each(values) => values,
        }
    }
}

/// The file; defaults are those of the processor that it names.
#[derive(Deserialize)]
struct Raw {
    image_processor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<Size>,
    resample: Option<u8>,
    do_center_crop: Option<bool>,
    crop_size: Option<Size>,
    patch_size: Option<usize>,
    max_num_patches: Option<usize>,
    /// `half_even` in files that stand for open_clip's settings: the center crop of torchvision rounds so.
    crop_rounding: Option<String>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<PerChannel>,
    image_std: Option<PerChannel>,
}

/// Values of absent fields.
struct Defaults {
    resize: Resize,
    /// Pillow's number of the filter.
    resample: u8,
    center_crop: bool,
    mean: [f64; 3],
    std: [f64; 3],
}

impl Defaults {
    /// Those of `CLIPImageProcessor`.
    const CLIP: Self = Self {
        resize: Resize::ShortestEdge(224),
        resample: 3,
        center_crop: true,
        mean: [0.48145466, 0.4578275, 0.40821073],
        std: [0.26862954, 0.26130258, 0.27577711],
    };

    /// Those of `SiglipImageProcessor`.
    const SIGLIP: Self = Self {
        resize: Resize::Exact {
            width: 224,
            height: 224,
        },
        resample: 3,
        center_crop: false,
        mean: [0.5; 3],
        std: [0.5; 3],
    };

    /// Those of `Siglip2ImageProcessor`.
    const NAFLEX: Self = Self {
        resize: Resize::Patches(Patches { side: 16, most: 256 }),
        resample: 2,
        ..Self::SIGLIP
    };
}

impl Config {
    pub fn from_json(json: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(json).map_err(|error| malformed(error.to_string()))?;
        let defaults = match raw.image_processor_type.as_deref() {
            Some(name) if name.starts_with("SiglipImageProcessor") => Defaults::SIGLIP,
            Some(name) if name.starts_with("Siglip2ImageProcessor") => Defaults::NAFLEX,
            _ => Defaults::CLIP,
        };
        let filter_code = raw.resample.unwrap_or(defaults.resample);
        let filter = Filter::from_pillow(filter_code).ok_or_else(|| {
            malformed(format!(
                "resample is {filter_code}, which Pillow does not have (0 to 5)"
            ))
        })?;
        let resize = raw.resize(&defaults)?;
        let crop = match (resize, raw.do_center_crop.unwrap_or(defaults.center_crop)) {
            (Resize::Patches(_), _) => None,
            (_, true) => Some(raw.crop_size.as_ref().map_or(Ok(224), square_of)?),
            (Resize::Exact { width, height }, false) if width == height => Some(width),
            _ => {
                return Err(unsupported(
                    "without a center crop images must be resized to one square, but `size` does not say so",
                ));
            }
        };
        let normalize = raw.do_normalize.unwrap_or(true).then(|| {
            (
                raw.image_mean.map_or(defaults.mean, |mean| mean.each()),
                raw.image_std.map_or(defaults.std, |std| std.each()),
            )
        });
        if let Some((_, std)) = normalize
            && !std.iter().all(|std| *std > 0.0)
        {
            return Err(malformed(format!("image_std is {std:?}; it must be positive")));
        }
        let rescale = raw
            .do_rescale
            .unwrap_or(true)
            .then(|| raw.rescale_factor.unwrap_or(1.0 / 255.0));
        Ok(Self {
            resize,
            filter,
            crop,
            rounds_half_even: raw.crop_rounding.as_deref() == Some("half_even"),
            rescale,
            normalize,
        })
    }

    /// The value of each byte in each channel, in the steps and precisions that numpy takes there:
    /// rescaled in float64, stored and normalized in float32.
    pub fn normalized_bytes(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            std::array::from_fn(|byte| {
                let value = self
                    .rescale
                    .map_or(byte as f32, |factor| (byte as f64 * factor) as f32);
                match self.normalize {
                    None => value,
                    Some((mean, std)) => (value - mean[channel] as f32) / std[channel] as f32,
                }
            })
        })
    }
}

impl Raw {
    fn resize(&self, defaults: &Defaults) -> Result<Resize> {
        match (defaults.resize, self.do_resize.unwrap_or(true), &self.size) {
            (Resize::Patches(_), false, _) => Err(unsupported(
                "do_resize is false; a processor of patches must resize images to whole patches",
            )),
            (Resize::Patches(Patches { side: patch, most }), true, _) => Ok(Resize::Patches(Patches {
                side: side("patch_size", self.patch_size.unwrap_or(patch))?,
                most: match self.max_num_patches.unwrap_or(most) {
                    most @ 1..=MAX_IMAGE_TOKENS => most,
                    most => {
                        return Err(malformed(format!(
                            "max_num_patches is {most}; 1 to {MAX_IMAGE_TOKENS} is possible"
                        )));
                    }
                },
            })),
            (_, false, _) => Ok(Resize::None),
            (_, true, None) => Ok(defaults.resize),
            (_, true, Some(size)) => resize_of(size),
        }
    }
}

fn resize_of(size: &Size) -> Result<Resize> {
    Ok(match *size {
        Size::Side(edge) => Resize::ShortestEdge(side("size", edge)?),
        Size::Named {
            shortest_edge: Some(edge),
            longest_edge: None,
            width: None,
            height: None,
        } => Resize::ShortestEdge(side("size.shortest_edge", edge)?),
        Size::Named {
            width: Some(width),
            height: Some(height),
            shortest_edge: None,
            longest_edge: None,
        } => Resize::Exact {
            width: side("size.width", width)?,
            height: side("size.height", height)?,
        },
        Size::Named { .. } => {
            return Err(unsupported(
                "`size` must hold either `shortest_edge` or `width` and `height`",
            ));
        }
    })
}

fn square_of(size: &Size) -> Result<usize> {
    match *size {
        Size::Side(edge) => side("crop_size", edge),
        Size::Named {
            width: Some(width),
            height: Some(height),
            ..
        } if width == height => side("crop_size", width),
        Size::Named {
            shortest_edge: Some(edge),
            width: None,
            height: None,
            ..
        } => side("crop_size", edge),
        Size::Named { .. } => Err(unsupported("`crop_size` is not a square")),
    }
}

fn side(name: &str, value: usize) -> Result<usize> {
    match value {
        1..=LARGEST_OUTPUT => Ok(value),
        _ => Err(malformed(format!(
            "{name} is {value}; 1 to {LARGEST_OUTPUT} is possible"
        ))),
    }
}

fn malformed(reason: String) -> Error {
    Error::Model {
        file: FILE.into(),
        reason,
    }
}

fn unsupported(reason: &str) -> Error {
    Error::Unsupported {
        file: FILE.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `get_image_size_for_max_num_patches` of transformers 5.24 gives them.
    #[test]
    fn patches_keep_proportions_as_transformers_does() {
        for ((width, height), (side, most), target) in [
            ((61, 43), (8, 24), (48, 32)),
            ((640, 480), (16, 256), (288, 224)),
            ((480, 640), (16, 256), (224, 288)),
            ((600, 10), (16, 256), (1920, 32)),
            ((1, 1), (16, 256), (112, 112)),
            ((4001, 3000), (16, 256), (288, 224)),
            ((224, 224), (14, 729), (378, 378)),
            ((9000, 7), (16, 256), (4096, 16)),
            ((1920, 1200), (16, 1024), (640, 400)),
        ] {
            assert_eq!(
                Patches { side, most }.target(width, height),
                target,
                "{width}x{height}"
            );
        }
        // However long a line is, it never has more patches than there may be.
        assert_eq!(Patches { side: 1, most: 4 }.target(1 << 30, 1), (4, 1));
    }

    #[test]
    fn settings_of_patches_are_checked() {
        let read = |fields: &str| {
            let json = format!(r#"{{"image_processor_type": "Siglip2ImageProcessor"{fields}}}"#);
            Config::from_json(&json)
        };
        let config = read("").unwrap();
        assert_eq!(config.resize, Resize::Patches(Patches { side: 16, most: 256 }));
        assert!(config.crop.is_none() && config.filter == Filter::from_pillow(2).unwrap());
        for (fields, name) in [
            (r#", "do_resize": false"#, "do_resize"),
            (r#", "patch_size": 0"#, "patch_size is 0"),
            (r#", "max_num_patches": 99999999"#, "max_num_patches is 99999999"),
        ] {
            let error = read(fields).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
