//! Names of the tensors of a BERT or a relative of it that was saved by itself or as a text tower of `open_clip`, and of
//! the projection behind it.

/// Prefixes that classes of `transformers` put before all names, and M-CLIP does.
const PREFIXES: [&str; 5] = ["", "bert.", "distilbert.", "roberta.", "transformer."];
/// Names of the linear map: that of sentence-transformers, and M-CLIP's.
const PROJECTIONS: [&str; 2] = ["linear", "LinearTransformation"];
/// Names within a block of BERT, and those of DistilBERT.
const DISTILBERT: [(&str, &str); 8] = [
    ("attention.self.query.", "attention.q_lin."),
    ("attention.self.key.", "attention.k_lin."),
    ("attention.self.value.", "attention.v_lin."),
    ("attention.output.dense.", "attention.out_lin."),
    ("attention.output.LayerNorm.", "sa_layer_norm."),
    ("intermediate.dense.", "ffn.lin1."),
    ("output.dense.", "ffn.lin2."),
    ("output.LayerNorm.", "output_layer_norm."),
];

/// The names of one such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BertNaming {
    prefix: &'static str,
    projection: &'static str,
    is_distilbert: bool,
}

impl BertNaming {
    /// The naming of a text tower of `open_clip`.
    pub const OPEN_CLIP: Self = Self {
        prefix: "text.transformer.",
        projection: "text.proj",
        is_distilbert: false,
    };

    /// The naming of a file with a tensor `name`, where that is the first block's key projection of such a model:
    /// that name tells it alone.
    pub fn of_key(name: &str) -> Option<Self> {
        let of_prefix = |prefix: &'static str| {
            let rest = name.strip_prefix(prefix)?;
            let is_distilbert = rest == "transformer.layer.0.attention.k_lin.weight";
            let is_bert = rest == "encoder.layer.0.attention.self.key.weight";
            (is_distilbert || is_bert).then_some(Self {
                prefix,
                projection: PROJECTIONS[usize::from(prefix == "transformer.")],
                is_distilbert,
            })
        };
        PREFIXES.into_iter().find_map(of_prefix)
    }

    /// The file's name of the layout's tensor `name`.
    pub fn name(self, name: &str) -> String {
        if let Some(what) = name.strip_prefix("text_projection.") {
            // open_clip numbers two linear maps and the activation between them.
            let what = what.replace("fc1.", "0.").replace("fc2.", "2.");
            return format!("{}.{what}", self.projection);
        }
        let rest = name.strip_prefix("text_model.").unwrap_or(name);
        let block = rest.strip_prefix("encoder.layer.").filter(|_| self.is_distilbert);
        match block.and_then(|block| block.split_once('.')) {
            Some((layer, inner)) => {
                let renamed = DISTILBERT
                    .iter()
                    .find_map(|(bert, theirs)| Some(format!("{theirs}{}", inner.strip_prefix(bert)?)));
                let inner = renamed.unwrap_or_else(|| inner.into());
                format!("{}transformer.layer.{layer}.{inner}", self.prefix)
            }
            None => format!("{}{rest}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relatives_of_bert_have_their_own_names() {
        let key = "text_model.encoder.layer.3.attention.self.key.bias";
        for (first, block, projection) in [
            (
                "transformer.layer.0.attention.k_lin.weight",
                "transformer.layer.3.attention.k_lin.bias",
                "linear.weight",
            ),
            (
                "distilbert.transformer.layer.0.attention.k_lin.weight",
                "distilbert.transformer.layer.3.attention.k_lin.bias",
                "linear.weight",
            ),
            (
                "encoder.layer.0.attention.self.key.weight",
                "encoder.layer.3.attention.self.key.bias",
                "linear.weight",
            ),
            (
                "transformer.encoder.layer.0.attention.self.key.weight",
                "transformer.encoder.layer.3.attention.self.key.bias",
                "LinearTransformation.weight",
            ),
        ] {
            let naming = BertNaming::of_key(first).unwrap();
            assert_eq!(naming.name(key), block);
            assert_eq!(naming.name("text_projection.weight"), projection);
        }
        assert_eq!(
            BertNaming::of_key("text_model.encoder.layer.0.attention.self.key.weight"),
            None
        );
    }
}
