//! How a server is set up, with defaults that are safe on a machine of its own.

use std::path::PathBuf;
use std::time::Duration;

use super::engine::EngineSettings;
use super::fetch::FetchSettings;
use super::queue::Batching;
use super::score::Task;
use cliplet::zero_shot::PromptTemplate;

/// What a server is given beside its model.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that clients know the model by; the last part of its own by default.
    pub model_name: Option<String>,
    /// What one request may hold.
    pub limits: Limits,
    /// Batching and threads.
    pub engine: EngineSettings,
    /// How pictures behind URLs are fetched; not at all by default.
    pub urls: Option<FetchSettings>,
    /// What `/score` does where a request fits both tasks; zero-shot classification by default.
    pub task: Option<Task>,
    /// Prompt templates that labels go through.
    pub templates: Vec<PromptTemplate>,
    /// The bearer key that clients must send, if any.
    pub key: Option<String>,
    /// The folder of the built page, if there is one.
    pub page: Option<PathBuf>,
}

/// What requests may hold, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Rows, inputs or tensor elements of a request.
    pub rows: usize,
    /// Labels of a request.
    pub labels: usize,
    /// Characters of one text or label.
    pub text_chars: usize,
    /// Requests for the model under way at a time.
    pub requests: usize,
    /// Time for one request, from its header to its answer.
    pub request_time: Duration,
    /// Connections open at a time.
    pub connections: usize,
    /// Time for a request's header to arrive, for more of its body to, and for a client to take more of
    /// its answer.
    pub stall_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            rows: 256,
            labels: 1000,
            text_chars: 4096,
            requests: 256,
            request_time: Duration::from_secs(60),
            connections: 1024,
            stall_time: Duration::from_secs(10),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_name: None,
            limits: Limits::default(),
            engine: EngineSettings::default(),
            urls: None,
            task: None,
            templates: vec![PromptTemplate::default()],
            key: None,
            page: None,
        }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            images: Batching {
                largest: 32,
                wait: Duration::from_millis(2),
                places: 512,
            },
            texts: Batching {
                largest: 256,
                wait: Duration::from_millis(2),
                places: 8192,
            },
            picture_threads: 0,
            picture_pixels: 50_000_000,
        }
    }
}
