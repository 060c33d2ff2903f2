//! A server on loopback with the small model, images to send it, and the core's own figures.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cliplet::Clip;
use cliplet_server::{Server, Settings};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;

/// The small model, loaded once.
pub fn clip() -> Arc<Clip> {
    static CLIP: OnceLock<Arc<Clip>> = OnceLock::new();
    let load = || {
        let file =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("models/cliplet-everyday.gguf");
        Arc::new(Clip::open(&file).unwrap())
    };
    CLIP.get_or_init(load).clone()
}

/// A small SigLIP, which judges each label by itself.
pub fn siglip() -> Arc<Clip> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    Arc::new(Clip::open(folder.join("tests/parity/models/siglip")).unwrap())
}

/// A running server and a client for it.
pub struct Running {
    pub address: SocketAddr,
    pub client: reqwest::Client,
}

/// A server's answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The error's message, in either protocol's shape.
    pub fn message(&self) -> &str {
        let error = &self.body["error"];
        error
            .as_str()
            .or(error["message"].as_str())
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// Seconds after which to come back.
    #[track_caller]
    pub fn retry_after(&self) -> u64 {
        let seconds = self.headers["retry-after"].to_str().unwrap();
        seconds.parse().unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Serves with `settings` on a free port.
pub async fn serve(settings: Settings) -> Running {
    serve_model(clip(), settings).await
}

/// Serves `clip` with `settings` on a free port.
pub async fn serve_model(clip: Arc<Clip>, settings: Settings) -> Running {
    let server = Server::new(clip, settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, std::future::pending()));
    Running::at(address)
}

impl Running {
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn send(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.client.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Self::send(self.client.post(self.url(path)).json(body)).await
    }

    /// The body of an answer that must be good.
    pub async fn answer(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

/// A PNG of a red disc (or another color) on white.
pub fn disc(color: [u8; 3]) -> Vec<u8> {
    let image = RgbImage::from_fn(96, 96, |x, y| {
        let (dx, dy) = (f64::from(x) - 47.5, f64::from(y) - 47.5);
        Rgb(if dx * dx + dy * dy < 900.0 {
            color
        } else {
            [255; 3]
        })
    });
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

pub const RED: [u8; 3] = [225, 20, 20];
pub const BLUE: [u8; 3] = [20, 40, 225];

pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The core's embedding of an image.
pub fn image_embedding(file: &[u8]) -> Vec<f32> {
    let clip = clip();
    let pixels = clip.image_processor().preprocess(file).unwrap();
    clip.embed_images(&[pixels]).unwrap().remove(0).into_vec()
}

/// The core's embedding of a text.
pub fn text_embedding(text: &str) -> Vec<f32> {
    clip().embed_texts(&[text]).unwrap().remove(0).into_vec()
}

pub fn numbers(values: &Value) -> Vec<f32> {
    let all = values.as_array().unwrap_or_else(|| panic!("{values}"));
    all.iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// Asserts that two vectors are the same but for the rounding that another batch brings.
#[track_caller]
pub fn assert_close(got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - wanted).abs() <= 1e-4 * largest, "{got} is not {wanted}");
    }
}
