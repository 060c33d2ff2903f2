//! `cliplet serve`: the core behind HTTP, for many clients at once.
//!
//! A request goes through the [`door`] (id, log, key, limits), its endpoint turns its shape into the
//! core's and back, and the [`engine`] runs what all clients ask in batches. No model logic is here:
//! numbers are the core's, whatever the endpoint.

mod address;
mod body;
mod door;
mod embeddings;
mod engine;
mod fetch;
mod health;
mod inference;
mod listen;
mod metrics;
mod openapi;
mod page;
mod picture;
mod pool;
mod problem;
mod queue;
mod score;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use address::is_public;
pub use engine::EngineSettings;
pub use fetch::FetchSettings;
pub use queue::Batching;
pub use score::Task;
pub use settings::{Limits, Settings};

use cliplet::clip::Clip;
use cliplet::error::{Error, Result};
use engine::Engine;
use fetch::Fetcher;

/// A model ready to be served.
pub struct Server(Shared);

/// What every endpoint sees.
type Shared = Arc<App>;

struct App {
    engine: Engine,
    fetcher: Option<Fetcher>,
    settings: Settings,
    /// The key that clients must send, if any.
    key: Option<door::Key>,
    /// The name that clients know the model by.
    model_name: String,
    /// Requests for the model that may be under way.
    requests: Arc<Semaphore>,
    stopping: AtomicBool,
}

impl Server {
    /// Starts the engine around a loaded model.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no threads or no TLS.
    pub fn new(clip: Arc<Clip>, settings: Settings) -> Result<Self> {
        metrics::install();
        let fetcher = settings.urls.map(Fetcher::new).transpose();
        let fetcher = fetcher.map_err(|error| Error::Io {
            file: "TLS".into(),
            source: std::io::Error::other(error),
        })?;
        Ok(Self(Arc::new(App {
            model_name: model_name(&settings, &clip.info().name),
            engine: Engine::start(clip, &settings.engine)?,
            fetcher,
            key: settings.key.as_deref().map(door::Key::new),
            requests: Arc::new(Semaphore::new(settings.limits.requests)),
            settings,
            stopping: AtomicBool::new(false),
        })))
    }

    /// The service: every endpoint behind the door.
    pub fn router(&self) -> Router {
        let app = &self.0;
        let model = Router::new()
            .route("/score", post(score::score))
            .route("/v1/embeddings", post(embeddings::embeddings))
            .route("/v2/models/{model}/infer", post(inference::infer))
            .route(
                "/v2/models/{model}/versions/{version}/infer",
                post(inference::infer_version),
            )
            .layer(from_fn_with_state(app.clone(), door::crowd))
            .layer(from_fn_with_state(app.clone(), door::key));
        let facts = Router::new()
            .route("/v2/models/{model}", get(inference::model))
            .route(
                "/v2/models/{model}/versions/{version}",
                get(inference::model_version),
            )
            .layer(from_fn_with_state(app.clone(), door::key));
        let open = Router::new()
            .route("/healthz", get(health::alive))
            .route("/metrics", get(metrics::metrics))
            .route("/readyz", get(health::ready))
            .route("/v2", get(inference::server))
            .route("/v2/health/live", get(inference::live))
            .route("/v2/health/ready", get(inference::ready))
            .route("/v2/models/{model}/ready", get(inference::model_ready))
            .route(
                "/v2/models/{model}/versions/{version}/ready",
                get(inference::version_ready),
            )
            .route("/openapi.json", get(openapi::openapi));
        let routes = model.merge(facts).merge(open);
        page::beside(routes, app.settings.page.as_deref())
            .layer(from_fn_with_state(app.clone(), door::guard))
            .with_state(app.clone())
    }

    /// Serves `listener` until `stop` is done, then finishes what was accepted.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let limits = &self.0.settings.limits;
        let app = self.0.clone();
        let stop = async move {
            stop.await;
            app.stopping.store(true, Ordering::Relaxed);
        };
        listen::serve(listener, self.router(), limits, stop).await;
    }
}

/// The name it was given, else the last part of the model's own, which has no slash.
fn model_name(settings: &Settings, own: &str) -> String {
    let last = || {
        own.rsplit(['/', '\\'])
            .find(|part| !part.is_empty())
            .unwrap_or("clip")
    };
    settings.model_name.clone().unwrap_or_else(|| last().to_string())
}
