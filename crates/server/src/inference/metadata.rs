//! Descriptions of the server and its model, in the protocol's shapes.

use cliplet::ModelInfo;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{IMAGE_FEATURES, PROBS, TEXT_FEATURES};

/// A description of the server.
#[derive(Serialize, ToSchema)]
pub struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: Vec<&'static str>,
}

impl Default for ServerMetadata {
    fn default() -> Self {
        Self {
            name: "cliplet",
            version: env!("CARGO_PKG_VERSION"),
            extensions: vec!["binary_tensor_data"],
        }
    }
}

/// A description of a model's inputs and outputs.
#[derive(Serialize, ToSchema)]
pub struct ModelMetadata {
    name: String,
    versions: Vec<&'static str>,
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
    /// Defaults that stand in for files that the model lacks, a sentence each; beyond the protocol.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// A tensor's name, type and shape; -1 is any length.
#[derive(Serialize, ToSchema)]
struct TensorMetadata {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<i64>,
}

impl ModelMetadata {
    /// The description of a model by the name that clients know, its version and what is known of it.
    pub fn new(name: &str, version: &'static str, info: &ModelInfo) -> Self {
        let tensor = |name, datatype, shape| TensorMetadata {
            name,
            datatype,
            shape,
        };
        let features = vec![-1, info.dimension as i64];
        Self {
            name: name.into(),
            versions: vec![version],
            platform: "cliplet",
            inputs: ["image", "text", "labels"]
                .map(|name| tensor(name, "BYTES", vec![-1]))
                .into(),
            outputs: vec![
                tensor(IMAGE_FEATURES, "FP32", features.clone()),
                tensor(TEXT_FEATURES, "FP32", features),
                tensor(PROBS, "FP32", vec![-1, -1]),
            ],
            warnings: info.warnings.clone(),
        }
    }
}

/// An answer that says that the server answers.
#[derive(Serialize, ToSchema)]
pub struct ServerLive {
    live: bool,
}

impl ServerLive {
    pub const YES: Self = Self { live: true };
}

/// An answer that says that the server takes requests.
#[derive(Serialize, ToSchema)]
pub struct ServerReady {
    ready: bool,
}

impl ServerReady {
    pub const YES: Self = Self { ready: true };
}

/// An answer that says that a model takes requests.
#[derive(Serialize, ToSchema)]
pub struct ModelReady {
    name: String,
    ready: bool,
}

impl ModelReady {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ready: true,
        }
    }
}
