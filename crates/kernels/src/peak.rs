//! The rate that a kernel's instructions reach where nothing holds them up, to compare a model's products with.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::dispatch::{Kernel, Tile};
use super::layout::{GROUP, MAX_TILE_SUMS, PANEL};

/// Groups of inputs in the measured tile: its weights and codes stay in the first-level cache.
const GROUPS: usize = 96;
/// Largest number of panels in the measured tile.
const PANELS: usize = 4;
/// Shortest time of one measurement.
const SHORTEST: Duration = Duration::from_millis(5);
/// Measurements, of which the fastest counts.
const REPEATS: usize = 8;

impl Kernel {
    /// Multiply-accumulates a second of this kernel on one thread, in a tile of full height whose operands stay in the
    /// first-level cache. Takes about 50 ms.
    pub fn peak(&self) -> f64 {
        let (rows, panels) = (self.rows, self.panels.min(PANELS));
        let codes = vec![1; rows * GROUPS * GROUP];
        let weights = vec![1; panels * GROUPS * PANEL * GROUP];
        let tile = Tile::new(&codes, &weights, rows, panels, GROUPS);
        let mut sums = [[0; PANEL]; MAX_TILE_SUMS];
        let products = rows * panels * PANEL * GROUPS * GROUP;
        let mut best = 0.0f64;
        for _ in 0..REPEATS {
            let (start, mut runs) = (Instant::now(), 0);
            while start.elapsed() < SHORTEST {
                for _ in 0..64 {
                    self.dot(black_box(&tile), black_box(&mut sums));
                }
                runs += 64;
            }
            best = best.max((runs * products) as f64 / start.elapsed().as_secs_f64());
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::dispatch::available;

    #[test]
    fn every_kernel_has_a_peak() {
        for kernel in available() {
            assert!(kernel.peak() > 1e6, "{}", kernel.name);
        }
    }
}
