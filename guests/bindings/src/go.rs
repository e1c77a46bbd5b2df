//! The Go bindings: a package for each building block, and one that exports each handler which the SDK wraps.

use std::fs;
use std::path::Path;

use wit_bindgen_core::Files;

use crate::Result;

/// The SDK's module.
const MODULE: &str = "github.com/pillion-dev/pillion/guests/sdk-go";
/// Where the generator looks for what all bindings share; the SDK has a copy of it.
const SHARED: &str = "go.bytecodealliance.org/pkg/wit/";
/// A handler and the SDK's folder that wraps it.
const HANDLERS: [(&str, &str); 4] = [
    ("invocation-handler", "http"),
    ("topic-handler", "topic"),
    ("binding-handler", "binding"),
    ("job-handler", "job"),
];

pub(crate) fn write(wit: &Path, out: &Path) -> Result<()> {
    generate(wit, "include pillion:dapr/service@0.1.0;", "", &|name| {
        (!name.starts_with("wit_exports")).then(|| out.join("dapr").join(name))
    })?;
    for (handler, folder) in HANDLERS {
        // Types that no building block has are those of the handler's own interface.
        let own = format!("pillion_dapr_{}/", handler.replace('-', "_"));
        generate(wit, &format!("export pillion:dapr/{handler}@0.1.0;"), folder, &|name| match name {
            name if name.starts_with("wit_exports") => Some(out.join(folder).join(name)),
            name => name.starts_with(&own).then(|| out.join("dapr").join(name)),
        })?;
    }
    Ok(())
}

fn generate(wit: &Path, world: &str, exports: &str, place: &dyn Fn(&str) -> Option<std::path::PathBuf>) -> Result<()> {
    let (mut resolve, _) = crate::load(wit)?;
    let package = resolve.push_str("go.wit", &format!("package pillion:go;\nworld guest {{ {world} }}"))?;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    let opts = wit_bindgen_go::Opts {
        pkg_name: Some(format!("{MODULE}/dapr")),
        export_pkg_name: Some(format!("{MODULE}/{exports}")),
        ..wit_bindgen_go::Opts::default()
    };
    opts.build().generate(&mut resolve, world, &mut files)?;
    for (name, bytes) in files.iter() {
        let Some(path) = place(name) else { continue };
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(path, std::str::from_utf8(bytes)?.replace(SHARED, &format!("{MODULE}/wit/")))?;
    }
    Ok(())
}
