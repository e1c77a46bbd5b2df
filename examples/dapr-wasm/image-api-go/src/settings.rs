//! Which model, read from the environment; the defaults are those of the model that lies beside this guest.

use std::env;
use std::fs;

use crate::classify::Failure;

/// Pictures are resized to at most this width and height; larger models are not meant for this guest.
const MAX_SIZE: u32 = 1024;

/// A model that the manifest declares, and how to talk to it.
pub(crate) struct Settings {
    /// Its name under `models:`.
    pub(crate) model: String,
    pub(crate) input: String,
    pub(crate) output: String,
    /// Width and height of its input in pixels.
    pub(crate) size: u32,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, Failure> {
        Ok(Self {
            model: or_default("MODEL", "food"),
            input: or_default("MODEL_INPUT", "input"),
            output: or_default("MODEL_OUTPUT", "scores"),
            size: size(&or_default("MODEL_SIZE", "96"))?,
        })
    }

    /// One class a line, in the order of the output tensor. The host shows a model's folder at `/models/<name>`.
    pub(crate) fn labels(&self) -> Result<String, Failure> {
        let path = format!("/models/{}/labels.txt", self.model);
        fs::read_to_string(&path).map_err(|error| Failure::Setup(format!("cannot read the labels `{path}`: {error}")))
    }
}

fn or_default(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn size(text: &str) -> Result<u32, Failure> {
    match text.parse() {
        Ok(size) if (1..=MAX_SIZE).contains(&size) => Ok(size),
        _ => Err(Failure::Setup(format!("MODEL_SIZE is `{text}`, not a number of pixels from 1 to {MAX_SIZE}"))),
    }
}
