//! Entry points of the fuzz targets: bodies and headers up to the work that they ask for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::api_keys::ApiKeys;
use super::embeddings::{EmbeddingsRequest, Inputs};
use super::image_input::{ImageInput, decode_image_text, is_url};
use super::inference::InferRequest;
use super::limits::Limits;
use super::origin::Origins;
use super::score::{ScoreRequest, Work, checked};

/// Reads the body of `POST /score`.
pub fn read_score(body: &[u8]) {
    let limits = Limits::default();
    let work = parse::<ScoreRequest>(body).map(|request| checked(request, None, &limits));
    let Some(Ok(Work::Classify { images, .. } | Work::Embed { images, .. })) = work else {
        return;
    };
    assert!(images.len() <= limits.rows);
    read_images(images);
}

/// Reads the body of `POST /v1/embeddings`.
pub fn read_embeddings(body: &[u8]) {
    let limits = Limits::default();
    let inputs = parse::<EmbeddingsRequest>(body).map(|request| Inputs::checked(request, 8, &limits));
    if let Some(Ok(inputs)) = inputs {
        assert!(inputs.images.len() + inputs.texts.len() <= limits.rows);
        read_images(inputs.images);
    }
}

/// Reads the body of `POST /v2/models/MODEL/infer`: JSON up to the first zero byte, binary tensors after it.
pub fn read_infer(body: &[u8]) {
    let end = body.iter().position(|&byte| byte == 0).unwrap_or(body.len());
    let (json, tensors) = body.split_at(end);
    let tensors = Bytes::copy_from_slice(tensors.get(1..).unwrap_or_default());
    let inputs = parse::<InferRequest>(json).map(|request| request.into_inputs(tensors, &Limits::default()));
    if let Some(Ok((inputs, _))) = inputs {
        read_images(inputs.images);
    }
}

/// Reads the headers that name hosts, origins and clients, and a key file.
pub fn read_headers(host: &str, origin: &str, forwarded: &str) {
    let origins = Origins::new(&["clip.example".into()], &["https://app.example".into()]);
    if let Ok(host) = host.parse() {
        // A request that is refused is as good as one that is not.
        let _ = origins.allows(&host, Some(origin), false);
    }
    let mut request = Request::new(());
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    request.extensions_mut().insert(ConnectInfo(peer));
    for name in [header::FORWARDED.as_str(), "x-forwarded-for"] {
        if let Ok(value) = HeaderValue::from_str(forwarded) {
            request
                .headers_mut()
                .insert(header::HeaderName::from_static(name), value);
        }
    }
    let sender = super::client::sender(&request, &[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    assert!(sender.is_some());
    if let Ok(keys) = ApiKeys::parse(forwarded) {
        assert!(!keys.is_empty());
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn read_images(images: Vec<ImageInput>) {
    for image in images {
        if let ImageInput::Text(text) = image
            && !is_url(&text)
        {
            // Text that is no base64 is refused later too.
            let _ = decode_image_text(&text);
        }
    }
}
