//! The settings of a server, with defaults that are safe on a machine of its own.

use std::net::IpAddr;
use std::path::PathBuf;

use cliplet::zero_shot::PromptTemplate;

use super::api_keys::ApiKeys;
use super::engine::EngineSettings;
use super::fetch::FetchSettings;
use super::limits::Limits;
use super::score::Task;

/// Settings of a server beside its model.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that clients know the model by; the last part of its own by default.
    pub model_name: Option<String>,
    /// Limits of requests and connections.
    pub limits: Limits,
    /// Batching and threads.
    pub engine: EngineSettings,
    /// Limits of fetching images behind URLs; they are not fetched at all by default.
    pub urls: Option<FetchSettings>,
    /// The task of `/score` where a request fits both; zero-shot classification by default.
    pub task: Option<Task>,
    /// Prompt templates that labels go through.
    pub templates: Vec<PromptTemplate>,
    /// The bearer keys, one of which clients must send; everybody is let in where there are none.
    pub api_keys: ApiKeys,
    /// The folder of the built page, if there is one.
    pub page: Option<PathBuf>,
    /// Hosts beside loopback names that a server without keys answers for.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may use the server from a browser; `*` allows all.
    pub cors_origins: Vec<String>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
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
            api_keys: ApiKeys::default(),
            page: None,
            allowed_hosts: vec![],
            cors_origins: vec![],
            trusted_proxies: vec![],
        }
    }
}
