//! Static files, by the edge: no guest runs, and nothing outside of the directory can be named, by path or by link.

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use pillion_api::{Body, Code, Error, body};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;
/// The file of a directory.
const INDEX: &str = "index.html";

/// A directory whose files are public.
#[derive(Clone, Debug)]
pub(crate) struct Directory(Arc<Dir>);

impl Directory {
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        Dir::open_ambient_dir(path, ambient_authority()).map(|dir| Self(Arc::new(dir)))
    }

    /// Answers `GET` and `HEAD` for a normal path below the directory.
    pub(crate) async fn serve(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Error> {
        let head = *method == Method::HEAD;
        if !head && *method != Method::GET {
            return Ok(not_allowed(&[Method::GET]));
        }
        let (dir, wanted) = (Arc::clone(&self.0), path.trim_start_matches('/').to_owned());
        let opened = tokio::task::spawn_blocking(move || open(&dir, &wanted)).await;
        let opened = opened.map_err(|_| Error::new(Code::Internal, "reading a file failed"))?;
        opened.map(|opened| opened.respond(head, headers)).ok_or_else(|| {
            Error::new(Code::RouteNotFound, format!("there is no file `{}`", crate::output::printable(path.as_bytes())))
        })
    }
}

/// The answer to a method that a path has not.
pub(crate) fn not_allowed(methods: &[Method]) -> Response<Body> {
    let list: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let error = Error::new(Code::MethodNotAllowed, format!("this path takes {}", list.join(", ")));
    let mut response = error.problem_response();
    if let Ok(allow) = HeaderValue::try_from(list.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

struct Opened {
    file: File,
    metadata: Metadata,
    content_type: &'static str,
}

/// A regular file at a path, or the index of a directory. Hidden names are not public, wherever they stand.
fn open(dir: &Dir, path: &str) -> Option<Opened> {
    if path.split('/').any(|segment| segment.starts_with('.')) {
        return None;
    }
    let is_dir = path.is_empty() || dir.metadata(path).ok()?.is_dir();
    let path = match (is_dir, path) {
        (true, "") => INDEX.to_owned(),
        (true, path) => format!("{path}/{INDEX}"),
        (false, path) => path.to_owned(),
    };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    if !dir.metadata(&path).ok()?.is_file() {
        return None;
    }
    let file = dir.open(&path).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some(Opened { file, metadata, content_type: content_type(&path) })
}

impl Opened {
    fn respond(self, head: bool, asked: &HeaderMap) -> Response<Body> {
        let modified = self.metadata.modified().map_or(SystemTime::UNIX_EPOCH, |time| time.into_std());
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let tag = format!("\"{:x}-{:x}\"", since.as_nanos(), self.metadata.len());
        let mut response = Response::new(body::empty());
        let headers = response.headers_mut();
        let mut set = |name, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        };
        set(header::ETAG, tag.clone());
        set(header::LAST_MODIFIED, httpdate::fmt_http_date(modified));
        set(header::CACHE_CONTROL, "no-cache".into());
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff".into());
        if is_unchanged(asked, &tag, modified) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        set(header::CONTENT_TYPE, self.content_type.into());
        set(header::CONTENT_LENGTH, self.metadata.len().to_string());
        if !head {
            *response.body_mut() = content(self.file, self.metadata.len());
        }
        response
    }
}

/// `If-None-Match` counts; `If-Modified-Since` only without it (RFC 9110, 13.1.3).
fn is_unchanged(asked: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    let text = |name: header::HeaderName| asked.get(name).and_then(|value| value.to_str().ok());
    if let Some(list) = text(header::IF_NONE_MATCH) {
        return list.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*");
    }
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let known = text(header::IF_MODIFIED_SINCE).and_then(|date| httpdate::parse_http_date(date).ok());
    known.is_some_and(|known| seconds(modified) <= seconds(known))
}

/// The bytes of a file as it was when it was opened: no more than its length, and an error if it became shorter.
fn content(file: File, length: u64) -> Body {
    let chunks = stream::try_unfold((file, length), |(file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || read_chunk(file, left)).await;
        let (file, chunk) = read.map_err(|_| failed("the reading task ended"))??;
        let left = left - chunk.len() as u64;
        Ok(Some((Frame::data(chunk), (file, left))))
    });
    BodyExt::boxed_unsync(StreamBody::new(chunks))
}

fn read_chunk(mut file: File, left: u64) -> Result<(File, Bytes), Error> {
    let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
    let length = file.read(&mut chunk).map_err(|error| failed(&error.to_string()))?;
    if length == 0 {
        return Err(failed("it became shorter"));
    }
    chunk.truncate(length);
    Ok((file, chunk.into()))
}

fn failed(why: &str) -> Error {
    Error::new(Code::Internal, format!("a file could not be read to its end: {why}"))
}

fn content_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(directory: &Directory, path: &str, headers: &HeaderMap) -> Result<(StatusCode, Bytes), Error> {
        let response = directory.serve(&Method::GET, path, headers).await?;
        let status = response.status();
        Ok((status, body::collect(response.into_body(), 1 << 20).await?))
    }

    fn site() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("public");
        std::fs::create_dir_all(root.join("sub")).expect("made");
        std::fs::write(folder.path().join("secret"), "secret").expect("written");
        std::fs::write(root.join("sub/index.html"), "index").expect("written");
        std::fs::write(root.join(".hidden"), "hidden").expect("written");
        std::fs::write(root.join("big.bin"), vec![7; CHUNK * 2 + 1]).expect("written");
        std::os::unix::fs::symlink("../secret", root.join("out")).expect("linked");
        std::os::unix::fs::symlink("sub/index.html", root.join("in")).expect("linked");
        let directory = Directory::open(&root).expect("opened");
        (folder, directory)
    }

    #[tokio::test]
    async fn files_are_served_and_nothing_outside() {
        let (_folder, directory) = site();
        let headers = HeaderMap::new();
        let check = async |path: &str, expected: Option<&[u8]>| {
            let answer = get(&directory, path, &headers).await.ok().map(|(_, bytes)| bytes);
            assert_eq!(answer.as_deref(), expected, "{path}");
        };
        check("/sub", Some(b"index")).await;
        check("/sub/index.html", Some(b"index")).await;
        check("/in", Some(b"index")).await;
        check("/big.bin", Some(&vec![7; CHUNK * 2 + 1])).await;
        for missing in ["/", "/out", "/.hidden", "/nothing", "/sub/../../secret", "/../secret", "//etc/passwd"] {
            check(missing, None).await;
        }
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_sent_again() {
        let (_folder, directory) = site();
        let first = directory.serve(&Method::GET, "/sub", &HeaderMap::new()).await.expect("found");
        for (asked, answered) in
            [(header::IF_NONE_MATCH, header::ETAG), (header::IF_MODIFIED_SINCE, header::LAST_MODIFIED)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(asked, first.headers()[&answered].clone());
            let (status, bytes) = get(&directory, "/sub", &headers).await.expect("found");
            assert_eq!((status, bytes.len()), (StatusCode::NOT_MODIFIED, 0));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(get(&directory, "/sub", &headers).await.expect("found").0, StatusCode::OK);
    }

    #[tokio::test]
    async fn other_methods_are_refused_with_those_that_are_not() {
        let (_folder, directory) = site();
        let response = directory.serve(&Method::POST, "/sub", &HeaderMap::new()).await.expect("an answer");
        assert_eq!(
            (response.status(), &response.headers()[header::ALLOW]),
            (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("GET"))
        );
    }
}
