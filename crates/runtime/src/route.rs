//! Which guest or directory answers a path. The path that is matched is the one that is handed on.

use crate::files::Directory;
use crate::spec::{Route, RouteTarget};
use http::{Method, Uri, uri::PathAndQuery};
use pillion_api::{Code, Error, path::Path};

/// Who answers.
#[derive(Debug)]
pub(crate) enum Target {
    /// The guest of this index.
    Guest(usize),
    Directory(Directory),
    Redirect(http::HeaderValue),
}

/// What was found for a path and a method.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Guest(usize),
    /// The directory, and the path below its route.
    File(&'a Directory, &'a str),
    Redirect(&'a http::HeaderValue),
    /// The path exists for these methods.
    Methods(Vec<Method>),
    Nothing,
}

#[derive(Debug)]
struct Entry {
    path: Path,
    methods: Vec<Method>,
    target: Target,
}

/// The routes of an app, longest first.
#[derive(Debug)]
pub(crate) struct Router(Vec<Entry>);

impl Router {
    /// # Errors
    /// A path that can't be meant, an unknown guest, a directory that can't be read, an address that is none.
    pub(crate) fn new(app: &str, routes: Vec<Route>, guests: &[&str]) -> Result<Self, Error> {
        if routes.is_empty() {
            return Self::everything(app, guests);
        }
        let entries = routes.into_iter().map(|route| Entry::new(app, route, guests));
        let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.path.segments().count()));
        Ok(Self(entries))
    }

    fn everything(app: &str, guests: &[&str]) -> Result<Self, Error> {
        match guests {
            [] => Ok(Self(Vec::new())),
            [_] => {
                let path = pillion_api::path::normalise("/")?;
                Ok(Self(vec![Entry { path, methods: Vec::new(), target: Target::Guest(0) }]))
            }
            _ => Err(Error::new(Code::GuestInvalid, format!("app `{app}` has {} guests but no routes", guests.len()))
                .hint("say under `routes:` which path goes to which guest")),
        }
    }

    /// Whether a guest answers this path, for whichever method.
    pub(crate) fn leads_to_guest(&self, path: &Path) -> bool {
        let longest = self.0.iter().find(|entry| entry.takes(path));
        longest.is_some_and(|entry| matches!(entry.target, Target::Guest(_)))
    }

    pub(crate) fn find<'a>(&'a self, path: &'a Path, method: &Method) -> Found<'a> {
        let mut hits = self.0.iter().filter(|entry| entry.takes(path)).peekable();
        let Some(longest) = hits.peek().map(|entry| entry.path.clone()) else { return Found::Nothing };
        let mut methods = Vec::new();
        for entry in hits.take_while(|entry| entry.path == longest) {
            if entry.allows(method) {
                return entry.found(path);
            }
            methods.extend(entry.methods.iter().cloned());
        }
        Found::Methods(methods)
    }
}

impl Entry {
    fn new(app: &str, route: Route, guests: &[&str]) -> Result<Self, Error> {
        let invalid =
            |why: String| Error::new(Code::GuestInvalid, format!("app `{app}`, route `{}`: {why}", route.path));
        let path = pillion_api::path::normalise(&route.path).map_err(|error| invalid(error.message().to_owned()))?;
        let target = match &route.target {
            RouteTarget::Guest(name) => match guests.iter().position(|guest| guest == name) {
                Some(index) => Target::Guest(index),
                None => {
                    let nearest = pillion_api::diagnostic::nearest(name, guests.iter().copied());
                    let error = invalid(format!("there is no guest `{name}`"));
                    return Err(match nearest {
                        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
                        None => error,
                    });
                }
            },
            RouteTarget::Directory(directory) => {
                Target::Directory(Directory::open(directory).map_err(|error| {
                    invalid(format!("the directory `{}` can't be read: {error}", directory.display()))
                })?)
            }
            RouteTarget::Redirect(to) => {
                Target::Redirect(to.parse().map_err(|_| invalid(format!("`{to}` is no address to lead to")))?)
            }
        };
        Ok(Self { path, methods: route.methods, target })
    }

    /// A redirect answers its own path only: what lies below is another route's, or nobody's.
    fn takes(&self, path: &Path) -> bool {
        match self.target {
            Target::Redirect(_) => *path == self.path,
            _ => path.starts_with(&self.path),
        }
    }

    fn allows(&self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn found<'a>(&'a self, path: &'a Path) -> Found<'a> {
        match &self.target {
            Target::Guest(index) => Found::Guest(*index),
            Target::Directory(directory) => Found::File(directory, path.below(&self.path).unwrap_or("/")),
            Target::Redirect(to) => Found::Redirect(to),
        }
    }
}

/// A URI with another path.
pub(crate) fn with_path(uri: &Uri, path: PathAndQuery) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path.clone());
    Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let route = |path: &str, methods: &[Method], guest: &str| Route {
            path: path.into(),
            methods: methods.to_vec(),
            target: RouteTarget::Guest(guest.into()),
        };
        let redirect =
            Route { path: "/".into(), methods: Vec::new(), target: RouteTarget::Redirect("/static/".into()) };
        let routes = vec![
            route("/api", &[], "a"),
            route("/api/image", &[Method::POST], "b"),
            route("/api/image", &[Method::GET], "c"),
            redirect,
        ];
        Router::new("app", routes, &["a", "b", "c"]).expect("routes")
    }

    fn check(method: &Method, path: &str, expected: &str) {
        let router = router();
        let path = pillion_api::path::normalise(path).expect(path);
        let found = match router.find(&path, method) {
            Found::Guest(index) => format!("guest {index}"),
            Found::Methods(methods) => format!("{methods:?}"),
            Found::Redirect(to) => format!("{to:?}"),
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected, "{method} {path}");
    }

    #[test]
    fn the_longest_route_wins_and_then_its_methods_count() {
        check(&Method::GET, "/api", "guest 0");
        check(&Method::GET, "/api/other", "guest 0");
        check(&Method::POST, "/api/image/x", "guest 1");
        check(&Method::HEAD, "/api/image", "guest 2");
        check(&Method::PUT, "/api/image", "[POST, GET]");
        check(&Method::GET, "/", "\"/static/\"");
        check(&Method::GET, "/elsewhere", "Nothing");
        check(&Method::GET, "/apis", "Nothing");
    }

    #[test]
    fn what_a_guest_answers_is_told_from_the_path_alone() {
        let leads = |path: &str| router().leads_to_guest(&pillion_api::path::normalise(path).expect(path));
        assert!(leads("/api/image/x") && leads("/api"));
        assert!(!leads("/") && !leads("/elsewhere"));
    }

    #[test]
    fn a_route_to_nobody_is_refused_with_the_nearest_name() {
        let route = Route { path: "/".into(), methods: Vec::new(), target: RouteTarget::Guest("helo".into()) };
        let error = Router::new("app", vec![route], &["hello"]).expect_err("unknown");
        assert_eq!(error.help(), Some("did you mean `hello`?"));
    }

    #[test]
    fn a_path_goes_on_as_it_was_matched() {
        let path = pillion_api::path::normalise("/a%20b//c%25/").expect("a path");
        assert_eq!(path.encode(Some("x=%2f")).expect("a path").as_str(), "/a%20b/c%25?x=%2f");
    }
}
