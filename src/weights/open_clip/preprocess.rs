//! Preparation of images: `preprocess_cfg` of `open_clip_config.json` as a `preprocessor_config.json`.

use serde_json::{Value, json};

use super::{section, unsupported};
use crate::error::Result;

/// Text of the `preprocessor_config.json` that the text of an `open_clip_config.json` comes to, for a model that
/// takes images of `image_size`; `None` where the file says nothing of it.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) for what is malformed, and
/// [`Error::Unsupported`](crate::Error::Unsupported) for a way that is not one of `transformers`'.
pub fn preprocessor_json(json: &str, image_size: usize) -> Result<Option<String>> {
    let mut cfg = section(json, "preprocess_cfg")?;
    if cfg.is_empty() {
        return Ok(None);
    }
    let size = match cfg.take("size") {
        None => image_size as u64,
        Some(value) => square(&value)
            .ok_or_else(|| unsupported(format!("preprocess_cfg.size is {value}, not one square")))?,
    };
    let resample = match cfg
        .one_of("interpolation", "bicubic", &["bicubic", "bilinear", "random"])?
        .as_str()
    {
        "bilinear" => 2,
        _ => 3,
    };
    let squash = cfg.one_of("resize_mode", "shortest", &["shortest", "squash"])? == "squash";
    cfg.one_of("mode", "RGB", &["RGB"])?;
    let mut settings = json!({
        "resample": resample,
        "size": {"height": size, "width": size},
        "do_center_crop": false,
    });
    if !squash {
        settings["size"] = json!({ "shortest_edge": size });
        settings["do_center_crop"] = true.into();
        settings["crop_size"] = size.into();
        settings["crop_rounding"] = "half_even".into();
    }
    for (ours, theirs) in [("image_mean", "mean"), ("image_std", "std")] {
        if let Some(value) = cfg.take(theirs) {
            settings[ours] = value;
        }
    }
    cfg.ignore(&["fill_color"]);
    cfg.finish()?;
    Ok(Some(settings.to_string()))
}

/// A side given once, as two equal sides, or behind a number of channels.
pub fn square(value: &Value) -> Option<u64> {
    match value {
        Value::Array(sides) => match &sides[..] {
            [side] => side.as_u64(),
            [height, width] | [_, height, width] if height == width => height.as_u64(),
            _ => None,
        },
        side => side.as_u64(),
    }
}
