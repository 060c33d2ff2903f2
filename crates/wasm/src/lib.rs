//! The wasm-bindgen shell: converts between JavaScript values and the core, and holds no logic.
//!
//! `www/cliplet/worker.js` is its only caller; what web developers use is the package around that.

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

/// Takes the weights of a Hugging Face snapshot in chunks as they arrive, quantizes them on the way
/// and gives parts of a model file to cache.
#[wasm_bindgen]
pub struct SnapshotLoader(clip::SnapshotLoader);

#[wasm_bindgen]
impl SnapshotLoader {
    /// A loader of `total` bytes of weights, where that is known. `quant` is `q8`, `q4` or `f16`; `id`
    /// is the hub's, where they come from there.
    #[wasm_bindgen(constructor)]
    pub fn new(
        name: &str,
        id: Option<String>,
        texts: SnapshotTexts,
        quant: &str,
        total: Option<f64>,
    ) -> JsResult<Self> {
        let texts = texts.checked(name, id.as_deref())?;
        let quant = Quant::from_name(quant).map_err(thrown)?;
        let total = total.map(|total| total as u64);
        Ok(Self(clip::SnapshotLoader::new(texts, quant, total)))
    }

    /// Size in bytes that the model file will have.
    #[wasm_bindgen(getter, js_name = fileBytes)]
    pub fn file_bytes(&self) -> f64 {
        self.0.file_bytes() as f64
    }

    /// The byte of the weights that is wanted next.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> f64 {
        self.0.position() as f64
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) -> JsResult<()> {
        self.0.push(chunk).map_err(thrown)
    }

    /// The next part of the model file after its header, perhaps empty.
    #[wasm_bindgen(js_name = takePacked)]
    pub fn take_packed(&mut self) -> Vec<u8> {
        self.0.take_packed()
    }

    /// Takes a part that was kept instead of what it was made of.
    pub fn restore(&mut self, part: &[u8]) -> JsResult<()> {
        self.0.restore(part).map_err(thrown)
    }

    /// The model and the model file's header, once every byte is in.
    pub fn finish(self) -> JsResult<Packed> {
        let (clip, header) = self.0.finish().map_err(thrown)?;
        Ok(Packed { clip, header })
    }
}

/// Texts of a snapshot as they were fetched.
#[wasm_bindgen]
pub struct SnapshotTexts {
    config: String,
    tokenizer: String,
    preprocessor: Option<String>,
    card: Option<String>,
}

#[wasm_bindgen]
impl SnapshotTexts {
    /// `config.json`, `tokenizer.json`, and where there are any, `preprocessor_config.json` and the
    /// model card.
    #[wasm_bindgen(constructor)]
    pub fn new(
        config: String,
        tokenizer: String,
        preprocessor: Option<String>,
        card: Option<String>,
    ) -> Self {
        Self {
            config,
            tokenizer,
            preprocessor,
            card,
        }
    }

    fn checked(self, name: &str, id: Option<&str>) -> JsResult<weights::SnapshotMetadata> {
        let card = self.card.as_deref();
        let texts =
            weights::SnapshotMetadata::new(name, self.config, self.tokenizer, self.preprocessor, card)
                .map_err(thrown)?;
        Ok(match id {
            Some(id) => texts.from_hub(id),
            None => texts,
        })
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

/// A picture made ready for the image tower.
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
    /// What is loaded, as JSON.
    pub fn info(&self) -> JsResult<String> {
        serde_json::to_string(self.clip.info()).map_err(|error| thrown(error.into()))
    }

    /// How many prompts of labels have been embedded so far.
    #[wasm_bindgen(getter, js_name = embeddedPrompts)]
    pub fn embedded_prompts(&self) -> usize {
        self.embedded
    }

    /// Decodes and preprocesses an encoded picture.
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

    /// Embeddings of pictures one after another, not normalised.
    #[wasm_bindgen(js_name = embedImages)]
    pub fn embed_images(&self, pictures: Vec<Pixels>) -> JsResult<Vec<f32>> {
        let pictures: Vec<_> = pictures.into_iter().map(|pixels| pixels.0).collect();
        Ok(concat(&self.clip.embed_images(&pictures).map_err(thrown)?))
    }

    /// Embeddings of texts one after another, not normalised.
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

    /// The best `top_k` of `labels`, whose unit vectors lie one after another in `vectors`, for a
    /// picture's embedding, as JSON `[{label, score, logit}]`.
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
