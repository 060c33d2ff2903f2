//! The recipes of a FastViT.

use super::{Branch, Form, NORM, Recipe, transposed};
use crate::weights::config::{FastVitConfig, FastVitStage, TextConfig};
use crate::weights::layout::TensorSpec;

/// The recipes of the tower's weights for a file of `open_clip`'s names.
pub(super) fn recipes(
    config: &FastVitConfig,
    projection_dim: usize,
    has: &dyn Fn(&str) -> bool,
) -> Vec<Recipe> {
    let mut recipes = Recipes::new(has, "visual.trunk", "vision_model");
    recipes.tower(config, projection_dim);
    recipes.out
}

/// The recipes of the blocks of convolutions in a text tower.
pub(super) fn text_recipes(config: &TextConfig, has: &dyn Fn(&str) -> bool) -> Vec<Recipe> {
    let mut recipes = Recipes::new(has, "text", "text_model");
    for (block, filters) in config.convolution_blocks() {
        recipes.mixer(&format!("{block}.token_mixer"), filters, false);
        recipes.perceptron(
            &block,
            &format!("{block}.layer_scale.gamma"),
            filters,
            4 * config.tower.width,
        );
    }
    recipes.out
}

/// A convolution whose branches may have been folded together already.
struct Convolution {
    shape: [usize; 4],
    /// True where it has a branch of one tap.
    scale: bool,
    /// True where it has a branch of the input, since what comes out has the same shape.
    identity: bool,
}

struct Recipes<'a> {
    has: &'a dyn Fn(&str) -> bool,
    /// Names of the tower's tensors begin so in the file, and in the layout.
    prefixes: [&'static str; 2],
    out: Vec<Recipe>,
}

impl<'a> Recipes<'a> {
    fn new(has: &'a dyn Fn(&str) -> bool, theirs: &'static str, ours: &'static str) -> Self {
        Self {
            has,
            prefixes: [theirs, ours],
            out: Vec::new(),
        }
    }

    /// The file's name of a tensor of the tower.
    fn theirs(&self, name: &str) -> String {
        format!("{}.{name}", self.prefixes[0])
    }

    /// The layout's name of a tensor of the tower.
    fn ours(&self, name: &str) -> String {
        format!("{}.{name}", self.prefixes[1])
    }

    fn spec(&self, name: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec {
            name: self.theirs(name),
            shape: shape.to_vec(),
        }
    }

    fn affine_specs(&self, name: &str, shape: &[usize]) -> Vec<TensorSpec> {
        vec![
            self.spec(&format!("{name}.weight"), shape),
            self.spec(&format!("{name}.bias"), &shape[..1]),
        ]
    }

    fn norm_specs(&self, name: &str, width: usize) -> [TensorSpec; 4] {
        NORM.map(|part| self.spec(&format!("{name}.{part}"), &[width]))
    }

    fn tower(&mut self, config: &FastVitConfig, projection_dim: usize) {
        let features = config.features();
        match transposed(features, projection_dim, self.has) {
            Some(recipe) => self.out.push(recipe),
            None => self.plain("visual_projection", "head.fc", &[projection_dim, features]),
        }
        let (first, scale) = (config.stages[0].width, config.stem_scale);
        let shapes = [[first, 3, 3, 3], [first, 1, 3, 3], [first, first, 1, 1]];
        for (i, shape) in shapes.into_iter().enumerate() {
            let convolution = Convolution {
                shape,
                scale: scale && shape[3] > 1,
                identity: i == 2,
            };
            self.convolution(&format!("stem.{i}"), &convolution);
        }
        for (i, stage) in config.stages.iter().enumerate() {
            self.stage(&format!("stages.{i}"), stage, config.layer_norm);
        }
        let last = Convolution {
            shape: [features, 1, 3, 3],
            scale: true,
            // Its outputs are twice as many as its inputs.
            identity: false,
        };
        self.convolution("final_conv", &last);
        self.squeeze("final_conv", features, config.squeeze_width());
    }

    fn stage(&mut self, name: &str, stage: &FastVitStage, layer_norm: bool) {
        let width = stage.width;
        if stage.downsamples {
            let first = format!("{name}.downsample.proj.0");
            self.large_kernel(&first, [width, 1, 7, 7]);
            if stage.squeezes {
                self.squeeze(&first, width, stage.squeeze_width());
            }
            let pointwise = Convolution {
                shape: [width, width, 1, 1],
                scale: false,
                identity: true,
            };
            self.convolution(&format!("{name}.downsample.proj.1"), &pointwise);
        }
        if stage.has_positions {
            self.positions(&format!("{name}.pos_emb"), [width, 1, 7, 7]);
        }
        for i in 0..stage.depth {
            self.block(&format!("{name}.blocks.{i}"), stage, layer_norm);
        }
    }

    fn block(&mut self, name: &str, stage: &FastVitStage, layer_norm: bool) {
        let (width, mixer) = (stage.width, format!("{name}.token_mixer"));
        let scale = match stage.attends {
            true => {
                self.attention(name, &mixer, width, layer_norm);
                format!("{name}.layer_scale_2.gamma")
            }
            false => {
                self.mixer(&mixer, [width, 1, 3, 3], true);
                format!("{name}.layer_scale.gamma")
            }
        };
        self.perceptron(name, &scale, [width, 1, 7, 7], stage.mlp_width);
    }

    /// A convolution over windows of the shape of `filters`, and a perceptron whose outputs are scaled.
    fn perceptron(&mut self, name: &str, scale: &str, filters: [usize; 4], hidden: usize) {
        let (mlp, width) = (format!("{name}.mlp"), filters[0]);
        let convolution = Branch::Convolution {
            conv: self.theirs(&format!("{mlp}.conv.conv")),
            norm: self.theirs(&format!("{mlp}.conv.bn")),
            side: filters[3],
        };
        self.sum(&format!("{mlp}.conv"), vec![convolution], filters);
        let fc1 = format!("{mlp}.fc1");
        self.plain(&self.ours(&fc1), &fc1, &[hidden, width, 1, 1]);
        self.scaled(&format!("{mlp}.fc2"), scale, &[width, hidden, 1, 1]);
    }

    fn attention(&mut self, name: &str, mixer: &str, width: usize, layer_norm: bool) {
        let (qkv, shape) = (format!("{mixer}.qkv"), [3 * width, width]);
        if layer_norm {
            self.plain(
                &self.ours(&format!("{name}.norm")),
                &format!("{name}.norm"),
                &[width],
            );
            let sources = vec![self.spec(&format!("{qkv}.weight"), &shape)];
            self.push(
                self.ours(&qkv),
                false,
                sources,
                Form::Plain {
                    name: self.theirs(&qkv),
                },
            );
        } else {
            let norm = format!("{name}.norm");
            let mut sources = vec![self.spec(&format!("{qkv}.weight"), &shape)];
            sources.extend(self.norm_specs(&norm, width));
            let form = Form::Normalized {
                weight: self.theirs(&format!("{qkv}.weight")),
                norm: self.theirs(&norm),
            };
            self.push(self.ours(&qkv), true, sources, form);
        }
        let scale = format!("{name}.layer_scale_1.gamma");
        self.scaled(&format!("{mixer}.proj"), &scale, &[width, width]);
    }

    /// A weight and a bias as they are.
    fn plain(&mut self, name: &str, theirs: &str, shape: &[usize]) {
        let sources = self.affine_specs(theirs, shape);
        let form = Form::Plain {
            name: self.theirs(theirs),
        };
        self.push(name.into(), true, sources, form);
    }

    /// A weight and a bias whose outputs are scaled.
    fn scaled(&mut self, name: &str, scale: &str, shape: &[usize]) {
        let mut sources = self.affine_specs(name, shape);
        // Scales of matrices' outputs lie as those of images.
        sources.push(self.spec(scale, &[shape[0], 1, 1]));
        let form = Form::Scaled {
            name: self.theirs(name),
            scale: self.theirs(scale),
        };
        self.push(self.ours(name), true, sources, form);
    }

    fn squeeze(&mut self, name: &str, width: usize, inner: usize) {
        for (part, shape) in [("fc1", [inner, width, 1, 1]), ("fc2", [width, inner, 1, 1])] {
            let name = format!("{name}.se.{part}");
            self.plain(&self.ours(&name), &name, &shape);
        }
    }

    /// True where the file holds `name` folded already; then it is taken as it is.
    fn is_folded(&mut self, name: &str, shape: &[usize; 4]) -> bool {
        let folded = format!("{name}.reparam_conv");
        let is_folded = (self.has)(&self.theirs(&format!("{folded}.weight")));
        if is_folded {
            self.plain(&self.ours(&folded), &folded, shape);
        }
        is_folded
    }

    /// A MobileOne block (Vasu et al. 2022).
    fn convolution(&mut self, name: &str, convolution: &Convolution) {
        if !self.is_folded(name, &convolution.shape) {
            let branches = convolution.branches(&self.theirs(name));
            self.sum(&format!("{name}.reparam_conv"), branches, convolution.shape);
        }
    }

    /// A convolution of large windows with one of small ones beside it.
    fn large_kernel(&mut self, name: &str, shape: [usize; 4]) {
        if !self.is_folded(name, &shape) {
            let branch = |part: &str, side| Branch::Convolution {
                conv: self.theirs(&format!("{name}.{part}.conv")),
                norm: self.theirs(&format!("{name}.{part}.bn")),
                side,
            };
            let branches = vec![branch("large_conv", shape[3]), branch("small_conv", 3)];
            self.sum(&format!("{name}.reparam_conv"), branches, shape);
        }
    }

    fn positions(&mut self, name: &str, shape: [usize; 4]) {
        if !self.is_folded(name, &shape) {
            let biased = Branch::Biased {
                name: self.theirs(&format!("{name}.pos_enc")),
            };
            self.sum(
                &format!("{name}.reparam_conv"),
                vec![biased, Branch::Input],
                shape,
            );
        }
    }

    /// A mixer of pixels or tokens; `scale` as in [`Convolution`].
    fn mixer(&mut self, name: &str, shape: [usize; 4], scale: bool) {
        if self.is_folded(name, &shape) {
            return;
        }
        let convolution = Convolution {
            shape,
            scale,
            identity: true,
        };
        let mixer = convolution.branches(&self.theirs(&format!("{name}.mixer")));
        let norm = Branch::Identity {
            norm: self.theirs(&format!("{name}.norm.identity")),
        };
        let scale = format!("{name}.layer_scale.gamma");
        let mut sources = branch_specs(&mixer, &shape);
        sources.extend(branch_specs(std::slice::from_ref(&norm), &shape));
        sources.push(self.spec(&scale, &[shape[0], 1, 1]));
        let form = Form::Mixer {
            mixer,
            norm,
            scale: self.theirs(&scale),
            shape,
        };
        self.push(self.ours(&format!("{name}.reparam_conv")), true, sources, form);
    }

    fn sum(&mut self, name: &str, branches: Vec<Branch>, shape: [usize; 4]) {
        let sources = branch_specs(&branches, &shape);
        self.push(self.ours(name), true, sources, Form::Sum { branches, shape });
    }

    fn push(&mut self, name: String, bias: bool, sources: Vec<TensorSpec>, form: Form) {
        self.out.push(Recipe {
            name,
            bias,
            sources,
            form,
        });
    }
}

impl Convolution {
    /// The branches under the file's name of the block.
    fn branches(&self, name: &str) -> Vec<Branch> {
        let branch = |part: &str, side| Branch::Convolution {
            conv: format!("{name}.{part}.conv"),
            norm: format!("{name}.{part}.bn"),
            side,
        };
        let mut branches = vec![branch("conv_kxk.0", self.shape[3])];
        if self.scale {
            branches.push(branch("conv_scale", 1));
        }
        if self.identity {
            branches.push(Branch::Identity {
                norm: format!("{name}.identity"),
            });
        }
        branches
    }
}

/// The tensors of branches of a convolution of this shape.
fn branch_specs(branches: &[Branch], shape: &[usize; 4]) -> Vec<TensorSpec> {
    let [outputs, inputs, ..] = *shape;
    let norm = |name: &str| {
        NORM.map(|part| TensorSpec {
            name: format!("{name}.{part}"),
            shape: vec![outputs],
        })
    };
    let mut out = Vec::new();
    for branch in branches {
        match branch {
            Branch::Convolution {
                conv,
                norm: name,
                side,
            } => {
                // One of the whole's size has its shape, which is no square over tokens.
                let shape = match *side == shape[3] {
                    true => shape.to_vec(),
                    false => vec![outputs, inputs, *side, *side],
                };
                out.push(TensorSpec {
                    name: format!("{conv}.weight"),
                    shape,
                });
                out.extend(norm(name));
            }
            Branch::Biased { name } => {
                for (part, shape) in [("weight", &shape[..]), ("bias", &shape[..1])] {
                    out.push(TensorSpec {
                        name: format!("{name}.{part}"),
                        shape: shape.to_vec(),
                    });
                }
            }
            Branch::Identity { norm: name } => out.extend(norm(name)),
            Branch::Input => {}
        }
    }
    out
}
