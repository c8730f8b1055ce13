//! Strings that are made once.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

struct Kept<K, V>(RwLock<HashMap<K, V>>);

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    fn get<Q>(&self, key: &Q, make: impl FnOnce() -> V) -> V
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(value) = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
        {
            return value.clone();
        }
        let value = make();
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        map.insert(key.to_owned(), value.clone());
        value
    }
}

type Strings<K> = LazyLock<Kept<K, Arc<str>>>;

static METHODS: LazyLock<Kept<String, &'static str>> = LazyLock::new(|| Kept(RwLock::default()));
static HOSTS: Strings<String> = LazyLock::new(|| Kept(RwLock::default()));
static PEERS: Strings<IpAddr> = LazyLock::new(|| Kept(RwLock::default()));

/// Leaked, so that it can be a span's name without being copied.
pub(super) fn method(path: &str) -> &'static str {
    METHODS.get(path, || path.trim_start_matches('/').to_owned().leak())
}

pub(super) fn host(host: &str) -> Arc<str> {
    HOSTS.get(host, || host.into())
}

pub(super) fn address(peer: IpAddr) -> Arc<str> {
    PEERS.get(&peer, || peer.to_string().into())
}
