//! Rows on their way to the model: read in one thread, decoded on every core in chunks ahead of the
//! model, through queues that hold only so much, so that memory does not grow with the input.

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
use super::journal::Marks;
use super::row::{Content, Row};
use super::source::Source;

/// Rows read ahead of their chunk.
const ROWS_AHEAD: usize = 8;
/// Chunks decoded ahead of the model.
const CHUNKS_AHEAD: usize = 1;
/// Bytes of rows that fill a chunk, however few they are.
const CHUNK_BYTES: usize = 64 << 20;
/// How long a chunk of a live input waits for the next row.
const LINGER: Duration = Duration::from_millis(5);

/// A row ready for the model.
pub struct Prepared {
    /// Number, id and name of the row; its error, where it has one.
    pub answer: Answer,
    /// The decoded picture and the text, where the row has no error.
    pub inputs: Option<(Option<PixelValues>, Option<String>)>,
    /// See [`Row::mark`].
    pub mark: u64,
    /// See [`Row::position`].
    pub position: u64,
}

/// How rows become [`Prepared`].
pub struct Preparation {
    pub clip: Arc<Clip>,
    /// Folder that relative paths start from.
    pub root: PathBuf,
    /// The same by its full name, wherever the command runs: what [`Row::mark`] wants.
    pub origin: PathBuf,
    /// Whether only the picture counts.
    pub zero_shot: bool,
    /// Rows a chunk.
    pub size: usize,
}

/// Chunks of prepared rows, in the order of the input.
pub struct Pipeline {
    chunks: Receiver<Result<Vec<Prepared>, Error>>,
    threads: Vec<JoinHandle<()>>,
}

type Numbered = (u64, Row);

impl Pipeline {
    /// Starts reading and decoding. Rows that `done` knows are compared with it and left out.
    pub fn start(source: Source, done: Marks, preparation: Preparation) -> Self {
        let (row, rows) = sync_channel(ROWS_AHEAD);
        let (chunk, chunks) = sync_channel(CHUNKS_AHEAD);
        let live = source.live;
        let origin = preparation.origin.clone();
        let threads = vec![
            spawn(move || read(source, done, &origin, &row)),
            spawn(move || decode(&rows, live, &preparation, &chunk)),
        ];
        Self { chunks, threads }
    }
}

impl Iterator for Pipeline {
    type Item = Result<Vec<Prepared>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.chunks.recv().ok().or_else(|| {
            let broken = self.threads.drain(..).any(|thread| thread.join().is_err());
            broken.then(|| {
                let source = std::io::Error::other("a thread that reads it has stopped");
                Err(Error::Io {
                    file: "input".into(),
                    source,
                })
            })
        })
    }
}

/// Sends on every row that is not done yet, and the error that ends them.
fn read(source: Source, mut done: Marks, origin: &Path, rows: &SyncSender<Result<Numbered, Error>>) {
    let mut count = 0;
    for (number, row) in (0..).zip(source) {
        count = number + 1;
        let todo = row.and_then(|row| Ok((!done.knows(number, &row, origin)?).then_some((number, row))));
        let Some(todo) = todo.transpose() else { continue };
        let failed = todo.is_err();
        if rows.send(todo).is_err() || failed {
            return;
        }
    }
    // The receiver may be gone already: then nobody waits for the error either.
    let _ = done.end(count).map_err(|error| rows.send(Err(error)));
}

/// Gathers rows into chunks and decodes their pictures.
fn decode(
    rows: &Receiver<Result<Numbered, Error>>,
    live: bool,
    preparation: &Preparation,
    chunks: &SyncSender<Result<Vec<Prepared>, Error>>,
) {
    while let Ok(first) = rows.recv() {
        let (gathered, error) = gather(first, rows, live, preparation.size);
        let chunk: Vec<_> = gathered
            .into_par_iter()
            .map(|(number, row)| preparation.prepare(number, row))
            .collect();
        let sent = chunk.is_empty() || chunks.send(Ok(chunk)).is_ok();
        let Some(error) = error else {
            if sent {
                continue;
            }
            return;
        };
        // As above.
        let _ = chunks.send(Err(error));
        return;
    }
}

/// A chunk that begins with `first`: full, or what a live input has to give for now; and the error
/// that came after it.
fn gather(
    first: Result<Numbered, Error>,
    rows: &Receiver<Result<Numbered, Error>>,
    live: bool,
    size: usize,
) -> (Vec<Numbered>, Option<Error>) {
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
        if chunk.len() >= size || bytes >= CHUNK_BYTES {
            break;
        }
        next = match live {
            true => rows.recv_timeout(LINGER).ok(),
            false => rows.recv().ok(),
        };
    }
    (chunk, None)
}

impl Preparation {
    fn prepare(&self, number: u64, row: Row) -> Prepared {
        let (mark, position) = (row.mark(&self.origin), row.position);
        let mut answer = Answer {
            row: number,
            ..Answer::default()
        };
        let inputs = row.content.and_then(|content| {
            let Content { id, image, text } = content;
            answer.id = id;
            answer.image = image
                .as_ref()
                .and_then(|image| image.name(&self.root))
                .map(String::from);
            let text = text.filter(|_| !self.zero_shot);
            if image.is_none() && text.is_none() {
                let wanted = if self.zero_shot { "image" } else { "image or text" };
                return Err(format!("the row has no {wanted}"));
            }
            let image = image.map(|image| image.read(&self.root, self.clip.image_processor()));
            if let Some(text) = &text {
                let ids = self.clip.tokenizer().and_then(|tokenizer| tokenizer.encode(text));
                ids.map_err(|error| error.to_string())?;
            }
            Ok((image.transpose().map_err(|error| error.to_string())?, text))
        });
        let inputs = inputs.map_err(|error| answer.error = Some(error)).ok();
        Prepared {
            answer,
            inputs,
            mark,
            position,
        }
    }
}
