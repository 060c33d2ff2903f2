//! Memory of the metrics of a server whose figures nobody reads. One test alone in its process, since the allocator
//! counts for all threads.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cliplet::Clip;
use cliplet_kernels::CountingAllocator;
use cliplet_server::{Server, Settings};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn histograms_that_nobody_reads_stay_small() {
    const SAMPLES: usize = 300_000;
    let model = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("models/cliplet-everyday.gguf");
    let server = Server::new(Arc::new(Clip::open(model).unwrap()), Settings::default()).unwrap();
    let before = CountingAllocator::in_use();
    let grown = || CountingAllocator::in_use().saturating_sub(before);
    record(SAMPLES);
    let recorded = grown();
    assert!(
        recorded > SAMPLES * 8,
        "{recorded} bytes are in use before they are summed up"
    );
    let start = Instant::now();
    while grown() > recorded / 4 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{} bytes are in use still",
            grown()
        );
        std::thread::sleep(Duration::from_millis(100));
        // Memory that was summed up is given back while more is recorded.
        record(1000);
    }
    drop(server);
}

fn record(samples: usize) {
    for sample in 0..samples {
        metrics::histogram!("cliplet_request_seconds", "route" => "/score").record(sample as f64);
    }
}
