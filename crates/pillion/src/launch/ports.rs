//! Every port of a run, bound before anything starts.

use crate::edge::Listener;
use anyhow::{Context, Result, anyhow};
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The address of apps, sidecars and the admin port: this machine alone.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A bound port and its number.
pub(crate) struct Bound {
    pub(crate) listener: Listener,
    pub(crate) port: u16,
}

/// Binds a port; 0 takes a free one. `what` and `key` are named where it is taken.
pub(crate) async fn bind(address: IpAddr, port: u16, what: &str, key: &str) -> Result<Bound> {
    let listener = Listener::bind(SocketAddr::new(address, port)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "{what}: port {port} is in use by another program\nhint: end that program, or give another port with `{key}` (0 picks a free one)"
        ),
        ErrorKind::PermissionDenied => {
            anyhow!("{what}: port {port} may not be bound by this user\nhint: give a port over 1023 with `{key}`")
        }
        _ => anyhow!("{what}: port {port} can't be bound: {error}"),
    })?;
    let port = listener.local_addr().context("a bound port has an address")?.port();
    Ok(Bound { listener, port })
}
