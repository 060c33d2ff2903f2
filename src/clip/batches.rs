//! Numbers of images and texts that run through a model at a time.

use crate::weights::{Placement, TextConfig, VisionConfig};

/// Rows of images run at a time by one thread of a CPU: enough to keep its products busy, few enough that their
/// codes stay in its cache. Five images of ViT-B/32, one of L/14.
const CPU_ROWS: usize = 260;
/// Rows of images run at a time on a GPU.
const GPU_ROWS: usize = 1 << 15;
/// Texts run at a time.
const TEXTS: usize = 256;
/// Tokens of texts run at a time where all are padded to one length.
const PADDED_TOKENS: usize = 1 << 11;
/// Images that run at a time through a model of this image tower: on a CPU, by each of its threads.
pub fn images_at_once(vision: Option<&VisionConfig>, placement: &Placement) -> usize {
    let rows = match placement.device.is_cpu() {
        true => CPU_ROWS,
        false => GPU_ROWS,
    };
    vision.map_or(1, |vision| (rows / vision.rows()).max(1))
}

/// Texts that run at a time through a model of this text tower.
pub fn texts_at_once(text: Option<&TextConfig>) -> usize {
    match text {
        Some(text) if text.fills_context() => (PADDED_TOKENS / text.context_length).max(1),
        _ => TEXTS,
    }
}
