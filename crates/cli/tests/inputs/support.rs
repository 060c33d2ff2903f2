//! A small web server on loopback, and the command run with settings of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{Rgb, RgbImage};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `cliplet` with these arguments, which reaches loopback without a proxy.
pub fn cliplet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    command.args(arguments).env("NO_PROXY", "127.0.0.1");
    command
}

/// Runs `cliplet` with `input` as its standard input.
pub fn run_on(input: &[u8], arguments: &[&str]) -> Output {
    let mut child = cliplet(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub fn run(arguments: &[&str]) -> Output {
    run_on(b"", arguments)
}

pub fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A PNG file of one color.
pub fn png(color: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(40, 40, Rgb(color));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// An answer of the web server.
pub struct Reply {
    pub status: &'static str,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn ok(body: Vec<u8>) -> Self {
        Self {
            status: "200 OK",
            headers: String::new(),
            body,
        }
    }
}

/// A request: its path and its headers, whose names are in lower case.
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
}

/// A web server on a free port, for as long as the tests run.
pub struct WebServer {
    pub address: String,
    requests: Arc<AtomicUsize>,
}

impl WebServer {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read_request(&stream) else {
                    continue;
                };
                count.fetch_add(1, Ordering::Relaxed);
                // A client may leave before the end of its answer.
                let _ = write_reply(stream, answer(&request));
            }
        });
        Self { address, requests }
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_string();
    let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_string()))
    });
    Some(Request {
        path,
        headers: headers.collect(),
    })
}

fn write_reply(mut stream: TcpStream, reply: Reply) -> std::io::Result<()> {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let length = match headers.contains("content-length") {
        true => String::new(),
        false => format!("content-length: {}\r\n", body.len()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}{length}connection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}
