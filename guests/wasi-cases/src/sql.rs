//! Spin's SQLite. A statement is one line; its parameters follow ` :: `, a word each: `i:1`, `r:1.5`, `t:text`, `b:bytes`, `null`.

use std::sync::Mutex;

use crate::fermyon::spin::sqlite::{Connection, Error, QueryResult, Value};
use crate::{said, shown, unknown, value};

/// What an instance that serves several calls finds again.
static KEPT: Mutex<Vec<Connection>> = Mutex::new(Vec::new());

#[derive(Default)]
pub struct Opened(Vec<Connection>);

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        match call {
            ["open", name] => said(Connection::open(name).map(|connection| self.0.push(connection))),
            ["close"] => {
                drop(self.0.pop());
                "closed".into()
            }
            ["keep"] => {
                KEPT.lock().expect("one call at a time").append(&mut self.0);
                "kept".into()
            }
            ["kept"] => {
                self.0.append(&mut KEPT.lock().expect("one call at a time"));
                format!("{} kept", self.0.len())
            }
            ["do", words @ ..] => self.execute(&words.join(" ")),
            ["times", count, words @ ..] => {
                let mut last = String::new();
                for _ in 0..count.parse().unwrap_or(1) {
                    last = self.execute(&words.join(" "));
                }
                last
            }
            _ => unknown(call),
        }
    }

    fn execute(&self, line: &str) -> String {
        let Some(connection) = self.0.last() else { return "nothing is open".into() };
        let (statement, parameters) = line.split_once(" :: ").unwrap_or((line, ""));
        let parameters: Vec<Value> = parameters.split(' ').filter(|word| !word.is_empty()).map(parameter).collect();
        rows(connection.execute(statement, &parameters))
    }
}

fn parameter(word: &str) -> Value {
    match word.split_once(':') {
        Some(("i", number)) => Value::Integer(number.parse().expect("a whole number")),
        Some(("r", number)) => Value::Real(number.parse().expect("a number")),
        Some(("b", bytes)) => Value::Blob(value(bytes)),
        Some(("t", text)) => Value::Text(String::from_utf8(value(text)).expect("text")),
        _ => Value::Null,
    }
}

/// `columns|rows`, each row with its values.
fn rows(result: Result<QueryResult, Error>) -> String {
    let result = match result {
        Ok(result) => result,
        Err(error) => return format!("{error:?}"),
    };
    let of_row = |row: &crate::fermyon::spin::sqlite::RowResult| {
        let values: Vec<String> = row.values.iter().map(word).collect();
        values.join(" ")
    };
    let rows: Vec<String> = result.rows.iter().map(of_row).collect();
    format!("{}|{}", result.columns.join(" "), rows.join(","))
}

fn word(value: &Value) -> String {
    match value {
        Value::Integer(number) => format!("i:{number}"),
        Value::Real(number) => format!("r:{number}"),
        Value::Text(text) => format!("t:{}", shown(text.as_bytes())),
        Value::Blob(bytes) => format!("b:{}", shown(bytes)),
        Value::Null => "null".into(),
    }
}
