//! Documentation's commands are run, and generated pages are those of the code.

mod common;

use common::{cache, root};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Commands of a page's `console` blocks with what they must print: lines behind `$` run in a shell, in the repository.
fn transcript(page: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => {
                    output.push_str(line);
                    output.push('\n');
                }
                (None, None) => panic!("output before a command: {line}"),
            },
        }
    }
    commands
}

fn shell(command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_pillion")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(root())
        .env("PATH", path)
        .env("PILLION_CACHE_DIR", cache())
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "`{command}`: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every line of `expected` is printed, in its order; a page may leave lines out.
fn shows(printed: &str, expected: &str) -> bool {
    let mut lines = printed.lines();
    expected.lines().all(|wanted| lines.any(|line| line.trim_end() == wanted.trim_end()))
}

/// Pages beside the code, and every page of the guide.
fn pages(others: &[&str]) -> Vec<String> {
    let guide = fs::read_dir(root().join("docs/guide")).expect("the guide").map(|entry| entry.expect("a page"));
    let guide = guide.map(|page| format!("docs/guide/{}", page.file_name().to_string_lossy()));
    let mut pages: Vec<String> = guide.chain(others.iter().map(|page| (*page).to_owned())).collect();
    pages.sort();
    pages
}

#[test]
fn the_pages_commands_print_what_the_pages_show() {
    let with_commands = [
        "README.md",
        "docs/guide/kubernetes.md",
        "docs/guide/workflows.md",
        "examples/dapr-wasm/README.md",
        "examples/order-approval/README.md",
    ];
    for page in pages(&["README.md", "examples/dapr-wasm/README.md", "examples/order-approval/README.md"]) {
        let text = fs::read_to_string(root().join(&page)).expect("the page");
        let commands = transcript(&text);
        assert!(!commands.is_empty() || !with_commands.contains(&page.as_str()), "{page} shows no command");
        for (command, expected) in commands {
            let printed = shell(&command);
            assert!(shows(&printed, &expected), "{page}: `{command}` printed\n{printed}\nnot\n{expected}");
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let others = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "examples/dapr-wasm/README.md",
        "examples/order-approval/README.md",
    ];
    for page in pages(&others) {
        let text = fs::read_to_string(root().join(&page)).expect("the page");
        let folder = root().join(&page).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            assert!(file.starts_with("http") || folder.join(file).exists(), "{page} links to `{target}`");
        }
    }
}
