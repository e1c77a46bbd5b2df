//! A handler of http-wasm that does what the first segment of the request's path names.

mod abi;

use abi::{BUFFER_REQUEST, BUFFER_RESPONSE, REQUEST, RESPONSE, TRAILERS};
use std::cell::RefCell;

thread_local!(
    /// Between the two functions of one request.
    static CASE: RefCell<String> = const { RefCell::new(String::new()) }
);

/// The request goes on, and the guest wants this number back.
const NEXT: u64 = (42 << 32) | 1;
const STOP: u64 = 0;

#[unsafe(no_mangle)]
extern "C" fn handle_request() -> u64 {
    let uri = abi::uri();
    let case = uri.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default().to_owned();
    CASE.with(|place| place.replace(case.clone()));
    request(&case)
}

#[unsafe(no_mangle)]
extern "C" fn handle_response(context: u32, is_error: u32) {
    let case = CASE.with(|case| case.borrow().clone());
    response(&case, context, is_error);
}

fn answer(text: &str) -> u64 {
    abi::write(RESPONSE, text.as_bytes());
    STOP
}

/// What is asked of the host before the next handler has the request.
fn request(case: &str) -> u64 {
    match case {
        "config" => return answer(&abi::config()),
        "log" => {
            (-1..=2).for_each(|level| abi::say(level, &format!("said at {level}")));
            let levels = [-1, 0, 1, 2, 3].map(|level| u8::from(abi::is_logged(level)).to_string());
            return answer(&levels.concat());
        }
        "method" => return answer(&abi::method()),
        "set-method" => abi::change_method("PUT"),
        "bad-method" => abi::change_method("NO METHOD"),
        "uri" => return answer(&abi::uri()),
        "small-room" => return answer(&format!("{:?}", abi::uri_without_room())),
        "set-uri" => abi::change_uri("/other%2Fpath?x=%201"),
        "no-uri" => abi::change_uri(""),
        "bad-uri" => abi::change_uri("http://elsewhere/"),
        "protocol" => return answer(&abi::protocol()),
        "source" => return answer(&abi::source()),
        "names" => return answer(&abi::names(REQUEST).join(",")),
        "values" => return answer(&abi::values(REQUEST, "X-Many").join(",")),
        "no-values" => return answer(&format!("{:?}", abi::values(REQUEST, "x-none"))),
        "set-header" => abi::set(REQUEST, "X-Many", "new"),
        "add-header" => abi::add(REQUEST, "x-many", "third"),
        "remove-header" => abi::remove(REQUEST, "x-many"),
        "bad-name" => abi::set(REQUEST, "no name", ""),
        "bad-value" => abi::set(REQUEST, "x", "a\nb"),
        "many-headers" => {
            (0..2000).for_each(|n| abi::add(REQUEST, &format!("x-{n}"), "0123456789012345678901234567890123456789"))
        }
        "length" => abi::set(REQUEST, "content-length", "3"),
        "unknown-headers" => return answer(&abi::names(9).join(",")),
        "trailers" => return answer(&format!("{} {:?}", abi::enable(4), abi::names(TRAILERS))),
        "set-trailer" => abi::set(TRAILERS, "x", "y"),
        "features" => return answer(&format!("{} {}", abi::enable(7), abi::enable(0))),
        "read" => return answer(&String::from_utf8_lossy(&abi::read_all(REQUEST)).to_uppercase()),
        "read-nothing" => drop(abi::read(REQUEST, 0)),
        "read-some" => abi::set(REQUEST, "x-read", &String::from_utf8_lossy(&abi::read(REQUEST, 3).0)),
        "read-some-buffered" | "read-again" => {
            abi::enable(BUFFER_REQUEST | BUFFER_RESPONSE);
            abi::set(REQUEST, "x-read", &String::from_utf8_lossy(&abi::read(REQUEST, 3).0));
        }
        "read-all-buffered" => {
            abi::enable(BUFFER_REQUEST);
            abi::set(REQUEST, "x-read", &abi::read_all(REQUEST).len().to_string());
        }
        "write-request" => {
            abi::write(REQUEST, b"written ");
            abi::write(REQUEST, b"twice");
        }
        "write-response" => {
            abi::set(RESPONSE, "x-own", "1");
            abi::change_status(418);
            abi::write(RESPONSE, b"short and ");
            return answer("stout");
        }
        "empty" => return STOP,
        "bad-status" => abi::change_status(99),
        "early-status" => abi::change_status(103),
        "unknown-body" => abi::write(7, b""),
        "nowhere" => abi::write_from_nowhere(),
        "flood" => loop {
            abi::write(RESPONSE, &vec![0; 1 << 20]);
        },
        "write-and-next" => abi::write(RESPONSE, b"before "),
        "keep-header" => abi::set(RESPONSE, "x-own", "1"),
        "trap" => panic!("no good"),
        "spin" => loop {
            std::hint::black_box(());
        },
        "exit" => std::process::exit(3),
        "grow" => drop(std::hint::black_box(vec![1u8; 1 << 30])),
        "replace" | "context" | "status" | "read-response" | "add-response" => drop(abi::enable(BUFFER_RESPONSE)),
        _ => {}
    }
    NEXT
}

/// What is asked of the host after the next handler has answered.
fn response(case: &str, context: u32, is_error: u32) {
    match case {
        "replace" => {
            abi::write(RESPONSE, b"all ");
            abi::write(RESPONSE, b"new");
            abi::change_status(201);
            abi::set(RESPONSE, "content-type", "text/plain");
            abi::remove(RESPONSE, "x-next");
        }
        "context" => abi::write(RESPONSE, format!("{context} {is_error}").as_bytes()),
        "status" => abi::write(RESPONSE, format!("{} {}", abi::status(), abi::names(RESPONSE).join(",")).as_bytes()),
        "read-response" => {
            let text = String::from_utf8_lossy(&abi::read_all(RESPONSE)).to_uppercase();
            abi::write(RESPONSE, text.as_bytes());
        }
        "add-response" => {
            abi::add(RESPONSE, "x-next", "2");
            abi::set(RESPONSE, "content-length", "1");
        }
        "read-again" => {
            let again = abi::read_all(REQUEST);
            abi::write(RESPONSE, &again);
        }
        "late-method" => abi::change_method("PUT"),
        "late-header" => abi::set(REQUEST, "x", "y"),
        "late-body" => abi::write(REQUEST, b"late"),
        "late-request" => drop(abi::read_all(REQUEST)),
        "unbuffered-header" => abi::set(RESPONSE, "x", "y"),
        "unbuffered-status" => abi::change_status(201),
        "unbuffered-body" => drop(abi::read_all(RESPONSE)),
        "unbuffered-write" => abi::write(RESPONSE, b"late"),
        "look" => assert_eq!(abi::status(), 200),
        "late-trap" => panic!("no good"),
        "late-spin" => loop {
            std::hint::black_box(());
        },
        _ => {}
    }
}
