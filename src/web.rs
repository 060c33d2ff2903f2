//! The wasm-bindgen shell: converts between JavaScript values and the core, and holds no logic.
//!
//! `www/cliplet/worker.js` is its only caller; what web developers use is the package around that.

use js_sys::{Error as JsError, Reflect};
use wasm_bindgen::prelude::*;

use crate::classify::{LabelCache, LabelSet, Template, logits, rank};
use crate::clip::{self, Clip};
use crate::error::Error;
use crate::image::PixelValues;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

type JsResult<T> = Result<T, JsValue>;

/// Prints panics to the console; called once when the module starts.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
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
    /// A loader for a file called `name` of `total` bytes, where that is known.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, total: Option<f64>) -> Self {
        Self(clip::Loader::new(total.map(|total| total as u64)).named(name))
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &[u8]) -> JsResult<()> {
        self.0.push(chunk).map_err(thrown)
    }

    /// The model, once every byte is in.
    pub fn finish(self) -> JsResult<Engine> {
        let clip = self.0.finish().map_err(thrown)?;
        Ok(Engine {
            clip,
            labels: LabelCache::new(),
        })
    }
}

/// A picture made ready for the image tower.
#[wasm_bindgen]
pub struct Pixels(PixelValues);

/// A loaded model with its label cache.
#[wasm_bindgen]
pub struct Engine {
    clip: Clip,
    labels: LabelCache,
}

fn label_set(labels: Vec<String>, templates: &[String]) -> JsResult<LabelSet> {
    let templates = Template::list(templates).map_err(thrown)?;
    LabelSet::new(labels, templates).map_err(thrown)
}

#[wasm_bindgen]
impl Engine {
    /// What is loaded, as JSON.
    pub fn info(&self) -> JsResult<String> {
        serde_json::to_string(self.clip.info()).map_err(|error| thrown(Error::Input(error.to_string())))
    }

    /// How many prompts have been embedded so far.
    #[wasm_bindgen(getter, js_name = embeddedPrompts)]
    pub fn embedded_prompts(&self) -> usize {
        self.labels.computed()
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
        Ok(self.clip.embed_images(&pictures).map_err(thrown)?.concat())
    }

    /// Embeddings of texts one after another, not normalised.
    #[wasm_bindgen(js_name = embedTexts)]
    pub fn embed_texts(&self, texts: Vec<String>) -> JsResult<Vec<f32>> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok(self.clip.embed_texts(&texts).map_err(thrown)?.concat())
    }

    /// Embeds the prompts of `labels` that the cache lacks.
    #[wasm_bindgen(js_name = prepareLabels)]
    pub fn prepare_labels(&mut self, labels: Vec<String>, templates: Vec<String>) -> JsResult<()> {
        self.label_embeddings(&label_set(labels, &templates)?).map(drop)
    }

    /// The best `top_k` of `labels` for a picture's embedding, as JSON `[{label, score, logit}]`.
    pub fn rank(
        &mut self,
        image: &[f32],
        labels: Vec<String>,
        templates: Vec<String>,
        top_k: usize,
    ) -> JsResult<String> {
        let set = label_set(labels, &templates)?;
        let embeddings = self.label_embeddings(&set)?;
        let logits = logits(image, &embeddings, self.clip.logit_scale());
        let ranked = rank(set.labels(), &logits, top_k);
        serde_json::to_string(&ranked).map_err(|error| thrown(Error::Input(error.to_string())))
    }

    fn label_embeddings(&mut self, set: &LabelSet) -> JsResult<Vec<Vec<f32>>> {
        let Self { clip, labels } = self;
        labels
            .embeddings(set, |texts| clip.embed_texts(texts))
            .map_err(thrown)
    }
}
