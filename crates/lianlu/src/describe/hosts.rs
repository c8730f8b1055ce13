//! Bounds the hosts that metrics tell apart.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How many a layer tells apart; later ones are `_OTHER`. A crawler, or whoever calls the addresses that
/// its users give it, would make a series for each otherwise, and so would a server's callers.
const MAX: usize = 100;

/// The hosts that have series of their own.
#[derive(Debug, Default)]
pub(crate) struct KnownHosts(RwLock<HashMap<String, Vec<Option<u16>>>>);

fn count(known: &HashMap<String, Vec<Option<u16>>>) -> usize {
    known.values().map(Vec::len).sum()
}

impl KnownHosts {
    /// Whether a host may stand on a metric. The first ones may.
    pub(crate) fn admit(&self, host: &str, port: Option<u16>) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(ports) = known.get(host)
            && ports.contains(&port)
        {
            return true;
        }
        let is_full = count(&known) >= MAX;
        drop(known);
        if is_full {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come between the locks.
        if count(&known) >= MAX {
            return known.get(host).is_some_and(|ports| ports.contains(&port));
        }
        let ports = known.entry(host.to_owned()).or_default();
        if !ports.contains(&port) {
            ports.push(port);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hosts_have_series_and_keep_them() {
        let hosts = KnownHosts::default();
        assert!(hosts.admit("a", Some(80)));
        let admitted = (0..100_000)
            .filter(|i| hosts.admit(&format!("h{i}"), None))
            .count();
        assert_eq!(admitted, MAX - 1);
        assert!(hosts.admit("a", Some(80)));
        assert!(!hosts.admit("a", Some(81)));
    }
}
