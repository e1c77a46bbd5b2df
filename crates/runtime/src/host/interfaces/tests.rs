//! The table's own rules. That the shapes are those of the WIT texts, the guests of the project's tests show.

use super::table::INTERFACES;
use super::{is_compatible, name};

#[test]
fn versions_match_as_the_linker_matches_them() {
    for (known, asked, compatible) in [
        ("2.0.0", "2.0.0", true),
        ("2.0.0", "2.1.3", true),
        ("2.0.0", "3.0.0", false),
        ("0.2.0", "0.2.7", true),
        ("0.2.0", "0.3.0", false),
        ("0.2.0-draft", "0.2.0-draft", true),
        ("0.2.0-draft", "0.2.0", false),
        ("0.2.0-draft", "0.2.0-draft2", false),
        ("", "", true),
        ("", "0.1.0", false),
    ] {
        assert_eq!(is_compatible(known, asked), compatible, "{known} {asked}");
    }
}

#[test]
fn no_name_has_two_shapes() {
    let all = INTERFACES.iter().flat_map(|known| known.versions.iter().map(|version| name(known.path, version)));
    let mut names: Vec<String> = all.collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
