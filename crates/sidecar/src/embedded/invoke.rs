//! Invocation: an app of the run in process, a service outside over HTTP.

use super::Embedded;
use crate::{channel::caught, headers, hops, http_client};
use http::{Request, Response, Uri, header};
use pillion_api::{Body, Code, Error, Invocation, Result, Target};

impl Embedded {
    pub(super) async fn call(&self, invocation: Invocation) -> Result<Response<Body>> {
        let Invocation { target, mut request } = invocation;
        let id = match &target {
            Target::App(id) | Target::Endpoint(id) => id.as_str(),
        };
        let hops = hops::of_request(request.headers());
        if hops >= hops::MAX {
            return Err(hops::circle(id));
        }
        headers::prepare_request(request.headers_mut());
        if let Some(base) = self.base_url(id)? {
            return self.call_endpoint(id, &base, request).await;
        }
        match target {
            Target::App(_) => self.call_app(id, request, hops).await,
            Target::Endpoint(_) => Err(unknown(id)),
        }
    }

    /// The base URL that an id is, or that its HTTPEndpoint has; none where it is neither.
    fn base_url(&self, id: &str) -> Result<Option<Uri>> {
        let named = self.endpoints.get(id).map(|endpoint| endpoint.resource.base_url.as_str());
        let literal = (id.starts_with("http://") || id.starts_with("https://")).then_some(id);
        named
            .or(literal)
            .map(|url| http_client::parse_base(url).map_err(|why| failed(id, &format!("`{url}` {why}"))))
            .transpose()
    }

    async fn call_endpoint(&self, id: &str, base: &Uri, mut request: Request<Body>) -> Result<Response<Body>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let url = http_client::join(base, path).map_err(|error| failed(id, &error.to_string()))?;
        *request.uri_mut() = url;
        *request.version_mut() = http::Version::HTTP_11;
        // The client writes the host of the URL.
        request.headers_mut().remove(header::HOST);
        for (name, value) in self.endpoints.get(id).into_iter().flat_map(|endpoint| &endpoint.headers) {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        self.http.send(request).await.map_err(|error| match error.code() {
            Code::BadGateway => failed(id, error.message()),
            _ => error,
        })
    }

    async fn call_app(&self, id: &str, mut request: Request<Body>, hops: u32) -> Result<Response<Body>> {
        let app_id = self.local_id(id)?;
        let own = app_id == self.config.app_id;
        let channel = match self.config.run.app(app_id) {
            Some(channel) => channel,
            None if own => return Err(failed(id, "cannot invoke local endpoint: app channel not initialized")),
            None => return Err(self.unknown_app(app_id, id)),
        };
        if !own {
            headers::add_identity(request.headers_mut(), &self.config.app_id, app_id, &self.config.namespace);
        }
        hops::stamp(request.headers_mut(), hops + 1);
        let answer = hops::scope(hops + 1, caught(channel.invoke(request))).await;
        let mut response = match answer {
            Ok(response) => response,
            // The app did not answer at all, so this is the sidecar's own failure, as in daprd.
            Err(error) if error.code() == Code::BadGateway => return Err(failed(id, error.message())),
            Err(error) => error.problem_response(),
        };
        headers::strip_hop_by_hop(response.headers_mut());
        Ok(response)
    }

    /// The app id of `app` or `app.namespace`: there is one namespace in a process.
    fn local_id<'a>(&self, id: &'a str) -> Result<&'a str> {
        match id.split_once('.') {
            None if id.is_empty() => Err(failed(id, "app id is empty")),
            None => Ok(id),
            Some((_, rest)) if rest.contains('.') => Err(failed(id, &format!("invalid app id {id}"))),
            Some((app, namespace)) if namespace == self.namespace() => Ok(app),
            Some(_) => Err(unknown(id)),
        }
    }

    fn unknown_app(&self, app_id: &str, id: &str) -> Error {
        match self.config.run.nearest_app(app_id) {
            Some(nearest) => unknown(id).hint(format!("did you mean `{nearest}`?")),
            None => unknown(id).hint("only apps of this run and HTTPEndpoints can be called"),
        }
    }
}

fn failed(id: &str, why: &str) -> Error {
    Error::new(Code::DirectInvoke, format!("failed to invoke, id: {id}, err: {why}"))
}

fn unknown(id: &str) -> Error {
    failed(id, "no host found with the given ID")
}
