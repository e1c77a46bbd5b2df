//! Spin's SQLite of version 3. A parameter of a statement follows ` :: `, as text; of each row the first value is told.

use crate::spin::sqlite::sqlite::{Connection, Value};
use crate::{said, unknown};

#[derive(Default)]
pub struct Opened(Vec<Connection>);

impl Opened {
    pub fn run(&mut self, call: &[&str]) -> String {
        if let ["open", name] = call {
            return said(Connection::open(name).map(|connection| self.0.push(connection)));
        }
        let Some(connection) = self.0.last() else { return "nothing is open".into() };
        match call {
            ["do", words @ ..] => execute(connection, &words.join(" ")),
            ["rowid"] => connection.last_insert_rowid().to_string(),
            ["changes"] => connection.changes().to_string(),
            _ => unknown(call),
        }
    }
}

fn execute(connection: &Connection, line: &str) -> String {
    let (statement, parameter) = line.split_once(" :: ").map_or((line, None), |(text, word)| (text, Some(word)));
    let parameters: Vec<Value> = parameter.map(|word| Value::Text(word.into())).into_iter().collect();
    match connection.execute(statement, &parameters) {
        Ok(result) => {
            let firsts: Vec<String> = result.rows.iter().map(|row| format!("{:?}", row.values.first())).collect();
            format!("{}|{}", result.columns.join(" "), firsts.join(","))
        }
        Err(error) => format!("{error:?}"),
    }
}
