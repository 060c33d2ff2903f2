//! `cliplet classify`: rank labels for pictures.

use std::path::PathBuf;

use clap::Args;
use cliplet::Error;
use cliplet::zero_shot::{PromptTemplate, Scorer};
use serde::Serialize;

use super::labels::{self, LabelOptions, TemplateOptions};
use super::model::Model;
use super::output::{Format, csv_field, json_array, json_line, percent, print};
use super::{Outcome, Status, images};

/// Rank labels for pictures.
#[derive(Args)]
pub struct Classify {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    labels: LabelOptions,
    #[command(flatten)]
    templates: TemplateOptions,
    /// Give only the N most probable labels, best first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top_k: Option<u64>,
    /// How to print the answers.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Picture files.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

/// What is answered for one picture.
#[derive(Serialize)]
struct Answer {
    image: String,
    #[serde(flatten)]
    result: Scored,
    /// Warnings about labels and prompts; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Scored {
    Ranked {
        labels: Vec<String>,
        probs: Vec<f32>,
        logits: Vec<f32>,
    },
    Failed {
        error: String,
    },
}

impl Classify {
    pub fn run(&self) -> Outcome {
        if !self.labels.given() {
            return Err(Error::Input(
                "there are no labels: give --labels, --label or --labels-file".into(),
            ));
        }
        let (labels, templates) = (self.labels.read()?, self.templates.read()?);
        let clip = self.model.load()?;
        let mut warnings = labels.warnings;
        warnings.extend(labels::truncated(&clip, &labels.list, &templates)?);
        labels::warn(&warnings);
        let texts = templates.iter().map(PromptTemplate::as_str);
        let classifier = clip.zero_shot(labels.list)?.templates(texts)?;
        // Labels are embedded before the first image, so that an error of theirs comes first.
        classifier.label_embeddings()?;
        let mut done = Status::Success;
        let mut answers = Vec::new();
        images::embed_files(&clip, &self.images, |path, embedding| {
            let result = match embedding {
                Ok(image) => self.score(clip.scorer(), classifier.labels(), classifier.logits(&image)?),
                Err(error) => {
                    eprintln!("cliplet: {error}");
                    done = Status::Partial;
                    Scored::Failed {
                        error: error.to_string(),
                    }
                }
            };
            let answer = Answer {
                image: path.display().to_string(),
                result,
                warnings: warnings.clone(),
            };
            if self.format == Format::Jsonl {
                return print(&json_line(&answer)?);
            }
            answers.push(answer);
            Ok(())
        })?;
        self.print(&answers)?;
        Ok(done)
    }

    /// Labels in the order given, or the best of them first where a number is asked for.
    fn score(&self, scorer: Scorer, labels: &[String], logits: Vec<f32>) -> Scored {
        let Some(top_k) = self.top_k else {
            return Scored::Ranked {
                labels: labels.to_vec(),
                probs: scorer.scores(&logits),
                logits,
            };
        };
        let ranked = scorer.rank(labels, &logits, top_k.min(logits.len() as u64) as usize);
        Scored::Ranked {
            labels: ranked.iter().map(|r| r.label.clone()).collect(),
            probs: ranked.iter().map(|r| r.score).collect(),
            logits: ranked.iter().map(|r| r.logit).collect(),
        }
    }

    fn print(&self, answers: &[Answer]) -> Result<(), Error> {
        match self.format {
            Format::Json => print(&json_array(answers)?),
            // Every line was printed as soon as it was computed.
            Format::Jsonl => Ok(()),
            Format::Csv => print(&csv(answers)),
            Format::Table => print(&table(answers)),
        }
    }
}

fn csv(answers: &[Answer]) -> String {
    let mut text = "image,label,prob,logit,error\n".to_string();
    for Answer { image, result, .. } in answers {
        let image = csv_field(image);
        match result {
            Scored::Ranked {
                labels,
                probs,
                logits,
            } => {
                for ((label, prob), logit) in labels.iter().zip(probs).zip(logits) {
                    text += &format!("{image},{},{prob},{logit},\n", csv_field(label));
                }
            }
            Scored::Failed { error } => text += &format!("{image},,,,{}\n", csv_field(error)),
        }
    }
    text
}

fn table(answers: &[Answer]) -> String {
    let mut text = String::new();
    for Answer { image, result, .. } in answers {
        let Scored::Ranked { labels, probs, .. } = result else {
            continue;
        };
        text += &format!("{image}\n");
        let mut rows: Vec<_> = labels.iter().zip(probs).collect();
        rows.sort_by(|a, b| b.1.total_cmp(a.1));
        let width = labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        for (label, &prob) in rows {
            let bar = "█".repeat((prob * 24.0).round() as usize);
            text += format!("  {label:width$}  {:>7}  {bar}", percent(f64::from(prob))).trim_end();
            text.push('\n');
        }
    }
    text
}
