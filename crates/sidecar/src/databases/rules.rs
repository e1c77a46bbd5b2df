//! What a statement of a guest may do: anything with the tables of its database, nothing with other files or with the settings
//! that the host relies on.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// Settings that say something, or are the guest's own affair.
const PRAGMAS: &[&str] = &[
    "analysis_limit",
    "application_id",
    "automatic_index",
    "case_sensitive_like",
    "collation_list",
    "compile_options",
    "data_version",
    "defer_foreign_keys",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "freelist_count",
    "full_column_names",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "optimize",
    "page_count",
    "pragma_list",
    "quick_check",
    "recursive_triggers",
    "reverse_unordered_selects",
    "short_column_names",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
];
/// Settings that the host decides. They can be read; what would change them changes nothing, as programs that were written for
/// a file of their own begin with some of these.
const DECIDED: &[&str] = &[
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "encoding",
    "journal_mode",
    "journal_size_limit",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "page_size",
    "schema_version",
    "secure_delete",
    "synchronous",
    "temp_store",
    "wal_autocheckpoint",
];
/// Functions that reach out of the database.
const FUNCTIONS: &[&str] = &["edit", "fts3_tokenizer", "load_extension", "readfile", "writefile"];

/// SQLite asks for each part of a statement, before it runs. Other files come by `ATTACH`, also within `VACUUM`.
pub(super) fn judge(asked: AuthContext<'_>) -> Authorization {
    match asked.action {
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => Authorization::Deny,
        AuthAction::Pragma { pragma_name, pragma_value } => pragma(pragma_name, pragma_value.is_some()),
        AuthAction::Function { function_name } if is_one_of(FUNCTIONS, function_name) => Authorization::Deny,
        _ => Authorization::Allow,
    }
}

fn pragma(name: &str, sets: bool) -> Authorization {
    match (is_one_of(PRAGMAS, name), is_one_of(DECIDED, name)) {
        (true, _) => Authorization::Allow,
        (false, true) if sets => Authorization::Ignore,
        (false, true) => Authorization::Allow,
        (false, false) => Authorization::Deny,
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
