//! Routing rules: a CEL expression over `event` chooses where an event goes.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use pillion_api::pubsub::{Destination, Subscription};
use std::{
    fmt, panic,
    sync::{Arc, LazyLock},
};

/// The longest expression that is compiled, in bytes. Evaluation recurses along it, so this bounds the stack as well:
/// four times as long a sum overflowed a thread's 2 MiB.
const MAX_EXPRESSION: usize = 1024;
/// How many loops (`all`, `exists`, `map`, `filter`) may stand in each other. Each multiplies the time by the length of a
/// list that the publisher chooses.
const MAX_LOOPS: usize = 1;

/// The standard functions, of which making a new set took twenty times as long as evaluating a rule.
static ENVIRONMENT: LazyLock<Arc<cel::Env>> = LazyLock::new(|| Arc::new(cel::Env::stdlib()));

/// A compiled `match`; an empty one always matches.
pub(crate) struct Expression {
    text: String,
    program: Option<cel::Program>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// A sentence that says what the parser met.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > MAX_EXPRESSION {
            return Err(format!("it is longer than {MAX_EXPRESSION} bytes"));
        }
        if text.is_empty() {
            return Ok(Self { text: String::new(), program: None });
        }
        // The parser is a generated one; a panic of it must stay this expression's own.
        let compiled = panic::catch_unwind(|| cel::Program::compile(text));
        let program = compiled.map_err(|_| "the parser gave up".to_owned())?.map_err(|error| error.to_string())?;
        if loops(&program.expression().expr) > MAX_LOOPS {
            return Err("it has a loop in a loop, whose time nothing bounds".to_owned());
        }
        Ok(Self { text: text.to_owned(), program: Some(program) })
    }

    /// Whether an event matches.
    ///
    /// # Errors
    /// A sentence, where the expression can't be evaluated for it or gives something else than a truth value.
    pub(crate) fn matches(&self, event: &serde_json::Value) -> Result<bool, String> {
        let Some(program) = &self.program else { return Ok(true) };
        let mut context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable("event", event).map_err(|error| error.to_string())?;
        match program.execute(&context) {
            Ok(cel::Value::Bool(matches)) => Ok(matches),
            Ok(_) => Err(format!("the result of match expression {} was not a boolean", self.text)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// How many loops stand in each other.
fn loops(expression: &Expr) -> usize {
    let all = |parts: &mut dyn Iterator<Item = &IdedExpr>| parts.map(|part| loops(&part.expr)).max().unwrap_or(0);
    match expression {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
        Expr::Select(select) => loops(&select.operand.expr),
        Expr::Call(call) => all(&mut call.target.as_deref().into_iter().chain(&call.args)),
        Expr::List(list) => all(&mut list.elements.iter()),
        Expr::Map(map) => map.entries.iter().map(|entry| entry_loops(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(fields) => fields.entries.iter().map(|entry| entry_loops(&entry.expr)).max().unwrap_or(0),
        Expr::Comprehension(each) => {
            let once = all(&mut [&each.iter_range, &each.accu_init, &each.result].into_iter());
            once.max(1 + all(&mut [&each.loop_cond, &each.loop_step].into_iter()))
        }
    }
}

fn entry_loops(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::MapEntry(entry) => loops(&entry.key.expr).max(loops(&entry.value.expr)),
        EntryExpr::StructField(field) => loops(&field.value.expr),
    }
}

/// The routes of one subscription.
#[derive(Debug)]
pub(super) struct Routes {
    rules: Vec<(Expression, Destination)>,
    default: Option<Destination>,
}

impl Routes {
    /// Compiles the rules of a subscription.
    pub(super) fn of(subscription: &Subscription) -> Result<Self, String> {
        let rule = |rule: &pillion_api::pubsub::Rule| {
            let wrong = |why| format!("the rule `{}` can't be compiled: {why}", rule.matches);
            Ok((Expression::compile(&rule.matches).map_err(wrong)?, Destination::Path(rule.path.clone())))
        };
        let rules = subscription.rules.iter().map(rule).collect::<Result<_, String>>()?;
        Ok(Self { rules, default: subscription.default.clone() })
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.default.is_none()
    }

    /// Where an event goes; none where no rule takes it.
    pub(super) fn find(&self, event: &serde_json::Value) -> Result<Option<&Destination>, String> {
        for (expression, destination) in &self.rules {
            if expression.matches(event)? {
                return Ok(Some(destination));
            }
        }
        Ok(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_see_the_event() {
        let event = serde_json::json!({"type": "a", "data": {"total": 10, "big": 2.5, "list": ["x"]}});
        for (text, result) in [
            ("", Some(true)),
            (r#"event.type == "a""#, Some(true)),
            ("event.data.total > 5", Some(true)),
            ("event.data.big < 2.0", Some(false)),
            ("has(event.data.missing)", Some(false)),
            (r#""x" in event.data.list"#, Some(true)),
            (r#"event.type.startsWith("b")"#, Some(false)),
            (r#"event.data.list.exists(x, x == "x") && event.data.list.all(x, x != "y")"#, Some(true)),
            ("event.missing == 1", None),
            ("event.type", None),
        ] {
            assert_eq!(Expression::compile(text).expect(text).matches(&event).ok(), result, "{text}");
        }
    }

    #[test]
    fn the_longest_expressions_fit_a_worker_threads_stack() {
        for (start, middle, end) in [
            ("1", "+1", ""),
            ("true", "||true", ""),
            ("", "(", ""),
            ("", "[", ""),
            ("", "!", "true"),
            ("event", ".a", ""),
        ] {
            let repeated = middle.repeat((MAX_EXPRESSION - start.len() - end.len()) / middle.len());
            let text = format!("{start}{repeated}{end}");
            // An eighth less than a worker thread of the runtime has.
            let small = std::thread::Builder::new().stack_size(7 * 256 * 1024);
            let run =
                move || Expression::compile(&text).map(|expression| expression.matches(&serde_json::json!({})).is_ok());
            let _ = small.spawn(run).expect("a thread").join().expect("no panic");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let nested = "event.a.exists(a, event.b.all(b, a == b))";
        for text in ["event.type ==", "((((", "\u{0}", nested, &"a".repeat(MAX_EXPRESSION + 1)] {
            Expression::compile(text).expect_err(text);
        }
    }
}
