//! The shop's three ports, bound before anything else.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::args::Args;

/// A listener for each service.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) gateway: Port,
    pub(crate) orders: Port,
    pub(crate) catalog: Port,
}

/// A listener and its address.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// A port cannot be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    #[error("port {port} is taken: choose another with {flag}, or {flag} 0 for a free one")]
    Taken { flag: &'static str, port: u16 },
    #[error("can't listen on port {port} ({cause}): choose another with {flag}")]
    Other {
        flag: &'static str,
        port: u16,
        #[source]
        cause: io::Error,
    },
}

impl Ports {
    pub(crate) async fn bind(args: &Args) -> Result<Self, PortError> {
        Ok(Self {
            gateway: Port::bind("--gateway-port", args.gateway_port).await?,
            orders: Port::bind("--orders-port", args.orders_port).await?,
            catalog: Port::bind("--catalog-port", args.catalog_port).await?,
        })
    }
}

impl Port {
    async fn bind(flag: &'static str, port: u16) -> Result<Self, PortError> {
        let bound = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map_err(|cause: io::Error| match cause.kind() {
            io::ErrorKind::AddrInUse => PortError::Taken { flag, port },
            _ => PortError::Other { flag, port, cause },
        })
    }
}
