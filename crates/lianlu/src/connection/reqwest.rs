//! A traced resolver for reqwest's own `Resolve` trait.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;

use hyper_util::client::legacy::connect::dns;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower_service::Service;

use super::phase::Dns;
use super::service::PhaseService;

impl<S> Resolve for PhaseService<S, Dns>
where
    S: Service<dns::Name> + Clone + Send + Sync + 'static,
    S::Response: Iterator<Item = SocketAddr> + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Future + Send,
{
    fn resolve(&self, name: Name) -> Resolving {
        let mut resolver = self.clone();
        Box::pin(async move {
            let name: dns::Name = name.as_str().parse()?;
            poll_fn(|cx| resolver.poll_ready(cx)).await?;
            let addresses = resolver.call(name).await?;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
