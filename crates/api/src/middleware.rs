//! What stands between a request and who answers it: the handlers of a pipeline.

use crate::{Body, Result};
use async_trait::async_trait;
use http::{Request, Response};
use std::{fmt, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

/// What the rest of a pipeline will have answered.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>>> + Send>>;

/// The rest of a pipeline, and at its end who answers.
pub type Next = Box<dyn FnOnce(Request<Body>) -> Answer + Send>;

/// One handler of a pipeline.
#[async_trait]
pub trait Middleware: Send + Sync {
    /// Answers a request by itself, or asks `next` and answers what that does, either changed or not.
    async fn handle(&self, request: Request<Body>, next: Next) -> Result<Response<Body>>;
}

/// Handlers in their order: the first sees a request first and its answer last.
#[derive(Clone, Default)]
pub struct Pipeline(Vec<Arc<dyn Middleware>>);

impl Pipeline {
    /// A pipeline of these handlers.
    pub fn new(handlers: Vec<Arc<dyn Middleware>>) -> Self {
        Self(handlers)
    }

    /// Whether a request goes straight to who answers it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends a request through all handlers to the last one.
    ///
    /// # Errors
    /// Those of the handlers and of `last`.
    pub async fn run(&self, request: Request<Body>, last: Next) -> Result<Response<Body>> {
        let chain = self.0.iter().rev().cloned().fold(last, |next, handler| {
            Box::new(move |request| Box::pin(async move { handler.handle(request, next).await }))
        });
        chain(request).await
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipeline of {} handlers", self.0.len())
    }
}

/// The client's address: an extension of a request that came by a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Error, body};
    use http::HeaderValue;

    /// Writes its name on the request's way and on the answer's way; `stop` answers by itself.
    struct Named(&'static str);

    #[async_trait]
    impl Middleware for Named {
        async fn handle(&self, mut request: Request<Body>, next: Next) -> Result<Response<Body>> {
            request.headers_mut().append("seen", HeaderValue::from_static(self.0));
            let mut response = match self.0 {
                "stop" => Response::new(body::empty()),
                _ => next(request).await?,
            };
            response.headers_mut().append("back", HeaderValue::from_static(self.0));
            Ok(response)
        }
    }

    fn run(names: &[&'static str]) -> Result<Response<Body>> {
        let pipeline = Pipeline::new(names.iter().map(|name| Arc::new(Named(name)) as Arc<dyn Middleware>).collect());
        let last: Next = Box::new(|request| {
            Box::pin(async move {
                let seen = request.headers().get_all("seen").iter().cloned().collect::<Vec<_>>();
                if seen.is_empty() {
                    return Err(Error::new(Code::BadRequest, "nobody"));
                }
                let mut response = Response::new(body::empty());
                for name in seen {
                    response.headers_mut().append("seen", name);
                }
                Ok(response)
            })
        });
        let mut running = std::pin::pin!(pipeline.run(Request::new(body::empty()), last));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match running.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => answer,
            std::task::Poll::Pending => panic!("nothing here waits"),
        }
    }

    fn values(response: &Response<Body>, name: &str) -> Vec<String> {
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        response.headers().get_all(name).iter().map(text).collect()
    }

    #[test]
    fn the_first_handler_sees_the_request_first_and_the_answer_last() {
        let response = run(&["a", "b"]).expect("an answer");
        assert_eq!(values(&response, "seen"), ["a", "b"]);
        assert_eq!(values(&response, "back"), ["b", "a"]);
    }

    #[test]
    fn a_handler_that_answers_ends_the_way() {
        let response = run(&["a", "stop", "b"]).expect("an answer");
        assert_eq!(values(&response, "seen"), [""; 0]);
        assert_eq!(values(&response, "back"), ["stop", "a"]);
    }

    #[test]
    fn an_empty_pipeline_is_who_answers() {
        assert_eq!(run(&[]).expect_err("nobody").message(), "nobody");
    }
}
