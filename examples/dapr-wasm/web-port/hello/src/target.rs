//! Which app a picture goes to, and over which Dapr port.

use std::fmt;

use wasip2::cli::environment::get_environment;
use wasip2::http::types::Fields;

/// Where to POST. Both forms of Dapr's invocation are used: by header, and by path.
pub(crate) struct Target {
    pub(crate) app_id: &'static str,
    /// Set when the app is named by Dapr's header instead of by the path.
    pub(crate) app_id_header: Option<&'static str>,
    pub(crate) authority: String,
    pub(crate) path: &'static str,
}

impl Target {
    /// The header `api: go` asks what is in the picture; anything else, or nothing, makes it grey.
    pub(crate) fn of(headers: &Fields) -> Self {
        if headers.get("api").iter().any(|value| value == b"go") { Self::classify() } else { Self::grayscale() }
    }

    fn classify() -> Self {
        Self {
            app_id: "image-api-go",
            app_id_header: Some("image-api-go"),
            authority: format!("localhost:{}", port("DAPR_HTTP_PORT", "3500")),
            path: "/api/image",
        }
    }

    fn grayscale() -> Self {
        Self {
            app_id: "image-api-rs",
            app_id_header: None,
            authority: format!("localhost:{}", port("GRAYSCALE_DAPR_PORT", "3502")),
            path: "/v1.0/invoke/image-api-rs/method/api/image",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.app_id, self.authority)
    }
}

fn port(name: &str, default: &str) -> String {
    let found = get_environment().into_iter().find(|(key, _)| key == name);
    found.map_or_else(|| default.to_owned(), |(_, port)| port)
}
