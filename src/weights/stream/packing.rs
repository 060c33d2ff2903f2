//! Quantizes and packs the tensors of a snapshot in the order in which they arrive.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use super::mixtures::{self, Mixture, Output};
use super::plan::plan;
use super::step::Step;
use crate::error::{Error, Result};
use crate::weights::config::ClipConfig;
use crate::weights::floats::FloatType;
use crate::weights::fold::{ChannelScales, Role};
use crate::weights::gguf::compose::{self, TensorDecl};
use crate::weights::gguf::{ALIGNMENT, align};
use crate::weights::index::{RECORD_BYTES, Start, WeightIndex, data_start};
use crate::weights::layout::TensorSpec;
use crate::weights::quantize::{Encoding, Quant};
use crate::weights::reparameterize::TensorValues;
use crate::weights::span_reader::{Format, Span};
use crate::weights::store::{Assembler, Placement};
use crate::weights::values::Values;

/// Values quantized at a time: whole rows, as many as this allows.
const VALUES_AT_ONCE: usize = 1 << 16;
/// Memory for a tensor is asked for at once up to this many values and grows as they come beyond.
const RESERVE: usize = 64 << 20;

/// The tensors that are still to come, and those that have been packed.
pub struct Tensors {
    pub assembler: Assembler,
    steps: VecDeque<Step>,
    /// Names of the files, as errors name them.
    files: Vec<String>,
    pub declared: Vec<TensorDecl>,
    pub checksums: Vec<u64>,
    /// First byte of the data of each member of a zip archive that is known, by its file and record.
    data_starts: HashMap<(usize, u64), u64>,
    /// Bytes of the current tensor that have been taken.
    taken: u64,
    /// Bytes of the tensors before it.
    completed: u64,
    /// Rows of the current tensor quantized so far.
    rows: Option<Values<'static>>,
    pub packed: Vec<u8>,
    pub packed_bytes: u64,
    /// Packed tensors that follow a norm whose fold is not complete.
    staged: Vec<u8>,
    /// The first vector of a norm whose second comes next.
    first_vector: Option<(Step, Values<'static>)>,
    /// Scales of the norms whose matrices are still to come.
    scales: HashMap<String, ChannelScales>,
    /// Weights that are made of several tensors.
    mixtures: Vec<Mixture>,
    /// Tensors of mixtures that are not complete.
    ingredients: TensorValues,
}

impl Tensors {
    /// Checks lists of tensors against the configuration: every tensor of the model must be there.
    pub fn new(
        files: &[WeightIndex],
        image_files: &[WeightIndex],
        config: &ClipConfig,
        quant: Quant,
        placement: Placement,
    ) -> Result<Self> {
        let (steps, mixtures) = plan(files, image_files, config, quant)?;
        Ok(Tensors {
            assembler: Assembler::new(config, placement),
            declared: steps
                .iter()
                .flat_map(|step| step.outputs(&mixtures))
                .flat_map(|output| compose::declare(&output.part, output.encoding))
                .collect(),
            steps: steps.into(),
            files: files
                .iter()
                .chain(image_files)
                .map(|index| index.file().into())
                .collect(),
            data_starts: HashMap::new(),
            taken: 0,
            completed: 0,
            checksums: Vec::new(),
            rows: None,
            packed: Vec::new(),
            packed_bytes: 0,
            staged: Vec::new(),
            first_vector: None,
            scales: HashMap::new(),
            mixtures,
            ingredients: TensorValues::new(),
        })
    }

    /// Bytes of tensors that are in, of which `collected` have come of the current span.
    pub fn done(&self, collected: usize) -> u64 {
        // Those of a record are of no tensor.
        let current = self.steps.front().and_then(|step| self.start_of(step));
        self.completed + current.map_or(0, |_| self.taken + collected as u64)
    }

    /// Name of the tensor that is wanted next.
    pub fn next_name(&self) -> Option<&str> {
        self.steps.front().map(|step| step.part.name.as_str())
    }

    /// First byte of a tensor, where that is known.
    fn start_of(&self, step: &Step) -> Option<u64> {
        match step.place.start {
            Start::Byte(start) => Some(start),
            Start::InRecord { record, offset } => {
                let data = self.data_starts.get(&(step.file, record))?;
                Some(data + offset)
            }
        }
    }

    /// Takes the record before the member that holds the current tensor.
    fn take_record(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(step) = self.steps.front() else {
            return Ok(());
        };
        let Start::InRecord { record, .. } = step.place.start else {
            return Ok(());
        };
        let reason = format!("tensor {} is not where it should be", step.source.name);
        let start = data_start(record, bytes);
        let start = start.ok_or_else(|| Error::model(&self.files[step.file], reason))?;
        self.data_starts.insert((step.file, record), start);
        Ok(())
    }

    /// Quantizes rows of the current tensor, of which these are the bytes.
    fn quantize(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(step) = self.steps.front() else {
            return Ok(());
        };
        let file = &self.files[step.file];
        let mut values = step.in_order(step.place.float.to_f32(bytes));
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(Error::model(
                file,
                format!("tensor {} holds {bad}", step.part.name),
            ));
        }
        if let Some((norm, Role::Matrix)) = &step.fold
            && let Some(scales) = self.scales.get(norm)
        {
            scales.apply(Role::Matrix, &mut values);
        }
        let more = step.encoding.encode(values, step.cols);
        match &mut self.rows {
            Some(rows) => rows.append(more),
            rows => {
                let first = rows.insert(more);
                first
                    .reserve(step.part.values().min(RESERVE))
                    .map_err(|_| Error::Io {
                        file: file.into(),
                        source: std::io::ErrorKind::OutOfMemory.into(),
                    })?;
            }
        }
        Ok(())
    }

    /// Packs the tensor at the front, all of whose rows are there; the first vector of a norm together with the
    /// second.
    fn complete(&mut self) -> Result<()> {
        let (Some(step), Some(values)) = (self.steps.pop_front(), self.rows.take()) else {
            return Ok(());
        };
        self.completed += std::mem::take(&mut self.taken);
        if let Some((mixture, is_last)) = step.mixture {
            let values = values.into_dense(step.cols);
            self.ingredients.insert(step.part.name, values);
            if is_last {
                self.mix(mixture)?;
            }
            self.hand_out();
            return Ok(());
        }
        match &step.fold {
            Some((norm, Role::Gain | Role::Bias)) => match self.first_vector.take() {
                None => self.first_vector = Some((step, values)),
                Some(first) => {
                    let norm = norm.clone();
                    self.fold_norm(norm, [first, (step, values)])?;
                }
            },
            Some((norm, Role::Matrix)) => {
                let norm = norm.clone();
                self.pack(step, values)?;
                let of_norm = |step: &Step| step.fold.as_ref().is_some_and(|(other, _)| *other == norm);
                if !self.steps.iter().any(of_norm) {
                    self.scales.remove(&norm);
                }
            }
            None => self.pack(step, values)?,
        }
        self.hand_out();
        Ok(())
    }

    /// Hands out what has been packed, unless more is needed of what it was made of.
    fn hand_out(&mut self) {
        if self.first_vector.is_some() || !self.scales.is_empty() || !self.ingredients.is_empty() {
            return;
        }
        if self.packed.is_empty() {
            // Without a copy: a large table would be held twice.
            std::mem::swap(&mut self.packed, &mut self.staged);
        } else {
            self.packed.append(&mut self.staged);
        }
    }

    /// Makes and packs the weights of a mixture, all of whose ingredients are there.
    fn mix(&mut self, mixture: usize) -> Result<()> {
        let Mixture { making, outputs } = &self.mixtures[mixture];
        let made = making.make(&mut self.ingredients);
        for (Output { part, cols, encoding }, mut values) in outputs.clone().into_iter().zip(made) {
            if values.iter().any(|value| !value.is_finite()) {
                let file = self.files.first().cloned().unwrap_or_default();
                let reason = format!("makes {} of values that are not finite", part.name);
                return Err(Error::model(file, reason));
            }
            if encoding == Encoding::F16 {
                // Computed values are not halves, unlike those of other tensors: rounded, the file is this model exactly.
                values = FloatType::F16.to_f32(&FloatType::F16.to_bytes(&values));
            }
            self.pack_part(&part, encoding, encoding.encode(values, cols))?;
        }
        Ok(())
    }

    /// Folds and packs both vectors of a norm.
    fn fold_norm(&mut self, norm: String, vectors: [(Step, Values<'static>); 2]) -> Result<()> {
        let [first, second] = vectors.map(|(step, values)| (values.into_dense(step.cols), step));
        let gain_first = matches!(first.1.fold, Some((_, Role::Gain)));
        let (gain, bias) = if gain_first {
            (&first.0, &second.0)
        } else {
            (&second.0, &first.0)
        };
        let scales = ChannelScales::new(gain, bias);
        for (mut values, step) in [first, second] {
            if let Some((_, role)) = step.fold {
                scales.apply(role, &mut values);
            }
            self.pack(step, Values::Dense(values))?;
        }
        self.scales.insert(norm, scales);
        Ok(())
    }

    /// Packs a tensor.
    fn pack(&mut self, step: Step, values: Values<'static>) -> Result<()> {
        self.pack_part(&step.part, step.encoding, values)
    }

    fn pack_part(&mut self, part: &TensorSpec, encoding: Encoding, values: Values<'static>) -> Result<()> {
        for component in compose::components(&values, encoding) {
            self.checksums.push(xxh3_64(&component));
            let gap = align(self.packed_bytes, ALIGNMENT as u64) - self.packed_bytes;
            self.staged.extend_from_slice(&[0; ALIGNMENT][..gap as usize]);
            self.staged.extend_from_slice(&component);
            self.packed_bytes += gap + component.len() as u64;
        }
        self.assembler.accept(&part.name, values)
    }

    /// Takes tensors as they were packed, where the next `has_begun` or not.
    pub fn restore(&mut self, mut packed: &[u8], has_begun: bool) -> Result<()> {
        let file = self.files.first().cloned().unwrap_or_default();
        let unfit = || Error::model(&file, "the packed part does not fit the tensors that come next");
        let busy = self.first_vector.is_some()
            || !self.ingredients.is_empty()
            || !self.staged.is_empty()
            || !self.packed.is_empty();
        if has_begun || self.taken > 0 || self.rows.is_some() || busy || packed.is_empty() {
            return Err(unfit());
        }
        while !packed.is_empty() {
            let step = self.steps.pop_front().ok_or_else(unfit)?;
            for output in step.outputs(&self.mixtures) {
                let mut components = Vec::new();
                for declared in compose::declare(&output.part, output.encoding) {
                    let gap = align(self.packed_bytes, ALIGNMENT as u64) - self.packed_bytes;
                    let end = gap + declared.bytes();
                    let (component, rest) = packed.split_at_checked(end as usize).ok_or_else(unfit)?;
                    let component = &component[gap as usize..];
                    self.checksums.push(xxh3_64(component));
                    self.packed_bytes += end;
                    components.push(component);
                    packed = rest;
                }
                let values = compose::from_components(&components, output.encoding).ok_or_else(unfit)?;
                self.assembler.accept(&output.part.name, values)?;
            }
            self.completed += step.place.bytes;
        }
        match self.is_restorable() {
            true => Ok(()),
            false => Err(unfit()),
        }
    }

    /// True if what is still to come needs nothing of what has been restored.
    fn is_restorable(&self) -> bool {
        let to_come = self.steps.iter().filter_map(|step| step.mixture);
        if !mixtures::are_whole(&self.mixtures, to_come) {
            return false;
        }
        // A norm cannot be restored without the matrices behind it, which its scales are needed for.
        let norms = |wanted: fn(Role) -> bool| -> HashSet<&String> {
            let folds = self.steps.iter().filter_map(|step| step.fold.as_ref());
            folds
                .filter(|(_, role)| wanted(*role))
                .map(|(norm, _)| norm)
                .collect()
        };
        norms(|role| role == Role::Matrix).is_subset(&norms(|role| role == Role::Gain))
    }
}

impl Format for Tensors {
    /// The record before the member that holds the current tensor, where that is not known; else its next rows.
    fn next(&self) -> Option<Span> {
        let step = self.steps.front()?;
        let (start, length) = match (self.start_of(step), step.place.start) {
            (None, Start::InRecord { record, .. }) => (record, RECORD_BYTES),
            (Some(start), _) | (None, Start::Byte(start)) => {
                let at_once = match step.is_whole() {
                    true => step.place.bytes,
                    false => {
                        (step.cols * step.place.float.size() * (VALUES_AT_ONCE / step.cols).max(1)) as u64
                    }
                };
                (start + self.taken, at_once.min(step.place.bytes - self.taken))
            }
        };
        Some(Span {
            file: step.file,
            start,
            length,
            is_collected: true,
        })
    }

    fn take(&mut self, bytes: Cow<[u8]>) -> Result<()> {
        let Some(step) = self.steps.front() else {
            return Ok(());
        };
        if self.start_of(step).is_none() {
            return self.take_record(&bytes);
        }
        let whole = step.place.bytes;
        self.taken += bytes.len() as u64;
        self.quantize(&bytes)?;
        match self.taken == whole {
            true => self.complete(),
            false => Ok(()),
        }
    }
}
