//! What the server and its model are, in the protocol's shapes.

use serde::Serialize;
use utoipa::ToSchema;

use super::types::{IMAGE_FEATURES, PROBS, TEXT_FEATURES};

/// What the server is.
#[derive(Serialize, ToSchema)]
pub struct ServerFacts {
    name: &'static str,
    version: &'static str,
    extensions: Vec<&'static str>,
}

impl Default for ServerFacts {
    fn default() -> Self {
        Self {
            name: "cliplet",
            version: env!("CARGO_PKG_VERSION"),
            extensions: vec!["binary_tensor_data"],
        }
    }
}

/// What a model takes and gives.
#[derive(Serialize, ToSchema)]
pub struct ModelFacts {
    name: String,
    versions: Vec<&'static str>,
    platform: &'static str,
    inputs: Vec<TensorFacts>,
    outputs: Vec<TensorFacts>,
}

/// A tensor's name, type and shape; -1 is any length.
#[derive(Serialize, ToSchema)]
struct TensorFacts {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<i64>,
}

/// That the server answers.
#[derive(Serialize, ToSchema)]
pub struct ServerLive {
    live: bool,
}

impl ServerLive {
    pub const YES: Self = Self { live: true };
}

/// That the server takes requests.
#[derive(Serialize, ToSchema)]
pub struct ServerReady {
    ready: bool,
}

impl ServerReady {
    pub const YES: Self = Self { ready: true };
}

/// That a model takes requests.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    name: String,
    ready: bool,
}

impl Ready {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ready: true,
        }
    }
}

/// What [`ModelFacts`] are made of.
pub struct Facts<'a> {
    name: &'a str,
    version: &'static str,
    dimension: usize,
}

impl<'a> Facts<'a> {
    pub fn new(name: &'a str, version: &'static str, dimension: usize) -> Self {
        Self {
            name,
            version,
            dimension,
        }
    }

    pub fn describe(&self) -> ModelFacts {
        let tensor = |name, datatype, shape| TensorFacts {
            name,
            datatype,
            shape,
        };
        let features = vec![-1, self.dimension as i64];
        ModelFacts {
            name: self.name.into(),
            versions: vec![self.version],
            platform: "cliplet",
            inputs: ["image", "text", "labels"]
                .map(|name| tensor(name, "BYTES", vec![-1]))
                .into(),
            outputs: vec![
                tensor(IMAGE_FEATURES, "FP32", features.clone()),
                tensor(TEXT_FEATURES, "FP32", features),
                tensor(PROBS, "FP32", vec![-1, -1]),
            ],
        }
    }
}
