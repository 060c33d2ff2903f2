//! The documentation's examples, run as written.

use std::path::Path;
use std::process::Command;

use super::command::Process;

/// The fenced blocks of a document: each one's kind and text.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let mut fences = document.split("```").skip(1).step_by(2);
    std::iter::from_fn(|| fences.next()?.split_once('\n')).collect()
}

/// Returns true where `text` is `pattern`, in which each `…` stands for anything.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((first, others)) = pattern.trim_end().split_once('…') else {
        return text.trim_end() == pattern.trim_end();
    };
    let Some(mut rest) = text.trim_end().strip_prefix(first) else {
        return false;
    };
    let (middle, last) = others.rsplit_once('…').unwrap_or(("", others));
    for part in middle.split('…') {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[tokio::test]
async fn examples_answer_what_the_page_says() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let document = std::fs::read_to_string(root.join("docs/server.md")).unwrap();
    let process = Process::start_in(root, &[]);
    let address = process.running.address.to_string();
    let mut run = 0;
    for pair in blocks(&document).windows(2) {
        let [("sh", example), (_, wanted)] = pair else {
            continue;
        };
        if !example.starts_with("curl") {
            continue;
        }
        let script = example.replace("localhost:8080", &address);
        let output = Command::new("bash")
            .current_dir(root)
            .args(["-c", &script])
            .output()
            .unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(
            fits(&answer, wanted),
            "{example}\nanswers\n{answer}\nnot\n{wanted}"
        );
        run += 1;
    }
    assert_eq!(run, document.matches("\n```sh\ncurl").count());
}
