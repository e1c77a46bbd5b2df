//! The tree: scalars, sequences and mappings, each with its place in the file.

/// Line and column, both from 1.
pub type Place = (usize, usize);

/// One value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins; for a copy made by an alias, where the original begins.
    pub at: Place,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, a number, a truth value or nothing.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values.
    Mapping(Mapping),
}

/// A scalar as it was written: what it means depends on who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, escapes resolved.
    pub text: String,
    /// Whether it can only be text, because it was quoted, a block, or tagged `!!str`.
    pub quoted: bool,
}

/// Keys with values in the order of the file; no key appears twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(pub(super) Vec<Entry>);

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub at: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The scalar that this is; an empty one (`~`, `null`, nothing) counts.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The list that this is.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping that this is.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The text of a scalar that isn't empty. Numbers and truth values count as they were written, as in Dapr's reader.
    pub fn text(&self) -> Option<&str> {
        self.as_scalar().filter(|scalar| !scalar.is_null()).map(|scalar| scalar.text.as_str())
    }

    /// Whether this is an empty scalar.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// The value of a key, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// What this is, for messages: `a list`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => scalar.kind(),
        }
    }
}

impl Scalar {
    /// Whether nothing was written, or the word for it.
    pub fn is_null(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The truth value of YAML 1.2's core schema; `yes`, `on` and quoted words are none.
    pub fn as_bool(&self) -> Option<bool> {
        match self.text.as_str() {
            _ if self.quoted => None,
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The whole number of YAML 1.2's core schema: decimal, `0o` and `0x`.
    pub fn as_integer(&self) -> Option<i64> {
        if self.quoted {
            return None;
        }
        if let Some(digits) = self.text.strip_prefix("0x") {
            return radix(digits, 16);
        }
        if let Some(digits) = self.text.strip_prefix("0o") {
            return radix(digits, 8);
        }
        self.text.parse().ok()
    }

    /// The number of YAML 1.2's core schema, finite or not.
    pub fn as_float(&self) -> Option<f64> {
        let unsigned = self.text.trim_start_matches(['+', '-']);
        match unsigned {
            _ if self.quoted || self.text.len() > unsigned.len() + 1 => None,
            ".inf" | ".Inf" | ".INF" if self.text.starts_with('-') => Some(f64::NEG_INFINITY),
            ".inf" | ".Inf" | ".INF" => Some(f64::INFINITY),
            ".nan" | ".NaN" | ".NAN" if unsigned == self.text => Some(f64::NAN),
            // Rust would also take `inf` and `nan`, which are words in YAML.
            _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => self.text.parse().ok(),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        if self.is_null() {
            "empty"
        } else if self.as_bool().is_some() {
            "a truth value"
        } else if self.as_float().is_some() || self.as_integer().is_some() {
            "a number"
        } else {
            "text"
        }
    }
}

/// A sign would be taken by the standard library after the prefix, which YAML has not.
fn radix(digits: &str, radix: u32) -> Option<i64> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok()
}

impl Mapping {
    /// The keys with their values, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its place and value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }
}
