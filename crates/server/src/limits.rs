//! Limits of what requests may hold and of how many there may be.

use std::time::Duration;

/// Limits of requests and connections, with defaults that suit a machine with a few GB of memory.
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
    /// Requests for the model in progress at a time, from a complete body to an answer that was sent.
    pub requests: usize,
    /// Requests for the model in progress at a time for one client.
    pub requests_per_client: usize,
    /// Time for one request, from its header to its answer.
    pub request_time: Duration,
    /// Connections open at a time.
    pub connections: usize,
    /// Connections open at a time for one client address.
    pub connections_per_client: usize,
    /// Time for a request's header to arrive, for more of its body to, and for a client to take more of
    /// its answer.
    pub stall_time: Duration,
}

impl Limits {
    /// Bytes of all request bodies that may be in memory at a time.
    pub(crate) fn all_body_bytes(&self) -> usize {
        self.requests.saturating_mul(self.body_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            rows: 256,
            labels: 1000,
            text_chars: 4096,
            requests: 256,
            requests_per_client: 192,
            request_time: Duration::from_secs(60),
            connections: 1024,
            connections_per_client: 768,
            stall_time: Duration::from_secs(10),
        }
    }
}
