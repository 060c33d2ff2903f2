//! Figures for Prometheus at `/metrics`. The process has one set, whatever the number of servers.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::problem::Problem;

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
        handle
    });
}

fn describe() {
    describe_counter!("cliplet_requests_total", "Requests answered, by route and status");
    describe_histogram!(
        "cliplet_request_seconds",
        Unit::Seconds,
        "Time from a request's header to its answer"
    );
    describe_gauge!("cliplet_requests_under_way", "Requests for the model under way");
    describe_gauge!("cliplet_queue_depth", "Pictures or texts that wait for the model");
    describe_gauge!(
        "cliplet_queue_places_taken",
        "Places taken in the queue: being prepared, waiting or running"
    );
    describe_counter!(
        "cliplet_queue_refused_total",
        "Requests refused because the queue was full"
    );
    describe_counter!(
        "cliplet_queue_cancelled_total",
        "Pictures or texts that left the queue with their request"
    );
    describe_histogram!(
        "cliplet_queue_wait_seconds",
        Unit::Seconds,
        "Time a picture or text waited for its batch"
    );
    describe_histogram!("cliplet_batch_items", "Pictures or texts in a batch");
    describe_histogram!(
        "cliplet_batch_seconds",
        Unit::Seconds,
        "Time the model took for a batch"
    );
    describe_counter!("cliplet_items_total", "Pictures or texts embedded");
    describe_counter!(
        "cliplet_label_sets_total",
        "Label sets asked for, by whether the cache had them"
    );
}

/// Figures in Prometheus' text format: counts and times by route and status, nothing of what was sent.
#[utoipa::path(get, path = "/metrics", tag = "Health",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn metrics() -> Result<impl IntoResponse, Problem> {
    let Some(handle) = HANDLE.get().and_then(Option::as_ref) else {
        return Err(Problem::not_found("this program collects its metrics elsewhere"));
    };
    handle.run_upkeep();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], handle.render()))
}
