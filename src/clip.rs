//! A whole CLIP: model, tokenizer and image processor, loaded from one file or a snapshot.

mod batches;
mod loader;
mod options;

#[cfg(not(target_family = "wasm"))]
use std::{fs::File, io::Read, path::Path};

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use crate::embedding::Embedding;
use crate::error::{Error, Result};
use crate::image::{ImageInput, ImageProcessor, PixelValues};
use crate::model::ClipModel;
use crate::tokenizer::{ModelTokenizer, Tokenizer};
use crate::weights::{ClipConfig, ModelFile, Placement, VisionConfig};
#[cfg(not(target_family = "wasm"))]
use crate::weights::{Snapshot, report};
use crate::zero_shot::{LabelSet, PromptTemplate, Scorer, ZeroShotClassifier};
use cliplet_kernels::{map_on_pool, on_pool, threads};

use batches::{images_at_once, texts_at_once};
pub use loader::{Loader, SnapshotLoader};
pub use options::{LoadOptions, ModelInfo};

/// Images that [`Clip::embed_image_batch`] holds preprocessed at a time.
pub const IMAGES_IN_MEMORY: usize = 64;

/// Maps images and texts to embeddings in one space.
pub struct Clip {
    model: ClipModel,
    tokenizer: ModelTokenizer,
    image_processor: ImageProcessor,
    info: ModelInfo,
    scorer: Scorer,
    placement: Placement,
    images_at_once: usize,
    texts_at_once: usize,
}

impl Clip {
    /// Opens one of our GGUF files, a snapshot directory of `transformers` or `open_clip`, or the file of weights in
    /// one, on the CPU.
    ///
    /// # Errors
    /// Those of [`Self::open_with`].
    #[cfg(not(target_family = "wasm"))]
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &LoadOptions::default())
    }

    /// [`Self::open`] with options. A snapshot runs in the type of `options`, a GGUF as it is quantized.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read, [`Error::Model`], [`Error::Unsupported`] and
    /// [`Error::Tokenizer`] for one that is no model, and [`Error::Cancelled`].
    #[cfg(not(target_family = "wasm"))]
    pub fn open_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        if Snapshot::is_snapshot(path) {
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
            match file.read(loader.chunk_mut()?).map_err(io)? {
                0 => return loader.finish(),
                count => loader.advance(count)?,
            }
        }
    }

    /// Builds a model from the parts that a reader found in its file.
    pub(crate) fn new(file: ModelFile) -> Result<Self> {
        let clip = Self::with_deferred_tokenizer(file)?;
        if clip.info.context_length.is_some() {
            clip.tokenizer()?;
        }
        Ok(clip)
    }

    /// [`Self::new`], with a tokenizer that is read when the first text comes.
    fn with_deferred_tokenizer(file: ModelFile) -> Result<Self> {
        let ModelFile {
            weights,
            tokenizer_json,
            preprocessor_json,
            about,
            warnings,
            quantization,
            bytes,
            checksum,
        } = file;
        let config = weights.config.clone();
        let tokenizer = ModelTokenizer::new(tokenizer_json, config.text.clone());
        let image_processor = image_processor(&preprocessor_json, &config)?;
        let placement = weights.placement.clone();
        let parameters = weights.parameters;
        let model = ClipModel::new(weights)?;
        let scorer = Scorer {
            rule: config.family.score_rule(),
            logit_scale: model.logit_scale(),
            logit_bias: model.logit_bias(),
        };
        let vision = config.vision.as_ref();
        let info = ModelInfo {
            name: about.name,
            family: config.family.name().into(),
            dimension: config.projection_dim,
            quantization,
            image_size: vision.map(VisionConfig::image_size),
            image_tower: vision.map(|vision| vision.name().into()),
            patch_size: vision.and_then(VisionConfig::patch_size),
            context_length: config.text.as_ref().map(|text| text.context_length),
            parameters,
            score_rule: scorer.rule.name().into(),
            logit_scale: scorer.logit_scale,
            logit_bias: scorer.logit_bias,
            no_match_threshold: config.no_match_threshold,
            bytes,
            checksum: checksum.map(|sum| format!("{sum:016x}")),
            licence: about.licence,
            origin: about.origin,
            languages: about.languages,
            backend: backend(&placement.device).into(),
            warnings,
        };
        Ok(Self {
            images_at_once: images_at_once(vision, &placement),
            texts_at_once: texts_at_once(config.text.as_ref()),
            model,
            tokenizer,
            image_processor,
            info,
            scorer,
            placement,
        })
    }

    /// A classifier that ranks `labels` for images, through the template `a photo of a {}`;
    /// [`ZeroShotClassifier::templates`] gives it others.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no label.
    pub fn zero_shot<L: Into<String>>(
        &self,
        labels: impl IntoIterator<Item = L>,
    ) -> Result<ZeroShotClassifier<'_>> {
        let labels = labels.into_iter().map(Into::into).collect();
        let set = LabelSet::new(labels, vec![PromptTemplate::default()])?;
        Ok(ZeroShotClassifier::new(self, set))
    }

    /// Embeds one image: the bytes of a file, a path, or pixels.
    ///
    /// # Errors
    /// [`Error::Image`] for what is no image, is damaged or too large, [`Error::Io`] for a file that cannot be
    /// read, and those of the model.
    pub fn embed_image<'i>(&self, image: impl Into<ImageInput<'i>>) -> Result<Embedding> {
        let pixels = self.image_processor.preprocess_input(image.into())?;
        let embedding = self.embed_images(&[pixels])?.pop();
        Ok(embedding.unwrap_or_default())
    }

    /// Embeds several images in their order, each with its own result: one that cannot be read does not stop the
    /// others. Memory does not grow with their number but for the results.
    ///
    /// # Errors
    /// Those of the model; an image's own stand in its place.
    pub fn embed_image_batch<'i, I>(
        &self,
        images: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Result<Embedding>>>
    where
        I: Into<ImageInput<'i>>,
    {
        let images: Vec<ImageInput> = images.into_iter().map(Into::into).collect();
        let mut embedded = Vec::with_capacity(images.len());
        for slice in images.chunks(IMAGES_IN_MEMORY) {
            let pixels = if threads() == 1 {
                slice
                    .iter()
                    .map(|image| self.image_processor.preprocess_input(*image))
                    .collect()
            } else {
                slice
                    .par_iter()
                    .map(|image| self.image_processor.preprocess_input(*image))
                    .collect()
            };
            embedded.extend(self.embed_readable(pixels)?);
        }
        Ok(embedded)
    }

    /// Embeds the preprocessed images that there are, and passes errors on in their places.
    ///
    /// # Errors
    /// Those of the model.
    pub fn embed_readable(&self, images: Vec<Result<PixelValues>>) -> Result<Vec<Result<Embedding>>> {
        let mut pixels = Vec::with_capacity(images.len());
        let places: Vec<Result<()>> = images
            .into_iter()
            .map(|image| image.map(|image| pixels.push(image)))
            .collect();
        let mut embeddings = self.embed_images(&pixels)?.into_iter();
        let place = |place: Result<()>| place.map(|()| embeddings.next().unwrap_or_default());
        Ok(places.into_iter().map(place).collect())
    }

    /// Embeds preprocessed images in their order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model of texts alone, [`Error::Input`] for pixel values of another size than the
    /// model takes, and those of the device.
    pub fn embed_images(&self, images: &[PixelValues]) -> Result<Vec<Embedding>> {
        if self.info.image_size.is_none() {
            return Err(self.lacks("image tower", "images"));
        }
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

    /// Embeds images, those of one size that follow each other together.
    fn embed_batch(&self, images: &[PixelValues]) -> Result<Vec<Embedding>> {
        let mut embedded = Vec::with_capacity(images.len());
        for alike in images.chunk_by(|a, b| (a.width, a.height) == (b.width, b.height)) {
            let PixelValues { width, height, .. } = alike[0];
            let mut pixels = Vec::new();
            for PixelValues { data, .. } in alike {
                if data.len() != 3 * width * height {
                    return Err(Error::Input(format!(
                        "an image of {width} by {height} pixels has {} values; it should have {}",
                        data.len(),
                        3 * width * height
                    )));
                }
                pixels.extend_from_slice(data);
            }
            let shape = (alike.len(), 3, height, width);
            let pixels = Tensor::from_vec(pixels, shape, &self.placement.device)?;
            embedded.extend(rows(&self.model.embed_pixels(&pixels)?)?);
        }
        Ok(embedded)
    }

    /// Embeds texts in their order. Texts that begin alike cost less together.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a deferred tokenizer that is malformed, and those of the device.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        let tokenizer = self.tokenizer()?;
        let ids = texts.iter().map(|text| tokenizer.encode(text));
        self.embed_tokens(&ids.collect::<Result<Vec<_>>>()?)
    }

    /// Embeds texts that the [`tokenizer`](Self::tokenizer) has made into ids, as
    /// [`embed_texts`](Self::embed_texts) does.
    pub fn embed_tokens(&self, texts: &[Vec<u32>]) -> Result<Vec<Embedding>> {
        if self.info.context_length.is_none() {
            return Err(self.lacks("text tower", "texts"));
        }
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.texts_at_once) {
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
    /// [`Error::Tokenizer`] for a [deferred](Loader::defer_tokenizer) tokenizer that is malformed, and
    /// [`Error::Unsupported`] for a model of images alone.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        match self.info.context_length {
            Some(_) => self.tokenizer.get(),
            None => Err(self.lacks("text tower", "texts")),
        }
    }

    /// The error that the model has no `tower`, which `inputs` would need.
    fn lacks(&self, tower: &str, inputs: &str) -> Error {
        Error::unsupported(
            &self.info.name,
            format!(
                "has no {tower}, so it embeds no {inputs}; a whole CLIP has both towers, which `cliplet convert \
                 --image-tower` makes of a text tower and another model's image tower"
            ),
        )
    }

    /// Image bytes to pixel values.
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// The way from cosines of images and labels to scores.
    pub fn scorer(&self) -> Scorer {
        self.scorer
    }

    /// The factor of cosines before a softmax.
    pub fn logit_scale(&self) -> f32 {
        self.scorer().logit_scale
    }

    /// Description of this model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }
}

/// The image processor of a model of this configuration, whose images it must bring to the right size.
pub(crate) fn image_processor(json: &str, config: &ClipConfig) -> Result<ImageProcessor> {
    let processor = ImageProcessor::from_json(json)?;
    let Some(vision) = &config.vision else {
        return Ok(processor);
    };
    let wanted = match vision.keeps_proportions() {
        true => (None, vision.patch_size()),
        false => (Some(vision.image_size()), None),
    };
    let given = (processor.size(), processor.patches().map(|patches| patches.side));
    if given == wanted {
        return Ok(processor);
    }
    let images = |(size, patch): (Option<usize>, Option<usize>)| match (size, patch) {
        (Some(size), _) => format!("images of {size} pixels"),
        (None, patch) => format!("images of whole patches of {} pixels", patch.unwrap_or_default()),
    };
    Err(Error::model(
        "preprocessor_config.json",
        format!(
            "preprocessor gives {} but the model takes {}",
            images(given),
            images(wanted)
        ),
    ))
}

/// The rows of a matrix as embeddings.
fn rows(tensor: &Tensor) -> Result<Vec<Embedding>> {
    let rows: Vec<Vec<f32>> = tensor.to_dtype(DType::F32)?.to_vec2()?;
    Ok(rows.into_iter().map(Embedding::from).collect())
}

fn backend(device: &Device) -> &'static str {
    match device {
        Device::Cpu => cliplet_kernels::backend(),
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}
