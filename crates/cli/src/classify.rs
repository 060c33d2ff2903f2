//! `cliplet classify`: rank labels for images.

use std::path::PathBuf;

use clap::Args;
use cliplet::weights::ScoreRule;
use cliplet::zero_shot::{PromptTemplate, Scorer, ZeroShotClassifier};
use cliplet::{Embedding, Error};
use serde::Serialize;

use super::labels::{self, LabelOptions, TemplateOptions};
use super::model::ModelOptions;
use super::output::{Format, csv_line, json_array, json_line, percent};
use super::terminal::{self, print};
use super::{Outcome, Status, images};

/// Rank labels for images.
#[derive(Args)]
pub struct Classify {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    labels: LabelOptions,
    #[command(flatten)]
    templates: TemplateOptions,
    /// Give only the N most probable labels, best first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top_k: Option<u64>,
    /// Format of the answers; all but json are printed as they are computed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Image files, http(s) addresses, or - for an image on standard input. For folders there is `cliplet batch`.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

/// The answer for one image.
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
        #[serde(flatten)]
        scores: Scores,
        logits: Vec<f32>,
    },
    Failed {
        error: String,
    },
}

/// Scores of labels, under the name that says how they are meant.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Scores {
    /// Shares of one hundred percent.
    Probs(Vec<f32>),
    /// Each label by itself.
    Matches(Vec<f32>),
}

impl Scores {
    fn new(rule: ScoreRule, scores: Vec<f32>) -> Self {
        match rule {
            ScoreRule::Softmax => Self::Probs(scores),
            ScoreRule::Sigmoid => Self::Matches(scores),
        }
    }

    fn values(&self) -> &[f32] {
        match self {
            Self::Probs(values) | Self::Matches(values) => values,
        }
    }

    /// The word behind each percentage of a table.
    fn unit(&self) -> &'static str {
        match self {
            Self::Probs(_) => "",
            Self::Matches(_) => " match",
        }
    }
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
        let mut status = Status::Success;
        let mut printer = Printer::new(self.format, clip.scorer().rule)?;
        images::embed_images(&clip, &self.images, |name, embedding| {
            let result = self.score(clip.scorer(), &classifier, embedding)?;
            if let Scored::Failed { error } = &result {
                terminal::message(error);
                status = Status::Partial;
            }
            printer.print(Answer {
                image: name.display().to_string(),
                result,
                warnings: warnings.clone(),
            })
        })?;
        printer.finish()?;
        Ok(status)
    }

    /// Labels in the order given, or the best of them first where a number is asked for.
    fn score(
        &self,
        scorer: Scorer,
        classifier: &ZeroShotClassifier,
        embedding: Result<Embedding, Error>,
    ) -> Result<Scored, Error> {
        let embedding = match embedding {
            Ok(embedding) => embedding,
            Err(error) => {
                let error = error.to_string();
                return Ok(Scored::Failed { error });
            }
        };
        let logits = classifier.logits(&embedding)?;
        let labels = classifier.labels();
        let Some(top_k) = self.top_k else {
            return Ok(Scored::Ranked {
                labels: labels.to_vec(),
                scores: Scores::new(scorer.rule, scorer.scores(&logits)),
                logits,
            });
        };
        let ranked = scorer.rank(labels, &logits, top_k.min(logits.len() as u64) as usize);
        Ok(Scored::Ranked {
            labels: ranked.iter().map(|r| r.label.clone()).collect(),
            scores: Scores::new(scorer.rule, ranked.iter().map(|r| r.score).collect()),
            logits: ranked.iter().map(|r| r.logit).collect(),
        })
    }
}

/// Prints answers as they come; a JSON document at the end.
struct Printer {
    format: Format,
    /// Answers of the JSON document.
    answers: Vec<Answer>,
}

impl Printer {
    fn new(format: Format, rule: ScoreRule) -> Result<Self, Error> {
        if format == Format::Csv {
            let score = match rule {
                ScoreRule::Softmax => "prob",
                ScoreRule::Sigmoid => "match",
            };
            print(&format!("image,label,{score},logit,error\n"))?;
        }
        Ok(Self {
            format,
            answers: Vec::new(),
        })
    }

    fn print(&mut self, answer: Answer) -> Result<(), Error> {
        match self.format {
            Format::Json => {
                self.answers.push(answer);
                Ok(())
            }
            Format::Jsonl => print(&json_line(&answer)?),
            Format::Csv => print(&csv(&answer)?),
            Format::Table => print(&table(&answer)),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self.format {
            Format::Json => print(&json_array(&self.answers)?),
            Format::Jsonl | Format::Csv | Format::Table => Ok(()),
        }
    }
}

fn csv(answer: &Answer) -> Result<String, Error> {
    let image = answer.image.as_str();
    match &answer.result {
        Scored::Ranked {
            labels,
            scores,
            logits,
        } => {
            let rows = labels.iter().zip(scores.values()).zip(logits);
            let row = |((label, score), logit): ((&String, &f32), &f32)| {
                csv_line([image, label, &score.to_string(), &logit.to_string(), ""])
            };
            rows.map(row).collect()
        }
        Scored::Failed { error } => csv_line([image, "", "", "", error]),
    }
}

fn table(answer: &Answer) -> String {
    let Scored::Ranked { labels, scores, .. } = &answer.result else {
        return String::new();
    };
    let mut text = format!("{}\n", answer.image);
    let mut rows: Vec<_> = labels.iter().zip(scores.values()).collect();
    rows.sort_by(|a, b| b.1.total_cmp(a.1));
    let widths = labels.iter().map(|label| label.chars().count());
    let width = widths.max().unwrap_or(0);
    let unit = scores.unit();
    for (label, &score) in rows {
        let bar = "█".repeat((score * 24.0).round() as usize);
        text += format!("  {label:width$}  {:>7}{unit}  {bar}", percent(f64::from(score))).trim_end();
        text.push('\n');
    }
    text
}
