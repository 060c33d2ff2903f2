//! Probes: one tells that the process lives, the other that it takes requests.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::api_error::{ApiError, ErrorBody};
use super::{App, Shared};

/// A good answer.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Tells that the process answers.
#[utoipa::path(get, path = "/healthz", tag = "Health", responses((status = 200, body = Health)))]
pub(super) async fn alive() -> Json<Health> {
    OK
}

/// Tells that requests are taken, which they are not while the server stops.
#[utoipa::path(get, path = "/readyz", tag = "Health",
    responses((status = 200, body = Health), (status = 503, body = ErrorBody)))]
pub(super) async fn ready(State(app): State<Shared>) -> Result<Json<Health>, ApiError> {
    app.check_ready()?;
    Ok(OK)
}

impl App {
    /// Refuses where requests are not taken.
    pub(super) fn check_ready(&self) -> Result<(), ApiError> {
        match self.stopping.load(Ordering::Relaxed) {
            true => Err(ApiError::stopping()),
            false => Ok(()),
        }
    }
}
