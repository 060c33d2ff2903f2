//! Figures for Prometheus at `/metrics`. The process has one set, whatever the number of servers.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::header;
use axum::response::IntoResponse;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::api_error::ApiError;

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Bounds of times, in seconds: half a millisecond to a minute.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Bounds of batch sizes.
const ITEMS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Starts collecting, the first time it is called.
pub fn install() {
    HANDLE.get_or_init(|| {
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS);
        let builder = builder.and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("batch_items".into()), &ITEMS)
        });
        // Where the program has a recorder of its own, that one collects and `/metrics` is not found.
        let handle = builder.and_then(PrometheusBuilder::install_recorder).ok();
        describe();
        if let Some(handle) = handle.clone() {
            start_upkeep(handle);
        }
        handle
    });
}

/// Sums up what histograms have recorded from time to time, so that they stay small though nobody asks for
/// the figures. Where the system gives no thread, that happens when somebody does.
fn start_upkeep(handle: PrometheusHandle) {
    const INTERVAL: Duration = Duration::from_secs(5);
    let upkeep = move || loop {
        std::thread::sleep(INTERVAL);
        handle.run_upkeep();
    };
    if let Err(error) = std::thread::Builder::new().name("metrics".into()).spawn(upkeep) {
        tracing::warn!(%error, "there is no thread for the metrics");
    }
}

fn describe() {
    describe_counter!("cliplet_requests_total", "Requests answered, by route and status");
    describe_histogram!(
        "cliplet_request_seconds",
        Unit::Seconds,
        "Time from a request's header to its answer"
    );
    describe_gauge!("cliplet_requests_under_way", "Requests for the model in progress");
    describe_gauge!("cliplet_connections", "Connections open");
    describe_counter!(
        "cliplet_connections_closed_total",
        "Idle connections closed to make room for new ones"
    );
    describe_gauge!("cliplet_queue_depth", "Images or texts that wait for the model");
    describe_gauge!(
        "cliplet_queue_places_taken",
        "Reservation taken in the queue: being prepared, waiting or running"
    );
    describe_counter!(
        "cliplet_queue_refused_total",
        "Requests refused because the queue was full"
    );
    describe_counter!(
        "cliplet_queue_cancelled_total",
        "Images or texts that left the queue with their request"
    );
    describe_histogram!(
        "cliplet_queue_wait_seconds",
        Unit::Seconds,
        "Time an image or text waited for its batch"
    );
    describe_histogram!("cliplet_batch_items", "Images or texts in a batch");
    describe_histogram!(
        "cliplet_batch_seconds",
        Unit::Seconds,
        "Time the model took for a batch"
    );
    describe_counter!("cliplet_items_total", "Images or texts embedded");
    describe_counter!(
        "cliplet_label_sets_total",
        "Label sets asked for, by cache hit or miss"
    );
}

/// Figures in Prometheus' text format: counts and times by route and status, nothing of what was sent.
#[utoipa::path(get, path = "/metrics", tag = "Health",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn metrics() -> Result<impl IntoResponse, ApiError> {
    let Some(handle) = HANDLE.get().and_then(Option::as_ref) else {
        return Err(ApiError::not_found("this program collects its metrics elsewhere"));
    };
    handle.run_upkeep();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], handle.render()))
}
