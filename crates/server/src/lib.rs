//! `cliplet serve` as a library: the core behind HTTP, for many clients at once.
//!
//! [`Server::router`] is an axum [`Router`] that can be served on its own ([`Server::serve`]) or nested in
//! another program's. A request passes the middleware (id, log, host and origin, key, limits), its endpoint
//! turns its shape into calls of the service and back, and the engine runs the work of all clients in batches.
//! No model logic is here: numbers are the core's, whatever the endpoint.

mod api_error;
mod api_keys;
mod body;
mod client;
mod connection;
mod embeddings;
mod engine;
mod fair_limit;
mod fetch;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guarded_body;
mod health;
mod image_input;
mod inference;
mod ip_filter;
mod limits;
mod metrics;
mod middleware;
mod openapi;
mod origin;
mod page;
mod pool;
mod queue;
mod score;
mod service;
mod settings;

use std::any::Any;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use api_keys::{ApiKeyError, ApiKeys};
pub use engine::EngineSettings;
pub use fetch::{FetchError, FetchSettings, Fetcher};
pub use ip_filter::is_public;
pub use limits::Limits;
pub use queue::Batching;
pub use score::Task;
pub use settings::Settings;

use api_error::ApiError;
use cliplet::clip::Clip;
use cliplet::error::Result;
use connection::Routers;
use fair_limit::FairLimit;
use origin::Origins;
use service::Service;

/// A model ready to be served.
pub struct Server(Shared);

/// The state that every endpoint sees.
type Shared = Arc<App>;

struct App {
    service: Arc<Service>,
    limits: Limits,
    /// The task of `/score` where a request fits both.
    task: Option<Task>,
    /// The name that clients know the model by.
    model_name: String,
    page: Option<PathBuf>,
    keys: RwLock<Arc<ApiKeys>>,
    origins: Origins,
    trusted_proxies: Vec<IpAddr>,
    /// Requests for the model that may be in progress.
    requests: FairLimit,
    /// Bytes of bodies that may be in memory.
    body_memory: FairLimit,
    stopping: AtomicBool,
    beyond_loopback: AtomicBool,
}

impl App {
    fn api_keys(&self) -> Arc<ApiKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns true where other machines may reach the server.
    fn listens_beyond_loopback(&self) -> bool {
        self.beyond_loopback.load(Ordering::Relaxed)
    }
}

/// Changes the API keys of a running server.
#[derive(Clone)]
pub struct KeyChanger(Shared);

impl KeyChanger {
    /// Lets in whoever has one of `keys`, from the next request on.
    pub fn set(&self, keys: ApiKeys) {
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl Server {
    /// Starts the engine around a loaded model.
    ///
    /// # Errors
    /// [`cliplet::Error::Io`] where the system gives no threads or no TLS.
    pub fn new(clip: Arc<Clip>, settings: Settings) -> Result<Self> {
        metrics::install();
        let limits = settings.limits;
        let body_bytes_per_client = limits.requests_per_client.saturating_mul(limits.body_bytes);
        Ok(Self(Arc::new(App {
            model_name: model_name(&settings, &clip.info().name),
            service: Arc::new(Service::start(clip, &settings)?),
            limits,
            task: settings.task,
            page: settings.page,
            keys: RwLock::new(Arc::new(settings.api_keys)),
            origins: Origins::new(&settings.allowed_hosts, &settings.cors_origins),
            trusted_proxies: settings.trusted_proxies,
            requests: FairLimit::new(limits.requests, limits.requests_per_client),
            body_memory: FairLimit::new(limits.all_body_bytes(), body_bytes_per_client),
            stopping: AtomicBool::new(false),
            beyond_loopback: AtomicBool::new(false),
        })))
    }

    /// Changes the keys later, such as when their file has changed.
    pub fn key_changer(&self) -> KeyChanger {
        KeyChanger(self.0.clone())
    }

    /// The axum router of every endpoint and the page. Serve it with
    /// `into_make_service_with_connect_info::<SocketAddr>()` where limits are to tell clients apart.
    pub fn router(&self) -> Router {
        let app = &self.0;
        let key = || from_fn_with_state(app.clone(), middleware::require_api_key);
        let model = OpenApiRouter::new()
            .routes(routes!(score::score))
            .routes(routes!(embeddings::embeddings))
            .routes(routes!(inference::infer))
            .routes(routes!(inference::infer_version))
            .layer(from_fn_with_state(app.clone(), middleware::limit_concurrency))
            .layer(key());
        let metadata = OpenApiRouter::new()
            .routes(routes!(inference::model))
            .routes(routes!(inference::model_version))
            .layer(key());
        let open = OpenApiRouter::new()
            .routes(routes!(inference::server))
            .routes(routes!(inference::model_ready))
            .routes(routes!(inference::version_ready))
            .routes(routes!(openapi::openapi));
        let described = openapi::described()
            .merge(model)
            .merge(metadata)
            .merge(open)
            .merge(probes());
        let (routes, document) = described.split_for_parts();
        let document = openapi::Document(Arc::new(app.complete(document)));
        let routes = routes.layer(axum::Extension(document));
        self.behind_middleware(page::with_page(routes, app.page.as_deref()))
    }

    /// The router of a connection for which there is no place: probes, and 503 for everything else.
    fn probe_router(&self) -> Router {
        let (probes, _) = probes().split_for_parts();
        self.behind_middleware(probes.fallback(async || ApiError::no_connection()))
    }

    /// Puts the steps that every request passes in front of `routes`.
    fn behind_middleware(&self, routes: Router<Shared>) -> Router {
        let app = &self.0;
        let routes = match app.origins.cors() {
            Some(cors) => routes.layer(cors),
            None => routes,
        };
        let catch = |_: Box<dyn Any + Send>| ApiError::internal().into_response();
        let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, app.limits.request_time);
        let check = from_fn_with_state(app.clone(), origin::check_host_and_origin);
        let context = from_fn_with_state(app.clone(), middleware::request_context);
        // The last is the first that a request passes.
        routes
            .layer(check)
            .layer(timeout)
            .layer(CatchPanicLayer::custom(catch))
            .layer(context)
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(MapRequestLayer::new(middleware::drop_unusable_id))
            .with_state(app.clone())
    }

    /// Serves `listener` until `stop` is done, then finishes the requests that were accepted.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let limits = &self.0.limits;
        let app = self.0.clone();
        let reachable = listener.local_addr().is_ok_and(origin::is_reachable);
        app.beyond_loopback.store(reachable, Ordering::Relaxed);
        let stop = async move {
            stop.await;
            app.stopping.store(true, Ordering::Relaxed);
        };
        let routers = Routers {
            all: self.router(),
            probes: self.probe_router(),
        };
        connection::serve(listener, routers, limits, stop).await;
    }
}

/// The endpoints that tell whether the server works, which need no key.
fn probes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(inference::live))
        .routes(routes!(inference::ready))
}

/// The name that the settings give, else the last part of the model's own, which has no slash.
fn model_name(settings: &Settings, own: &str) -> String {
    let last = || {
        own.rsplit(['/', '\\'])
            .find(|part| !part.is_empty())
            .unwrap_or("clip")
    };
    settings.model_name.clone().unwrap_or_else(|| last().to_string())
}
