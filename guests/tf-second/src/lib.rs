//! Bindgen, classic, with the host functions of wasmedge_tensorflow_interface 0.3.0: `classify` (model or its name, picture) → text.

use wasmedge_tensorflow_interface_second::{TFLiteSession, load_jpg_image_to_rgb8, load_png_image_to_rgb8};

#[path = "../../tf-first/src/abi.rs"]
mod abi;
#[path = "../../tf-first/src/settings.rs"]
mod settings;

/// `index score sum-of-pixels`. Every error code of the host traps: the crate unwraps them.
fn classify(model: &[u8], picture: &[u8]) -> String {
    let settings = settings::from_env();
    let load = if picture.starts_with(b"\x89PNG") { load_png_image_to_rgb8 } else { load_jpg_image_to_rgb8 };
    let pixels = load(picture, settings.size, settings.size);
    let mut session = TFLiteSession::new(model);
    let scores: Vec<u8> = session.add_input(&settings.input, &pixels).run().get_output(&settings.output);
    settings::best(&scores, &pixels)
}
