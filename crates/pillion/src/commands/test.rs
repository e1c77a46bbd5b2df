//! `pillion test`: runs the test cases of a run file's guests over fakes in memory.

use crate::{
    cases::{self, Case, Outcome},
    flags::{Global, Output, Test},
    launch::Plan,
    manifest::{App, AppKind, Manifest},
    print,
};
use anyhow::{Context, Result, bail};
use pillion_api::{Diagnostic, diagnostic::nearest};
use pillion_runtime::Runtime;
use serde_json::{Value as Json, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Finds the cases, runs those that are asked for, and says what came of each.
pub(crate) async fn run(global: &Global, flags: Test) -> Result<ExitCode> {
    super::start_logs(global)?;
    let (run_file, only) = target(flags.path.as_deref())?;
    let mut manifest = super::manifest(&run_file)?;
    manifest.apps.iter_mut().for_each(isolate);
    let cases = read(&manifest, only, flags.filter.as_deref())?;
    // Guests that no case is about need not be there to be run.
    manifest.apps.retain(|app| cases.iter().any(|(_, id)| *id == app.app_id));
    let runtime = super::runtime(global, None)?;
    let plan = super::plan(global, &runtime, manifest).await?;
    let began = Instant::now();
    let mut report = Report { output: global.output, told: Vec::new(), failed: 0, file: None };
    for (case, app) in &cases {
        report.tell(case, app, &run_one(&runtime, &plan, case, app).await?);
    }
    report.end(began.elapsed())
}

/// Leaves an app nothing but the fakes: they take the place of every component, also of those that only a real daprd has,
/// and no host outside is asked.
fn isolate(app: &mut App) {
    app.resources_paths.clear();
    app.config_path = None;
    if let AppKind::Wasm(wasm) = &mut app.kind {
        wasm.allow.hosts.clear();
    }
}

/// The run file, and the one test file that was named, if one was.
fn target(path: Option<&Path>) -> Result<(PathBuf, Option<PathBuf>)> {
    let above = |folder: &Path| {
        super::nearest_above(folder).map(from_here).with_context(|| {
            format!(
                "there is no `dapr.yaml` in `{}` or above\nhint: name it, or its folder: `pillion test PATH`",
                folder.display()
            )
        })
    };
    match path {
        None => Ok((above(Path::new("."))?, None)),
        Some(path) if cases::is_test_file(path) && !path.is_dir() => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok((above(folder)?, Some(path.to_owned())))
        }
        Some(path) => Ok((path.to_owned(), None)),
    }
}

/// A path as it is spelt from here, where it is below.
fn from_here(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok().map(PathBuf::from));
    below.unwrap_or(path)
}

/// The cases that are run, each with its app's id.
fn read(manifest: &Manifest, only: Option<PathBuf>, filter: Option<&str>) -> Result<Vec<(Case, String)>> {
    let files = only.map_or_else(|| cases::find(manifest), |file| Ok(vec![file]))?;
    if files.is_empty() {
        bail!(
            "`{}`: there are no test cases\nhint: write them to `tests/NAME.test.yaml` beside it; docs/guide/testing.md says how",
            manifest.path.display()
        );
    }
    let (mut all, mut findings) = (Vec::new(), Vec::new());
    for file in files {
        match cases::read(&file) {
            Ok(cases) => all.extend(cases),
            Err(found) => findings.extend(found),
        }
    }
    let mut cases = Vec::with_capacity(all.len());
    for case in all {
        match app_of(manifest, &case) {
            Ok(app) => cases.push((case, app)),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        super::report(findings)?;
    }
    if let Some(wanted) = filter {
        cases.retain(|(case, _)| case.name.contains(wanted));
        if cases.is_empty() {
            bail!("no case's name has `{wanted}` in it");
        }
    }
    Ok(cases)
}

/// The app that a case names, else the only one that it can be.
fn app_of(manifest: &Manifest, case: &Case) -> Result<String, Diagnostic> {
    let ids = || manifest.apps.iter().filter(|app| app.wasm().is_some()).map(|app| app.app_id.as_str());
    let finding = |(line, column), why: String| Diagnostic::error(&*case.file, why).at(line, column);
    if let Some((at, id)) = &case.app {
        if ids().any(|known| known == id) {
            return Ok(id.clone());
        }
        let found = finding(*at, format!("case `{}`: the run file has no app `{id}` of guests", case.name));
        return Err(match nearest(id, ids()) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found,
        });
    }
    let within = |dir: &Path| {
        let whole = |path: &Path| path.canonicalize().ok();
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        whole(&case.file).zip(whole(dir)).is_some_and(|(file, dir)| file.starts_with(dir))
    };
    let mut near: Vec<_> = manifest.apps.iter().filter(|app| app.wasm().is_some() && within(&app.dir)).collect();
    // An app in a folder below is nearer than one in the folder of the run file.
    let deepest = near.iter().map(|app| app.dir.components().count()).max();
    near.retain(|app| Some(app.dir.components().count()) == deepest);
    match (&near[..], ids().count()) {
        ([app], _) => Ok(app.app_id.clone()),
        (_, 1) => Ok(ids().collect()),
        _ => Err(finding(case.at, format!("case `{}`: it could be of several apps", case.name))
            .hint(format!("add `app:` with one of {}", ids().collect::<Vec<_>>().join(", ")))),
    }
}

async fn run_one(runtime: &Runtime, plan: &Plan, case: &Case, app: &str) -> Result<Outcome> {
    let planned = plan.apps.iter().find(|planned| planned.app.app_id == app);
    let planned = planned.with_context(|| format!("app `{app}` is not planned"))?;
    cases::run(runtime, planned, case).await
}

/// What is printed, line by line for people, at the end for programs.
struct Report {
    output: Output,
    told: Vec<Json>,
    failed: usize,
    file: Option<PathBuf>,
}

impl Report {
    fn tell(&mut self, case: &Case, app: &str, outcome: &Outcome) {
        let passed = outcome.differences.is_empty();
        self.failed += usize::from(!passed);
        let milliseconds = outcome.took.as_secs_f64() * 1e3;
        self.told.push(json!({
            "file": *case.file,
            "line": case.at.0,
            "app": app,
            "name": case.name,
            "passed": passed,
            "milliseconds": milliseconds,
            "differences": outcome.differences,
            "notes": outcome.notes,
        }));
        if self.output == Output::Text {
            self.say(case, outcome, passed, milliseconds);
        }
    }

    fn say(&mut self, case: &Case, outcome: &Outcome, passed: bool, milliseconds: f64) {
        if self.file.as_deref() != Some(&*case.file) {
            print::line(&case.file.display().to_string());
            self.file = Some(case.file.to_path_buf());
        }
        let word = if passed { "ok  " } else { "FAIL" };
        print::line(&format!("  {word} {} ({milliseconds:.1} ms)", case.name));
        for difference in &outcome.differences {
            let (line, column) = difference.at;
            print::line(&format!("       {}:{line}:{column}: {}", case.file.display(), difference.what));
            print::line(&format!("         expected: {}", difference.expected));
            print::line(&format!("         got:      {}", difference.got));
        }
        if !passed {
            outcome.notes.iter().for_each(|note| print::line(&format!("       note: {note}")));
        }
    }

    fn end(self, took: Duration) -> Result<ExitCode> {
        let (all, failed) = (self.told.len(), self.failed);
        let passed = all - failed;
        match self.output {
            Output::Text => {
                let cases = if all == 1 { "case" } else { "cases" };
                let took = took.as_secs_f64();
                print::line(&format!("{all} {cases}: {passed} passed, {failed} failed, in {took:.2} s"));
            }
            Output::Json => print::json(&json!({ "cases": self.told, "passed": passed, "failed": failed }))?,
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
