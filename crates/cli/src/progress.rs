//! Progress on standard error, where that is a terminal.

use std::ops::ControlFlow;

use cliplet::weights::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar that counts `what`, with rate and time left.
pub fn counting(total: u64, what: &'static str) -> ProgressBar {
    let template = format!("{{bar:30}} {{pos}}/{{len}} {what}, {{per_sec}}, {{eta}} left");
    styled(total, &template)
}

/// A bar over bytes with a message in front.
pub fn bytes(message: &'static str) -> ProgressBar {
    styled(
        0,
        "{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
    )
    .with_message(message)
}

fn styled(total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

/// A callback that moves `bar` and never cancels.
pub fn moving(bar: &ProgressBar) -> impl Fn(Progress) -> ControlFlow<()> + '_ {
    |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        ControlFlow::Continue(())
    }
}
