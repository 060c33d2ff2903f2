//! Drawn images, and the command run on them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

/// Labels of the zero-shot runs.
pub const LABELS: &str = "red square, blue square, cat";
/// These labels as a list.
pub const LIST: [&str; 3] = ["red square", "blue square", "cat"];

/// `cliplet batch` with these arguments.
pub fn batch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command.arg("batch").args(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `cliplet batch` on `input`.
pub fn run_on(input: &[u8], arguments: &[&str]) -> Output {
    let mut child = batch(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses its arguments does not read.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub fn run(arguments: &[&str]) -> Output {
    run_on(b"", arguments)
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Lines of JSON.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Lines of JSON that a run which must succeed prints.
pub fn answers_on(input: &[u8], arguments: &[&str]) -> Vec<Value> {
    let output = run_on(input, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    lines(std::str::from_utf8(&output.stdout).unwrap())
}

pub fn answers(arguments: &[&str]) -> Vec<Value> {
    answers_on(b"", arguments)
}

/// Standard error of a run that must fail with `code` and without a panic.
pub fn failure(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let message = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// The JSON that another subcommand prints, be it one value or several lines.
pub fn other(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    let output = command.args(arguments).output().unwrap();
    lines(std::str::from_utf8(&output.stdout).unwrap())
}

pub fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value} is no list"));
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Returns whether two lists are the same up to what rounding in other company makes of them.
pub fn alike(a: &Value, b: &Value) -> bool {
    let (a, b) = (numbers(a), numbers(b));
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let difference: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    a.len() == b.len() && norm(&difference) <= 1e-5 * norm(&b)
}

/// A square of a color of its own on white, as a PNG file.
pub fn square(number: u32) -> Vec<u8> {
    let color = Rgb([
        (number * 53 % 256) as u8,
        (number * 97 % 256) as u8,
        (number * 29 % 256) as u8,
    ]);
    let image = RgbImage::from_fn(64, 64, |x, y| {
        if (12..52).contains(&x) && (12..52).contains(&y) {
            color
        } else {
            Rgb([255; 3])
        }
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A folder to work in.
pub struct Folder(TempDir);

impl Folder {
    /// With the images `0.png` and so on.
    pub fn with(count: u32) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for number in 0..count {
            folder.write(&format!("{number}.png"), square(number));
        }
        folder
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    /// Writes a file, in a folder of its own where the name has one, and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), content).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }
}
