//! Jobs: what is scheduled, and the JSON that it carries.

use super::{json, status::Call};
use dapr::dapr::proto::{
    common::v1::{JobFailurePolicy, JobFailurePolicyConstant, JobFailurePolicyDrop, job_failure_policy::Policy},
    runtime::v1::{Job as Wire, ScheduleJobRequest},
};
use pillion_api::{
    Code,
    jobs::{FailurePolicy, Job},
};
use std::time::Duration;

pub(super) const SCHEDULE: Call = Call { name: "jobs", rows: &[], failed: Code::JobSchedule };
pub(super) const GET: Call = Call { name: "jobs", rows: &[], failed: Code::JobGet };
pub(super) const DELETE: Call = Call { name: "jobs", rows: &[], failed: Code::JobDelete };

pub(super) fn schedule(job: Job, overwrite: bool) -> ScheduleJobRequest {
    let data = (!job.data.is_empty()).then(|| json::pack(&job.data));
    let job = Wire {
        name: job.name,
        schedule: job.schedule,
        repeats: job.repeats,
        due_time: job.due_time,
        ttl: job.ttl,
        data,
        failure_policy: job.failure_policy.map(policy),
    };
    ScheduleJobRequest { job: Some(job), overwrite }
}

pub(super) fn job(wire: Wire) -> Job {
    Job {
        name: wire.name,
        schedule: wire.schedule,
        repeats: wire.repeats,
        due_time: wire.due_time,
        ttl: wire.ttl,
        data: wire.data.map(json::unpack).unwrap_or_default().into(),
        failure_policy: wire.failure_policy.and_then(|policy| policy.policy).map(from_policy),
    }
}

fn policy(policy: FailurePolicy) -> JobFailurePolicy {
    let policy = match policy {
        FailurePolicy::Drop => Policy::Drop(JobFailurePolicyDrop {}),
        FailurePolicy::Constant { interval, max_retries } => Policy::Constant(JobFailurePolicyConstant {
            // More seconds than protobuf can say are for ever.
            interval: Some(
                prost_types::Duration::try_from(interval)
                    .unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 }),
            ),
            max_retries,
        }),
    };
    JobFailurePolicy { policy: Some(policy) }
}

fn from_policy(policy: Policy) -> FailurePolicy {
    match policy {
        Policy::Drop(_) => FailurePolicy::Drop,
        Policy::Constant(constant) => FailurePolicy::Constant {
            interval: constant.interval.and_then(|interval| Duration::try_from(interval).ok()).unwrap_or_default(),
            max_retries: constant.max_retries,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_a_round_trip() {
        let constant = FailurePolicy::Constant { interval: Duration::from_millis(1500), max_retries: Some(3) };
        for failure_policy in [None, Some(FailurePolicy::Drop), Some(constant)] {
            let given = Job {
                name: "j".into(),
                schedule: Some("@every 5s".into()),
                repeats: Some(2),
                data: r#"{"a":1}"#.into(),
                failure_policy,
                ..Job::default()
            };
            assert_eq!(job(schedule(given.clone(), true).job.expect("a job")), given);
        }
    }
}
