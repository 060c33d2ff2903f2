//! Conversion of a snapshot to one model file.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use crate::clip::image_processor;
use crate::error::{Error, Result};
use crate::tokenizer::ModelTokenizer;
use crate::weights::fold::{self, ChannelScales};
use crate::weights::gguf::write::GgufWriter;
use crate::weights::layout::{TensorSpec, weight_specs};
use crate::weights::quantize::{Encoding, Quant};
use crate::weights::snapshot::Snapshot;
use crate::weights::{OnProgress, SnapshotMetadata, report};

/// A model file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// Its size.
    pub bytes: u64,
    /// Defaults that stand in for what the snapshot lacks, a sentence each.
    pub warnings: Vec<String>,
}

/// Converts the snapshot at `from` to one file at `to`, which appears only once it is complete.
/// Progress counts bytes of the snapshot.
///
/// # Errors
/// Those of [`Snapshot::open`], [`Error::Io`] where the file cannot be written, and [`Error::Cancelled`].
pub fn convert(from: &Path, to: &Path, quant: Quant, progress: OnProgress) -> Result<Converted> {
    write(Snapshot::open(from)?, to, quant, progress)
}

/// Converts the text tower at `text` and the image tower of the CLIP at `image`, which it was trained to go with, to
/// one file at `to`, as [`convert`] does.
///
/// # Errors
/// Those of [`convert`], and [`Error::Input`] for towers that do not go together.
pub fn convert_towers(
    text: &Path,
    image: &Path,
    to: &Path,
    quant: Quant,
    progress: OnProgress,
) -> Result<Converted> {
    let snapshot = Snapshot::open(text)?.with_image_tower(Snapshot::open(image)?)?;
    write(snapshot, to, quant, progress)
}

/// Writes a snapshot as one file at `to`.
fn write(mut snapshot: Snapshot, to: &Path, quant: Quant, progress: OnProgress) -> Result<Converted> {
    check_texts(&snapshot.texts).map_err(|error| error.in_file(snapshot.name()))?;
    let parts: Vec<(TensorSpec, Encoding, usize)> = weight_specs(&snapshot.texts.config)
        .into_iter()
        .flat_map(|spec| {
            let (encoding, cols) = (quant.encoding(&spec), spec.cols);
            spec.parts.into_iter().map(move |part| (part, encoding, cols))
        })
        .collect();
    let declared: Vec<(TensorSpec, Encoding)> = parts.iter().map(|(p, e, _)| (p.clone(), *e)).collect();
    let total = parts.iter().map(|(part, ..)| part.values() as u64 * 4).sum();

    let temporary = Temporary::beside(to)?;
    let io = |source| Error::Io {
        file: temporary.path.display().to_string(),
        source,
    };
    let file = File::create(&temporary.path).map_err(io)?;
    let mut writer =
        GgufWriter::new(BufWriter::new(file), snapshot.texts.metadata(quant), &declared).map_err(io)?;
    let mut done = 0;
    let mut scales: HashMap<String, ChannelScales> = HashMap::new();
    for (part, encoding, cols) in &parts {
        report(progress, done, total)?;
        let mut values = snapshot.read(part)?;
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            let reason = format!("tensor {} holds {bad}", part.name);
            return Err(Error::Model {
                file: snapshot.name().into(),
                reason,
            });
        }
        if let Some((norm, role)) = fold::role(&part.name).filter(|_| quant.folds()) {
            if !scales.contains_key(&norm) {
                let mut vector = |name: &str| {
                    let name = format!("{norm}.{name}");
                    let found = parts.iter().find(|(part, ..)| part.name == name);
                    found.map_or_else(|| Ok(Vec::new()), |(part, ..)| snapshot.read(part))
                };
                let (gain, bias) = (vector("weight")?, vector("bias")?);
                scales.insert(norm.clone(), ChannelScales::new(&gain, &bias));
            }
            scales[&norm].apply(role, &mut values);
        }
        writer
            .write(&encoding.encode(values, *cols), *encoding)
            .map_err(io)?;
        done += part.values() as u64 * 4;
    }
    let bytes = writer.finish().map_err(io)?;
    report(progress, done, total)?;
    temporary.rename(to)?;
    let warnings = snapshot.texts.warnings;
    Ok(Converted { bytes, warnings })
}

/// Checks that images and texts can be prepared as the snapshot says, so that the file can be opened.
fn check_texts(texts: &SnapshotMetadata) -> Result<()> {
    image_processor(&texts.preprocessor_json, &texts.config)?;
    if texts.config.text.is_some() {
        ModelTokenizer::new(texts.tokenizer_json.clone(), texts.config.text.clone()).get()?;
    }
    Ok(())
}

/// A file beside the wanted one, removed unless it takes its place.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(to: &Path) -> Result<Self> {
        let Some(name) = to.file_name() else {
            return Err(Error::Input(format!("{} names no file to write", to.display())));
        };
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        Ok(Self {
            path: to.with_file_name(name),
        })
    }

    fn rename(self, to: &Path) -> Result<()> {
        std::fs::rename(&self.path, to).map_err(|source| Error::Io {
            file: to.display().to_string(),
            source,
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is there to remove after a rename, and a failure to clean up changes nothing.
        let _ = std::fs::remove_file(&self.path);
    }
}
