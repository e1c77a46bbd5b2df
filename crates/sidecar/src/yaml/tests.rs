//! What a reader of YAML files meets, hostile files among it.

use super::*;
use std::{
    fmt::Write,
    time::{Duration, Instant},
};

fn one(text: &str) -> Node {
    let mut documents = parse(Path::new("a.yaml"), text).expect(text);
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn json(text: &str) -> String {
    one(text).to_json().to_string()
}

fn findings(found: &[Diagnostic]) -> String {
    found.iter().map(|found| format!("{found}\n")).collect()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let found = parse(Path::new("a.yaml"), text).expect_err(&shown(text));
    assert_eq!(findings(&found).trim_end(), expected);
}

/// Refused with this text in the message, within 100 ms where the code is optimised.
#[track_caller]
fn refused_soon(text: &str, expected: &str) {
    let (outcome, took) = timed(text);
    let found = outcome.expect_err("hostile");
    assert!(findings(&found).contains(expected), "{}", findings(&found));
    let allowed = Duration::from_millis(if cfg!(debug_assertions) { 2000 } else { 100 });
    assert!(took <= allowed, "took {took:?}");
}

/// The best of three, so that a busy machine makes no test fail.
fn timed(text: &str) -> (Result<Vec<Node>, Vec<Diagnostic>>, Duration) {
    let run = || {
        let started = Instant::now();
        let outcome = parse(Path::new("a.yaml"), text);
        (outcome, started.elapsed())
    };
    [run(), run(), run()].into_iter().min_by_key(|(_, took)| *took).expect("three runs")
}

#[test]
fn scalars_mean_what_yaml_1_2_says() {
    for (text, meant) in [
        ("a", r#""a""#),
        ("1", "1"),
        ("-1", "-1"),
        ("+1", "1"),
        ("007", "7"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("0x-1", r#""0x-1""#),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1e3", "1000.0"),
        (".", r#"".""#),
        (".inf", r#"".inf""#),
        (".nan", r#"".nan""#),
        ("inf", r#""inf""#),
        ("nan", r#""nan""#),
        ("true", "true"),
        ("FALSE", "false"),
        ("yes", r#""yes""#),
        ("'true'", r#""true""#),
        ("\"1\"", r#""1""#),
        ("!!str 1", r#""1""#),
        ("! 1", r#""1""#),
        ("!!int 1", "1"),
        ("[~, null, Null, '', ]", r#"[null,null,null,""]"#),
        ("9223372036854775808", "9.223372036854776e+18"),
        ("1_000", r#""1_000""#),
        ("12:30", r#""12:30""#),
        ("2026-11-22", r#""2026-11-22""#),
        ("|\n  two\n  lines\n", r#""two\nlines\n""#),
    ] {
        assert_eq!(json(text), meant, "{text}");
    }
}

#[test]
fn keys_and_values_know_their_places() {
    let node = one("# first\nname: x\nlist:\n  - a: 1\n    ü: [b, c]\nempty:\n");
    let place = |node: Option<&Node>| node.expect("a node").at;
    let list = node.get("list").and_then(Node::as_sequence).expect("a list");
    assert_eq!(node.at, (2, 1));
    assert_eq!(place(node.get("name")), (2, 7));
    assert_eq!(place(list[0].get("a")), (4, 8));
    let entry = list[0].as_mapping().and_then(|mapping| mapping.entry("ü")).expect("an entry");
    assert_eq!((entry.at, entry.value.at), ((5, 5), (5, 8)));
    assert_eq!(entry.value.as_sequence().expect("a list")[1].at, (5, 12));
    assert!(node.get("empty").is_some_and(Node::is_null));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let node = one("\u{feff}a: 1\r\nb:\r\n  c: |\r\n    x\r\n    y\r\n");
    assert_eq!(node.to_json().to_string(), r#"{"a":1,"b":{"c":"x\ny\n"}}"#);
    assert_eq!(node.as_mapping().expect("a mapping").entries()[0].at, (1, 1));
    assert_eq!(node.as_mapping().expect("a mapping").entries()[1].at, (2, 1));
}

#[test]
fn documents_that_hold_nothing_are_left_out() {
    let documents = parse(Path::new("a.yaml"), "---\n---\na: 1\n---\n# only this\n---\nb: 2\n...\n").expect("two");
    assert_eq!(documents.iter().map(|node| node.at.0).collect::<Vec<_>>(), [3, 7]);
    assert!(parse(Path::new("a.yaml"), "").expect("none").is_empty());
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    assert_eq!(json("a: &x [1]\nb: *x\n"), r#"{"a":[1],"b":[1]}"#);
    assert_eq!(json("base: &x {p: 1, q: 2}\nc: {<<: *x, q: 3}\n"), r#"{"base":{"p":1,"q":2},"c":{"p":1,"q":3}}"#);
    assert_eq!(json("<<: [{p: 1}, {p: 2, q: 2}]\n"), r#"{"p":1,"q":2}"#);
    assert_eq!(json("'<<': 1"), r#"{"<<":1}"#);
    refused("<<: 1", "error: a.yaml:1:5: `<<` takes mappings, not a number");
}

#[test]
fn a_repeated_key_is_an_error_and_the_next_one_too() {
    refused(
        "a: 1\nb: {x: 1, x: 2}\na: 2\n",
        "error: a.yaml:2:11: the key `x` stands twice in one mapping\n\
         hint: it stands first in line 2; delete one of the two\n\
         error: a.yaml:3:1: the key `a` stands twice in one mapping\n\
         hint: it stands first in line 1; delete one of the two",
    );
}

#[test]
fn tags_keys_and_aliases_that_nobody_can_mean_are_refused() {
    refused(
        "a: !!binary aGk=",
        "error: a.yaml:1:13: the tag `!!binary` is not supported\nhint: write the value without a tag",
    );
    refused("a: !Ref x", "error: a.yaml:1:9: the tag `!Ref` is not supported\nhint: write the value without a tag");
    refused(
        "a: !!str [1]",
        "error: a.yaml:1:10: the tag `!!str` is not supported\nhint: write the value without a tag",
    );
    refused("[1]: 2", "error: a.yaml:1:1: a key must be text, not a list or a mapping");
    refused("~: 2", "error: a.yaml:1:1: a key is empty");
    refused("a: &x [*x]", "error: a.yaml:1:8: an alias stands inside of what it names");
}

#[test]
fn what_is_not_yaml_is_refused_with_its_place() {
    for text in ["a: [1", "a: 'x", "a: b: c", "a:\n\tb: 1", "a: *none", "a: \u{1}", "{a: 1", "a:\n- 1\n b: 2"] {
        let found = parse(Path::new("a.yaml"), text).expect_err(text);
        assert!(found[0].at.is_some() && !found[0].message.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_billion_laughs_end_soon() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..=9 {
        let copies = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{copies}]").expect("a string");
    }
    refused_soon(&text, "more than 20000 values, copies by aliases included");
}

#[test]
fn copies_of_one_long_text_end_soon() {
    let aliases = "- *a\n".repeat(1000);
    refused_soon(&format!("- &a {}\n{aliases}", "x".repeat(500_000)), "bytes of text, copies by aliases included");
    let merged = "- {<<: *a}\n".repeat(1000);
    refused_soon(&format!("- &a {{k: {}}}\n{merged}", "x".repeat(500_000)), "bytes of text");
}

#[test]
fn nested_anchors_do_not_multiply_the_work() {
    let open: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let text = format!("{open}{}{}", "x,".repeat(90_000), "]".repeat(60));
    refused_soon(&text, "more than 20000 values");
}

#[test]
fn depth_ends_soon() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
        refused_soon(&text, "");
    }
    refused_soon(&format!("{}{}", "[".repeat(65), "]".repeat(65)), "nest deeper than 64 levels");
    let mut deep = String::new();
    for level in 0..1000 {
        writeln!(deep, "{}a:", " ".repeat(level)).expect("a string");
    }
    refused_soon(&deep, "nest deeper than 64 levels");
    assert!(parse(Path::new("a.yaml"), &format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
}

#[test]
fn floods_of_one_mebibyte_end_soon() {
    let fill = |pattern: &str| pattern.repeat(MAX_FILE / pattern.len());
    let numbered: String = (0..60_000).map(|n| format!("k{n}: {n}\n")).collect();
    refused_soon(&numbered, "more than 20000 values");
    for pattern in [
        "- 1\n", "a,", "[],", "'", "\"\\", "#", "%", "&a ", "*a ", "! ", "---\n", ": ", "? ", "|\n", "\n", " ", "\t",
        "a: b: ", "a ", "\u{feff}", "\u{0}",
    ] {
        let text = fill(pattern);
        let (_, took) = timed(&text);
        assert!(took < Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 }), "{pattern:?}: {took:?}");
    }
}

#[test]
fn keys_without_end_and_files_without_end_are_refused() {
    refused(&format!("? {}\n: 1", "k".repeat(MAX_KEY + 1)), "error: a.yaml:1:3: a key is longer than 1024 bytes");
    refused(&"x".repeat(MAX_FILE + 1), "error: a.yaml: the text is larger than 1048576 bytes");
}

#[test]
fn a_file_says_why_it_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let check = |name: &str, expected: &str| {
        let found = load(&directory.path().join(name)).expect_err(name);
        let text = findings(&found).replace(&format!("{}/", directory.path().display()), "");
        assert_eq!(text.trim_end(), expected);
    };
    std::fs::write(directory.path().join("latin.yaml"), b"a: 1\nb: gr\xfcn\n").expect("written");
    std::fs::write(directory.path().join("big.yaml"), vec![b'#'; MAX_FILE + 1]).expect("written");
    check("none.yaml", "error: none.yaml: can't read the file: there is no such file");
    check("", "error: : can't read the file: it is not a file");
    check("latin.yaml", "error: latin.yaml:2:6: the text is not UTF-8\nhint: save the file with the encoding UTF-8");
    check("big.yaml", "error: big.yaml: the file is larger than 1048576 bytes\nhint: split it into several files");
}

/// Reads every kind of field from `text` and answers the findings.
fn read(text: &str, unknown: Unknown) -> String {
    let mut found = Findings::new("a.yaml");
    let node = one(text);
    if let Some(mut fields) = Fields::open(&node, "app `x`", &mut found) {
        fields.required_text("name", &mut found);
        fields.flag("appSSL", &mut found);
        fields.integer("port", 1..=65535, &mut found);
        fields.texts("paths", &mut found);
        fields.text_map("env", &mut found);
        fields.parsed("size", |text| Err::<(), _>(format!("{} bytes are too many", text.len())), &mut found);
        fields.close(unknown, &mut found);
    }
    findings(&found.into_vec())
}

#[track_caller]
fn reads(text: &str, expected: &str) {
    assert_eq!(read(text, Unknown::Error).trim_end(), expected, "{text}");
}

#[test]
fn fields_say_what_is_wrong_with_them() {
    reads("name: a\nappSSL: true\nport: 80\npaths: [a, 1]\nenv: {A: 1, B: , C: true}", "");
    reads("name: a\nport: '80'", "");
    reads("[a]", "error: a.yaml:1:1: app `x` must be a mapping (`key: value` lines), but is a list");
    reads("port: 1", "error: a.yaml:1:1: app `x`: `name` is missing");
    reads("name: ' '", "error: a.yaml:1:7: app `x`: `name` is blank");
    reads("name: {}", "error: a.yaml:1:7: app `x`: `name` must be text, but is a mapping");
    reads(
        "name: a\nappSSL: yes",
        "error: a.yaml:2:9: app `x`: `appSSL` must be `true` or `false`, but is `yes`\nhint: write `true`, without quotes",
    );
    reads(
        "name: a\nappSSL: 'true'",
        "error: a.yaml:2:9: app `x`: `appSSL` must be `true` or `false`, but is `'true'`\nhint: write `true`, without quotes",
    );
    reads("name: a\nappSSL: 1", "error: a.yaml:2:9: app `x`: `appSSL` must be `true` or `false`, but is `1`");
    reads(
        "name: a\nport: 65536",
        "error: a.yaml:2:7: app `x`: `port` must be a whole number from 1 to 65535, but is `65536`",
    );
    reads(
        "name: a\nport: .nan",
        "error: a.yaml:2:7: app `x`: `port` must be a whole number from 1 to 65535, but is `.nan`",
    );
    reads("name: a\npaths: b", "error: a.yaml:2:8: app `x`: `paths` must be a list, but is text");
    reads("name: a\npaths: [{}]", "error: a.yaml:2:9: app `x`: `paths` must be a list of texts, but this is a mapping");
    reads("name: a\nenv: {A: [1]}", "error: a.yaml:2:10: app `x`: `env.A` must be text, but is a list");
    reads("name: a\nsize: 10x", "error: a.yaml:2:7: app `x`: `size: 10x`: 3 bytes are too many");
}

#[test]
fn unknown_keys_get_the_nearest_name() {
    reads(
        "name: a\nprot: 1\nelsewhere: 2",
        "error: a.yaml:2:1: app `x`: unknown key `prot`\nhint: did you mean `port`?\n\
         error: a.yaml:3:1: app `x`: unknown key `elsewhere`",
    );
    assert!(read("name: a\nprot: 1", Unknown::Warning).starts_with("warning: a.yaml:2:1"));
    assert_eq!(read("name: a\nprot: 1", Unknown::Ignored), "");
}

#[test]
fn findings_do_not_go_on_without_end() {
    let unknown: String = (0..5_000).map(|n| format!("k{n}: 1\n")).collect();
    let text = read(&format!("name: a\n{unknown}"), Unknown::Warning);
    assert_eq!(text.lines().count(), MAX_FINDINGS + 1);
    assert!(text.ends_with("warning: a.yaml: 4900 more findings are left out\n"), "{text}");
}

#[test]
fn a_message_repeats_no_control_characters() {
    assert_eq!(shown("a\u{1b}[31m\n\"'"), "a\\u{1b}[31m\\n\"'");
    assert_eq!(shown(&"x".repeat(1000)).chars().count(), 61);
}
