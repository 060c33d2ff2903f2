//! The tensors of a BERT as a text tower, under the names of `transformers`.

use super::{Kind, TensorSpec, WeightSpec};
use crate::weights::config::{BertConfig, TextConfig};

/// Adds the embeddings and the blocks.
pub fn add(config: &TextConfig, bert: &BertConfig, out: &mut Vec<WeightSpec>) {
    let (width, mlp) = (config.tower.width, config.tower.mlp_width);
    let mut add = |name: String, kind, shape: &[usize]| {
        out.push(WeightSpec::new(format!("text_model.{name}"), kind, shape));
    };
    for (name, rows) in [
        ("position_embeddings", bert.positions),
        ("token_type_embeddings", bert.token_kinds),
    ] {
        if rows == 0 {
            continue;
        }
        add(format!("embeddings.{name}.weight"), Kind::Vector, &[rows, width]);
    }
    add("embeddings.LayerNorm.weight".into(), Kind::Vector, &[width]);
    add("embeddings.LayerNorm.bias".into(), Kind::Vector, &[width]);
    let words = [config.vocab_size, width];
    add("embeddings.word_embeddings.weight".into(), Kind::Table, &words);
    for layer in 0..config.tower.layers {
        let block = format!("text_model.encoder.layer.{layer}");
        for (what, kind) in [("bias", Kind::Vector), ("weight", Kind::Matrix)] {
            out.push(queries_keys_values(&block, what, kind, width));
        }
        for (linear, outputs, inputs) in [
            ("attention.output.dense", width, width),
            ("intermediate.dense", mlp, width),
            ("output.dense", width, mlp),
        ] {
            out.push(WeightSpec::new(
                format!("{block}.{linear}.bias"),
                Kind::Vector,
                &[outputs],
            ));
            let shape = [outputs, inputs];
            out.push(WeightSpec::new(
                format!("{block}.{linear}.weight"),
                Kind::Matrix,
                &shape,
            ));
        }
        for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
            for vector in ["weight", "bias"] {
                let name = format!("{block}.{norm}.{vector}");
                out.push(WeightSpec::new(name, Kind::Vector, &[width]));
            }
        }
    }
}

/// Adds the way from pooled texts to embeddings, which have `projection_dim` values.
pub fn projection(bert: &BertConfig, [projection_dim, width]: [usize; 2], out: &mut Vec<WeightSpec>) {
    let mut add = |name: &str, kind, shape: &[usize]| out.push(WeightSpec::new(name.into(), kind, shape));
    if bert.has_pooler {
        add("text_model.pooler.dense.bias", Kind::Vector, &[width]);
        add("text_model.pooler.dense.weight", Kind::Matrix, &[width, width]);
    }
    if let Some(hidden) = bert.projection_hidden {
        add("text_projection.fc1.weight", Kind::Matrix, &[hidden, width]);
        add(
            "text_projection.fc2.weight",
            Kind::Matrix,
            &[projection_dim, hidden],
        );
        return;
    }
    if bert.projection_bias {
        add("text_projection.bias", Kind::Vector, &[projection_dim]);
    }
    add("text_projection.weight", Kind::Matrix, &[projection_dim, width]);
}

/// The three projections of attention, joined.
fn queries_keys_values(block: &str, what: &str, kind: Kind, width: usize) -> WeightSpec {
    let (shape, cols) = match kind {
        Kind::Vector => (vec![width], 3 * width),
        _ => (vec![width, width], width),
    };
    let part = |name: &str| TensorSpec {
        name: format!("{block}.attention.self.{name}.{what}"),
        shape: shape.clone(),
    };
    WeightSpec {
        name: format!("{block}.attention.self.qkv.{what}"),
        kind,
        parts: ["query", "key", "value"].map(part).into(),
        cols,
    }
}
