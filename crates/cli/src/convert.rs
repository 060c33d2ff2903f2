//! `cliplet convert`: a Hugging Face snapshot becomes one GGUF file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::weights::{Quant, convert, convert_towers};

use super::{Outcome, Status, hub, model, progress, terminal};

/// Turn a Hugging Face snapshot into one GGUF file.
#[derive(Args)]
pub struct Convert {
    /// A snapshot folder, or a hub id such as openai/clip-vit-base-patch32 (downloaded once, resumable);
    /// ID@REVISION takes another branch than main.
    #[arg(value_name = "SNAPSHOT_DIR|HUB_ID")]
    source: PathBuf,
    /// The CLIP whose image tower goes with the source, a text tower alone: a folder, or a hub id.
    #[arg(long, value_name = "SNAPSHOT_DIR|HUB_ID")]
    image_tower: Option<PathBuf>,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.gguf")]
    output: PathBuf,
    /// Storage of the weights: 16-bit floats, 8 bits or 4 bits.
    #[arg(long, value_enum, default_value_t = Bits::Q8)]
    quant: Bits,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bits {
    F16,
    Q8,
    Q4,
}

impl From<Bits> for Quant {
    fn from(bits: Bits) -> Self {
        match bits {
            Bits::F16 => Self::F16,
            Bits::Q8 => Self::Q8,
            Bits::Q4 => Self::Q4,
        }
    }
}

impl Convert {
    pub fn run(&self) -> Outcome {
        let snapshot = locate(&self.source)?;
        let image_tower = self.image_tower.as_deref().map(locate).transpose()?;
        let bar = progress::bytes("Converting");
        let moving = progress::moving(&bar);
        let (to, quant) = (&self.output, self.quant.into());
        let converted = match image_tower {
            Some(image) => convert_towers(&snapshot, &image, to, quant, Some(&moving))?,
            None => convert(&snapshot, to, quant, Some(&moving))?,
        };
        bar.finish_and_clear();
        converted.warnings.iter().for_each(terminal::warning);
        let bytes = converted.bytes;
        terminal::message(format_args!("{}: {bytes} bytes", self.output.display()));
        Ok(Status::Success)
    }
}

/// Path of a snapshot that is given as a folder or as a hub id, which is downloaded.
fn locate(source: &Path) -> Result<PathBuf, Error> {
    let is_id = source.to_str().and_then(hub::ModelId::parse).is_some();
    if !source.exists() && !is_id {
        return Err(Error::Input(format!(
            "{} is neither a folder here nor a hub id (owner/name)",
            source.display()
        )));
    }
    model::locate(source)
}
