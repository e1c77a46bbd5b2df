//! Files that the manifest names by URL and sha256: fetched once, checked, kept by digest.

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::{Request, StatusCode, Uri, header};
use pillion_api::{Code, body};
use pillion_sidecar::http_client::HttpClient;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// The largest file that is fetched.
pub(crate) const MAX_BYTES: u64 = 256 << 20;
const MAX_REDIRECTS: usize = 5;
/// How long one fetch may take, from the first request to the last byte.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The content-addressed folder of fetched files.
pub(crate) struct Store {
    dir: PathBuf,
}

impl Store {
    /// Files live in `models` below the cache folder.
    pub(crate) fn new(cache: &Path) -> Self {
        Self { dir: cache.join("models") }
    }

    /// The path at which a file of this digest is kept.
    pub(crate) fn path(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256)
    }

    /// The bytes behind `url`, from the store if they are there and unharmed.
    ///
    /// # Errors
    /// Not to be had, over [`MAX_BYTES`], or of another digest.
    pub(crate) async fn fetch(&self, url: &str, sha256: &str) -> Result<Vec<u8>> {
        let path = self.path(sha256);
        if let Ok(bytes) = read_bounded(&path, MAX_BYTES) {
            if digest(&bytes) == sha256 {
                return Ok(bytes);
            }
            tracing::warn!(file = %path.display(), "a kept file is damaged and is fetched again");
        }
        crate::print::progress(&format!("fetching {url}"));
        let bytes = tokio::time::timeout(TIMEOUT, get(url)).await.context("the fetch took too long")??;
        let found = digest(&bytes);
        ensure!(found == sha256, "`{url}` has sha256 {found}, not {sha256}");
        self.keep(&path, &bytes).with_context(|| format!("`{}` can't be written", path.display()))?;
        Ok(bytes)
    }

    /// A folder that holds these bytes under this name and nothing else; the same bytes have the same folder.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn lay_out(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let folder = self.dir.join(format!("{}.d", digest(bytes)));
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|kept| kept == bytes) {
            return Ok(folder);
        }
        fs::create_dir_all(&folder).with_context(|| format!("`{}` can't be made", folder.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.persist(&path).with_context(|| format!("`{}` can't be written", path.display()))?;
        Ok(folder)
    }

    /// Written under another name first, so that a file under its digest is always whole.
    fn keep(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// A file of the manifest, and its digest if the manifest gives one.
///
/// # Errors
/// Unreadable, over [`MAX_BYTES`], or of another digest.
pub(crate) fn read(path: &Path, sha256: Option<&str>) -> Result<Vec<u8>> {
    let bytes = read_bounded(path, MAX_BYTES)?;
    if let Some(expected) = sha256 {
        let found = digest(&bytes);
        ensure!(found == expected, "`{}` has sha256 {found}, not {expected}", path.display());
    }
    Ok(bytes)
}

/// A regular file's bytes. A device or a pipe has no length that could be checked before.
///
/// # Errors
/// Unreadable, no regular file, or over the limit.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let cannot = || format!("`{}` can't be read", path.display());
    let metadata = fs::metadata(path).with_context(cannot)?;
    ensure!(metadata.is_file(), "`{}` is no regular file", path.display());
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).with_context(cannot)?;
    ensure!(bytes.len() as u64 <= limit, "`{}` is over the limit of {limit} bytes", path.display());
    Ok(bytes)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn get(url: &str) -> Result<Vec<u8>> {
    let client = HttpClient::new();
    let mut uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
    for _ in 0..=MAX_REDIRECTS {
        let request = Request::get(&uri).header(header::USER_AGENT, "pillion").body(body::empty())?;
        let response = client.send(request).await.with_context(|| format!("`{uri}` can't be reached"))?;
        match response.status() {
            StatusCode::OK => {
                let collected = body::collect(response.into_body(), MAX_BYTES).await;
                let bytes = collected.map_err(|error| match error.code() {
                    Code::RequestTooLarge => anyhow!("`{uri}` is over the limit of {MAX_BYTES} bytes"),
                    _ => error.into(),
                })?;
                return Ok(bytes.into());
            }
            status if status.is_redirection() => {
                let location = response.headers().get(header::LOCATION).context("a redirect without a location")?;
                let next: Uri = location.to_str()?.parse()?;
                ensure!(next.host().is_some(), "a redirect to a relative location");
                ensure!(
                    uri.scheme_str() != Some("https") || next.scheme_str() == Some("https"),
                    "a redirect from https to http"
                );
                uri = next;
            }
            status => bail!("`{uri}` answered {status}"),
        }
    }
    bail!("`{url}` redirects more than {MAX_REDIRECTS} times")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[tokio::test]
    async fn a_kept_file_needs_no_network() {
        let cache = tempfile::tempdir().expect("a folder");
        let store = Store::new(cache.path());
        store.keep(&store.path(EMPTY), b"").expect("written");
        assert_eq!(store.fetch("http://127.0.0.1:1/none", EMPTY).await.expect("kept"), b"");
    }

    #[tokio::test]
    async fn a_damaged_file_is_not_used() {
        let cache = tempfile::tempdir().expect("a folder");
        let store = Store::new(cache.path());
        store.keep(&store.path(EMPTY), b"damaged").expect("written");
        let error = store.fetch("http://127.0.0.1:1/none", EMPTY).await.expect_err("nobody listens there");
        assert!(error.to_string().contains("can't be reached"), "{error:#}");
    }

    #[test]
    fn a_wrong_digest_says_both() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = read(file.path(), Some("00")).expect_err("another digest");
        assert!(error.to_string().contains(EMPTY) && error.to_string().ends_with("not 00"), "{error}");
    }
}
