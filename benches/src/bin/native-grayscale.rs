//! The native anchor of the pictures benchmark: the guest's own source, compiled for this machine, in a hyper handler.

fn main() -> anyhow::Result<()> {
    pillion_benches::serve(|body| async move {
        // In place: a picture is CPU work, and both worker threads are there for nothing else.
        image_api_rs::grayscale(&body).map_err(|error| anyhow::anyhow!("{error}"))
    })
}
