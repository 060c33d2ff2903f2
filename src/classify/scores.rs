//! From embeddings to ranked labels.

use serde::Serialize;

/// One label's place in a picture's answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The label as the caller wrote it.
    pub label: String,
    /// Its probability among the labels: softmax of the logits.
    pub score: f32,
    /// Cosine of picture and label times the logit scale.
    pub logit: f32,
}

/// Scales `x` to unit length; a zero vector stays as it is.
pub fn normalize(x: &mut [f32]) {
    let norm = x.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        x.iter_mut().for_each(|x| *x /= norm);
    }
}

/// Probabilities of logits, shifted by their maximum so that none overflows.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let mut probabilities = logits.to_vec();
    cliplet_kernels::softmax(&mut probabilities);
    probabilities
}

/// Logits of a picture for normalised label embeddings, in their order.
///
/// `image` need not be normalised; `logit_scale` is the model's factor (100 for OpenAI's models).
pub fn logits(image: &[f32], labels: &[Vec<f32>], logit_scale: f32) -> Vec<f32> {
    let mut image = image.to_vec();
    normalize(&mut image);
    let cosine = |label: &Vec<f32>| image.iter().zip(label).map(|(a, b)| a * b).sum::<f32>();
    labels.iter().map(|label| logit_scale * cosine(label)).collect()
}

/// The `top_k` most probable labels, best first; ties keep the caller's order.
pub fn rank(labels: &[String], logits: &[f32], top_k: usize) -> Vec<Ranked> {
    let scores = softmax(logits);
    let all = labels.iter().zip(logits).zip(scores);
    let mut ranked: Vec<_> = all
        .map(|((label, &logit), score)| Ranked {
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
    use proptest::prelude::*;

    #[test]
    fn the_nearest_label_comes_first() {
        let labels = ["up", "right"].map(String::from);
        let logits = logits(&[3.0, 1.0], &[vec![0.0, 1.0], vec![1.0, 0.0]], 10.0);
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
