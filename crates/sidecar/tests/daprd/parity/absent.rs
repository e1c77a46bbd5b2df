//! Building blocks of which there is no component, and what the sidecar says of itself.

use super::shown::Log;
use bytes::Bytes;
use pillion_api::{
    Sidecar,
    actors::{Actor, Call, Operation, Reminder, Timer},
    bindings, body, configuration, conversation, crypto,
    jobs::Job,
    lock::{TryLock, Unlock},
    workflow::{Start, Steer},
};

pub(super) async fn script(sidecar: &dyn Sidecar, log: &mut Log) {
    let get = || configuration::Get { keys: vec!["k".into()], ..configuration::Get::default() };
    log.say("configuration", sidecar.get_configuration("none", get()).await);
    log.say("follow configuration", sidecar.subscribe_configuration("none", get()).await.map(|followed| followed.id));
    log.say("end configuration", sidecar.unsubscribe_configuration("none", "no-id").await);
    let lock = TryLock { resource_id: "r".into(), lock_owner: "o".into(), expiry_in_seconds: 1 };
    log.say("lock", sidecar.try_lock("none", lock.clone()).await);
    log.say("lock nothing", sidecar.try_lock("none", TryLock { resource_id: String::new(), ..lock.clone() }).await);
    log.say("lock for no time", sidecar.try_lock("none", TryLock { expiry_in_seconds: 0, ..lock }).await);
    log.say("unlock", sidecar.unlock("none", Unlock { resource_id: "r".into(), lock_owner: "o".into() }).await);
    let how = crypto::Encrypt { key_name: "k".into(), key_wrap_algorithm: "RSA".into(), ..crypto::Encrypt::default() };
    log.say("encrypt", sidecar.encrypt("none", how, body::full("x")).await.map(drop));
    log.say(
        "encrypt without a key",
        sidecar.encrypt("none", crypto::Encrypt::default(), body::full("x")).await.map(drop),
    );
    log.say("decrypt", sidecar.decrypt("none", crypto::Decrypt::default(), body::full("x")).await.map(drop));
    log.say("converse", sidecar.converse("none", conversation::Request::default()).await);
    let create = bindings::Request { operation: "create".into(), ..bindings::Request::default() };
    log.say("binding", sidecar.invoke_binding("none", create).await);
    jobs(sidecar, log).await;
    actors(sidecar, log).await;
    workflows(sidecar, log).await;
}

async fn jobs(sidecar: &dyn Sidecar, log: &mut Log) {
    let job = Job { name: "j".into(), due_time: Some("1h".into()), ..Job::default() };
    log.say("job without a name", sidecar.schedule_job(Job { name: String::new(), ..job.clone() }, false).await);
    log.say("job without a time", sidecar.schedule_job(Job { due_time: None, ..job.clone() }, false).await);
    log.say("read a job without a name", sidecar.get_job("").await);
    log.say("delete a job without a name", sidecar.delete_job("").await);
    log.say("job", sidecar.schedule_job(job.clone(), false).await);
    log.say("job with a bar", sidecar.schedule_job(Job { name: "a|b".into(), ..job }, false).await);
    log.say("read a job", sidecar.get_job("j").await);
    log.say("delete a job", sidecar.delete_job("j").await);
}

async fn actors(sidecar: &dyn Sidecar, log: &mut Log) {
    let actor = Actor { kind: "Counter".into(), id: "1".into() };
    let call = Call { method: "m".into(), ..Call::default() };
    log.say("call an actor", sidecar.invoke_actor(&actor, call).await);
    log.say("actor state", sidecar.get_actor_state(&actor, "k").await);
    let operations = vec![Operation::Upsert { key: "k".into(), value: Bytes::from("1"), metadata: Default::default() }];
    log.say("change actor state", sidecar.execute_actor_state_transaction(&actor, operations).await);
    let reminder = Reminder { name: "r".into(), due_time: "1s".into(), ..Reminder::default() };
    log.say("reminder", sidecar.register_actor_reminder(&actor, reminder).await);
    log.say("read a reminder", sidecar.get_actor_reminder(&actor, "r").await);
    log.say("end a reminder", sidecar.unregister_actor_reminder(&actor, "r").await);
    let timer = Timer { name: "t".into(), due_time: "1s".into(), callback: "c".into(), ..Timer::default() };
    log.say("timer", sidecar.register_actor_timer(&actor, timer).await);
    log.say("end a timer", sidecar.unregister_actor_timer(&actor, "t").await);
}

async fn workflows(sidecar: &dyn Sidecar, log: &mut Log) {
    log.say("start a workflow", sidecar.start_workflow(Start { name: "w".into(), ..Start::default() }).await);
    log.say("look at a workflow", sidecar.get_workflow("w1").await);
    for steer in [Steer::Terminate, Steer::Pause, Steer::Resume, Steer::Purge] {
        log.say(format!("{steer:?} a workflow"), sidecar.steer_workflow("w1", steer).await);
    }
    log.say("an event for a workflow", sidecar.raise_workflow_event("w1", "e", Bytes::new()).await);
}

/// What both say of themselves, but for versions.
pub(super) async fn metadata(sidecar: &dyn Sidecar, log: &mut Log) {
    log.say("set metadata", sidecar.set_metadata("mine".into(), "value".into()).await);
    let metadata = sidecar.metadata().await.expect("metadata");
    log.say("id", Ok(metadata.id));
    log.say("metadata of one's own", Ok(metadata.extended.get("mine").cloned()));
    let mut components: Vec<_> = metadata.components.into_iter().collect();
    components.sort_by(|one, other| one.name.cmp(&other.name));
    for component in components {
        let (kind, version) = (component.kind, component.version);
        log.say(format!("component {}", component.name), Ok((kind, version)));
        let mut capabilities = component.capabilities;
        capabilities.sort();
        log.say(format!("capabilities of {}", component.name), Ok(capabilities));
    }
    let app = metadata.app_connection_properties;
    log.say("app connection", Ok((format!(":{}", app.port), app.protocol, app.channel_address, app.max_concurrency)));
    log.say("subscriptions", Ok(metadata.subscriptions.len()));
    log.say("actors' status", Ok((metadata.actor_runtime.runtime_status, metadata.actor_runtime.host_ready)));
}
