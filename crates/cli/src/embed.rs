//! `cliplet embed`: embeddings of pictures and texts.

use std::path::PathBuf;

use clap::Args;
use cliplet::Embedding;
use cliplet::Error;
use serde::Serialize;

use super::model::Model;
use super::output::{Format, csv_field, json_line, print};
use super::{Outcome, Status, images};

/// Embed pictures and texts.
#[derive(Args)]
pub struct Embed {
    #[command(flatten)]
    model: Model,
    /// Picture files.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "text")]
    image: Vec<PathBuf>,
    /// Texts.
    #[arg(long, value_name = "TEXT", num_args = 1..)]
    text: Vec<String>,
    /// Scale every embedding to unit length.
    #[arg(long)]
    normalize: bool,
    /// How to print the embeddings.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// The embeddings of one call. A picture that could not be read has `null`.
#[derive(Serialize)]
struct Features {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_features: Vec<Option<Vec<f32>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    text_features: Vec<Vec<f32>>,
}

/// One embedding on a line of its own.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    input: Input<'a>,
    features: Option<&'a [f32]>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Input<'a> {
    Image(String),
    Text(&'a str),
}

impl Embed {
    pub fn run(&self) -> Outcome {
        let clip = self.model.load()?;
        let mut done = Status::Success;
        let mut image_features = Vec::with_capacity(self.image.len());
        let values = |embedding: Embedding| match self.normalize {
            true => embedding.normalize().into_vec(),
            false => embedding.into_vec(),
        };
        images::embed_files(&clip, &self.image, |_, embedding| {
            if let Err(error) = &embedding {
                eprintln!("cliplet: {error}");
                done = Status::Partial;
            }
            image_features.push(embedding.ok().map(values));
            Ok(())
        })?;
        let texts: Vec<&str> = self.text.iter().map(String::as_str).collect();
        let text_features = clip.embed_texts(&texts)?.into_iter().map(values).collect();
        self.print(&Features {
            image_features,
            text_features,
        })?;
        Ok(done)
    }

    fn print(&self, features: &Features) -> Result<(), Error> {
        let images = self
            .image
            .iter()
            .map(|path| Input::Image(path.display().to_string()));
        let images = images.zip(features.image_features.iter().map(|x| x.as_deref()));
        let texts = self.text.iter().map(|text| Input::Text(text));
        let texts = texts.zip(features.text_features.iter().map(|x| Some(x.as_slice())));
        let mut rows = images
            .chain(texts)
            .map(|(input, features)| Row { input, features });
        match self.format {
            Format::Json => print(&json_line(features)?),
            Format::Jsonl => rows.try_for_each(|row| print(&json_line(&row)?)),
            Format::Csv => rows.try_for_each(|row| print(&line(&row, ","))),
            Format::Table => rows.try_for_each(|row| print(&line(&row, "  "))),
        }
    }
}

/// A row as its input and its numbers.
fn line(row: &Row, separator: &str) -> String {
    let name = match &row.input {
        Input::Image(path) => csv_field(path),
        Input::Text(text) => csv_field(text),
    };
    let numbers = row.features.unwrap_or_default().iter().map(|x| x.to_string());
    std::iter::once(name)
        .chain(numbers)
        .collect::<Vec<_>>()
        .join(separator)
        + "\n"
}
