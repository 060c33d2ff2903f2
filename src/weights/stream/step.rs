//! One tensor that is to be read: where it lies and what becomes of it.

use super::mixtures::{Mixture, Output};
use crate::error::{Error, Result};
use crate::weights::fold::Role;
use crate::weights::index::{Start, TensorPlace, WeightIndex};
use crate::weights::layout::TensorSpec;
use crate::weights::naming::TensorSource;
use crate::weights::quantize::Encoding;

/// A tensor that the model wants.
pub struct Step {
    /// The norm whose fold the tensor takes part in.
    pub fold: Option<(String, Role)>,
    pub part: TensorSpec,
    pub cols: usize,
    pub encoding: Encoding,
    /// The file's tensor that holds it.
    pub source: TensorSource,
    /// The mixture that the tensor is an ingredient of, and if it is the last of them that comes.
    pub mixture: Option<(usize, bool)>,
    /// Place of the file among those given.
    pub file: usize,
    /// The bytes that are read: of the tensor, or of the part of it that is meant.
    pub place: TensorPlace,
}

impl Step {
    /// Finds where the files hold `part` of the model.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Unsupported`] for a tensor that is missing, of another shape or of a type that is
    /// not read.
    pub fn new(
        files: &[WeightIndex],
        part: TensorSpec,
        source: TensorSource,
        (cols, encoding): (usize, Encoding),
    ) -> Result<Self> {
        let name = &source.name;
        let mut found = None;
        // Of a tensor that several files have, the last counts, as where files are read from disk.
        for (file, index) in files.iter().enumerate() {
            found = index.place(name)?.map(|place| (file, place)).or(found);
        }
        let first = files.first().map_or("weights", WeightIndex::file);
        let (file, place) = found.ok_or_else(|| Error::model(first, format!("tensor {name} is missing")))?;
        source
            .check_shape(&place.shape)
            .map_err(|reason| Error::model(files[file].file(), reason))?;
        let mut place = place.clone();
        if place.strides.is_none() {
            // Its parts lie one after the other.
            place.bytes = (part.values() * place.float.size()) as u64;
            let skipped = source.part.0 as u64 * place.bytes;
            match &mut place.start {
                Start::Byte(start) => *start += skipped,
                Start::InRecord { offset, .. } => *offset += skipped,
            }
        }
        Ok(Self {
            fold: None,
            mixture: None,
            cols: cols.min(part.values()),
            encoding,
            part,
            source,
            file,
            place,
        })
    }

    /// True for a tensor whose rows are there with its last byte only.
    pub fn is_whole(&self) -> bool {
        self.source.transposed || self.place.strides.is_some()
    }

    /// Brings values as they lie in the file into the order of the layout.
    pub fn in_order(&self, stored: Vec<f32>) -> Vec<f32> {
        let whole = self.place.in_order(stored);
        match self.place.strides.is_some() && self.source.part.1 > 1 {
            true => self.source.extract_part(&whole),
            false => self.source.in_order(whole),
        }
    }

    /// The tensor of the layout that it is, where it is one by itself.
    pub fn output(&self) -> Output {
        Output {
            part: self.part.clone(),
            cols: self.cols,
            encoding: self.encoding,
        }
    }

    /// The tensors of the layout that are complete with this one.
    pub fn outputs(&self, mixtures: &[Mixture]) -> Vec<Output> {
        match self.mixture {
            None => vec![self.output()],
            Some((mixture, true)) => mixtures[mixture].outputs.clone(),
            Some((_, false)) => Vec::new(),
        }
    }
}
