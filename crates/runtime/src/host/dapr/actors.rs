//! `pillion:dapr/actors`: the client's side.

use super::{Answer, check_items, convert};
use crate::instance::Host;
use pillion_api::{Metadata, actors as dapr};
use pillion_wit::pillion::dapr::actors::{self as wit};

impl wit::Host for Host {
    async fn invoke(
        &mut self,
        actor: wit::Actor,
        method: String,
        data: Vec<u8>,
        metadata: Vec<(String, String)>,
    ) -> Answer<Vec<u8>> {
        self.check_body(data.len())?;
        let actor = of_actor(actor);
        self.call.actors.check(&actor)?;
        let metadata = self.call.actors.onward(convert::onward(&self.call, metadata));
        let call = dapr::Call { method, data: data.into(), metadata };
        let answer = self.ask_sidecar(move |sidecar| async move { sidecar.invoke_actor(&actor, call).await }).await?;
        self.check_answer([answer.len()])?;
        Ok(answer.into())
    }

    async fn get_state(&mut self, actor: wit::Actor, key: String) -> Answer<Option<Vec<u8>>> {
        let actor = of_actor(actor);
        let value = self.ask_sidecar(move |sidecar| async move { sidecar.get_actor_state(&actor, &key).await }).await?;
        self.check_answer(value.iter().map(|value| value.len()))?;
        Ok(value.map(Vec::from))
    }

    async fn transact_state(&mut self, actor: wit::Actor, operations: Vec<wit::Operation>) -> Answer<()> {
        check_items(operations.len())?;
        let operation = |operation| match operation {
            wit::Operation::Upsert(upsert) => dapr::Operation::Upsert {
                key: upsert.key,
                value: upsert.value.into(),
                metadata: Metadata::from_iter(upsert.metadata),
            },
            wit::Operation::Delete(key) => dapr::Operation::Delete { key },
        };
        let operations = operations.into_iter().map(operation).collect();
        let actor = of_actor(actor);
        self.ask_sidecar(
            move |sidecar| async move { sidecar.execute_actor_state_transaction(&actor, operations).await },
        )
        .await
    }

    async fn register_reminder(&mut self, actor: wit::Actor, reminder: wit::Reminder) -> Answer<()> {
        let actor = of_actor(actor);
        let reminder = dapr::Reminder {
            name: reminder.name,
            due_time: reminder.due_time,
            period: reminder.period,
            ttl: reminder.ttl,
            data: reminder.data.into(),
        };
        self.ask_sidecar(move |sidecar| async move { sidecar.register_actor_reminder(&actor, reminder).await }).await
    }

    async fn unregister_reminder(&mut self, actor: wit::Actor, name: String) -> Answer<()> {
        let actor = of_actor(actor);
        self.ask_sidecar(move |sidecar| async move { sidecar.unregister_actor_reminder(&actor, &name).await }).await
    }

    async fn get_reminder(&mut self, actor: wit::Actor, name: String) -> Answer<Option<wit::Reminder>> {
        let actor = of_actor(actor);
        let found =
            self.ask_sidecar(move |sidecar| async move { sidecar.get_actor_reminder(&actor, &name).await }).await?;
        self.check_answer(found.iter().map(|found| found.data.len()))?;
        Ok(found.map(|found| wit::Reminder {
            name: found.name,
            due_time: found.due_time,
            period: found.period,
            ttl: found.ttl,
            data: found.data.into(),
        }))
    }

    async fn register_timer(&mut self, actor: wit::Actor, timer: wit::Timer) -> Answer<()> {
        let actor = of_actor(actor);
        let timer = dapr::Timer {
            name: timer.name,
            due_time: timer.due_time,
            period: timer.period,
            ttl: timer.ttl,
            callback: timer.callback,
            data: timer.data.into(),
        };
        self.ask_sidecar(move |sidecar| async move { sidecar.register_actor_timer(&actor, timer).await }).await
    }

    async fn unregister_timer(&mut self, actor: wit::Actor, name: String) -> Answer<()> {
        let actor = of_actor(actor);
        self.ask_sidecar(move |sidecar| async move { sidecar.unregister_actor_timer(&actor, &name).await }).await
    }
}

fn of_actor(actor: wit::Actor) -> dapr::Actor {
    dapr::Actor { kind: actor.actor_type, id: actor.actor_id }
}
