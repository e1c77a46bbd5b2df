//! Statements of Spin's SQLite 3.1, a line each, by its async functions; what each came to is a line of the answer.

use spin::sqlite::sqlite::{Connection, RowResult, Value};

wit_bindgen::generate!({
    path: "../../wit/deps/spin-sqlite-3.1.0",
    inline: "
        package pillion:http-candidate;
        world imports {
            import spin:sqlite/sqlite@3.1.0;
        }
    ",
    generate_all,
});

pub(crate) async fn run(script: &[u8]) -> String {
    let mut opened = None;
    let mut out = String::new();
    for line in String::from_utf8_lossy(script).lines() {
        let told = match (line.split_once(' '), &opened) {
            (Some(("open", name)), _) => match Connection::open_async(name.into()).await {
                Ok(connection) => {
                    opened = Some(connection);
                    "opened".into()
                }
                Err(error) => format!("{error:?}"),
            },
            (_, None) => "nothing is open".into(),
            (Some(("both", statement)), Some(connection)) => both(connection, statement).await,
            (None, Some(connection)) if line == "left" => {
                format!("{} {}", connection.last_insert_rowid_async().await, connection.changes_async().await)
            }
            (_, Some(connection)) => execute(connection, line).await,
        };
        out.push_str(&told);
        out.push('\n');
    }
    out
}

/// Columns, first values, and the end.
async fn execute(connection: &Connection, statement: &str) -> String {
    let (columns, rows, end) = match connection.execute_async(statement.into(), Vec::new()).await {
        Ok(answer) => answer,
        Err(error) => return format!("{error:?}"),
    };
    let rows: Vec<RowResult> = rows.collect().await;
    let firsts: Vec<String> = rows.iter().map(|row| shown(row.values.first())).collect();
    format!("{}|{}|{:?}", columns.join(" "), firsts.join(","), end.await)
}

/// Two at the same time, on one connection, both answered before a row is read.
async fn both(connection: &Connection, statement: &str) -> String {
    let ask = || connection.execute_async(statement.into(), Vec::new());
    let mut streams = Vec::new();
    let (mut first, mut second) = (Box::pin(ask()), Box::pin(ask()));
    let mut missing = [true, true];
    std::future::poll_fn(|context| {
        for (asked, missing) in [&mut first, &mut second].into_iter().zip(&mut missing) {
            if *missing && let std::task::Poll::Ready(answer) = asked.as_mut().poll(context) {
                *missing = false;
                streams.push(answer);
            }
        }
        if missing.contains(&true) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    let mut counts = Vec::new();
    for stream in streams {
        match stream {
            Ok((_, rows, _)) => counts.push(rows.collect().await.len().to_string()),
            Err(error) => counts.push(format!("{error:?}")),
        }
    }
    counts.join(" ")
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Text(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}
