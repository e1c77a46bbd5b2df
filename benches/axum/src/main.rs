//! The native anchor with a router: axum answers what the guest answers, on one thread.

use axum::{Router, routing::get, serve::ListenerExt};
use tokio::net::TcpListener;

fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(async || "hello world\n"));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on {}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            // A failure shows in the figures, and ends nothing.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await
    })
}
