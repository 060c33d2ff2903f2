//! Ctrl-C during a run: it ends at once, whatever is being decoded or computed, and tells how to go on.

use indicatif::ProgressBar;

use crate::terminal;

/// Exit code of a process that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Ends the process at Ctrl-C with `message`, after removing `bar`. Every answer so far is in the journal, of which a
/// last record that is cut short is dropped when it is read, so the process may end at any time. Where the system gives
/// no signals, Ctrl-C ends the process as it always does.
pub fn exit_with_message(bar: ProgressBar, message: String) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            bar.finish_and_clear();
            terminal::message(message);
            std::process::exit(INTERRUPTED);
        }
    });
}
