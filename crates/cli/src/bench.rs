//! `cliplet bench`: images and texts a second that a model embeds.

use std::time::Instant;

use clap::Args;
use cliplet::Error;
use cliplet::image::PixelValues;
use serde::Serialize;

use super::model::ModelOptions;
use super::output::{Format, csv_line, json_line};
use super::terminal;
use super::terminal::print;
use super::{Outcome, Status};

/// Measure images and texts a second, without decoding.
#[derive(Args)]
pub struct Bench {
    #[command(flatten)]
    model: ModelOptions,
    /// Images or texts at a time; several sizes separated by commas.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_values_t = [1, 16])]
    batch: Vec<usize>,
    /// Repetitions; the median is given.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Format of the figures.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// One line of figures.
#[derive(Serialize)]
struct Figure {
    what: &'static str,
    batch: usize,
    median_ms: f64,
    fastest_ms: f64,
    per_second: f64,
    kernel: &'static str,
    /// Multiply-accumulates a second of one thread that does nothing else.
    peak_per_thread: f64,
}

impl Bench {
    pub fn run(&self) -> Outcome {
        let clip = self.model.load()?;
        let kernel = cliplet_kernels::best();
        let peak = kernel.peak();
        if matches!(self.format, Format::Table) {
            terminal::message(format_args!(
                "kernel {}: at most {:.1} billion multiply-accumulates a second and thread",
                kernel.name,
                peak / 1e9
            ));
        }
        for &batch in &self.batch {
            if batch == 0 {
                return Err(Error::Input(
                    "a batch of 0 measures nothing: give sizes from 1".into(),
                ));
            }
            let size = clip.info().image_size.unwrap_or(224);
            let data = (0..3 * size * size).map(|i| (i as f32 * 0.37).sin()).collect();
            let image = PixelValues {
                width: size,
                height: size,
                data,
            };
            let images = vec![image; batch];
            let texts: Vec<String> = (0..batch)
                .map(|i| format!("a photo of object number {i}"))
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            self.print_figure(self.measure("image", batch, peak, || clip.embed_images(&images).map(drop))?)?;
            self.print_figure(self.measure("text", batch, peak, || clip.embed_texts(&texts).map(drop))?)?;
        }
        Ok(Status::Success)
    }

    fn measure(
        &self,
        what: &'static str,
        batch: usize,
        peak_per_thread: f64,
        work: impl Fn() -> Result<(), Error>,
    ) -> Result<Figure, Error> {
        work()?;
        let mut times = Vec::new();
        for _ in 0..self.repeat {
            let start = Instant::now();
            work()?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let median_ms = times[times.len() / 2];
        Ok(Figure {
            what,
            batch,
            median_ms,
            fastest_ms: times[0],
            per_second: batch as f64 * 1000.0 / median_ms,
            kernel: cliplet_kernels::best().name,
            peak_per_thread,
        })
    }

    fn print_figure(&self, figure: Figure) -> Result<(), Error> {
        let Figure {
            what,
            batch,
            median_ms,
            fastest_ms,
            per_second,
            kernel,
            peak_per_thread,
        } = figure;
        match self.format {
            Format::Json | Format::Jsonl => print(&json_line(&figure)?),
            Format::Csv => print(&csv_line([
                what.to_string(),
                batch.to_string(),
                median_ms.to_string(),
                fastest_ms.to_string(),
                per_second.to_string(),
                kernel.to_string(),
                peak_per_thread.to_string(),
            ])?),
            Format::Table => print(&format!(
                "{what:5} batch {batch:>4}: median {median_ms:8.2} ms, fastest {fastest_ms:8.2} ms, {per_second:8.1} a second\n"
            )),
        }
    }
}
