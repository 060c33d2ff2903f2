//! Standard input to standard output: line by line, in bounded memory, for as long as anybody reads.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;

use crate::support::*;

#[test]
fn each_line_is_answered_before_the_next_is_written() {
    let mut child = batch(&["--labels", LABELS]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let folder = Folder::with(3);
    for number in 0..3 {
        let image = folder.path(&format!("{number}.png"));
        writeln!(stdin, "{{\"id\": {number}, \"image\": {image:?}}}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&answer["row"], &answer["id"]), (&number.into(), &number.into()));
        assert_eq!(answer["probs"].as_array().unwrap().len(), 3);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn csv_is_filtered_line_by_line_too() {
    let mut child = batch(&["--from", "csv", "--to", "csv"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin.write_all(b"text\n").unwrap();
    for text in ["a cat", "\"a dog, or two\""] {
        writeln!(stdin, "{text}").unwrap();
        let line = stdout.next().unwrap().unwrap();
        let line = if line.starts_with("row,") {
            stdout.next().unwrap().unwrap()
        } else {
            line
        };
        assert!(line.contains("\"["), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let folder = Folder::with(1);
    let rows = format!("{}\n", folder.path("0.png")).repeat(200);
    let input = folder.write("rows.txt", rows);
    let mut child = batch(&[&input, "--from", "paths", "--batch-size", "2"])
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert_eq!(lines(&first)[0]["row"], 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// Largest resident memory of a process so far, in bytes.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_input() {
    const ROWS: usize = 600;
    let mut child = batch(&["--labels", LABELS]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    // A megabyte of base64 that begins as a PNG and is none: 600 MB of rows, each with an error.
    let row = format!("{{\"image\": \"iVBORw0KGgo{}\"}}\n", "A".repeat(1 << 20));
    let writer = std::thread::spawn(move || {
        (0..ROWS).for_each(|_| stdin.write_all(row.as_bytes()).unwrap());
        stdin
    });
    for number in 0..ROWS {
        let answer: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["row"], number);
        assert!(answer["error"].is_string());
    }
    let peak = peak(child.id());
    assert!(peak < 350 << 20, "{} MB were held at once", peak >> 20);
    drop(writer.join().unwrap());
    assert!(child.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_sees_rate_and_time_left() {
    let folder = Folder::with(1);
    let rows = format!("{}\n", folder.path("0.png")).repeat(40);
    let input = folder.write("rows.txt", rows);
    let command = format!(
        "'{}' batch '{input}' --from paths --batch-size 1 -o '{}'",
        env!("CARGO_BIN_EXE_cliplet"),
        folder.path("out.jsonl")
    );
    // `script` gives the command a terminal.
    let output = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{seen}");
    assert!(seen.contains(" %, ") && seen.contains(" a second"), "{seen}");
    assert!(seen.contains(" left"), "{seen}");
    assert!(seen.contains("40 rows"), "{seen}");
}
