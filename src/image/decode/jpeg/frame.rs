//! The frame header: dimensions, components, and everything that follows from them before a single
//! coefficient is read, the memory that decoding will take included.

use super::color::ColorSpace;
use super::error::{JpegError, Result, damaged};
use super::input::Segment;
use super::{Container, Scale};

/// The longest side that libjpeg decodes, in pixels.
const LONGEST_SIDE: u32 = 65_500;

/// Coding of a frame's coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// Spread over scans of rising precision.
    pub progressive: bool,
    /// Arithmetic instead of Huffman codes.
    pub arithmetic: bool,
    /// Of samples instead of frequencies.
    pub lossless: bool,
}

/// One of the colour channels of a frame.
#[derive(Debug, Clone)]
pub(super) struct Component {
    /// The number by which scans refer to it.
    pub id: u8,
    /// Horizontal sampling factor, 1 to 4.
    pub h: usize,
    /// Vertical sampling factor, 1 to 4.
    pub v: usize,
    /// Which quantization table it uses.
    pub quant_index: usize,
    /// Quantization table as it was at the component's first scan, in natural order; none before.
    pub quant: Option<[u16; 64]>,
    /// Blocks that hold pixels of the image, across.
    pub width_in_blocks: usize,
    /// Blocks that hold pixels of the image, down.
    pub height_in_blocks: usize,
}

/// The frame header.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub coding: Coding,
    /// For a JPEG within another file.
    pub container: Option<Container>,
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Largest horizontal sampling factor.
    pub max_h: usize,
    /// Largest vertical sampling factor.
    pub max_v: usize,
}

impl Frame {
    /// Reads the parameters of a SOF marker.
    pub fn parse(segment: &mut Segment, coding: Coding) -> Result<Self> {
        let [precision, h1, h0, w1, w0, count] = segment.array()?;
        let (height, width) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
        if width == 0 || height == 0 || count == 0 {
            return Err(damaged(format!(
                "its header says {width}x{height} pixels of {count} components"
            )));
        }
        let length = 3 * usize::from(count);
        segment.expect(length)?;
        let specs = segment.take(length)?;
        if precision != 8 {
            return Err(JpegError::Unsupported(format!("{precision} bits a sample")));
        }
        if !matches!(count, 1..=4) {
            return Err(JpegError::Unsupported(format!("{count} components")));
        }
        let (width, height) = (u32::from(width), u32::from(height));
        if width.max(height) > LONGEST_SIDE {
            return Err(JpegError::Unsupported(format!(
                "{width}x{height} pixels (a side of over {LONGEST_SIDE})"
            )));
        }
        Self::new(coding, width as usize, height as usize, specs)
    }

    fn new(coding: Coding, width: usize, height: usize, specs: &[u8]) -> Result<Self> {
        let factors = |spec: &[u8]| (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
        let (mut max_h, mut max_v) = (1, 1);
        for spec in specs.chunks_exact(3) {
            let (h, v) = factors(spec);
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(damaged(format!(
                    "a component has the impossible sampling factors {h}x{v}"
                )));
            }
            (max_h, max_v) = (max_h.max(h), max_v.max(v));
        }
        let components = specs.chunks_exact(3).map(|spec| {
            let (h, v) = factors(spec);
            Component {
                id: spec[0],
                h,
                v,
                quant_index: usize::from(spec[2]),
                quant: None,
                width_in_blocks: (width * h).div_ceil(max_h * 8),
                height_in_blocks: (height * v).div_ceil(max_v * 8),
            }
        });
        Ok(Self {
            coding,
            container: None,
            width,
            height,
            components: components.collect(),
            max_h,
            max_v,
        })
    }

    /// MCUs across, where a scan holds several components.
    pub fn mcus_across(&self) -> usize {
        self.width.div_ceil(8 * self.max_h)
    }

    /// Rows of MCUs, where a scan holds several components: the unit in which pixels are put out.
    pub fn mcu_rows(&self) -> usize {
        self.height.div_ceil(8 * self.max_v)
    }

    /// Blocks stored for a component across and down: whole MCUs, whatever the image fills of them.
    pub fn stored_blocks(&self, component: &Component) -> (usize, usize) {
        (
            component.width_in_blocks.next_multiple_of(component.h),
            component.height_in_blocks.next_multiple_of(component.v),
        )
    }

    /// Blocks of all components together.
    pub fn blocks(&self) -> u64 {
        let blocks = |component: &Component| {
            let (across, down) = self.stored_blocks(component);
            across as u64 * down as u64
        };
        self.components.iter().map(blocks).sum()
    }

    /// Width and height of the decoded image at a scale.
    pub fn output_size(&self, scale: Scale) -> (usize, usize) {
        let scaled = |length: usize| (length * scale.block_size()).div_ceil(8);
        (scaled(self.width), scaled(self.height))
    }

    /// Bytes of one decoded pixel: grey, or red, green and blue, or the components as they are.
    pub fn output_channels(&self) -> usize {
        let stored = self.container.is_some_and(|it| it.colors == ColorSpace::Stored);
        match self.components.len() {
            count if stored => count,
            1 => 1,
            _ => 3,
        }
    }

    /// Bytes that decoding holds at once: pixels, a few rows, and where the file has several scans
    /// (`stored`) the coefficients.
    pub fn memory(&self, scale: Scale, stored: bool) -> u64 {
        let (width, height) = self.output_size(scale);
        let pixels = (width * self.output_channels()) as u64 * height as u64;
        let rows = (width + 64) as u64 * 4 * (8 * self.max_v as u64 + 8);
        let coefficients = if stored { 128 * self.blocks() } else { 0 };
        pixels + rows + coefficients
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::Input;
    use super::*;

    const BASELINE: Coding = Coding {
        progressive: false,
        arithmetic: false,
        lossless: false,
    };

    fn header(precision: u8, height: u16, width: u16, specs: &[u8]) -> Result<Frame> {
        let mut segment = vec![0, specs.len() as u8 + 8, precision];
        segment.extend(height.to_be_bytes());
        segment.extend(width.to_be_bytes());
        segment.push((specs.len() / 3) as u8);
        segment.extend(specs);
        parse(&segment)
    }

    fn parse(bytes: &[u8]) -> Result<Frame> {
        Frame::parse(&mut Input::new(bytes).segment("SOF")?, BASELINE)
    }

    #[test]
    fn geometry_of_a_subsampled_image() {
        let frame = header(8, 17, 33, &[1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]).unwrap();
        assert_eq!((frame.mcus_across(), frame.mcu_rows()), (3, 2));
        let sizes: Vec<_> = frame
            .components
            .iter()
            .map(|c| (c.width_in_blocks, c.height_in_blocks))
            .collect();
        assert_eq!(sizes, [(5, 3), (3, 2), (3, 2)]);
        assert_eq!(frame.stored_blocks(&frame.components[0]), (6, 4));
        assert_eq!(frame.blocks(), 24 + 6 + 6);
        assert_eq!(frame.output_size(Scale::Full), (33, 17));
        assert_eq!(frame.output_size(Scale::Half), (17, 9));
        assert_eq!(frame.output_size(Scale::Eighth), (5, 3));
        assert!(frame.memory(Scale::Full, true) > 36 * 128 + 33 * 17 * 3);
    }

    #[test]
    fn impossible_headers_are_refused() {
        let gray = [1, 0x11, 0];
        assert!(matches!(header(8, 0, 5, &gray), Err(JpegError::Damaged(_))));
        assert!(matches!(header(8, 5, 0, &gray), Err(JpegError::Damaged(_))));
        assert!(matches!(
            header(8, 5, 5, &[1, 0x51, 0]),
            Err(JpegError::Damaged(_))
        ));
        assert!(matches!(
            header(8, 5, 5, &[1, 0x10, 0]),
            Err(JpegError::Damaged(_))
        ));
        assert!(matches!(
            header(8, 5, 65_501, &gray),
            Err(JpegError::Unsupported(_))
        ));
        assert!(matches!(
            header(
                8,
                5,
                5,
                &[1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0, 5, 0x11, 0]
            ),
            Err(JpegError::Unsupported(_))
        ));
        let twelve = header(12, 5, 5, &gray).unwrap_err();
        assert_eq!(twelve.to_string(), "JPEG with 12 bits a sample is not supported");
        assert!(parse(&[0, 10, 8, 0, 1, 0, 1, 1, 1, 0x11]).is_err());
        assert!(parse(&[0, 4, 8, 0]).is_err());
        assert_eq!(
            parse(&[0, 11, 8, 0, 1, 0, 1, 1, 1]).unwrap_err(),
            JpegError::EndsEarly
        );
    }
}
