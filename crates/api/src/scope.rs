//! Whose work a thread does just now, for the log: a call's names travel beside its future and are put into words only where
//! a record is written. A span of the `tracing` crate puts them into words at the start of every call.

use crate::trace::TraceContext;
use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;

/// What every record of a call says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The app's id.
    pub app: Arc<str>,
    /// The guest at work, if one is.
    pub guest: Option<Arc<str>>,
    /// The id of the request that all this is for.
    pub request_id: Arc<str>,
    /// The call's own span.
    pub trace: TraceContext,
    /// What started the guest.
    pub trigger: Option<&'static str>,
}

thread_local!(static CURRENT: RefCell<Option<Arc<Scope>>> = const { RefCell::new(None) });

/// Gives the thread back to whoever had it before.
#[derive(Debug)]
pub struct Entered(Option<Arc<Scope>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.0.take()));
    }
}

/// The thread works for this call until the answer is dropped.
pub fn enter(scope: &Arc<Scope>) -> Entered {
    Entered(CURRENT.with(|current| current.replace(Some(Arc::clone(scope)))))
}

/// The call that the thread works for.
pub fn current() -> Option<Arc<Scope>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// Works for this call wherever the future is polled.
pub async fn within<F: Future>(scope: Arc<Scope>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let _entered = enter(&scope);
        future.as_mut().poll(context)
    })
    .await
}

/// Works for the call of now, wherever the future is polled.
pub fn within_current<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let scope = current();
    async move {
        match scope {
            Some(scope) => within(scope, future).await,
            None => future.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(app: &str) -> Arc<Scope> {
        let trace = TraceContext { trace_id: 1, span_id: 2, sampled: false };
        Arc::new(Scope { app: app.into(), guest: None, request_id: "r".into(), trace, trigger: None })
    }

    #[test]
    fn the_one_before_comes_back() {
        let outer = enter(&scope("outer"));
        let inner = enter(&scope("inner"));
        assert_eq!(&*current().expect("entered").app, "inner");
        drop(inner);
        assert_eq!(&*current().expect("entered").app, "outer");
        drop(outer);
        assert_eq!(current(), None);
    }
}
