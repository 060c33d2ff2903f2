//! Checks a whole header against the configuration in it and says what each tensor is for.

use std::collections::HashMap;

use super::header::{Header, TensorInfo};
use super::{
    FORMAT_VERSION, MULTIPLIER, SCALE, TensorType, align, keys, malformed, score_rule_key, unsupported,
};
use crate::error::{Error, Result};
use crate::weights::config::{ClipConfig, Family};
use crate::weights::layout::TensorSpec;
use crate::weights::store::{Assembler, Placement};
use cliplet_kernels::Q4_GROUP;

/// Plan for the bytes that follow a header.
pub struct Plan {
    /// Receiver of the tensors.
    pub assembler: Assembler,
    /// The tensors in the order of the file.
    pub steps: Vec<Step>,
    /// The byte behind the last one.
    pub end: u64,
}

/// One stored tensor.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub tensor: String,
    /// The published tensor that it is, or is a piece of.
    pub part: String,
    /// Role of the stored tensor in it.
    pub role: Role,
    /// Its first byte in the file.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// XXH3-64 of its bytes.
    pub checksum: u64,
}

/// Role of a stored tensor in a published one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All of it, in floating point.
    Dense(TensorType),
    /// Its 8-bit codes.
    Codes,
    /// Its 4-bit codes.
    Nibbles,
    /// Multipliers of its groups of 32.
    Multipliers,
    /// Scales of its rows.
    Scales,
}

/// Checks `header` and plans what follows it.
pub fn plan(header: &Header, placement: Placement) -> Result<Plan> {
    let family = check_metadata(header)?;
    let config = ClipConfig::from_json(&header.strings[keys::CONFIG])?;
    check_family(header, family, &config)?;
    let assembler = Assembler::new(&config, placement);
    let checksums = &header.lists[keys::CHECKSUMS];
    if checksums.len() != header.tensors.len() {
        let (sums, tensors) = (checksums.len(), header.tensors.len());
        return Err(malformed(format!("has {sums} checksums for {tensors} tensors")));
    }
    let by_name: HashMap<&str, &TensorInfo> = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
    if by_name.len() != header.tensors.len() {
        return Err(malformed("has two tensors of the same name".into()));
    }
    for part in assembler.parts() {
        check_complete(part, &by_name)?;
    }

    let data = align(header.bytes as u64, header.alignment);
    let mut order: Vec<(&TensorInfo, u64)> = header.tensors.iter().zip(checksums.iter().copied()).collect();
    order.sort_by_key(|(tensor, _)| tensor.offset);
    let mut end = 0u64;
    let mut steps = Vec::with_capacity(order.len());
    for (tensor, checksum) in order {
        let name = &tensor.name;
        let expected = align(end, header.alignment);
        if tensor.offset != expected {
            let offset = tensor.offset;
            return Err(malformed(format!(
                "tensor {name} lies at {offset}; expected it at {expected}"
            )));
        }
        let (part, role) = role(tensor, &assembler, &by_name)?;
        end = tensor
            .offset
            .checked_add(tensor.bytes)
            .filter(|end| *end <= u64::MAX / 2)
            .ok_or_else(|| malformed(format!("tensor {name} ends beyond any file")))?;
        let (start, end) = (data + tensor.offset, data + end);
        steps.push(Step {
            tensor: name.clone(),
            part: part.name.clone(),
            role,
            start,
            end,
            checksum,
        });
    }
    Ok(Plan {
        assembler,
        steps,
        end: data + end,
    })
}

/// The family that the header names must be that of the configuration, and so must be the score rule, which files of
/// earlier versions do not have.
fn check_family(header: &Header, family: Family, config: &ClipConfig) -> Result<()> {
    if family != config.family {
        let (given, found) = (family.name(), config.family.name());
        return Err(malformed(format!(
            "architecture is {given:?} but the configuration is of {found:?}"
        )));
    }
    let rule = family.score_rule().name();
    match header.strings.get(score_rule_key(family)) {
        Some(given) if given != rule => Err(malformed(format!(
            "score rule is {given:?} but that of {} is {rule:?}",
            family.name()
        ))),
        _ => Ok(()),
    }
}

/// A file without a key that every file has.
fn missing(key: &str) -> Error {
    malformed(format!("metadata {key} is missing"))
}

/// Checks what there is beside tensors and gives the family of the model.
fn check_metadata(header: &Header) -> Result<Family> {
    let architecture = header
        .strings
        .get(keys::ARCHITECTURE)
        .ok_or_else(|| missing(keys::ARCHITECTURE))?;
    let family = Family::from_name(architecture).ok_or_else(|| {
        let known = Family::ALL
            .map(|family| format!("{:?}", family.name()))
            .join(" and ");
        unsupported(format!("architecture is {architecture:?}; {known} are supported"))
    })?;
    let version = *header.numbers.get(keys::FORMAT_VERSION).ok_or_else(|| {
        unsupported(format!(
            "is a GGUF of CLIP but not ours: metadata {} is missing",
            keys::FORMAT_VERSION
        ))
    })?;
    if version != u64::from(FORMAT_VERSION) {
        return Err(unsupported(format!(
            "format version is {version}; only {FORMAT_VERSION} is supported"
        )));
    }
    check_keys(header)?;
    Ok(family)
}

/// Refuses keys of a newer version, and headers without one that every file has.
fn check_keys(header: &Header) -> Result<()> {
    let ours = [
        keys::FORMAT_VERSION,
        keys::QUANTIZATION,
        keys::CONFIG,
        keys::PREPROCESSOR,
        keys::TOKENIZER,
        keys::CHECKSUMS,
        keys::HEADER_CHECKSUM,
    ];
    let keys = header
        .strings
        .keys()
        .chain(header.numbers.keys())
        .chain(header.lists.keys())
        .chain(header.texts.keys());
    for key in keys.chain(&header.other_keys) {
        if key.starts_with(keys::OURS) && !ours.contains(&key.as_str()) {
            return Err(unsupported(format!(
                "metadata {key} is not understood; the file needs a newer version"
            )));
        }
    }
    for key in [
        keys::QUANTIZATION,
        keys::CONFIG,
        keys::PREPROCESSOR,
        keys::TOKENIZER,
    ] {
        if !header.strings.contains_key(key) {
            return Err(missing(key));
        }
    }
    if !header.lists.contains_key(keys::CHECKSUMS) {
        return Err(missing(keys::CHECKSUMS));
    }
    if !header.numbers.contains_key(keys::HEADER_CHECKSUM) {
        return Err(missing(keys::HEADER_CHECKSUM));
    }
    Ok(())
}

/// Every published tensor must be there with the pieces that its form has, and no others.
fn check_complete(part: &TensorSpec, by_name: &HashMap<&str, &TensorInfo>) -> Result<()> {
    let name = &part.name;
    let tensor = by_name
        .get(name.as_str())
        .ok_or_else(|| malformed(format!("tensor {name} is missing")))?;
    let scaled = by_name.contains_key(format!("{name}{SCALE}").as_str());
    let multiplied = by_name.contains_key(format!("{name}{MULTIPLIER}").as_str());
    match tensor.kind {
        TensorType::I8 if !scaled => Err(malformed(format!("tensor {name}{SCALE} is missing"))),
        TensorType::F32 | TensorType::F16 | TensorType::BF16 if scaled || multiplied => Err(malformed(
            format!("tensor {name} is floating point but has scales or multipliers"),
        )),
        _ => Ok(()),
    }
}

/// The published tensor that `tensor` belongs to and its role there, its type and dimensions checked.
fn role<'a>(
    tensor: &TensorInfo,
    assembler: &'a Assembler,
    by_name: &HashMap<&str, &TensorInfo>,
) -> Result<(&'a TensorSpec, Role)> {
    let name = &tensor.name;
    let (base, suffix) = [SCALE, MULTIPLIER]
        .into_iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, suffix)))
        .unwrap_or((name, ""));
    let Some((part, kind)) = assembler.part(base) else {
        return Err(unsupported(format!("tensor {name} is not one of this model's")));
    };
    if !kind.is_quantizable() && (tensor.kind == TensorType::I8 || !suffix.is_empty()) {
        return Err(unsupported(format!(
            "tensor {name} is quantized; a model's vectors and filters are not"
        )));
    }
    let rows = part.shape.first().map_or(1, |rows| *rows as u64);
    let cols = part.values() as u64 / rows;
    let four_bits = by_name.contains_key(format!("{base}{MULTIPLIER}").as_str());
    if four_bits && !cols.is_multiple_of(Q4_GROUP as u64) {
        return Err(malformed(format!(
            "tensor {base} is 4-bit but has {cols} columns, not a multiple of 32"
        )));
    }
    let published: Vec<u64> = match part.shape.len() {
        0 => vec![1],
        _ => part.shape.iter().rev().map(|dim| *dim as u64).collect(),
    };
    let (role, kind, dims) = match (suffix, tensor.kind) {
        (SCALE, _) => (Role::Scales, TensorType::F32, vec![rows]),
        (MULTIPLIER, _) => (
            Role::Multipliers,
            TensorType::I8,
            vec![cols / Q4_GROUP as u64, rows],
        ),
        (_, TensorType::I8) if four_bits => (Role::Nibbles, TensorType::I8, vec![cols / 2, rows]),
        (_, TensorType::I8) => (Role::Codes, TensorType::I8, published),
        (_, float) => (Role::Dense(float), float, published),
    };
    if tensor.kind != kind || tensor.dims != dims {
        let TensorInfo {
            dims: given,
            kind: type_given,
            ..
        } = tensor;
        return Err(malformed(format!(
            "tensor {name} is {type_given:?} {given:?}; expected {kind:?} {dims:?}"
        )));
    }
    Ok((part, role))
}
