//! The WebAssembly file that a component names by its `url`, as Dapr reads it.

use crate::components::Init;
use http::{Request, Response, StatusCode};
use pillion_api::{Body, Programs, body, programs::Program};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The metadata that takes real time and chance away.
pub(crate) const STRICT: &str = "strictSandbox";
/// The largest file that is read, in bytes; what runs it has the same bound.
const MAX_FILE: u64 = 128 << 20;

/// What runs programs.
pub(crate) fn host(init: &Init) -> Result<&Arc<dyn Programs>, String> {
    init.programs.as_ref().ok_or_else(|| "nothing in this process runs WebAssembly for components".to_owned())
}

/// Reads the program of a component.
///
/// # Errors
/// A sentence, where there is no such file, or it is too large.
pub(crate) async fn read(init: &Init) -> Result<Program, String> {
    let url = init.get("url").ok_or("missing url")?;
    let (bytes, source) = match url.split_once("://") {
        Some(("file", path)) => {
            let path = init.directory.join(path);
            (of_file(path.clone()).await.map_err(|why| format!("can't read `{}`: {why}", path.display()))?, Some(path))
        }
        Some(("http" | "https", _)) => {
            (of_server(init, url).await.map_err(|why| format!("can't fetch `{url}`: {why}"))?, None)
        }
        Some(("oci", _)) => return Err("`oci://` is not read, by daprd neither; name the file by `file://`".to_owned()),
        _ => return Err(format!("`{url}` is no URL of a file; write `file://path`, `http://` or `https://`")),
    };
    Ok(Program { name: name_of(url).to_owned(), bytes, source, strict: init.flag(STRICT) })
}

/// The name of the file without its ending: what the program knows itself by.
fn name_of(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".wasm").unwrap_or(name)
}

async fn of_file(path: PathBuf) -> Result<bytes::Bytes, String> {
    let reading = tokio::task::spawn_blocking(move || read_bounded(&path));
    reading.await.map_err(|error| error.to_string())?
}

fn read_bounded(path: &Path) -> Result<bytes::Bytes, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > MAX_FILE {
        true => Err(format!("it is larger than {MAX_FILE} bytes")),
        false => Ok(bytes.into()),
    }
}

async fn of_server(init: &Init, url: &str) -> Result<bytes::Bytes, String> {
    let request = Request::get(url).body(body::empty()).map_err(|error| error.to_string())?;
    let response: Response<Body> = init.http.send(request).await.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::OK {
        return Err(format!("the server answered {}", response.status()));
    }
    body::collect(response.into_body(), MAX_FILE).await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_by_its_file() {
        for (url, name) in [
            ("file://upper.wasm", "upper"),
            ("file:///a/b/upper.wasm", "upper"),
            ("https://host/a/upper.wasm?x=a/b#c", "upper"),
            ("file://upper.wat", "upper.wat"),
        ] {
            assert_eq!(name_of(url), name, "{url}");
        }
    }
}
