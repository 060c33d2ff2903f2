//! The wasm-bindgen shell: converts between JavaScript values and the core, and holds no logic.
//!
//! `www/cliplet/worker.js` is its only caller; what web developers use is the package around that.

use std::collections::HashMap;
use std::ops::Deref;

use js_sys::{Error as JsError, Reflect};
use wasm_bindgen::prelude::*;

use cliplet::clip::{self, Clip};
use cliplet::image::PixelValues;
use cliplet::weights::{self, Quant};
use cliplet::zero_shot::{LabelCache, LabelSet, PromptTemplate};
use cliplet::{Embedding, Error};
use cliplet_kernels::LineAligned;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

#[global_allocator]
static ALLOCATOR: LineAligned = LineAligned;

type JsResult<T> = Result<T, JsValue>;

/// Prints panics to the console; called once when the module starts.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The compiled module, so that another engine need not compile it again.
#[wasm_bindgen]
pub fn compiled() -> JsValue {
    wasm_bindgen::module()
}

/// A core error as a JavaScript `Error` with a `code`.
fn thrown(error: Error) -> JsValue {
    let js = JsError::new(&error.to_string());
    // Setting a property of a fresh, extensible object cannot fail.
    let _ = Reflect::set(&js, &"code".into(), &error.code().into());
    js.into()
}

/// Takes a model file in chunks as it arrives.
#[wasm_bindgen]
pub struct Loader(clip::Loader);

#[wasm_bindgen]
impl Loader {
    /// A loader for a file called `name` of `total` bytes, where that is known; a `verified` one has been loaded
    /// before, so that its tokenizer can wait until the first text.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, total: Option<f64>, verified: Option<bool>) -> Self {
        let loader = clip::Loader::new(total.map(|total| total as u64));
        Self(loader.named(name).defer_tokenizer(verified == Some(true)))
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) -> JsResult<()> {
        self.0.push(chunk).map_err(thrown)
    }

    /// Unfilled memory of the module for the bytes that come next: address and length, never empty. It is valid
    /// until the next call of this loader.
    #[wasm_bindgen(js_name = chunkMut)]
    pub fn chunk_mut(&mut self) -> JsResult<Vec<usize>> {
        let chunk = self.0.chunk_mut().map_err(thrown)?;
        Ok(vec![chunk.as_mut_ptr().addr(), chunk.len()])
    }

    /// Takes the first `count` bytes of the chunk that was filled last.
    pub fn advance(&mut self, count: usize) -> JsResult<()> {
        self.0.advance(count).map_err(thrown)
    }

    /// The model, once every byte is in.
    pub fn finish(self) -> JsResult<Engine> {
        let clip = self.0.finish().map_err(thrown)?;
        Ok(Engine::new(clip))
    }
}

/// Reads the list of tensors of a file of weights from the bytes that it asks for.
#[wasm_bindgen]
pub struct WeightIndex(weights::IndexReader);

#[wasm_bindgen]
impl WeightIndex {
    /// A reader of the file `name`, whose ending tells the container, of `length` bytes where that is known.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, length: Option<f64>) -> JsResult<Self> {
        let length = length.map(|length| length as u64);
        weights::IndexReader::new(name, length).map(Self).map_err(thrown)
    }

    /// Start and length of the bytes that are wanted next; undefined when the list is complete.
    pub fn wanted(&self) -> Option<Vec<f64>> {
        let (start, length) = self.0.wanted()?;
        Some(vec![start as f64, length as f64])
    }

    /// Takes those bytes, or fewer where the file ends before.
    pub fn push(&mut self, bytes: Vec<u8>) -> JsResult<()> {
        self.0.push(bytes).map_err(thrown)
    }
}

/// Takes the weights of a Hugging Face snapshot in chunks as they arrive, quantizes them on the way
/// and gives parts of a model file to cache.
#[wasm_bindgen]
pub struct SnapshotLoader(clip::SnapshotLoader);

#[wasm_bindgen]
impl SnapshotLoader {
    /// A loader of weights in the files with these lists of tensors; of a model whose image tower is another's, that
    /// is in `image_files`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        texts: SnapshotTexts,
        quant: &str,
        files: Vec<WeightIndex>,
        image_files: Vec<WeightIndex>,
    ) -> JsResult<Self> {
        let quant = Quant::from_name(quant).map_err(thrown)?;
        let indexes = |files: Vec<WeightIndex>| -> JsResult<Vec<_>> {
            let finished = files.into_iter().map(|file| file.0.finish());
            finished.collect::<cliplet::Result<_>>().map_err(thrown)
        };
        let (files, image_files) = (indexes(files)?, indexes(image_files)?);
        let loader = clip::SnapshotLoader::with_image_files(texts.0, quant, &files, &image_files);
        loader.map(Self).map_err(thrown)
    }

    /// The place of the file whose bytes are wanted next among those given, image files last, and where in the file they are; undefined
    /// when all are in.
    pub fn wanted(&self) -> Option<Vec<f64>> {
        let (file, position) = self.0.wanted()?;
        Some(vec![file as f64, position as f64])
    }

    /// Bytes of tensors that are in.
    #[wasm_bindgen(getter)]
    pub fn done(&self) -> f64 {
        self.0.done() as f64
    }

    /// Takes bytes of a file that begin at `position`, as many as are wanted one after the other.
    pub fn push(&mut self, file: usize, position: f64, chunk: &[u8]) -> JsResult<()> {
        self.0.push(file, position as u64, chunk).map_err(thrown)
    }

    /// The next part of the model file after its header, perhaps empty.
    #[wasm_bindgen(js_name = takePacked)]
    pub fn take_packed(&mut self) -> Vec<u8> {
        self.0.take_packed()
    }

    /// Takes a part that was cached instead of the bytes it was made from.
    pub fn restore(&mut self, part: &[u8]) -> JsResult<()> {
        self.0.restore(part).map_err(thrown)
    }

    /// The model and the model file's header, once every byte is in.
    pub fn finish(self) -> JsResult<Packed> {
        let (clip, header) = self.0.finish().map_err(thrown)?;
        Ok(Packed { clip, header })
    }
}

/// The small files of a snapshot as they were fetched.
#[wasm_bindgen]
#[derive(Default)]
pub struct SnapshotFiles(HashMap<String, Vec<u8>>);

#[wasm_bindgen]
impl SnapshotFiles {
    /// No files yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the file `name`.
    pub fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.0.insert(name, bytes);
    }

    /// The checked texts of the snapshot `name`, which is the hub's `id` where it comes from there; weights of
    /// open_clip go with the settings of that library.
    pub fn texts(&self, name: &str, id: Option<String>, of_open_clip: bool) -> JsResult<SnapshotTexts> {
        let texts = weights::SnapshotMetadata::read(name, &self.0, of_open_clip).map_err(thrown)?;
        Ok(SnapshotTexts(match id {
            Some(id) => texts.from_hub(&id),
            None => texts,
        }))
    }
}

/// The texts that a model file carries beside the weights.
#[wasm_bindgen]
pub struct SnapshotTexts(weights::SnapshotMetadata);

#[wasm_bindgen]
impl SnapshotTexts {
    /// Size in bytes that the model file will have.
    #[wasm_bindgen(js_name = fileBytes)]
    pub fn file_bytes(&self, quant: &str) -> JsResult<f64> {
        let quant = Quant::from_name(quant).map_err(thrown)?;
        Ok(self.0.file_bytes(quant) as f64)
    }

    /// The texts of a model of this text tower and of the image tower of `image`.
    #[wasm_bindgen(js_name = withImageTower)]
    pub fn with_image_tower(&self, image: &SnapshotTexts) -> JsResult<SnapshotTexts> {
        let joined = self.0.clone().with_image_tower(&image.0);
        joined.map(SnapshotTexts).map_err(thrown)
    }
}

/// A model that was packed, with the header of its file.
#[wasm_bindgen]
pub struct Packed {
    clip: Clip,
    header: Vec<u8>,
}

#[wasm_bindgen]
impl Packed {
    /// First bytes of the model file; the parts follow.
    #[wasm_bindgen(getter)]
    pub fn header(&self) -> Vec<u8> {
        self.header.clone()
    }

    /// The model.
    pub fn engine(self) -> Engine {
        Engine::new(self.clip)
    }
}

/// An image made ready for the image tower.
#[wasm_bindgen]
pub struct Pixels(PixelValues);

/// A loaded model.
#[wasm_bindgen]
pub struct Engine {
    clip: Clip,
    embedded: usize,
}

fn label_set(labels: Vec<String>, templates: &[String]) -> JsResult<LabelSet> {
    let templates = PromptTemplate::list(templates).map_err(thrown)?;
    LabelSet::new(labels, templates).map_err(thrown)
}

/// The values of embeddings one after another.
fn concat(embeddings: &[impl Deref<Target = [f32]>]) -> Vec<f32> {
    embeddings
        .iter()
        .flat_map(|embedding| embedding.iter().copied())
        .collect()
}

impl Engine {
    fn new(clip: Clip) -> Self {
        Self { clip, embedded: 0 }
    }
}

#[wasm_bindgen]
impl Engine {
    /// Information about the loaded model, as JSON.
    pub fn info(&self) -> JsResult<String> {
        serde_json::to_string(self.clip.info()).map_err(|error| thrown(error.into()))
    }

    /// Number of prompts of labels that have been embedded so far.
    #[wasm_bindgen(getter, js_name = embeddedPrompts)]
    pub fn embedded_prompts(&self) -> usize {
        self.embedded
    }

    /// Decodes and preprocesses an encoded image.
    pub fn preprocess(&self, bytes: &[u8]) -> JsResult<Pixels> {
        self.clip
            .image_processor()
            .preprocess(bytes)
            .map(Pixels)
            .map_err(thrown)
    }

    /// Preprocesses raw pixels, four bytes each.
    #[wasm_bindgen(js_name = preprocessRgba)]
    pub fn preprocess_rgba(&self, width: u32, height: u32, rgba: &[u8]) -> JsResult<Pixels> {
        self.clip
            .image_processor()
            .preprocess_rgba(width, height, rgba)
            .map(Pixels)
            .map_err(thrown)
    }

    /// Embeddings of images one after another, not normalized.
    #[wasm_bindgen(js_name = embedImages)]
    pub fn embed_images(&self, images: Vec<Pixels>) -> JsResult<Vec<f32>> {
        let images: Vec<_> = images.into_iter().map(|pixels| pixels.0).collect();
        Ok(concat(&self.clip.embed_images(&images).map_err(thrown)?))
    }

    /// Embeddings of texts one after another, not normalized.
    #[wasm_bindgen(js_name = embedTexts)]
    pub fn embed_texts(&self, texts: Vec<String>) -> JsResult<Vec<f32>> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok(concat(&self.clip.embed_texts(&texts).map_err(thrown)?))
    }

    /// Unit vectors of `labels` one after another: of each the mean over all templates.
    #[wasm_bindgen(js_name = embedLabels)]
    pub fn embed_labels(&mut self, labels: Vec<String>, templates: Vec<String>) -> JsResult<Vec<f32>> {
        let mut prompts = LabelCache::new();
        let embeddings = prompts
            .embeddings(&label_set(labels, &templates)?, |texts| {
                self.clip.embed_texts(texts)
            })
            .map_err(thrown)?;
        self.embedded += prompts.computed();
        Ok(concat(&embeddings))
    }

    /// The best `top_k` of `labels`, whose unit vectors lie one after another in `vectors`, for an
    /// image's embedding, as JSON `[{label, score, logit}]`.
    pub fn rank(
        &self,
        image: &[f32],
        labels: Vec<String>,
        vectors: &[f32],
        top_k: usize,
    ) -> JsResult<String> {
        let dimension = self.clip.info().dimension;
        let unit = |values: &[f32]| Embedding::from(values.to_vec()).normalize();
        let vectors: Vec<_> = vectors.chunks(dimension).map(unit).collect();
        let scorer = self.clip.scorer();
        let logits = scorer.logits(&unit(image), &vectors);
        let ranked = scorer.rank(&labels, &logits, top_k);
        serde_json::to_string(&ranked).map_err(|error| thrown(error.into()))
    }
}
