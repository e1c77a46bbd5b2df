//! Http of WASI 0.3: does what its path says; other paths answer method, path, headers and the body as it comes.

use std::cell::{Cell, RefCell};

use wasip3::exports::http::handler::Guest;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Headers, Method, Request, Response, Scheme, Trailers};
use wasip3::wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};
use wasip3::{clocks, spawn_local, wit_future, wit_stream};

/// Bytes that are read at once.
const STEP: usize = 64 << 10;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
    static INSTANCE: Cell<u64> = const { Cell::new(0) };
    static HELD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

type Body = StreamReader<u8>;
type End = FutureReader<Result<Option<Trailers>, ErrorCode>>;
type Answer = Result<Response, ErrorCode>;

struct Service;

wasip3::http::service::export!(Service);

impl Guest for Service {
    async fn handle(request: Request) -> Answer {
        let before = CALLS.get();
        CALLS.set(before + 1);
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let number: u64 = query.parse().unwrap_or(3);
        match path {
            "/count" => Ok(say(&format!("{} {before}", instance()))),
            "/wait" => {
                clocks::monotonic_clock::wait_for(number * 1_000_000).await;
                Ok(say(&format!("{} {before}", instance())))
            }
            "/stream" => Ok(streaming(move |mut body| async move {
                for chunk in 0..number {
                    if !write(&mut body, &format!("chunk {chunk}\n")).await {
                        return;
                    }
                }
            })),
            "/trap" => Ok(streaming(|mut body| async move {
                write(&mut body, "half a body\n").await;
                panic!("trapped mid-body as asked");
            })),
            "/held" => Ok(held(request, before, "over\n")),
            "/held-trap" => Ok(held(request, before, "")),
            "/streams" => hoard(wit_stream::new::<u8>).await,
            "/waits" => hoard(|| spawn_local(clocks::monotonic_clock::wait_for(u64::MAX / 2))).await,
            "/trap-first" => panic!("trapped before its answer as asked"),
            "/spin" => spin(),
            "/memory" => {
                let bytes = usize::try_from(number << 20).expect("a size");
                HELD.with_borrow_mut(|held| held.push(vec![1; bytes]));
                Ok(say("held"))
            }
            "/fail" => Err(ErrorCode::DestinationNotFound),
            "/log" => {
                eprintln!("said by {before}");
                Ok(say("logged"))
            }
            "/trailers" => Ok(trailers()),
            "/forward" => Ok(forward(request)),
            "/call" => Ok(call(request).await),
            _ => Ok(echo(request, &target)),
        }
    }
}

/// A number of this instance.
fn instance() -> u64 {
    if INSTANCE.get() == 0 {
        INSTANCE.set(wasip3::random::random::get_random_u64().max(1));
    }
    INSTANCE.get()
}

fn spin() -> ! {
    loop {
        std::hint::black_box(CALLS.get());
    }
}

/// Takes without end, and lets go of nothing.
async fn hoard<T>(mut take: impl FnMut() -> T) -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(take());
        wasip3::wit_bindgen::yield_async().await;
    }
}

/// Says where it is, and ends when its request's body does: with a word, or with a trap.
fn held(request: Request, before: u32, word: &'static str) -> Response {
    let (body, _) = Request::consume_body(request, wit_future::new(|| Ok(())).1);
    streaming(move |mut writer| async move {
        write(&mut writer, &format!("{} {before}\n", instance())).await;
        body.collect().await;
        assert!(!word.is_empty(), "trapped as asked");
        write(&mut writer, word).await;
    })
}

fn no_trailers() -> Result<Option<Trailers>, ErrorCode> {
    Ok(None)
}

fn say(text: &str) -> Response {
    let text = text.to_owned();
    streaming(move |mut body| async move {
        write(&mut body, &text).await;
    })
}

/// A response whose body goes on being written after it was given.
fn streaming<F: Future<Output = ()> + 'static>(make: impl FnOnce(StreamWriter<u8>) -> F) -> Response {
    let (writer, reader) = wit_stream::new();
    let (end, ended) = wit_future::new(no_trailers);
    spawn_local(make(writer));
    drop(end);
    respond(reader, ended)
}

fn respond(body: Body, end: End) -> Response {
    let headers = Fields::from_list(&[("content-type".into(), b"text/plain".to_vec())]).expect("valid");
    Response::new(headers, Some(body), end).0
}

/// Whether there is somebody who reads on.
async fn write(body: &mut StreamWriter<u8>, text: &str) -> bool {
    body.write_all(text.as_bytes().to_vec()).await.is_empty()
}

fn trailers() -> Response {
    let (mut writer, reader) = wit_stream::new();
    let (end, ended) = wit_future::new(no_trailers);
    spawn_local(async move {
        write(&mut writer, "body\n").await;
        drop(writer);
        let fields = Fields::from_list(&[("x-sum".into(), b"7".to_vec())]).expect("valid");
        let _ = end.write(Ok(Some(fields))).await;
    });
    respond(reader, ended)
}

/// The request's body is the answer's: the guest never sees a byte of it.
fn forward(request: Request) -> Response {
    let (body, end) = Request::consume_body(request, wit_future::new(|| Ok(())).1);
    respond(body, end)
}

fn echo(request: Request, target: &str) -> Response {
    let head = head(&request.get_method(), target, &request.get_headers());
    let (body, _) = Request::consume_body(request, wit_future::new(|| Ok(())).1);
    streaming(move |mut writer| async move {
        if write(&mut writer, &head).await {
            copy(body, &mut writer).await;
        }
    })
}

fn head(method: &Method, target: &str, headers: &Headers) -> String {
    let method = match method {
        Method::Other(name) => name.clone(),
        other => format!("{other:?}").trim_start_matches("Method::").to_uppercase(),
    };
    let mut headers = headers.copy_all();
    headers.sort();
    let lines = headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)));
    format!("{method} {target}\n{}\n", lines.collect::<String>())
}

async fn copy(mut from: Body, to: &mut StreamWriter<u8>) {
    let mut buffer = Vec::with_capacity(STEP);
    loop {
        let (result, read) = from.read(buffer).await;
        let over = matches!(result, StreamResult::Dropped | StreamResult::Cancelled);
        buffer = to.write_all(read).await;
        if over || !buffer.is_empty() {
            return;
        }
    }
}

/// Calls the URL in header `x-url` with the request's method and body; answers status and body, or the error.
async fn call(request: Request) -> Response {
    match sent(request).await {
        Ok(response) => {
            let status = response.get_status_code();
            let (body, _) = Response::consume_body(response, wit_future::new(|| Ok(())).1);
            streaming(move |mut writer| async move {
                if write(&mut writer, &format!("status {status}\n")).await {
                    copy(body, &mut writer).await;
                }
            })
        }
        Err(reason) => say(&format!("error {reason}")),
    }
}

async fn sent(request: Request) -> Result<Response, String> {
    let values = request.get_headers().get("x-url");
    let url = values.first().ok_or("no header `x-url`")?;
    let url = String::from_utf8(url.clone()).map_err(|error| error.to_string())?;
    let method = request.get_method();
    let (body, end) = Request::consume_body(request, wit_future::new(|| Ok(())).1);
    let outgoing = Request::new(Fields::new(), Some(body), end, None).0;
    outgoing.set_method(&method).map_err(|()| "method")?;
    let (scheme, rest) = url.split_once("://").ok_or("`x-url` has no scheme")?;
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    outgoing.set_authority(Some(authority)).map_err(|()| "authority")?;
    outgoing.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(|()| "path")?;
    client::send(outgoing).await.map_err(|code| format!("{code:?}"))
}
