//! A test file, read wholly: what is wrong with it is found before a case runs.

use super::{
    expect::{Calls, Expect},
    given::Given,
    input::Input,
};
use pillion_api::Diagnostic;
use pillion_sidecar::yaml::{self, Fields, Findings, Node, Place, Unknown, shown};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) file: Arc<Path>,
    pub(crate) at: Place,
    pub(crate) name: String,
    /// The app that is tested; none is the one of the file.
    pub(crate) app: Option<(Place, String)>,
    pub(super) input: Input,
    pub(super) given: Given,
    pub(super) expect: Expect,
    pub(super) calls: Option<Calls>,
}

/// Reads a file.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>, Vec<Diagnostic>> {
    let documents = yaml::load(path)?;
    let mut findings = Findings::new(path);
    let file = File { path: path.into(), folder: path.parent().map(PathBuf::from).unwrap_or_default() };
    let cases: Vec<Case> = documents.iter().flat_map(|document| file.document(document, &mut findings)).collect();
    if documents.is_empty() {
        findings.push(Diagnostic::error(path, "the file has no cases").hint("begin with `cases:` and a list"));
    }
    let mut names = HashSet::new();
    for case in &cases {
        if !names.insert(&case.name) {
            findings.error(case.at, format!("there is another case `{}` in this file", shown(&case.name)));
        }
    }
    findings.finish(cases).map(|(cases, _)| cases)
}

struct File {
    path: Arc<Path>,
    /// What files that it names are relative to.
    folder: PathBuf,
}

impl File {
    fn document(&self, node: &Node, findings: &mut Findings) -> Vec<Case> {
        let Some(mut fields) = Fields::open(node, "the file", findings) else { return Vec::new() };
        let app = app(&mut fields, findings);
        let given = fields.node("given").map(|node| Given::default().read(node, "the file", &self.folder, findings));
        let given = given.unwrap_or_default();
        fields.required("cases", findings);
        let nodes = fields.list("cases", findings);
        let cases = nodes.iter().filter_map(|node| self.case(node, app.as_ref(), &given, findings)).collect();
        fields.close(Unknown::Error, findings);
        cases
    }

    fn case(
        &self,
        node: &Node,
        of_file: Option<&(Place, String)>,
        given: &Given,
        findings: &mut Findings,
    ) -> Option<Case> {
        let mut fields = Fields::open(node, "a case", findings)?;
        let name = fields.required_text("name", findings)?.to_owned();
        let owner = format!("case `{}`", shown(&name));
        fields.rename(owner.clone());
        let app = app(&mut fields, findings).or_else(|| of_file.cloned());
        let input = Input::read(&mut fields, &self.folder, findings);
        let own = fields.node("given").map(|node| given.read(node, &owner, &self.folder, findings));
        let expect = fields.node("expect").map(|node| Expect::read(node, &owner, &self.folder, findings));
        let calls = Calls::read(&mut fields, &self.folder, findings);
        fields.close(Unknown::Error, findings);
        Some(Case {
            file: self.path.clone(),
            at: node.at,
            name,
            app,
            input: input?,
            given: own.unwrap_or_else(|| given.clone()),
            expect: expect.unwrap_or(Expect { at: node.at, ..Expect::default() }),
            calls,
        })
    }
}

fn app(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<(Place, String)> {
    let at = fields.entry("app")?.value.at;
    fields.text("app", findings).map(|app| (at, app.to_owned()))
}
