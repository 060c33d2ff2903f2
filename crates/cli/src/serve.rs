//! `cliplet serve`: the model over HTTP.

mod log;
mod options;
mod signals;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cliplet::Error;
use cliplet_server::{
    ApiKeys, Batching, EngineSettings, FetchSettings, KeyChanger, Limits, Server, Settings, Task,
};
use tokio::net::TcpListener;

use super::labels::TemplateOptions;
use super::model::ModelOptions;
use super::terminal::print;
use super::{Outcome, Status};
use log::{Log, LogFormat};
use options::{BatchArgs, LimitArgs, OriginArgs, UrlArgs};

/// Answer over HTTP.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    model: ModelOptions,
    /// Address to listen on; only this machine reaches the default.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder of the built page for /; `dist` here or beside the command, where there is one.
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// Name that clients know the model by.
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,
    /// Task of /score where a request fits both.
    #[arg(long, value_enum, default_value_t = Task::ZeroShot)]
    task: Task,
    #[command(flatten)]
    templates: TemplateOptions,
    /// Key that clients must send as a bearer token; better given in the environment or a file.
    #[arg(long, value_name = "KEY", env = "CLIPLET_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// File whose first line is the key, or whose lines are named keys, "NAME: KEY"; read again at SIGHUP.
    #[arg(long, value_name = "FILE", conflicts_with = "api_key")]
    api_key_file: Option<PathBuf>,
    /// Form of the log, on standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    origins: OriginArgs,
    #[command(flatten)]
    urls: UrlArgs,
    #[command(flatten)]
    batching: BatchArgs,
}

impl Serve {
    pub fn run(&self) -> Outcome {
        let settings = self.settings()?;
        let log = Log::start(self.log);
        let clip = Arc::new(self.model.open()?);
        for warning in &clip.info().warnings {
            tracing::warn!("{warning}");
        }
        let server = Server::new(clip, settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(Error::io("runtime"))?;
        let outcome = runtime.block_on(self.serve(server, &log));
        // Work that is still running for clients that have gone is not waited for.
        runtime.shutdown_background();
        outcome
    }

    async fn serve(&self, server: Server, log: &Log) -> Outcome {
        let address = (self.host, self.port);
        let name = format!("{}:{}", self.host, self.port);
        let listener = TcpListener::bind(address).await.map_err(Error::io(&name))?;
        let stop = signals::stop().map_err(Error::io("signals"))?;
        let keys = server.key_changer();
        let reload = signals::on_hangup(|| self.reload_keys(&keys)).map_err(Error::io("signals"))?;
        let bound = listener.local_addr().map_err(Error::io(&name))?;
        print(&format!("cliplet serves at http://{bound}/\n"))?;
        if !bound.ip().is_loopback() && self.api_key.is_none() && self.api_key_file.is_none() {
            tracing::warn!("every machine that reaches {bound} may use this server: --api-key wants a key");
        }
        tokio::select! {
            () = server.serve(listener, stop) => {}
            () = reload => {}
            () = log.report_dropped_lines() => {}
        }
        tracing::info!("stopped");
        Ok(Status::Success)
    }

    /// Reads the key file again; where it cannot be used, the keys stay as they are.
    fn reload_keys(&self, keys: &KeyChanger) {
        if self.api_key_file.is_none() {
            tracing::info!("SIGHUP: there is no key file to read again");
            return;
        }
        match self.keys() {
            Ok(read) => {
                keys.set(read);
                tracing::info!("SIGHUP: the key file was read again");
            }
            Err(error) => tracing::error!(%error, "SIGHUP: the key file cannot be used; the old keys stay"),
        }
    }

    fn settings(&self) -> Result<Settings, Error> {
        let urls = &self.urls;
        let fetch = FetchSettings {
            bytes: (urls.url_max_mb as usize) << 20,
            time: Duration::from_secs(urls.url_timeout.into()),
            redirects: urls.url_redirects.into(),
            ..FetchSettings::default()
        };
        Ok(Settings {
            model_name: self.model_name.clone(),
            limits: self.limits(),
            engine: self.engine(),
            urls: urls.allow_url_images.then_some(fetch),
            task: Some(self.task),
            templates: self.templates.read()?,
            api_keys: self.keys()?,
            page: self.page()?,
            allowed_hosts: self.origins.allowed_hosts.clone(),
            cors_origins: self.origins.cors_origin.clone(),
            trusted_proxies: self.origins.trusted_proxy.clone(),
        })
    }

    fn limits(&self) -> Limits {
        let limits = &self.limits;
        let three_quarters = |all: u32| all - all / 4;
        let requests_per_client = limits.max_requests_per_client;
        let connections_per_client = limits.max_connections_per_client;
        Limits {
            body_bytes: (limits.max_body_mb as usize) << 20,
            rows: limits.max_rows as usize,
            labels: limits.max_labels as usize,
            requests: limits.max_requests as usize,
            requests_per_client: requests_per_client.unwrap_or(three_quarters(limits.max_requests)) as usize,
            request_time: Duration::from_secs(limits.timeout.into()),
            connections: limits.max_connections as usize,
            connections_per_client: connections_per_client.unwrap_or(three_quarters(limits.max_connections))
                as usize,
            ..Limits::default()
        }
    }

    fn engine(&self) -> EngineSettings {
        let batching = &self.batching;
        let wait = Duration::from_millis(batching.batch_wait_ms.into());
        let batches = |largest: u32, places: u32| Batching {
            largest: largest as usize,
            wait,
            places: places as usize,
        };
        EngineSettings {
            images: batches(batching.batch_images, batching.queue_images),
            texts: batches(batching.batch_texts, batching.queue_texts),
            decode_threads: batching.decode_threads.into(),
            max_pixels: u64::from(self.limits.max_megapixels) * 1_000_000,
        }
    }

    fn keys(&self) -> Result<ApiKeys, Error> {
        let keys = match (&self.api_key, &self.api_key_file) {
            (Some(key), _) => ApiKeys::single(key),
            (None, Some(file)) => ApiKeys::parse(&std::fs::read_to_string(file).map_err(Error::io(file))?),
            (None, None) => return Ok(ApiKeys::default()),
        };
        keys.map_err(|error| Error::Input(error.to_string()))
    }

    /// The page's folder: the one named, which must hold a page, else `dist` if that does.
    fn page(&self) -> Result<Option<PathBuf>, Error> {
        let holds_page = |folder: &Path| folder.join("index.html").is_file();
        if let Some(folder) = &self.page {
            return match holds_page(folder) {
                true => Ok(Some(folder.clone())),
                false => Err(Error::Input(format!(
                    "{} has no index.html: name the folder that ./build.sh dist made",
                    folder.display()
                ))),
            };
        }
        let beside = std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("dist")));
        let mut likely = [Some(PathBuf::from("dist")), beside].into_iter().flatten();
        Ok(likely.find(|folder| holds_page(folder)))
    }
}
