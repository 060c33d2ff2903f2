//! `cliplet embed`: embeddings of images and texts.

use std::path::PathBuf;

use clap::Args;
use cliplet::clip::Clip;
use cliplet::{Embedding, Error};
use serde::Serialize;

use super::model::ModelOptions;
use super::output::{Format, csv_line, json_line};
use super::terminal::{self, print};
use super::{Outcome, Status, images, labels};

/// Embed images and texts.
#[derive(Args)]
pub struct Embed {
    #[command(flatten)]
    model: ModelOptions,
    /// Image files, http(s) addresses, or - for an image on standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "text")]
    image: Vec<PathBuf>,
    /// Texts.
    #[arg(long, value_name = "TEXT", num_args = 1..)]
    text: Vec<String>,
    /// Scale every embedding to unit length.
    #[arg(long)]
    normalize: bool,
    /// Format of the embeddings; all but json are printed as they are computed.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

/// The embeddings of one call as a JSON document.
#[derive(Default, Serialize)]
struct Document {
    /// `null` for an image that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image_features: Vec<Option<Vec<f32>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    text_features: Vec<Vec<f32>>,
    /// Warnings about texts; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
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
        let mut document = Document {
            warnings: labels::truncated_texts(&clip, &self.text)?,
            ..Document::default()
        };
        labels::warn(&document.warnings);
        let mut status = Status::Success;
        images::embed_images(&clip, &self.image, |name, embedding| {
            if let Err(error) = &embedding {
                terminal::message(error);
                status = Status::Partial;
            }
            let features = embedding.ok().map(|embedding| self.values(embedding));
            let input = Input::Image(name.display().to_string());
            self.print_row(input, features.as_deref())?;
            document.image_features.push(features);
            Ok(())
        })?;
        self.embed_texts(&clip, &mut document)?;
        if self.format == Format::Json {
            print(&json_line(&document)?)?;
        }
        Ok(status)
    }

    fn embed_texts(&self, clip: &Clip, document: &mut Document) -> Result<(), Error> {
        let texts: Vec<&str> = self.text.iter().map(String::as_str).collect();
        for (text, embedding) in texts.iter().zip(clip.embed_texts(&texts)?) {
            let features = self.values(embedding);
            self.print_row(Input::Text(text), Some(&features))?;
            document.text_features.push(features);
        }
        Ok(())
    }

    fn values(&self, embedding: Embedding) -> Vec<f32> {
        match self.normalize {
            true => embedding.normalize().into_vec(),
            false => embedding.into_vec(),
        }
    }

    /// Prints one embedding, unless all become one JSON document.
    fn print_row(&self, input: Input, features: Option<&[f32]>) -> Result<(), Error> {
        let row = Row { input, features };
        match self.format {
            Format::Json => Ok(()),
            Format::Jsonl => print(&json_line(&row)?),
            Format::Csv => print(&csv_line(row.fields())?),
            Format::Table => print(&(row.fields().join("  ") + "\n")),
        }
    }
}

impl Row<'_> {
    /// The input and the numbers as text.
    fn fields(&self) -> Vec<String> {
        let name = match &self.input {
            Input::Image(path) => path.clone(),
            Input::Text(text) => text.to_string(),
        };
        let numbers = self.features.unwrap_or_default().iter().map(|x| x.to_string());
        std::iter::once(name).chain(numbers).collect()
    }
}
