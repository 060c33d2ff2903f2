//! Images of any shape through every way of resizing.
#![no_main]

use arbitrary::Arbitrary;
use cliplet::image::ImageProcessor;
use cliplet_fuzz::{Bound, check};

#[derive(Debug, Arbitrary)]
struct Case {
    width: u16,
    height: u16,
    shortest_edge: Option<u8>,
    target: (u8, u8),
    crop: u8,
    filter: u8,
    value: u8,
}

libfuzzer_sys::fuzz_target!(|case: Case| {
    const MOST: u32 = 1 << 20;
    let (width, height) = (u32::from(case.width), u32::from(case.height));
    if width * height > MOST {
        return;
    }
    let size = match case.shortest_edge {
        Some(edge) => format!(r#"{{"shortest_edge": {edge}}}"#),
        None => format!(r#"{{"width": {}, "height": {}}}"#, case.target.0, case.target.1),
    };
    let (crop, filter) = (case.crop, case.filter % 6);
    let json = format!(
        r#"{{"do_resize": true, "size": {size}, "resample": {filter}, "do_center_crop": true,
            "crop_size": {{"width": {crop}, "height": {crop}}}}}"#
    );
    let Ok(processor) = ImageProcessor::from_json(&json) else {
        return;
    };
    let pixels = vec![case.value; 4 * (width * height) as usize];
    check(Bound::of_pixels(u64::from(width * height) + 256 * 256), || {
        if let Ok(values) = processor.preprocess_rgba(width, height, &pixels) {
            assert_eq!(values.data.len(), 3 * values.width * values.height);
            assert!(values.data.iter().all(|value| value.is_finite()));
        }
    });
});
