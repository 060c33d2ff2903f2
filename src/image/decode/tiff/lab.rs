//! CIE L*a*b* to sRGB as Pillow has it from Little CMS: exact conversion at points of a grid, between them interpolation in
//! the tetrahedron of four of its points.

/// Points of the grid along each axis.
const POINTS: usize = 33;
/// XYZ of white, by which L*a*b* is defined.
const D50: [f64; 3] = [0.9642, 1.0, 0.8249];
/// XYZ relative to D50 to linear red, green and blue of sRGB: the inverse of its primaries, adapted from D65 to D50 by
/// Bradford's matrix.
const RGB_OF_XYZ: [[f64; 3]; 3] = [
    [3.13418636, -1.61720896, -0.49069406],
    [-0.9787485, 1.9161301, 0.0334334],
    [0.07196393, -0.22899387, 1.40575373],
];

/// Red, green and blue, from 0 to 65535, at the points of the grid: of L*, of a*, of b*.
pub(super) struct LabTable(Vec<[u16; 3]>);

impl LabTable {
    pub fn new() -> Self {
        let at = |index: usize| (index as f64 * 65535.0 / (POINTS - 1) as f64).round_ties_even();
        let points = (0..POINTS.pow(3)).map(|index| {
            let [light, a, b] = [index / POINTS / POINTS, index / POINTS % POINTS, index % POINTS].map(at);
            exact([light / 655.35, a / 257.0 - 128.0, b / 257.0 - 128.0])
        });
        Self(points.collect())
    }

    /// The color of bytes of a file: L* without a sign, a* and b* with one.
    pub fn rgb(&self, [light, a, b]: [u8; 3]) -> [u8; 3] {
        let bytes = [light, a ^ 0x80, b ^ 0x80];
        // Sixteen bits after the point; the last point is that of 255.
        let places = bytes.map(|byte| {
            let scaled = i64::from(byte) * 257 * (POINTS - 1) as i64;
            scaled + (scaled + 0x7fff) / 0xffff
        });
        let mut axes = [(0, POINTS * POINTS), (1, POINTS), (2, 1)];
        // From the corner of the cube along the axis of the largest share, then of the next: four points.
        axes.sort_by_key(|(axis, _)| std::cmp::Reverse(places[*axis] & 0xffff));
        let mut point: usize = [(0, POINTS * POINTS), (1, POINTS), (2, 1)]
            .iter()
            .map(|(axis, step)| (places[*axis] >> 16) as usize * step)
            .sum();
        let corner = self.0[point].map(i64::from);
        let (mut from, mut sum) = (corner, [0x8001; 3]);
        for (axis, step) in axes {
            let share = places[axis] & 0xffff;
            if share == 0 {
                break;
            }
            point += step;
            let to = self.0[point].map(i64::from);
            for channel in 0..3 {
                sum[channel] += (to[channel] - from[channel]) * share;
            }
            from = to;
        }
        let mut rgb = [0; 3];
        for channel in 0..3 {
            let rest = sum[channel];
            let level = corner[channel] + ((rest + (rest >> 16)) >> 16);
            rgb[channel] = ((level * 65281 + 0x80_0000) >> 24) as u8;
        }
        rgb
    }
}

/// The sRGB color of L* from 0 to 100, a* and b*.
fn exact([light, a, b]: [f64; 3]) -> [u16; 3] {
    let y = (light + 16.0) / 116.0;
    let roots = [y + a / 500.0, y, y - b / 200.0];
    let mut xyz = [0.0; 3];
    for ((value, root), white) in xyz.iter_mut().zip(roots).zip(D50) {
        let ratio = match root {
            root if root > 24.0 / 116.0 => root * root * root,
            root => 108.0 / 841.0 * (root - 16.0 / 116.0),
        };
        *value = white * ratio;
    }
    RGB_OF_XYZ.map(|row| {
        let linear: f64 = row.iter().zip(xyz).map(|(factor, value)| factor * value).sum();
        let level = match linear.clamp(0.0, 1.0) {
            linear if linear <= 0.0031308 => 12.92 * linear,
            linear => 1.055 * linear.powf(1.0 / 2.4) - 0.055,
        };
        (level * 65535.0 + 0.5) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_those_of_little_cms() {
        let table = LabTable::new();
        // By Pillow 13, from its bytes of mode LAB, in which a* and b* have no sign.
        for (lab, rgb) in [
            ([0, 128, 128], [1, 0, 1]),
            ([128, 128, 128], [119, 119, 119]),
            ([128, 0, 0], [0, 165, 255]),
            ([255, 0, 0], [0, 255, 255]),
            ([200, 10, 250], [0, 238, 0]),
        ] {
            assert_eq!(table.rgb([lab[0], lab[1] ^ 0x80, lab[2] ^ 0x80]), rgb, "{lab:?}");
        }
    }
}
