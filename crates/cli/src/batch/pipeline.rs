//! Rows on their way to the model: one thread reads them, all cores decode their images in chunks ahead of the model.
//! The queues between have a fixed length, so that memory does not grow with the input.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::image::PixelValues;
use rayon::prelude::*;

use super::answer::Answer;
use super::journal::AnsweredRows;
use super::previous::PreviousAnswers;
use super::row::{Content, Row};
use super::source::Source;
use crate::image_fetcher::ImageFetcher;

/// Rows read ahead of their chunk.
const ROWS_AHEAD: usize = 8;
/// Chunks decoded ahead of the model.
const CHUNKS_AHEAD: usize = 1;
/// Bytes of rows that fill a chunk, however few they are.
const CHUNK_BYTES: usize = 64 << 20;
/// Time that a chunk of a live input waits for the next row.
const LINGER: Duration = Duration::from_millis(5);

/// A row ready for the model.
pub struct PreparedRow {
    /// Number, id and image name of the row; its error, where it has one; all of it, where it was answered before.
    pub answer: Answer,
    /// The preprocessed image and the text, where the model has to answer them.
    pub inputs: Option<Inputs>,
    /// True where the text is longer than the model's context.
    pub text_truncated: bool,
    /// True where the answer is that of an earlier run.
    pub reused: bool,
    /// See [`Row::fingerprint`].
    pub fingerprint: u64,
    /// See [`Row::position`].
    pub position: u64,
}

/// The inputs of the model that a row holds.
type Inputs = (Option<PixelValues>, Option<String>);

/// Prepares rows for the model.
pub struct RowPreparer {
    pub clip: Arc<Clip>,
    /// Folder that relative paths start from.
    pub root: PathBuf,
    /// Its absolute path, for [`Row::fingerprint`].
    pub origin: PathBuf,
    /// True where the text of a row is ignored.
    pub zero_shot: bool,
    /// Fetches images behind addresses, where that is allowed.
    pub fetcher: Option<ImageFetcher>,
    /// Answers of an earlier run that are taken over.
    pub previous: Option<PreviousAnswers>,
    /// Rows a chunk.
    pub chunk_rows: usize,
}

/// Chunks of prepared rows, in the order of the input.
pub struct Pipeline {
    chunks: Receiver<Result<Vec<PreparedRow>, Error>>,
    threads: Vec<JoinHandle<()>>,
}

/// A row and its number in the input, from 0.
type NumberedRow = (u64, Row);

impl Pipeline {
    /// Starts reading and decoding. Rows that are `answered` already are compared and left out.
    pub fn start(source: Source, answered: AnsweredRows, preparer: RowPreparer) -> Self {
        let (row, rows) = sync_channel(ROWS_AHEAD);
        let (chunk, chunks) = sync_channel(CHUNKS_AHEAD);
        let live = source.live;
        let origin = preparer.origin.clone();
        let threads = vec![
            spawn(move || read_rows(source, answered, &origin, &row)),
            spawn(move || prepare_chunks(&rows, live, &preparer, &chunk)),
        ];
        Self { chunks, threads }
    }
}

impl Iterator for Pipeline {
    type Item = Result<Vec<PreparedRow>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.chunks.recv().ok().or_else(|| {
            let panicked = self.threads.drain(..).any(|thread| thread.join().is_err());
            panicked.then(|| {
                let source = std::io::Error::other("a thread that reads it has stopped");
                Err(Error::Io {
                    file: "input".into(),
                    source,
                })
            })
        })
    }
}

/// Sends every row that is not answered yet, and the error that ends them.
fn read_rows(
    source: Source,
    mut answered: AnsweredRows,
    origin: &Path,
    rows: &SyncSender<Result<NumberedRow, Error>>,
) {
    let mut count = 0;
    for (number, row) in (0..).zip(source) {
        count = number + 1;
        let next =
            row.and_then(|row| Ok((!answered.contains_next(number, &row, origin)?).then_some((number, row))));
        let Some(next) = next.transpose() else { continue };
        let failed = next.is_err();
        if rows.send(next).is_err() || failed {
            return;
        }
    }
    // Nobody waits for the error where the receiver is gone already.
    let _ = answered.check_count(count).map_err(|error| rows.send(Err(error)));
}

/// Gathers rows into chunks, decodes their images and sends them.
fn prepare_chunks(
    rows: &Receiver<Result<NumberedRow, Error>>,
    live: bool,
    preparer: &RowPreparer,
    chunks: &SyncSender<Result<Vec<PreparedRow>, Error>>,
) {
    while let Ok(first) = rows.recv() {
        let (gathered, error) = gather_chunk(first, rows, live, preparer.chunk_rows);
        let chunk: Vec<_> = gathered
            .into_par_iter()
            .map(|(number, row)| preparer.prepare(number, row))
            .collect();
        let sent = chunk.is_empty() || chunks.send(Ok(chunk)).is_ok();
        let Some(error) = error else {
            if sent {
                continue;
            }
            return;
        };
        // Nobody waits for the error where the receiver is gone already.
        let _ = chunks.send(Err(error));
        return;
    }
}

/// A chunk that begins with `first`, and the error that came after it. It is full unless the input ends or is live
/// and has no more rows for now.
fn gather_chunk(
    first: Result<NumberedRow, Error>,
    rows: &Receiver<Result<NumberedRow, Error>>,
    live: bool,
    chunk_rows: usize,
) -> (Vec<NumberedRow>, Option<Error>) {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(row) = next {
        match row {
            Ok((number, row)) => {
                bytes += row.bytes();
                chunk.push((number, row));
            }
            Err(error) => return (chunk, Some(error)),
        }
        if chunk.len() >= chunk_rows || bytes >= CHUNK_BYTES {
            break;
        }
        next = match live {
            true => rows.recv_timeout(LINGER).ok(),
            false => rows.recv().ok(),
        };
    }
    (chunk, None)
}

impl RowPreparer {
    /// Decodes a row, unless it was answered before. Where that fails, the answer carries the error.
    fn prepare(&self, number: u64, row: Row) -> PreparedRow {
        let fingerprint = row.fingerprint(&self.origin);
        let mut prepared = PreparedRow {
            answer: Answer::default(),
            inputs: None,
            text_truncated: false,
            reused: false,
            fingerprint,
            position: row.position,
        };
        let previous = self.previous.as_ref();
        let previous =
            previous.and_then(|previous| previous.find(&row, fingerprint, &self.origin).transpose());
        match previous {
            Some(Ok(answer)) => {
                prepared.answer = answer;
                prepared.reused = true;
            }
            Some(Err(error)) => prepared.answer.error = Some(error.to_string()),
            None => {
                let inputs = row
                    .content
                    .and_then(|content| self.inputs(content, &mut prepared));
                match inputs {
                    Ok(inputs) => prepared.inputs = Some(inputs),
                    Err(reason) => prepared.answer.error = Some(reason),
                }
            }
        }
        prepared.answer.row = number;
        prepared
    }

    /// The inputs of the model in a row, or the row's error. Id and name of the image are copied into the answer.
    fn inputs(&self, content: Content, prepared: &mut PreparedRow) -> Result<Inputs, String> {
        let Content { id, image, text } = content;
        prepared.answer.id = id;
        let name = image.as_ref().and_then(|image| image.name(&self.root));
        prepared.answer.image = name.map(String::from);
        let text = text.filter(|_| !self.zero_shot);
        if image.is_none() && text.is_none() {
            let wanted = if self.zero_shot { "image" } else { "image or text" };
            return Err(format!("the row has no {wanted}"));
        }
        let processor = self.clip.image_processor();
        let image = image.map(|image| image.read(&self.root, processor, self.fetcher.as_ref()));
        if let Some(text) = &text {
            let tokenizer = self.clip.tokenizer();
            let truncated = tokenizer.and_then(|tokenizer| tokenizer.is_truncated(text));
            prepared.text_truncated = truncated.map_err(|error| error.to_string())?;
        }
        Ok((image.transpose().map_err(|error| error.to_string())?, text))
    }
}
