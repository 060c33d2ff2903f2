//! Text for people: messages on standard error and answers on standard output.
//!
//! Names of files may hold control characters, which would move the cursor of a terminal or rewrite what it shows.
//! They are escaped where a terminal is written to; pipes and files get every character as it is.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use cliplet::Error;

/// Writes the line `cliplet: text` to standard error. A failure is ignored: there is no other place to report it.
pub fn message(text: impl Display) {
    let line = format!("cliplet: {text}\n");
    let mut stderr = std::io::stderr().lock();
    let line = match stderr.is_terminal() {
        true => escape_controls(&line),
        false => line.into(),
    };
    let _ = stderr.write_all(line.as_bytes());
}

/// Writes a warning to standard error.
pub fn warning(text: impl Display) {
    message(format_args!("warning: {text}"));
}

/// Writes to standard output. A reader that closes it early, as `head` does, is no failure.
///
/// # Errors
/// [`Error::Io`] where it cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let text = match stdout.is_terminal() {
        true => escape_controls(text),
        false => text.into(),
    };
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output")(error)),
        _ => Ok(()),
    }
}

/// The text with every control character but line breaks and tabs as a Rust escape.
fn escape_controls(text: &str) -> Cow<'_, str> {
    let harmful = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(harmful) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match harmful(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_the_rest_is_not() {
        assert_eq!(
            escape_controls("a\u{1b}[2Jb\r\u{7f}\u{9b}"),
            "a\\u{1b}[2Jb\\r\\u{7f}\\u{9b}"
        );
        assert!(matches!(escape_controls("Ä \t1\n"), Cow::Borrowed("Ä \t1\n")));
    }
}
