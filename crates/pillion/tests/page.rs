//! The demo's web page in a real headless Chromium, against the real binary: what a user does, sees and is told.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use common::{PATIENCE, ask};

/// Most presses of Tab before an element counts as unreachable by keyboard.
const MOST_TABS: usize = 40;
/// Most of chromedriver's first words that are read while looking for its port.
const DRIVER_WORDS: u64 = 64 * 1024;

/// WebDriver's names of keys (W3C WebDriver, 17.4.2) and of an element in JSON (12.1).
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const RIGHT: &str = "\u{e014}";
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (360, 740);

const GREY_SHOWN: &str = "#result[aria-busy=false] #grey-picture:not([hidden])";
const WORDS_SHOWN: &str = "#result[aria-busy=false] #words:not([hidden])";
const TROUBLE_SHOWN: &str = "#result[aria-busy=false] #trouble[role=alert]:not([hidden])";

#[test]
fn page_loads_without_a_console_error() {
    case("loads", DESKTOP, |page| {
        assert_eq!(page.run("return location.pathname", &[]), "/static/home.html");
        page.find(".sample");
        assert_eq!(page.text("#grey"), "Turn it grey");
        assert_eq!(page.text("#classify"), "What is in it?");
        page.assert_console_is_clean();
    });
}

#[test]
fn a_sample_turned_grey_is_shown_grey() {
    case("grey", DESKTOP, |page| {
        page.pick_coloured_sample();
        page.click("#grey");
        let (coloured, shades) = page.pixels(GREY_SHOWN);
        assert_eq!(coloured, 0, "pixels of the answer that are not grey");
        assert!(shades > 16, "a picture has more than {shades} shades of grey");
        assert_eq!(page.natural_size("#grey-picture"), page.natural_size("#original"));
        page.assert_time_is_shown();
        assert!(page.text("#size").ends_with('B'), "the size of the answer is shown");
        page.find("#download:not([hidden])[download*='-grey.']");
        page.assert_console_is_clean();
    });
}

#[test]
fn what_is_in_a_sample_is_said_with_a_link() {
    case("classify", DESKTOP, |page| {
        let mut linked = 0;
        // The classifier reads JPEG and PNG.
        for sample in page.samples().iter().filter(|sample| !sample.ends_with(".gif")) {
            page.pick(sample);
            page.click("#classify");
            page.find(WORDS_SHOWN);
            let sentence = page.text("#sentence");
            assert!(sentence.starts_with("It ") && sentence.contains("in the picture"), "{sentence}");
            page.assert_time_is_shown();
            let links =
                page.run("return [...document.querySelectorAll('#sentence a')].map((a) => [a.href, a.rel])", &[]);
            for link in links.as_array().expect("a list") {
                let href = link[0].as_str().unwrap_or_default();
                assert!(href.starts_with("https://www.google.com/search?q="), "{href}");
                assert_eq!(link[1], "noopener noreferrer");
                linked += 1;
            }
        }
        assert!(linked > 0, "no sample is recognised");
        page.assert_console_is_clean();
    });
}

#[test]
fn a_broken_picture_is_answered_in_words() {
    let folder = tempfile::tempdir().expect("a folder for the broken pictures");
    let broken = file(folder.path(), "broken.png", b"\x89PNG\r\n\x1a\n and then nothing of a picture");
    let empty = file(folder.path(), "empty.png", b"");
    case("broken", DESKTOP, |page| {
        page.choose(&empty);
        page.find_text("#note[role=alert]", "This file is empty");
        page.choose(&broken);
        page.find_text("#picture-name", "broken.png");
        for button in ["#grey", "#classify"] {
            page.click(button);
            page.find(TROUBLE_SHOWN);
            page.find_text("#trouble h3", "not a picture");
            page.find_text("#trouble p", "The function could not read it");
        }
        // The demo has survived it: a good picture is served after the bad one.
        page.pick_coloured_sample();
        page.click("#grey");
        page.find(GREY_SHOWN);
    });
}

#[test]
fn the_keyboard_alone_picks_a_sample_and_runs_it() {
    case("keyboard", DESKTOP, |page| {
        page.find(".sample");
        page.tab_to("#file");
        page.tab_to(".sample");
        page.press(RIGHT);
        page.press(ENTER);
        page.find("li:nth-child(2) .sample[aria-pressed=true]:focus");
        page.find("#grey[aria-disabled=false]");
        page.tab_to("#grey");
        page.press(ENTER);
        page.find(GREY_SHOWN);
        page.find("#grey:focus");
        page.tab_to("#download");
        page.assert_console_is_clean();
    });
}

#[test]
fn a_phone_needs_no_sideways_scroll() {
    case("phone", PHONE, |page| {
        page.pick_coloured_sample();
        page.assert_fits(PHONE.0);
        page.click("#grey");
        page.find(GREY_SHOWN);
        page.assert_fits(PHONE.0);
        page.assert_console_is_clean();
    });
}

/// Runs one case in a browser of its own, and keeps its last picture as `target/page/<name>.png`, passed or failed.
fn case(name: &str, size: (u32, u32), body: impl Fn(&Page)) {
    let Some(driver) = Driver::start(name) else {
        return;
    };
    let demo = common::Demo::start();
    let page = Page::open(&driver, size);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        page.command("POST", "url", &json!({ "url": demo.url() }));
        body(&page);
    }));
    // The browser is a child of the driver and would outlive it: it is closed whatever happened.
    let picture = page.command("GET", "screenshot", &Value::Null);
    page.command("DELETE", "", &Value::Null);
    let png = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap_or_default());
    keep(name, &png.expect("a picture of the page"));
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

fn keep(name: &str, png: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("page");
    std::fs::create_dir_all(&folder).expect("target/page is writable");
    std::fs::write(folder.join(format!("{name}.png")), png).expect("target/page is writable");
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a temporary folder is writable");
    path
}

/// A running chromedriver, ended on drop.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    /// `None`, after saying so, where there is no chromedriver; in CI that is a failure.
    fn start(name: &str) -> Option<Self> {
        let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        match started {
            Ok(mut child) => {
                let url = format!("http://127.0.0.1:{}", port(&mut child));
                Some(Self { child, url })
            }
            Err(error) if std::env::var("CI").as_deref() == Ok("true") => {
                panic!("chromedriver (Debian: chromium-driver) doesn't start: {error}")
            }
            Err(error) => {
                println!("skipped: page: {name}: chromedriver (Debian: chromium-driver) doesn't start: {error}");
                None
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last number of the line `ChromeDriver was started successfully on port 41234.`
fn port(child: &mut Child) -> u16 {
    let words = child.stdout.take().expect("stdout is piped").take(DRIVER_WORDS);
    let line =
        BufReader::new(words).lines().map_while(Result::ok).find(|line| line.contains("started successfully on port"));
    let line = line.expect("chromedriver says its port");
    line.trim_end_matches('.').rsplit(' ').next().and_then(|port| port.parse().ok()).expect("a port is a number")
}

/// The page as a user meets it: what is not there yet is waited for, never slept for. It speaks W3C WebDriver.
struct Page {
    session: String,
    /// The browser's profile: new for each case, gone with it.
    _profile: tempfile::TempDir,
}

impl Page {
    fn open(driver: &Driver, size: (u32, u32)) -> Self {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities(profile.path(), size) } });
        let session = webdriver("POST", &format!("{}/session", driver.url), &wanted);
        let id = session["sessionId"].as_str().expect("a session has an id");
        Self { session: format!("{}/session/{id}", driver.url), _profile: profile }
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        webdriver(method, format!("{}/{path}", self.session).trim_end_matches('/'), body)
    }

    /// Waits until an element matches `css`.
    fn find(&self, css: &str) -> String {
        self.find_text(css, "")
    }

    /// Waits until an element that matches `css` holds `words`, and answers WebDriver's name of it.
    fn find_text(&self, css: &str, words: &str) -> String {
        let script = "const [css, words, patience, done] = arguments;
            const end = performance.now() + patience;
            const look = () => {
                const found = [...document.querySelectorAll(css)].find((e) => e.textContent.includes(words));
                if (found || performance.now() > end) done(found ?? null);
                else setTimeout(look, 20);
            };
            look();";
        let patience = PATIENCE.as_millis() as u64 / 2;
        let arguments = json!({ "script": script, "args": [css, words, patience] });
        let found = self.command("POST", "execute/async", &arguments);
        match found[ELEMENT].as_str() {
            Some(element) => element.to_owned(),
            None => panic!("no `{css}` with `{words}`; the page reads:\n{}", self.text("body")),
        }
    }

    /// What an element reads; WebDriver's own text would be empty while the element still fades in.
    fn text(&self, css: &str) -> String {
        let text = self.run("return document.querySelector(arguments[0])?.innerText ?? ''", &[css]);
        text.as_str().expect("text is a string").trim().to_owned()
    }

    fn click(&self, css: &str) {
        let element = self.find(css);
        self.command("POST", &format!("element/{element}/click"), &json!({}));
    }

    fn choose(&self, file: &Path) {
        let path = file.to_str().expect("temporary paths are UTF-8");
        let element = self.find("#file");
        self.command("POST", &format!("element/{element}/value"), &json!({ "text": path }));
    }

    /// The file names of the samples.
    fn samples(&self) -> Vec<String> {
        self.find(".sample");
        let names =
            self.run("return [...document.querySelectorAll('.sample')].map((sample) => sample.dataset.file)", &[]);
        serde_json::from_value(names).expect("a list of names")
    }

    /// Picks a sample, and waits until it is shown and can be sent.
    fn pick(&self, sample: &str) {
        self.click(&format!(".sample[data-file='{sample}']"));
        self.find_text("#picture-name", sample);
        self.find("#original:not([hidden])");
        self.find("#grey[aria-disabled=false]");
    }

    /// Picks the first sample that has colours: of another, a function that does nothing would look right.
    fn pick_coloured_sample(&self) {
        for sample in self.samples() {
            self.pick(&sample);
            if self.pixels("#original").0 > 0 {
                return;
            }
        }
        panic!("no sample has colours");
    }

    /// How many pixels of a shown picture have a colour, and how many shades of grey its red channel has.
    fn pixels(&self, css: &str) -> (u64, u64) {
        self.find(css);
        let script = "const image = document.querySelector(arguments[0]);
            const canvas = document.createElement('canvas');
            Object.assign(canvas, { width: image.naturalWidth, height: image.naturalHeight });
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
            const shades = new Set();
            let coloured = 0;
            for (let at = 0; at < data.length; at += 4) {
                shades.add(data[at]);
                if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) coloured += 1;
            }
            return [coloured, shades.size];";
        serde_json::from_value(self.run(script, &[css])).expect("two counts")
    }

    fn natural_size(&self, css: &str) -> Value {
        self.run(
            "const image = document.querySelector(arguments[0]); return [image.naturalWidth, image.naturalHeight]",
            &[css],
        )
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Value {
        self.command("POST", "execute/sync", &json!({ "script": script, "args": arguments }))
    }

    fn press(&self, key: &str) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.command("POST", "actions", &json!({ "actions": [keyboard] }));
    }

    /// Presses Tab until an element that matches `css` has the focus.
    fn tab_to(&self, css: &str) {
        for _ in 0..MOST_TABS {
            self.press(TAB);
            if self.run("return document.activeElement.matches(arguments[0])", &[css]) == true {
                return;
            }
        }
        panic!("`{css}` isn't reached by Tab");
    }

    fn assert_time_is_shown(&self) {
        let time = self.text("#time");
        assert!(time.ends_with(" ms") || time.ends_with(" s"), "the time is shown, not `{time}`");
    }

    fn assert_fits(&self, width: u32) {
        assert_eq!(self.run("return document.documentElement.scrollWidth", &[]), width);
    }

    fn assert_console_is_clean(&self) {
        // Chromedriver's own command: WebDriver has no word for the console.
        let log = self.command("POST", "se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("the log is a list");
        let errors: Vec<_> = entries.iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(errors.is_empty(), "errors in the console: {errors:#?}");
    }
}

fn capabilities(profile: &Path, (width, height): (u32, u32)) -> Value {
    let mut options = json!({ "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", format!("--user-data-dir={}", profile.display()), format!("--window-size={width},{height}"),
    ] });
    if width < 500 {
        // A desktop window can't be this narrow.
        options["mobileEmulation"] = json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true, "mobile": true } });
    }
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "script": PATIENCE.as_millis() as u64 },
    })
}

/// One command of WebDriver; its failure is the test's.
fn webdriver(method: &str, url: &str, body: &Value) -> Value {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = ask(method, url, &[("content-type", "application/json")], &body);
    let mut said: Value = serde_json::from_str(&answer.text()).expect("chromedriver answers in JSON");
    assert_eq!(answer.status, 200, "{method} {url}: {}: {}", said["value"]["error"], said["value"]["message"]);
    said["value"].take()
}
