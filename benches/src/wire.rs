//! The least of HTTP/1.1 that a load needs: a prepared request out, an answer in. It costs less than the servers that it
//! measures, so that the server's core is the full one.

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A longer head is no answer of the servers under measurement.
const MAX_HEAD: usize = 64 << 10;
/// The largest picture, with room.
const MAX_BODY: usize = 256 << 20;
const STEP: usize = 16 << 10;

/// A keep-alive connection.
pub struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
    length: usize,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Whether the server ends the connection.
    pub last: bool,
}

/// How the end of a body is found.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Wire {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: vec![0; STEP], length: 0 })
    }

    /// Sends `request` and takes the answer to its end.
    ///
    /// # Errors
    /// The connection broke, or what came was no HTTP/1.1.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.length = 0;
        let head = loop {
            self.more(MAX_HEAD).await?;
            if let Some(end) = self.bytes[..self.length].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let (answer, framing) = read_head(&self.bytes[..head])?;
        let mut at = head;
        while !self.is_whole(&mut at, framing)? {
            self.more(MAX_BODY).await?;
        }
        Ok(answer)
    }

    async fn more(&mut self, most: usize) -> Result<()> {
        ensure!(self.length < most, "the answer has more than {most} bytes");
        if self.length == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.bytes[self.length..]).await?;
        ensure!(read > 0, "the connection was closed");
        self.length += read;
        Ok(())
    }

    /// Goes over whole chunks; `at` stays at the first that isn't there yet.
    fn is_whole(&self, at: &mut usize, framing: Framing) -> Result<bool> {
        let bytes = &self.bytes[..self.length];
        if let Framing::Length(length) = framing {
            return Ok(bytes.len() >= *at + length);
        }
        loop {
            let Some(line) = bytes[*at..].windows(2).position(|two| two == b"\r\n") else { return Ok(false) };
            let digits = std::str::from_utf8(&bytes[*at..*at + line])?;
            let size = usize::from_str_radix(digits.split(';').next().unwrap_or_default().trim(), 16)?;
            ensure!(size <= MAX_BODY, "a chunk of {size} bytes");
            let next = *at + line + 2 + size + 2;
            if bytes.len() < next {
                return Ok(false);
            }
            *at = next;
            if size == 0 {
                return Ok(true);
            }
        }
    }
}

fn read_head(head: &[u8]) -> Result<(Answer, Framing)> {
    let head = std::str::from_utf8(head)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
    let (mut framing, mut last) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            framing = Some(Framing::Length(value.parse()?));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Some(Framing::Chunked);
        } else if name.eq_ignore_ascii_case("connection") {
            last = value.eq_ignore_ascii_case("close");
        }
    }
    match framing {
        Some(framing) => Ok((Answer { status, last }, framing)),
        None if status == 204 || status == 304 => Ok((Answer { status, last }, Framing::Length(0))),
        None => bail!("an answer without a length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Answers one request with `parts`, each in a packet of its own as far as the kernel lets it.
    async fn check(parts: &'static [&'static str], expected: Option<Answer>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut bytes = [0; 64];
            let _ = stream.read(&mut bytes).await.expect("a request");
            for part in parts {
                stream.write_all(part.as_bytes()).await.expect("written");
                tokio::task::yield_now().await;
            }
        });
        let mut wire = Wire::connect(&address).await.expect("a connection");
        assert_eq!(wire.ask(b"GET / HTTP/1.1\r\n\r\n").await.ok(), expected, "{parts:?}");
        server.await.expect("no panic");
    }

    #[tokio::test]
    async fn answers_are_taken_to_their_end() {
        let good = Some(Answer { status: 200, last: false });
        check(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"], good).await;
        check(&["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 2\r\n\r\no", "k"], good).await;
        check(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "0\r\n\r\n"], good).await;
        check(&["HTTP/1.1 204 No Content\r\n\r\n"], Some(Answer { status: 204, last: false })).await;
        let last = Some(Answer { status: 503, last: true });
        check(&["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"], last).await;
    }

    #[tokio::test]
    async fn half_an_answer_is_none() {
        check(&["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"], None).await;
        check(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"], None).await;
        check(&["HTTP/1.1 200 OK\r\n\r\n"], None).await;
        check(&["nonsense\r\n\r\n"], None).await;
    }
}
