//! From embeddings to ranked labels.

use serde::Serialize;

use crate::embedding::UnitEmbedding;
use crate::weights::ScoreRule;

/// One label's place in an image's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedLabel {
    /// The label as the caller wrote it.
    pub label: String,
    /// Its score, between 0 and 1: its share among the labels, or in a model that judges each label alone, how well it
    /// matches the image.
    pub score: f32,
    /// Cosine of image and label times the logit scale, and the logit bias where the model has one.
    pub logit: f32,
}

/// The way of one model from cosines to scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scorer {
    /// Rule by which logits become scores.
    pub rule: ScoreRule,
    /// Factor of cosines: 100 for OpenAI's models.
    pub logit_scale: f32,
    /// Added to the scaled cosine.
    pub logit_bias: f32,
}

impl Scorer {
    /// The scorer of models whose labels share one hundred percent.
    pub fn softmax(logit_scale: f32) -> Self {
        Self {
            rule: ScoreRule::Softmax,
            logit_scale,
            logit_bias: 0.0,
        }
    }

    /// Logits of an image for the labels, in their order.
    pub fn logits(&self, image: &UnitEmbedding, labels: &[UnitEmbedding]) -> Vec<f32> {
        let logit = |label| self.logit_scale * image.cosine(label) + self.logit_bias;
        labels.iter().map(logit).collect()
    }

    /// Scores of logits, in their order.
    pub fn scores(&self, logits: &[f32]) -> Vec<f32> {
        match self.rule {
            ScoreRule::Softmax => softmax(logits),
            ScoreRule::Sigmoid => logits.iter().map(|logit| sigmoid(*logit)).collect(),
        }
    }

    /// The `top_k` labels of the highest scores, best first; ties keep the caller's order.
    pub fn rank(&self, labels: &[String], logits: &[f32], top_k: usize) -> Vec<RankedLabel> {
        let scores = self.scores(logits);
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
}

/// Probabilities of logits, shifted by their maximum so that none overflows.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let mut probabilities = logits.to_vec();
    cliplet_kernels::softmax(&mut probabilities);
    probabilities
}

/// `1 / (1 + e^-x)`, which overflows for no value.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
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
        let scorer = Scorer::softmax(10.0);
        let logits = scorer.logits(&unit([3.0, 1.0]), &[unit([0.0, 1.0]), unit([1.0, 0.0])]);
        let ranked = scorer.rank(&labels, &logits, 1);
        assert_eq!(ranked.len(), 1);
        assert_eq!(ranked[0].label, "right");
        assert!((ranked[0].logit - 9.486_833).abs() < 1e-5);
        assert!((ranked[0].score - 1.0 / (1.0 + (-6.324_555_f32).exp())).abs() < 1e-6);
    }

    #[test]
    fn a_sigmoid_judges_each_label_alone() {
        let scorer = Scorer {
            rule: ScoreRule::Sigmoid,
            logit_scale: 10.0,
            logit_bias: -5.0,
        };
        let unit = |values: [f32; 2]| Embedding::from(values.to_vec()).normalize();
        let logits = scorer.logits(&unit([1.0, 0.0]), &[unit([1.0, 0.0]), unit([0.0, 1.0])]);
        assert_eq!(logits, [5.0, -5.0]);
        let scores = scorer.scores(&logits);
        assert!((scores[0] - 0.993_307_2).abs() < 1e-6 && (scores[0] + scores[1] - 1.0).abs() < 1e-6);
        assert_eq!(scorer.scores(&[-200.0, 200.0]), [0.0, 1.0]);
        assert_eq!(scorer.scores(&logits[..1]), scores[..1]);
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
            let ranked = Scorer::softmax(1.0).rank(&labels, &logits, usize::MAX);
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
            let ranked = Scorer::softmax(1.0).rank(&labels, &logits, usize::MAX);
            let sum: f32 = ranked.iter().map(|r| r.score).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
            prop_assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}
