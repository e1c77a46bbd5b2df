//! Bindgen, classic, with the host functions of wasmedge_tensorflow_interface 0.2.2: `classify` (model or its name, picture) → text.

use wasmedge_tensorflow_interface::{ModelType, Session, load_jpg_image_to_rgb8, load_png_image_to_rgb8};

mod abi;
mod settings;

/// `index score sum-of-pixels`, or `no output`.
fn classify(model: &[u8], picture: &[u8]) -> String {
    let settings = settings::from_env();
    let load = if picture.starts_with(b"\x89PNG") { load_png_image_to_rgb8 } else { load_jpg_image_to_rgb8 };
    let pixels = load(picture, settings.size, settings.size);
    let mut session = Session::new(model, ModelType::TensorFlowLite);
    let side = i64::from(settings.size);
    let scores: Vec<u8> =
        session.add_input(&settings.input, &pixels, &[1, side, side, 3]).run().get_output(&settings.output);
    settings::best(&scores, &pixels)
}
