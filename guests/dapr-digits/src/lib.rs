//! Dapr: says which digit a picture shows, by wasi:nn and the model `digits` of the app.

use pillion_sdk::http::{self, Request, Response};
use wasi::nn::graph;
use wasi::nn::tensor::{Tensor, TensorType};

wit_bindgen::generate!({
    path: "../../wit/deps/wasi-nn-0.2.0-rc-2024-10-28",
    world: "wasi:nn/ml",
    generate_all,
});

/// A picture: PGM of 8 by 8 pixels.
const HEAD: &[u8] = b"P5\n8 8\n255\n";
const PIXELS: usize = 64;

struct Digits;

http::export!(Digits);

impl http::Handler for Digits {
    fn handle(request: Request) -> Result<Response, String> {
        match request.body.strip_prefix(HEAD).filter(|pixels| pixels.len() == PIXELS) {
            Some(pixels) => Ok(http::text(200, digit(pixels).map_err(|error| error.data())?.to_string())),
            None => Ok(http::text(422, "a picture is PGM, 8 by 8 pixels")),
        }
    }
}

fn digit(pixels: &[u8]) -> Result<usize, wasi::nn::errors::Error> {
    let execution = graph::load_by_name("digits")?.init_execution_context()?;
    let tensor = Tensor::new(&[1, 8, 8, 1], TensorType::U8, pixels);
    let outputs = execution.compute(vec![("0".to_owned(), tensor)])?;
    let scores = outputs.first().map(|(_, tensor)| tensor.data()).unwrap_or_default();
    Ok(scores.iter().enumerate().max_by_key(|(_, score)| **score).map_or(0, |(digit, _)| digit))
}
