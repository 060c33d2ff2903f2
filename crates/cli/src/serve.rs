//! `cliplet serve`: the model over HTTP.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use cliplet::Error;
use cliplet::zero_shot::{DEFAULT_TEMPLATE, PromptTemplate};
use cliplet_server::{Batching, EngineSettings, FetchSettings, Limits, Server, Settings, Task};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::model::Model;
use super::output::print;
use super::{Outcome, Status};

/// Answer over HTTP.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    model: Model,
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
    /// What /score does where a request fits both tasks.
    #[arg(long, value_enum, default_value_t = Task::ZeroShot)]
    task: Task,
    /// Prompt template with {} for the label; several make an ensemble.
    #[arg(long, value_name = "TEMPLATE", default_value = DEFAULT_TEMPLATE)]
    template: Vec<String>,
    /// Key that clients must send as a bearer token; better given in the environment or a file.
    #[arg(long, value_name = "KEY", env = "CLIPLET_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// File whose first line is the key.
    #[arg(long, value_name = "FILE", conflicts_with = "api_key")]
    api_key_file: Option<PathBuf>,
    /// How to write the log, on standard error.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    urls: UrlArgs,
    #[command(flatten)]
    batching: BatchArgs,
}

/// How the log is written.
#[derive(Clone, Copy, ValueEnum)]
enum Log {
    Text,
    Json,
}

#[derive(Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Largest body of a request, in MB.
    #[arg(long, value_name = "MB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_body_mb: u32,
    /// Largest picture, in megapixels.
    #[arg(long, value_name = "MP", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_megapixels: u32,
    /// Most rows of a request.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    max_rows: u32,
    /// Most labels of a request.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    max_labels: u32,
    /// Most requests for the model under way at a time.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    max_requests: u32,
    /// Longest time for a request, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
}

#[derive(Args)]
#[command(next_help_heading = "Pictures from URLs")]
struct UrlArgs {
    /// Fetch pictures that requests give as http(s) URLs, from public addresses only.
    #[arg(long)]
    allow_url_images: bool,
    /// Largest picture fetched, in MB.
    #[arg(long, value_name = "MB", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1024))]
    url_max_mb: u32,
    /// Longest time to fetch one, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    url_timeout: u32,
    /// Most redirects followed.
    #[arg(long, value_name = "N", default_value_t = 3)]
    url_redirects: u8,
}

#[derive(Args)]
#[command(next_help_heading = "Batching")]
struct BatchArgs {
    /// Largest batch of pictures.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch_images: u32,
    /// Largest batch of texts.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    batch_texts: u32,
    /// Longest time that a picture or text waits for others to share its batch, in milliseconds; three
    /// times as long for those that are on their way.
    #[arg(long, value_name = "MS", default_value_t = 2)]
    batch_wait_ms: u32,
    /// Pictures that may be under way at a time; more are answered with 429.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    queue_images: u32,
    /// Texts that may be under way at a time; more are answered with 429.
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..))]
    queue_texts: u32,
    /// Threads that decode and resize pictures; 0 is one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    picture_threads: u16,
}

impl Serve {
    pub fn run(&self) -> Outcome {
        let settings = self.settings()?;
        self.start_log();
        let clip = Arc::new(self.model.load()?);
        let server = Server::new(clip, settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime
            .map_err(Error::io("runtime"))?
            .block_on(self.serve(server))
    }

    async fn serve(&self, server: Server) -> Outcome {
        let address = (self.host, self.port);
        let name = format!("{}:{}", self.host, self.port);
        let listener = TcpListener::bind(address).await.map_err(Error::io(&name))?;
        let stop = stop_signal().map_err(Error::io("signals"))?;
        let bound = listener.local_addr().map_err(Error::io(&name))?;
        print(&format!("cliplet serves at http://{bound}/\n"))?;
        if !bound.ip().is_loopback() && self.api_key.is_none() && self.api_key_file.is_none() {
            tracing::warn!("every machine that reaches {bound} may use this server: --api-key wants a key");
        }
        server.serve(listener, stop).await;
        tracing::info!("stopped");
        Ok(Status::Success)
    }

    fn settings(&self) -> Result<Settings, Error> {
        let Self {
            limits,
            urls,
            batching,
            ..
        } = self;
        let wait = Duration::from_millis(batching.batch_wait_ms.into());
        let batches = |largest: u32, places: u32| Batching {
            largest: largest as usize,
            wait,
            places: places as usize,
        };
        let fetch = FetchSettings {
            bytes: (urls.url_max_mb as usize) << 20,
            time: Duration::from_secs(urls.url_timeout.into()),
            redirects: urls.url_redirects.into(),
            ..FetchSettings::default()
        };
        Ok(Settings {
            model_name: self.model_name.clone(),
            limits: Limits {
                body_bytes: (limits.max_body_mb as usize) << 20,
                rows: limits.max_rows as usize,
                labels: limits.max_labels as usize,
                requests: limits.max_requests as usize,
                request_time: Duration::from_secs(limits.timeout.into()),
                ..Limits::default()
            },
            engine: EngineSettings {
                images: batches(batching.batch_images, batching.queue_images),
                texts: batches(batching.batch_texts, batching.queue_texts),
                picture_threads: batching.picture_threads.into(),
                picture_pixels: u64::from(limits.max_megapixels) * 1_000_000,
            },
            urls: urls.allow_url_images.then_some(fetch),
            task: Some(self.task),
            templates: PromptTemplate::list(&self.template)?,
            key: self.key()?,
            page: self.page()?,
        })
    }

    fn key(&self) -> Result<Option<String>, Error> {
        let key = match (&self.api_key, &self.api_key_file) {
            (Some(key), _) => key.clone(),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
                text.lines().next().unwrap_or_default().trim().to_string()
            }
            (None, None) => return Ok(None),
        };
        match key.is_empty() {
            true => Err(Error::Input(
                "the key is empty: give one, or none to let everybody in".into(),
            )),
            false => Ok(Some(key)),
        }
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

    fn start_log(&self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        match self.log {
            Log::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
            Log::Json => log.json().flatten_event(true).init(),
        }
    }
}

/// Status when the process is told to stop: Ctrl-C, or what a service manager sends.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: requests under way are finished first");
    })
}

/// Status when the process is told to stop by Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where the signal cannot be waited for, the server runs until it is ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
