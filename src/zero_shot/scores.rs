//! From embeddings to ranked labels.

use serde::Serialize;

use crate::embedding::UnitEmbedding;

/// One label's place in an image's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedLabel {
    /// The label as the caller wrote it.
    pub label: String,
    /// Its probability among the labels: softmax of the logits.
    pub score: f32,
    /// Cosine of image and label times the logit scale.
    pub logit: f32,
}

/// Probabilities of logits, shifted by their maximum so that none overflows.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let mut probabilities = logits.to_vec();
    cliplet_kernels::softmax(&mut probabilities);
    probabilities
}

/// Logits of an image for the labels, in their order: cosines times `logit_scale`, the model's factor (100 for
/// OpenAI's models).
pub fn logits(image: &UnitEmbedding, labels: &[UnitEmbedding], logit_scale: f32) -> Vec<f32> {
    let logit = |label| logit_scale * image.cosine(label);
    labels.iter().map(logit).collect()
}

/// The `top_k` most probable labels, best first; ties keep the caller's order.
pub fn rank(labels: &[String], logits: &[f32], top_k: usize) -> Vec<RankedLabel> {
    let scores = softmax(logits);
    let all = labels.iter().zip(logits).zip(scores);
    let mut ranked: Vec<_> = all
        .map(|((label, &logit), score)| RankedLabel {
            label: label.clone(),
            score,
            logit,
        })
        .collect();
    ranked.sort_by(|a, b| b.logit.total_cmp(&a.logit));
    ranked.truncate(top_k);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedding::Embedding;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_label_comes_first() {
        let labels = ["up", "right"].map(String::from);
        let unit = |values: [f32; 2]| Embedding::from(values.to_vec()).normalize();
        let logits = logits(&unit([3.0, 1.0]), &[unit([0.0, 1.0]), unit([1.0, 0.0])], 10.0);
        let ranked = rank(&labels, &logits, 1);
        assert_eq!(ranked.len(), 1);
        assert_eq!(ranked[0].label, "right");
        assert!((ranked[0].logit - 9.486_833).abs() < 1e-5);
        assert!((ranked[0].score - 1.0 / (1.0 + (-6.324_555_f32).exp())).abs() < 1e-6);
    }

    /// One case of tests/parity/scores.json, which the page's JavaScript is checked against too.
    #[derive(serde::Deserialize)]
    struct Case {
        scale: f32,
        cosines: Vec<f32>,
        order: Vec<usize>,
        probabilities: Vec<f32>,
    }

    #[test]
    fn ranks_as_numpy_does() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/parity/scores.json")).unwrap();
        for case in cases {
            let labels: Vec<String> = (0..case.cosines.len()).map(|i| i.to_string()).collect();
            let logits: Vec<f32> = case.cosines.iter().map(|cosine| case.scale * cosine).collect();
            let ranked = rank(&labels, &logits, usize::MAX);
            let order: Vec<usize> = ranked.iter().map(|one| one.label.parse().unwrap()).collect();
            assert_eq!(order, case.order);
            for (one, expected) in ranked.iter().zip(case.probabilities) {
                assert!(
                    (one.score - expected).abs() <= 1e-4 * expected + 1e-9,
                    "{} and {expected}",
                    one.score
                );
            }
        }
    }

    proptest! {
        #[test]
        fn probabilities_sum_to_one_and_keep_order(logits in prop::collection::vec(-100.0f32..100.0, 1..50)) {
            let labels: Vec<String> = (0..logits.len()).map(|i| i.to_string()).collect();
            let ranked = rank(&labels, &logits, usize::MAX);
            let sum: f32 = ranked.iter().map(|r| r.score).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
            prop_assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}
