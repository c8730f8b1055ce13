//! Limits the number of hosts that are separate series of the metrics.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How many hosts a layer distinguishes; later ones are `_OTHER`. Otherwise a crawler, or a service
/// that calls addresses given by its users, would make a series for each host, and so would a
/// server's callers.
const MAX: usize = 100;

/// The hosts that have their own series.
#[derive(Debug, Default)]
pub(crate) struct KnownHosts(RwLock<HashMap<String, Vec<Option<u16>>>>);

fn count(known: &HashMap<String, Vec<Option<u16>>>) -> usize {
    known.values().map(Vec::len).sum()
}

impl KnownHosts {
    /// True if the host may be a label of a metric. The first `MAX` hosts may.
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
        // Another thread may have added hosts between the two locks.
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
    fn admits_the_first_hosts_and_keeps_them() {
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
