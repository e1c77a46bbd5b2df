//! The functions of the ABI, with texts instead of pointers.

#[link(wasm_import_module = "http_handler")]
unsafe extern "C" {
    fn enable_features(features: u32) -> u32;
    fn get_config(buf: *mut u8, limit: usize) -> usize;
    fn log_enabled(level: i32) -> u32;
    fn log(level: i32, message: *const u8, length: usize);
    fn get_method(buf: *mut u8, limit: usize) -> usize;
    fn set_method(method: *const u8, length: usize);
    fn get_uri(buf: *mut u8, limit: usize) -> usize;
    fn set_uri(uri: *const u8, length: usize);
    fn get_protocol_version(buf: *mut u8, limit: usize) -> usize;
    fn get_source_addr(buf: *mut u8, limit: usize) -> usize;
    fn get_header_names(kind: u32, buf: *mut u8, limit: usize) -> u64;
    fn get_header_values(kind: u32, name: *const u8, length: usize, buf: *mut u8, limit: usize) -> u64;
    fn set_header_value(kind: u32, name: *const u8, length: usize, value: *const u8, value_length: usize);
    fn add_header_value(kind: u32, name: *const u8, length: usize, value: *const u8, value_length: usize);
    fn remove_header(kind: u32, name: *const u8, length: usize);
    fn read_body(kind: u32, buf: *mut u8, limit: usize) -> u64;
    fn write_body(kind: u32, body: *const u8, length: usize);
    fn get_status_code() -> u32;
    fn set_status_code(status: u32);
}

pub const REQUEST: u32 = 0;
pub const RESPONSE: u32 = 1;
pub const TRAILERS: u32 = 2;

pub const BUFFER_REQUEST: u32 = 1;
pub const BUFFER_RESPONSE: u32 = 2;

/// Calls once to learn the length, and again with so much room.
fn grown(get: impl Fn(*mut u8, usize) -> usize) -> Vec<u8> {
    let mut bytes = vec![0; get(std::ptr::null_mut(), 0)];
    get(bytes.as_mut_ptr(), bytes.len());
    bytes
}

fn text(get: impl Fn(*mut u8, usize) -> usize) -> String {
    String::from_utf8_lossy(&grown(get)).into_owned()
}

/// A list of texts that end with a zero byte; its count comes with it.
fn list(get: impl Fn(*mut u8, usize) -> u64) -> Vec<String> {
    let bytes = grown(|buf, limit| get(buf, limit) as u32 as usize);
    let count = (get(std::ptr::null_mut(), 0) >> 32) as usize;
    let all = String::from_utf8_lossy(&bytes);
    let texts: Vec<String> = all.split_terminator('\0').map(str::to_owned).collect();
    assert_eq!(texts.len(), count, "the count of the list");
    texts
}

// SAFETY, of every call below: pointers and lengths are of memory that lives longer than the call.

pub fn enable(features: u32) -> u32 {
    // SAFETY: see above.
    unsafe { enable_features(features) }
}

pub fn config() -> String {
    // SAFETY: see above.
    text(|buf, limit| unsafe { get_config(buf, limit) })
}

pub fn is_logged(level: i32) -> bool {
    // SAFETY: see above.
    unsafe { log_enabled(level) == 1 }
}

pub fn say(level: i32, message: &str) {
    // SAFETY: see above.
    unsafe { log(level, message.as_ptr(), message.len()) }
}

pub fn method() -> String {
    // SAFETY: see above.
    text(|buf, limit| unsafe { get_method(buf, limit) })
}

pub fn change_method(method: &str) {
    // SAFETY: see above.
    unsafe { set_method(method.as_ptr(), method.len()) }
}

pub fn uri() -> String {
    // SAFETY: see above.
    text(|buf, limit| unsafe { get_uri(buf, limit) })
}

/// The URI's length, and a byte that stays as it was where the room is too small.
pub fn uri_without_room() -> (usize, u8) {
    let mut byte = [7];
    // SAFETY: see above.
    (unsafe { get_uri(byte.as_mut_ptr(), 1) }, byte[0])
}

pub fn change_uri(uri: &str) {
    // SAFETY: see above.
    unsafe { set_uri(uri.as_ptr(), uri.len()) }
}

pub fn protocol() -> String {
    // SAFETY: see above.
    text(|buf, limit| unsafe { get_protocol_version(buf, limit) })
}

pub fn source() -> String {
    // SAFETY: see above.
    text(|buf, limit| unsafe { get_source_addr(buf, limit) })
}

pub fn names(kind: u32) -> Vec<String> {
    // SAFETY: see above.
    list(|buf, limit| unsafe { get_header_names(kind, buf, limit) })
}

pub fn values(kind: u32, name: &str) -> Vec<String> {
    // SAFETY: see above.
    list(|buf, limit| unsafe { get_header_values(kind, name.as_ptr(), name.len(), buf, limit) })
}

pub fn set(kind: u32, name: &str, value: &str) {
    // SAFETY: see above.
    unsafe { set_header_value(kind, name.as_ptr(), name.len(), value.as_ptr(), value.len()) }
}

pub fn add(kind: u32, name: &str, value: &str) {
    // SAFETY: see above.
    unsafe { add_header_value(kind, name.as_ptr(), name.len(), value.as_ptr(), value.len()) }
}

pub fn remove(kind: u32, name: &str) {
    // SAFETY: see above.
    unsafe { remove_header(kind, name.as_ptr(), name.len()) }
}

/// At most so many bytes, and whether that was the end.
pub fn read(kind: u32, limit: usize) -> (Vec<u8>, bool) {
    let mut bytes = vec![0; limit];
    // SAFETY: see above.
    let read = unsafe { read_body(kind, bytes.as_mut_ptr(), limit) };
    bytes.truncate(read as u32 as usize);
    (bytes, read >> 32 == 1)
}

pub fn read_all(kind: u32) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (bytes, end) = read(kind, 1000);
        all.extend_from_slice(&bytes);
        if end {
            return all;
        }
    }
}

pub fn write(kind: u32, bytes: &[u8]) {
    // SAFETY: see above.
    unsafe { write_body(kind, bytes.as_ptr(), bytes.len()) }
}

/// Points outside of the memory.
pub fn write_from_nowhere() {
    // SAFETY: the host looks at the pointer before it reads.
    unsafe { write_body(RESPONSE, std::ptr::without_provenance(0xffff_0000), 1000) }
}

pub fn status() -> u32 {
    // SAFETY: see above.
    unsafe { get_status_code() }
}

pub fn change_status(status: u32) {
    // SAFETY: see above.
    unsafe { set_status_code(status) }
}
