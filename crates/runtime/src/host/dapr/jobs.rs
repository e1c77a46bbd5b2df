//! `pillion:dapr/jobs`.

use super::Answer;
use crate::instance::Host;
use pillion_api::jobs as dapr;
use pillion_wit::pillion::dapr::jobs::{self as wit};
use std::time::Duration;

impl wit::Host for Host {
    async fn schedule(&mut self, job: wit::Job, overwrite: bool) -> Answer<()> {
        let job = of_job(job);
        self.ask_sidecar(move |sidecar| async move { sidecar.schedule_job(job, overwrite).await }).await
    }

    async fn get(&mut self, name: String) -> Answer<wit::Job> {
        let job = self.ask_sidecar(|sidecar| async move { sidecar.get_job(&name).await }).await?;
        self.check_answer([job.data.len()])?;
        Ok(to_job(job))
    }

    async fn delete(&mut self, name: String) -> Answer<()> {
        self.ask_sidecar(|sidecar| async move { sidecar.delete_job(&name).await }).await
    }
}

fn of_job(job: wit::Job) -> dapr::Job {
    let policy = |policy| match policy {
        wit::FailurePolicy::Drop => dapr::FailurePolicy::Drop,
        wit::FailurePolicy::Constant(constant) => dapr::FailurePolicy::Constant {
            interval: Duration::from_millis(constant.interval),
            max_retries: constant.max_retries,
        },
    };
    dapr::Job {
        name: job.name,
        schedule: job.schedule,
        repeats: job.repeats,
        due_time: job.due_time,
        ttl: job.ttl,
        data: job.data.into(),
        failure_policy: job.failure_policy.map(policy),
    }
}

fn to_job(job: dapr::Job) -> wit::Job {
    let policy = |policy| match policy {
        dapr::FailurePolicy::Drop => wit::FailurePolicy::Drop,
        dapr::FailurePolicy::Constant { interval, max_retries } => {
            let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
            wit::FailurePolicy::Constant(wit::ConstantPolicy { interval, max_retries })
        }
    };
    wit::Job {
        name: job.name,
        schedule: job.schedule,
        repeats: job.repeats,
        due_time: job.due_time,
        ttl: job.ttl,
        data: job.data.into(),
        failure_policy: job.failure_policy.map(policy),
    }
}
