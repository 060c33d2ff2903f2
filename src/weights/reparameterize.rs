//! Folding of the branches that a FastViT is trained with into the convolutions that it runs with (Ding et al. 2021,
//! RepVGG): sums of convolutions with batch normalizations behind them, skipped inputs and scales of blocks are linear,
//! and come to one weight and one bias.
//!
//! A file holds either form, under the names of `timm`'s class within `open_clip`. A [`Recipe`] tells which of its
//! tensors make a weight of the layout, and how.

mod fastvit;

use std::collections::HashMap;

use crate::weights::config::{ClipConfig, STEM_SIDES, VisionConfig};
use crate::weights::layout::{TensorSpec, stem_shapes};

/// Epsilon of the batch normalizations.
const EPS: f64 = 1e-5;
/// Tensors of a batch normalization.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// A recipe that makes a weight of the layout, and the bias beside it, of tensors of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Name of both in the layout, without `.weight` and `.bias`.
    name: String,
    /// True where there is a bias.
    bias: bool,
    /// The file's tensors.
    pub sources: Vec<TensorSpec>,
    form: Form,
}

/// The ways in which tensors come together. Names are those of the file.
#[derive(Clone, Debug, PartialEq)]
enum Form {
    /// As they are.
    Plain { name: String },
    /// A matrix that is stored by its inputs.
    Transposed { name: String, outputs: usize },
    /// The sum of some branches, by the shape of the whole.
    Sum {
        branches: Vec<Branch>,
        shape: [usize; 4],
    },
    /// The input, and the difference of two sums, scaled.
    Mixer {
        mixer: Vec<Branch>,
        norm: Branch,
        scale: String,
        shape: [usize; 4],
    },
    /// Outputs are scaled.
    Scaled { name: String, scale: String },
    /// A batch normalization stands before a matrix without bias.
    Normalized { weight: String, norm: String },
}

/// One of several convolutions whose outputs are added.
#[derive(Clone, Debug, PartialEq)]
enum Branch {
    /// `conv.weight` over windows of `side`, with a batch normalization behind it.
    Convolution { conv: String, norm: String, side: usize },
    /// `name.weight` and `name.bias`, over windows of the whole.
    Biased { name: String },
    /// The input, with a batch normalization behind it.
    Identity { norm: String },
    /// The input.
    Input,
}

/// Values of tensors by their names in the file.
pub type TensorValues = HashMap<String, Vec<f32>>;

/// A weight and its bias.
#[derive(Clone, Debug, PartialEq)]
struct Affine {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// Recipes of the weights of `config` that a file, which has tensors of the names that `has` says, holds in another form
/// than the layout's: those of a FastViT, of convolutions in place of a vision transformer's patches, and of those in a
/// text tower.
pub fn recipes(config: &ClipConfig, has: &dyn Fn(&str) -> bool) -> Vec<Recipe> {
    let mut recipes = vision_recipes(config, has);
    recipes.extend(
        config
            .text
            .iter()
            .flat_map(|text| fastvit::text_recipes(text, has)),
    );
    recipes
}

fn vision_recipes(config: &ClipConfig, has: &dyn Fn(&str) -> bool) -> Vec<Recipe> {
    match &config.vision {
        Some(VisionConfig::FastVit(vision)) => fastvit::recipes(vision, config.projection_dim, has),
        Some(VisionConfig::Vit(vision)) if vision.conv_stem => {
            let mut recipes = vit_stem(vision.tower.width);
            recipes.extend(transposed(vision.tower.width, config.projection_dim, has));
            recipes
        }
        _ => Vec::new(),
    }
}

/// The projection of `features` where a file holds it by its inputs and without a bias, as Apple's do.
fn transposed(features: usize, projection_dim: usize, has: &dyn Fn(&str) -> bool) -> Option<Recipe> {
    let name = "visual.trunk.head.proj";
    has(name).then(|| Recipe {
        name: "visual_projection".into(),
        bias: true,
        sources: vec![TensorSpec {
            name: name.into(),
            shape: vec![features, projection_dim],
        }],
        form: Form::Transposed {
            name: name.into(),
            outputs: projection_dim,
        },
    })
}

/// The convolutions in place of the patches of a tower of this width, the first two with batch normalizations.
fn vit_stem(width: usize) -> Vec<Recipe> {
    let shapes = stem_shapes(width).into_iter().enumerate();
    let recipe = |(i, shape): (usize, [usize; 4])| {
        let block = format!("visual.trunk.patch_embed.backbone.{i}");
        let (conv, norm) = (format!("{block}.conv"), format!("{block}.bn"));
        let tensor = |name: String, shape: &[usize]| TensorSpec {
            name,
            shape: shape.to_vec(),
        };
        let mut sources = vec![tensor(format!("{conv}.weight"), &shape)];
        let form = if i + 1 < STEM_SIDES.len() {
            sources.extend(NORM.map(|part| tensor(format!("{norm}.{part}"), &shape[..1])));
            let side = shape[3];
            let branches = vec![Branch::Convolution { conv, norm, side }];
            Form::Sum { branches, shape }
        } else {
            sources.push(tensor(format!("{conv}.bias"), &shape[..1]));
            Form::Plain { name: conv }
        };
        Recipe {
            name: format!("vision_model.embeddings.stem.{i}"),
            bias: true,
            sources,
            form,
        }
    };
    shapes.map(recipe).collect()
}

impl Recipe {
    /// Names of the layout's tensors that it makes.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let parts = if self.bias {
            &["weight", "bias"][..]
        } else {
            &["weight"]
        };
        parts.iter().map(|part| format!("{}.{part}", self.name))
    }

    /// Values of the layout's tensors, in the order of [`names`](Self::names), of all of its `sources`, each as long as
    /// its shape says.
    pub fn make(&self, values: &TensorValues) -> Vec<Vec<f32>> {
        let Affine { weight, bias } = self.form.make(values);
        if self.bias {
            vec![weight, bias]
        } else {
            vec![weight]
        }
    }
}

impl Form {
    fn make(&self, values: &TensorValues) -> Affine {
        match self {
            Self::Plain { name } => Affine {
                weight: values[&format!("{name}.weight")].clone(),
                bias: values.get(&format!("{name}.bias")).cloned().unwrap_or_default(),
            },
            Self::Transposed { name, outputs } => {
                let (values, outputs) = (&values[name], *outputs);
                let column = |output: usize| values.iter().skip(output).step_by(outputs).copied();
                Affine {
                    weight: (0..outputs).flat_map(column).collect(),
                    bias: vec![0.0; outputs],
                }
            }
            Self::Sum { branches, shape } => sum(branches, shape, values),
            Self::Mixer {
                mixer,
                norm,
                scale,
                shape,
            } => {
                let mut all = sum(mixer, shape, values);
                all.add(&norm.make(shape, values), -1.0);
                all.scale_outputs(&values[scale]);
                all.add(&Branch::Input.make(shape, values), 1.0);
                all
            }
            Self::Scaled { name, scale } => {
                let mut affine = Affine {
                    weight: values[&format!("{name}.weight")].clone(),
                    bias: values[&format!("{name}.bias")].clone(),
                };
                affine.scale_outputs(&values[scale]);
                affine
            }
            Self::Normalized { weight, norm } => normalized(&values[weight], &Norm::new(norm, values)),
        }
    }
}

fn sum(branches: &[Branch], shape: &[usize; 4], values: &TensorValues) -> Affine {
    let mut all = Affine {
        weight: vec![0.0; shape.iter().product()],
        bias: vec![0.0; shape[0]],
    };
    for branch in branches {
        all.add(&branch.make(shape, values), 1.0);
    }
    all
}

/// A matrix, `[outputs, inputs]`, behind a normalization of its inputs.
fn normalized(weight: &[f32], norm: &Norm) -> Affine {
    let rows = weight.chunks_exact(norm.scale.len());
    let bias = rows.clone().map(|row| {
        let terms = row
            .iter()
            .zip(&norm.shift)
            .map(|(w, shift)| f64::from(*w) * shift);
        terms.sum::<f64>() as f32
    });
    let bias = bias.collect();
    let scaled = |row: &[f32]| -> Vec<f32> {
        let pairs = row.iter().zip(&norm.scale);
        pairs.map(|(w, scale)| (f64::from(*w) * scale) as f32).collect()
    };
    Affine {
        weight: rows.flat_map(scaled).collect(),
        bias,
    }
}

impl Branch {
    /// The convolution of windows as large as those of `shape`, `[outputs, inputs of a group, side, side]`, that it comes
    /// to.
    fn make(&self, shape: &[usize; 4], values: &TensorValues) -> Affine {
        match self {
            Self::Convolution { conv, norm, side } => {
                let norm = Norm::new(norm, values);
                let weight = widen(&values[&format!("{conv}.weight")], *side, shape[3]);
                norm.behind(weight)
            }
            Self::Biased { name } => Affine {
                weight: values[&format!("{name}.weight")].clone(),
                bias: values[&format!("{name}.bias")].clone(),
            },
            Self::Identity { norm } => Norm::new(norm, values).behind(identity(shape)),
            Self::Input => Affine {
                weight: identity(shape),
                bias: vec![0.0; shape[0]],
            },
        }
    }
}

/// The convolution that gives its input.
fn identity(shape: &[usize; 4]) -> Vec<f32> {
    let [outputs, inputs, height, width] = *shape;
    let taps = height * width;
    let mut weight = vec![0.0; outputs * inputs * taps];
    for output in 0..outputs {
        weight[(output * inputs + output % inputs) * taps + taps / 2] = 1.0;
    }
    weight
}

/// Filters of `side` in the middle of those of `wanted`, both odd or the same.
fn widen(weight: &[f32], side: usize, wanted: usize) -> Vec<f32> {
    if side == wanted {
        return weight.to_vec();
    }
    let margin = (wanted - side) / 2;
    let mut wide = vec![0.0; weight.len() / (side * side) * wanted * wanted];
    let filters = wide.chunks_exact_mut(wanted * wanted);
    for (wide, filter) in filters.zip(weight.chunks_exact(side * side)) {
        for (y, row) in filter.chunks_exact(side).enumerate() {
            wide[(y + margin) * wanted + margin..][..side].copy_from_slice(row);
        }
    }
    wide
}

impl Affine {
    fn add(&mut self, other: &Self, factor: f32) {
        let values = self.weight.iter_mut().zip(&other.weight);
        let biases = self.bias.iter_mut().zip(&other.bias);
        values.chain(biases).for_each(|(a, b)| *a += factor * b);
    }

    fn scale_outputs(&mut self, scales: &[f32]) {
        let length = self.weight.len() / scales.len();
        for (row, scale) in self.weight.chunks_exact_mut(length).zip(scales) {
            row.iter_mut().for_each(|value| *value *= scale);
        }
        let biases = self.bias.iter_mut().zip(scales);
        biases.for_each(|(bias, scale)| *bias *= scale);
    }
}

/// A batch normalization as inference sees it: a scale and a shift of each channel.
struct Norm {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Norm {
    fn new(name: &str, values: &TensorValues) -> Self {
        let [weight, bias, mean, variance] = NORM.map(|part| &values[&format!("{name}.{part}")]);
        let scale = |(w, v): (&f32, &f32)| f64::from(*w) / (f64::from(*v) + EPS).sqrt();
        let scale: Vec<f64> = weight.iter().zip(variance).map(scale).collect();
        let shift = |((b, m), scale): ((&f32, &f32), &f64)| f64::from(*b) - f64::from(*m) * scale;
        let shift = bias.iter().zip(mean).zip(&scale).map(shift).collect();
        Self { scale, shift }
    }

    /// A convolution with this normalization behind it.
    fn behind(&self, weight: Vec<f32>) -> Affine {
        let mut affine = Affine {
            weight,
            bias: vec![0.0; self.scale.len()],
        };
        let scale: Vec<f32> = self.scale.iter().map(|scale| *scale as f32).collect();
        affine.scale_outputs(&scale);
        affine.bias = self.shift.iter().map(|shift| *shift as f32).collect();
        affine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_filter_lies_in_the_middle_of_a_large_one() {
        assert_eq!(widen(&[2.0, 3.0], 1, 3)[4], 2.0);
        assert_eq!(widen(&[2.0, 3.0], 1, 3).iter().sum::<f32>(), 5.0);
        let wide = widen(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], 3, 7);
        assert_eq!(
            (wide[2 * 7 + 2], wide[3 * 7 + 3], wide[4 * 7 + 4]),
            (1.0, 5.0, 9.0)
        );
    }

    #[test]
    fn the_identity_gives_each_output_its_input() {
        assert_eq!(identity(&[2, 1, 3, 3])[4], 1.0);
        assert_eq!(identity(&[2, 2, 1, 1]), [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_norm_moves_into_the_weights_on_either_side() {
        let parts = [
            ("weight", 2.0),
            ("bias", 1.0),
            ("running_mean", 3.0),
            ("running_var", 4.0 - EPS as f32),
        ];
        let values: TensorValues = parts
            .into_iter()
            .map(|(part, value)| (format!("bn.{part}"), vec![value]))
            .collect();
        // (x - 3) / 2 * 2 + 1 = x - 2, before and behind a factor of 5.
        let norm = Norm::new("bn", &values);
        let near = |affine: Affine, weight: f32, bias: f32| {
            assert!(
                (affine.weight[0] - weight).abs() < 1e-5 && (affine.bias[0] - bias).abs() < 1e-5,
                "{affine:?}"
            );
        };
        near(norm.behind(vec![5.0]), 5.0, -2.0);
        near(normalized(&[5.0], &norm), 5.0, -10.0);
    }
}
