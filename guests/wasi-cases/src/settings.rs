//! wasi:config and wasi:logging.

use crate::wasi::logging::logging::{Level, log};
use crate::wasi::{config0_2_0_draft_2024_09_27 as old, config0_2_0_rc_1 as new};
use crate::{said, unknown};

pub fn run(call: &[&str]) -> String {
    match call {
        ["config", "get", key] => said(new::store::get(key)),
        ["config", "all"] => said(new::store::get_all()),
        ["old-config", "get", key] => said(old::store::get(key)),
        ["old-config", "all"] => said(old::store::get_all()),
        ["log", level, context, message] => {
            let level = match *level {
                "trace" => Level::Trace,
                "debug" => Level::Debug,
                "warn" => Level::Warn,
                "error" => Level::Error,
                "critical" => Level::Critical,
                _ => Level::Info,
            };
            match message.strip_prefix('#').and_then(|count| count.parse().ok()) {
                Some(count) => log(level, context, &"m".repeat(count)),
                None => log(level, context, message),
            }
            "logged".into()
        }
        _ => unknown(call),
    }
}
