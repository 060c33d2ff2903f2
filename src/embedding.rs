//! Points of the space that images and texts share.
//!
//! A tower's output has a length without meaning; cosines want unit length. The two are types of their own, so
//! that one cannot pass for the other.

use std::ops::Deref;

use serde::Serialize;

/// An embedding as a tower gives it, not normalized: `ModelInfo::dimension` values.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Embedding(Vec<f32>);

/// An embedding of unit length.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct UnitEmbedding(Vec<f32>);

impl Embedding {
    /// Scales to unit length; a zero vector stays zero.
    pub fn normalize(mut self) -> UnitEmbedding {
        normalize(&mut self.0);
        UnitEmbedding(self.0)
    }

    /// The values.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }
}

impl UnitEmbedding {
    /// Cosine of the angle to `other`, between −1 and 1.
    pub fn cosine(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    /// The normalized mean of several: an ensemble. Of none it is empty.
    pub fn mean<'a>(several: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Vec::new();
        for embedding in several {
            sum.resize(embedding.len(), 0.0);
            sum.iter_mut().zip(&embedding.0).for_each(|(sum, x)| *sum += x);
        }
        normalize(&mut sum);
        Self(sum)
    }

    /// The values.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }
}

impl From<Vec<f32>> for Embedding {
    fn from(values: Vec<f32>) -> Self {
        Self(values)
    }
}

impl From<UnitEmbedding> for Embedding {
    fn from(unit: UnitEmbedding) -> Self {
        Self(unit.0)
    }
}

impl Deref for Embedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl Deref for UnitEmbedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

/// Scales `x` to unit length; a zero vector stays as it is.
fn normalize(x: &mut [f32]) {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizing_keeps_the_direction_and_a_zero_vector() {
        let unit = Embedding::from(vec![3.0, 4.0]).normalize();
        assert_eq!(*unit, [0.6, 0.8]);
        assert_eq!(*Embedding::from(vec![0.0; 3]).normalize(), [0.0; 3]);
        assert!((unit.cosine(&unit) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_mean_has_unit_length() {
        let [x, y] = [[1.0, 0.0], [0.0, 1.0]].map(|v| Embedding::from(v.to_vec()).normalize());
        let mean = UnitEmbedding::mean([&x, &y]);
        assert!((mean[0] - 0.5_f32.sqrt()).abs() < 1e-6 && mean[0] == mean[1]);
    }
}
