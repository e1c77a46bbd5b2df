//! `wasmedge_image`: decodes a picture, scales it to what a model takes, and lays it out.

use super::{compute, memory};
use crate::instance::Host;
use pillion_api::{Code, Error};
use pillion_nn::image::{Kind, Pixel};
use std::sync::Arc;
use wasmtime::{Caller, Linker};

const MODULE: &str = "wasmedge_image";
/// The errno of the second generation.
const FAILED: i32 = 1;
const SUCCESS: i32 = 0;
/// The longest side of a picture that a model takes.
const MAX_SIDE: u32 = 4096;

const PIXELS: [(&str, Pixel); 4] =
    [("rgb8", Pixel::Rgb8), ("bgr8", Pixel::Bgr8), ("rgb32f", Pixel::Rgb32f), ("bgr32f", Pixel::Bgr32f)];
const KINDS: [(&str, Kind); 2] = [("jpg", Kind::Jpeg), ("png", Kind::Png)];

/// Defines both generations.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    for (kind_name, kind) in KINDS {
        for (pixel_name, pixel) in PIXELS {
            // The crate ignores the answer, so a picture that can't be read ends the guest here.
            let name = format!("wasmedge_image_load_{kind_name}_to_{pixel_name}");
            linker.func_wrap_async(
                MODULE,
                &name,
                move |mut caller: Caller<'_, Host>, (picture, length, width, height, to): (i32, i32, i32, i32, i32)| {
                    Box::new(async move {
                        let pixels = load(&mut caller, (picture, length), kind, (width, height), pixel).await?;
                        memory::write(&mut caller, to, &pixels)?;
                        Ok(SUCCESS)
                    })
                },
            )?;
        }
        second(linker, &format!("load_{kind_name}"), kind)?;
    }
    Ok(())
}

fn second(linker: &mut Linker<Host>, name: &str, kind: Kind) -> wasmtime::Result<()> {
    type Parameters = (i32, i32, i32, i32, i32, i32, i32);
    linker.func_wrap_async(MODULE, name, move |mut caller: Caller<'_, Host>, parameters: Parameters| {
        let (picture, length, width, height, pixel, to, room) = parameters;
        Box::new(async move {
            let Some((_, pixel)) = usize::try_from(pixel).ok().and_then(|index| PIXELS.get(index)) else {
                return Ok(FAILED);
            };
            let loaded = load(&mut caller, (picture, length), kind, (width, height), *pixel).await;
            let written = loaded.and_then(|pixels| {
                let fits = pixels.len() <= room.cast_unsigned() as usize;
                if fits { memory::write(&mut caller, to, &pixels) } else { Err(no_room(&caller, pixels.len())) }
            });
            match written {
                Ok(()) => Ok(SUCCESS),
                Err(error) => {
                    caller.data_mut().sessions.failure = Some(error);
                    Ok(FAILED)
                }
            }
        })
    })?;
    Ok(())
}

fn no_room(caller: &Caller<'_, Host>, needed: usize) -> Error {
    let name = &caller.data().call.hosted.name;
    Error::new(Code::GuestTrap, format!("guest `{name}` gave too little room for a picture of {needed} bytes"))
}

async fn load(
    caller: &mut Caller<'_, Host>,
    picture: (i32, i32),
    kind: Kind,
    size: (i32, i32),
    pixel: Pixel,
) -> Result<Vec<u8>, Error> {
    let call = Arc::clone(&caller.data().call);
    call.count_host_call()?;
    let bytes = memory::read(caller, picture.0, picture.1, call.hosted.limits().host_buffers)?;
    let side = |side: i32| u32::try_from(side).ok().filter(|side| (1..=MAX_SIDE).contains(side));
    let (Some(width), Some(height)) = (side(size.0), side(size.1)) else {
        let what = format!("guest `{}` asked for a picture of {} × {} pixels", call.hosted.name, size.0, size.1);
        return Err(Error::new(Code::GuestTrap, what));
    };
    let loaded = compute::load_picture(&call, bytes, kind, compute::Size { width, height }, pixel).await?;
    loaded.map_err(|error| Error::new(Code::UnprocessableData, format!("the picture can't be read: {error}")))
}
