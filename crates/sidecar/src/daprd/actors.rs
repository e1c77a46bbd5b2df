//! Actors. Their state goes by gRPC, which takes any bytes; methods, reminders and timers go by HTTP: over gRPC 1.16 hides a
//! method's failure, wraps a reminder's data in base64, and can't read a reminder.

use super::{Daprd, status::Call};
use ::http::{Method, StatusCode};
use bytes::Bytes;
use dapr::dapr::proto::runtime::v1::{ExecuteActorStateTransactionRequest, TransactionalActorStateOperation};
use pillion_api::{
    Code, Error, Metadata, Result,
    actors::{Actor, Call as Invocation, Operation, Reminder, Timer},
};
use prost_types::Any;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

pub(super) const INVOKE: Call = Call { name: "actors", rows: &[], failed: Code::ActorInvokeMethod };
pub(super) const STATE_GET: Call = Call { name: "actor state", rows: &[], failed: Code::ActorStateGet };
pub(super) const STATE_SAVE: Call = Call { name: "actor state", rows: &[], failed: Code::ActorStateTransactionSave };
pub(super) const REMINDER_SET: Call = Call { name: "reminders", rows: &[], failed: Code::ActorReminderCreate };
pub(super) const REMINDER_GET: Call = Call { name: "reminders", rows: &[], failed: Code::ActorReminderGet };
pub(super) const REMINDER_END: Call = Call { name: "reminders", rows: &[], failed: Code::ActorReminderDelete };
pub(super) const TIMER_SET: Call = Call { name: "timers", rows: &[], failed: Code::ActorTimerCreate };
pub(super) const TIMER_END: Call = Call { name: "timers", rows: &[], failed: Code::ActorTimerDelete };

/// daprd's answer where a reminder isn't there: an error over HTTP, too, whose text is the scheduler's.
const NO_REMINDER: &str = "not found";

impl Daprd {
    pub(super) async fn call_actor(&self, actor: &Actor, call: Invocation) -> Result<Bytes> {
        let path = actor_path(actor, "method", &call.method);
        let (_, answer) = self.ask(&INVOKE, Method::PUT, &path, &call.metadata, call.data).await?;
        Ok(answer)
    }

    pub(super) async fn set_reminder(&self, actor: &Actor, reminder: Reminder) -> Result<()> {
        let body = times(&reminder.due_time, &reminder.period, &reminder.ttl, &reminder.data)?;
        let path = actor_path(actor, "reminders", &reminder.name);
        self.ask_json(&REMINDER_SET, Method::POST, &path, body.to_string()).await
    }

    pub(super) async fn end_reminder(&self, actor: &Actor, name: &str) -> Result<()> {
        let path = actor_path(actor, "reminders", name);
        self.ask_json(&REMINDER_END, Method::DELETE, &path, String::new()).await
    }

    pub(super) async fn reminder(&self, actor: &Actor, name: &str) -> Result<Option<Reminder>> {
        let path = actor_path(actor, "reminders", name);
        match self.ask(&REMINDER_GET, Method::GET, &path, &Metadata::new(), Bytes::new()).await {
            Ok((StatusCode::NO_CONTENT, _)) => Ok(None),
            Ok((_, answer)) => Ok(read_reminder(name, &answer)),
            Err(error) if error.code() == Code::ActorReminderGet && error.message().contains(NO_REMINDER) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn set_timer(&self, actor: &Actor, timer: Timer) -> Result<()> {
        let mut body = times(&timer.due_time, &timer.period, &timer.ttl, &timer.data)?;
        body["callback"] = Value::from(timer.callback);
        let path = actor_path(actor, "timers", &timer.name);
        self.ask_json(&TIMER_SET, Method::POST, &path, body.to_string()).await
    }

    pub(super) async fn end_timer(&self, actor: &Actor, name: &str) -> Result<()> {
        self.ask_json(&TIMER_END, Method::DELETE, &actor_path(actor, "timers", name), String::new()).await
    }

    async fn ask_json(&self, call: &Call, method: Method, path: &[&str], body: String) -> Result<()> {
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into();
        self.ask(call, method, path, &headers, body.into()).await.map(drop)
    }
}

fn actor_path<'a>(actor: &'a Actor, what: &'static str, name: &'a str) -> [&'a str; 6] {
    ["v1.0", "actors", &actor.kind, &actor.id, what, name]
}

/// Text that is no JSON goes as a JSON string: daprd takes nothing else.
fn times(due_time: &str, period: &str, ttl: &str, data: &Bytes) -> Result<Value> {
    let mut body = json!({ "dueTime": due_time, "period": period, "ttl": ttl });
    if !data.is_empty() {
        let text = std::str::from_utf8(data).map_err(|_| {
            Error::new(
                Code::BadRequest,
                "the data of a timer or reminder is neither JSON nor text, which daprd can't keep",
            )
            .hint("encode it, as base64 say")
        })?;
        body["data"] = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    }
    Ok(body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read<'a> {
    #[serde(default)]
    due_time: String,
    #[serde(default)]
    period: String,
    #[serde(default)]
    ttl: String,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

/// None where daprd has no such reminder and says `null`.
fn read_reminder(name: &str, answer: &[u8]) -> Option<Reminder> {
    let read: Read<'_> = serde_json::from_slice(answer).ok()?;
    Some(Reminder {
        name: name.to_owned(),
        due_time: read.due_time,
        period: read.period,
        ttl: read.ttl,
        data: read.data.map(|data| Bytes::copy_from_slice(data.get().as_bytes())).unwrap_or_default(),
    })
}

pub(super) fn transaction(actor: &Actor, operations: Vec<Operation>) -> ExecuteActorStateTransactionRequest {
    let operation = |operation| match operation {
        Operation::Upsert { key, value, metadata } => TransactionalActorStateOperation {
            operation_type: "upsert".to_owned(),
            key,
            value: Some(Any { type_url: String::new(), value: value.into() }),
            metadata: metadata.into_iter().collect(),
        },
        Operation::Delete { key } => TransactionalActorStateOperation {
            operation_type: "delete".to_owned(),
            key,
            ..TransactionalActorStateOperation::default()
        },
    };
    ExecuteActorStateTransactionRequest {
        actor_type: actor.kind.clone(),
        actor_id: actor.id.clone(),
        operations: operations.into_iter().map(operation).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_as_json_whatever_it_is() {
        let body = |data: &'static [u8]| times("1s", "", "", &Bytes::from_static(data));
        assert_eq!(body(b"{\"a\":1}").expect("JSON")["data"]["a"], 1);
        assert_eq!(body(b"plain").expect("text")["data"], "plain");
        assert!(body(b"").expect("nothing").get("data").is_none());
        assert_eq!(body(b"\xff\xfe").expect_err("bytes").code(), Code::BadRequest);
    }

    #[test]
    fn a_reminder_is_read_as_daprd_writes_it() {
        let text = br#"{"period":"@every 1s","data":{"x": 1},"actorID":"a1","actorType":"Counter","dueTime":"1s"}"#;
        let reminder = read_reminder("r", text).expect("a reminder");
        assert_eq!((reminder.period.as_str(), reminder.data), ("@every 1s", Bytes::from("{\"x\": 1}")));
    }
}
