//! A whole CLIP: model, tokenizer and image processor, loaded from one file or a snapshot.

#[cfg(not(target_family = "wasm"))]
use std::{fs::File, io::Read, path::Path};

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::image::{ImageProcessor, PixelValues};
use crate::model::ClipModel;
use crate::tokenizer::{ModelTokenizer, Tokenizer};
use crate::weights::{
    About, GgufStream, ModelFile, OnProgress, Placement, Quant, SafetensorsStream, SnapshotTexts,
};
#[cfg(not(target_family = "wasm"))]
use crate::weights::{Snapshot, report};
use cliplet_kernels::{map_on_pool, on_pool, threads};

/// Rows of images run at a time by one thread of a CPU: enough to keep its products busy, few enough that their
/// codes stay in its cache. Five pictures of ViT-B/32, one of L/14.
const CPU_ROWS: usize = 260;
/// Rows of images run at a time on a GPU.
const GPU_ROWS: usize = 1 << 15;
/// Texts run at a time.
const TEXTS: usize = 256;

/// How a model is loaded.
#[derive(Clone)]
pub struct LoadOptions<'a> {
    /// Where it runs; the CPU unless said otherwise.
    pub device: Device,
    /// Type of dense weights and activations: f32 on a CPU and f16 on a GPU unless said otherwise.
    pub dtype: Option<DType>,
    /// Called as loading advances; can cancel it.
    pub progress: OnProgress<'a>,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            dtype: None,
            progress: None,
        }
    }
}

impl LoadOptions<'_> {
    fn placement(&self) -> Placement {
        let default = if self.device.is_cpu() {
            DType::F32
        } else {
            DType::F16
        };
        Placement {
            device: self.device.clone(),
            dtype: self.dtype.unwrap_or(default),
        }
    }
}

/// What a loaded model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Name: the hub id, or the directory it came from.
    pub name: String,
    /// Width of embeddings.
    pub dimension: usize,
    /// How the weights are held: `f32`, `f16`, `q8` or `q4`.
    pub quantization: String,
    /// Side of the square that pictures are resized to, in pixels.
    pub image_size: usize,
    /// Kind of the image tower: `vit` or `efficientnet_lite`.
    pub image_tower: String,
    /// Side of a patch, in pixels, where the image tower cuts images into patches.
    pub patch_size: Option<usize>,
    /// Longest text, in tokens, start and end included.
    pub context_length: usize,
    /// Number of weights.
    pub parameters: usize,
    /// What a cosine of picture and text is multiplied by to make a logit: 100 for OpenAI's models.
    pub logit_scale: f32,
    /// Cosine of image and text below which none of the texts describes the image, where it was measured.
    pub no_match_threshold: Option<f32>,
    /// Bytes of the model's file or files.
    pub bytes: u64,
    /// Checksum of the model file (XXH3-64 of its header, which holds one of every tensor).
    pub checksum: Option<String>,
    /// Licence of the weights, where the file says.
    pub licence: Option<String>,
    /// Where the weights come from, where the file says.
    pub origin: Option<String>,
    /// What computes: the kernels in use on a CPU (`avx512-vnni`, `relaxed-simd`, …), or `cuda`, `metal`.
    pub backend: String,
}

/// Pictures and texts to embeddings in one space.
pub struct Clip {
    model: ClipModel,
    tokenizer: ModelTokenizer,
    image_processor: ImageProcessor,
    info: ModelInfo,
    placement: Placement,
    images_at_once: usize,
}

impl Clip {
    /// Opens one of our GGUF files, a Hugging Face snapshot directory, or the `.safetensors` file in
    /// one. A snapshot runs in the type of `options`, a GGUF as it is quantized.
    #[cfg(not(target_family = "wasm"))]
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Self> {
        let name = path.display().to_string();
        if path.is_dir() || path.extension().is_some_and(|e| e == "safetensors") {
            let file = Snapshot::open(path)?.load(options.placement(), options.progress)?;
            return Self::new(file).map_err(|e| e.in_file(&name));
        }
        let io = |source| Error::Io {
            file: name.clone(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let total = file.metadata().map_err(io)?.len();
        let mut loader = Loader::with_options(Some(total), options).named(&name);
        loop {
            report(options.progress, loader.bytes_done(), total)?;
            match file.read(loader.room()?).map_err(io)? {
                0 => return loader.finish(),
                count => loader.filled(count)?,
            }
        }
    }

    /// Puts a model together from what a reader got out of its file.
    pub(crate) fn new(file: ModelFile) -> Result<Self> {
        let clip = Self::unread(file)?;
        clip.tokenizer()?;
        Ok(clip)
    }

    /// [`Self::new`], with a tokenizer that is read when it is first wanted.
    fn unread(file: ModelFile) -> Result<Self> {
        let ModelFile {
            weights,
            tokenizer_json,
            preprocessor_json,
            about,
            quantization,
            bytes,
            checksum,
        } = file;
        let config = weights.config.clone();
        let tokenizer = ModelTokenizer::new(tokenizer_json, config.text.clone());
        let image_processor = ImageProcessor::from_json(&preprocessor_json)?;
        if image_processor.size() != config.vision.image_size() {
            let (given, wanted) = (image_processor.size(), config.vision.image_size());
            return Err(Error::Model {
                file: "preprocessor_config.json".into(),
                reason: format!("preprocessor gives images of {given} pixels but the model takes {wanted}"),
            });
        }
        let placement = weights.placement.clone();
        let About {
            name,
            licence,
            origin,
        } = about;
        let parameters = weights.parameters;
        let model = ClipModel::new(weights)?;
        let info = ModelInfo {
            name,
            dimension: config.projection_dim,
            quantization,
            image_size: config.vision.image_size(),
            image_tower: config.vision.name().into(),
            patch_size: config.vision.patch_size(),
            context_length: config.text.context_length,
            parameters,
            logit_scale: model.logit_scale(),
            no_match_threshold: config.no_match_threshold,
            bytes,
            checksum: checksum.map(|sum| format!("{sum:016x}")),
            licence,
            origin,
            backend: backend(&placement.device).into(),
        };
        let rows = if placement.device.is_cpu() {
            CPU_ROWS
        } else {
            GPU_ROWS
        };
        let images_at_once = (rows / config.vision.rows()).max(1);
        Ok(Self {
            model,
            tokenizer,
            image_processor,
            info,
            placement,
            images_at_once,
        })
    }

    /// Embeds preprocessed pictures, not normalized, in their order.
    pub fn embed_images(&self, images: &[PixelValues]) -> Result<Vec<Vec<f32>>> {
        // As many batches as there must be, of one size as far as possible; on a CPU one for each thread.
        let on_cpu = self.placement.device.is_cpu();
        let batches = images
            .len()
            .div_ceil(self.images_at_once)
            .next_multiple_of(if on_cpu { threads() } else { 1 })
            .min(images.len());
        let bounds = |batch: usize| batch * images.len() / batches;
        let batches = (0..batches).map(|batch| &images[bounds(batch)..bounds(batch + 1)]);
        let embeddings: Result<Vec<_>> = if on_cpu {
            map_on_pool(batches.collect(), |batch| self.embed_batch(batch))
                .into_iter()
                .collect()
        } else {
            batches.map(|batch| self.embed_batch(batch)).collect()
        };
        Ok(embeddings?.concat())
    }

    /// Embeds pictures that are run together.
    fn embed_batch(&self, images: &[PixelValues]) -> Result<Vec<Vec<f32>>> {
        let size = self.info.image_size;
        let mut pixels = Vec::with_capacity(images.len() * 3 * size * size);
        for image in images {
            if image.size != size || image.data.len() != 3 * size * size {
                let (given, values) = (image.size, image.data.len());
                return Err(Error::Input(format!(
                    "an image of {values} values is {given} pixels wide; the model takes {size}"
                )));
            }
            pixels.extend_from_slice(&image.data);
        }
        let pixels = Tensor::from_vec(pixels, (images.len(), 3, size, size), &self.placement.device)?;
        rows(&self.model.embed_pixels(&pixels)?)
    }

    /// Embeds texts, not normalized, in their order. Texts that begin alike cost less together.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let tokenizer = self.tokenizer()?;
        let ids = texts.iter().map(|text| tokenizer.encode(text));
        self.embed_tokens(&ids.collect::<Result<Vec<_>>>()?)
    }

    /// Embeds texts that the [`tokenizer`](Self::tokenizer) has made into ids, as
    /// [`embed_texts`](Self::embed_texts) does.
    pub fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(TEXTS) {
            embeddings.extend(rows(&on_pool(|| self.model.embed_tokens(batch))?)?);
        }
        Ok(embeddings)
    }

    /// The model on tensors.
    pub fn model(&self) -> &ClipModel {
        &self.model
    }

    /// Text to token ids.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a tokenizer that was [left unread](Loader::kept) and is none.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        self.tokenizer.get()
    }

    /// Picture bytes to pixel values.
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// What cosines are multiplied with before a softmax.
    pub fn logit_scale(&self) -> f32 {
        self.model.logit_scale()
    }

    /// What this model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }
}

/// A [`Clip`] from one of our GGUF files that arrives in chunks.
pub struct Loader {
    stream: GgufStream,
    name: String,
    kept: bool,
}

impl Loader {
    /// A loader onto the CPU of a file of `total_bytes`, where that is known.
    pub fn new(total_bytes: Option<u64>) -> Self {
        Self::with_options(total_bytes, &LoadOptions::default())
    }

    /// A loader with options; who pushes the chunks reports the progress.
    pub fn with_options(total_bytes: Option<u64>, options: &LoadOptions) -> Self {
        Self {
            stream: GgufStream::new(total_bytes, options.placement()),
            name: "model.gguf".into(),
            kept: false,
        }
    }

    /// Says that the file has been loaded before and was kept since: its tokenizer is then read when the
    /// first text comes.
    pub fn kept(mut self, kept: bool) -> Self {
        self.kept = kept;
        self
    }

    /// Lets errors name the file.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Takes the next chunk, of any size. After an error the loader takes nothing more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.stream.push(chunk).map_err(|e| e.in_file(&self.name))
    }

    /// Room for bytes that come next, never empty: what is written there and told of by
    /// [`Self::filled`] is not copied again.
    pub fn room(&mut self) -> Result<&mut [u8]> {
        self.stream.room().map_err(|e| e.in_file(&self.name))
    }

    /// Takes the first `count` bytes of what [`Self::room`] gave last.
    pub fn filled(&mut self, count: usize) -> Result<()> {
        self.stream.filled(count).map_err(|e| e.in_file(&self.name))
    }

    /// Bytes taken so far.
    pub fn bytes_done(&self) -> u64 {
        self.stream.received()
    }

    /// The model, once the whole file has been pushed.
    pub fn finish(self) -> Result<Clip> {
        self.stream
            .finish()
            .and_then(if self.kept { Clip::unread } else { Clip::new })
            .map_err(|e| e.in_file(&self.name))
    }
}

/// A [`Clip`] from the `.safetensors` file of a Hugging Face snapshot that arrives in chunks: it is
/// quantized on the way, and comes out as one of our files beside.
pub struct SnapshotLoader {
    stream: SafetensorsStream,
    name: String,
}

impl SnapshotLoader {
    /// A loader onto the CPU of weights of `total_bytes`, where that is known.
    pub fn new(texts: SnapshotTexts, quant: Quant, total_bytes: Option<u64>) -> Self {
        let placement = LoadOptions::default().placement();
        Self {
            name: texts.about.name.clone(),
            stream: SafetensorsStream::new(texts, quant, total_bytes, placement),
        }
    }

    /// Size in bytes that our file will have, known from the beginning.
    pub fn file_bytes(&self) -> u64 {
        self.stream.file_bytes()
    }

    /// Takes the next chunk, of any size. After an error the loader takes nothing more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.stream.push(chunk).map_err(|e| e.in_file(&self.name))
    }

    /// The byte of the weights that is wanted next.
    pub fn position(&self) -> u64 {
        self.stream.position()
    }

    /// What has been packed since the last call: the next part of our file, after its header.
    pub fn take_packed(&mut self) -> Vec<u8> {
        self.stream.take_packed()
    }

    /// Takes a part that an earlier loader of the same weights gave, instead of what it was made of.
    pub fn restore(&mut self, packed: &[u8]) -> Result<()> {
        self.stream.restore(packed).map_err(|e| e.in_file(&self.name))
    }

    /// The model, and the header that makes one of our files of the packed parts.
    pub fn finish(self) -> Result<(Clip, Vec<u8>)> {
        let finish = || {
            let (file, header) = self.stream.finish()?;
            Ok((Clip::new(file)?, header))
        };
        finish().map_err(|e: Error| e.in_file(&self.name))
    }
}

fn rows(tensor: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(tensor.to_dtype(DType::F32)?.to_vec2()?)
}

fn backend(device: &Device) -> &'static str {
    match device {
        Device::Cpu => cliplet_kernels::backend(),
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}
