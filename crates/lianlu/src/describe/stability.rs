//! The generation of the conventions that is written.

use std::sync::LazyLock;

use super::surface::Protocol;
use crate::variables::variable;
use crate::warning::warn_variable;

/// A generation of the semantic conventions, chosen for HTTP and for RPC by
/// [`Conventions`](crate::conventions::Conventions), or by the variable
/// `OTEL_SEMCONV_STABILITY_OPT_IN` where the code does not choose.
///
/// | | variable | HTTP | RPC |
/// |---|---|---|---|
/// | [`Current`](Self::Current) (default) | `http`, `rpc` | stable, as of v1.44.0 | release candidate, as of v1.44.0 |
/// | [`Old`](Self::Old) | `http/old`, `rpc/old` | v1.20.0 | v1.37.0 |
/// | [`Both`](Self::Both) | `http/dup`, `rpc/dup` | each under its keys | each under its keys; `rpc.method`, which both have, is the current one on spans |
///
/// The [migration
/// guides](https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/) list the
/// differences. Durations are in seconds in the current metrics and in milliseconds in the old
/// ones; active requests and body sizes are measured only in the current conventions. Values that
/// callers control are limited in the old conventions too: a span of an unknown HTTP method is
/// named `HTTP`, and a server's metrics have no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Generation {
    /// The current conventions.
    #[default]
    Current,
    /// The conventions before they became stable.
    Old,
    /// Both, for a migration.
    Both,
}

impl Generation {
    pub(crate) fn current(self) -> bool {
        self != Self::Old
    }

    pub(crate) fn old(self) -> bool {
        self != Self::Current
    }

    /// The generation that the environment sets for a protocol.
    pub(crate) fn from_env(protocol: Protocol) -> Self {
        let (http, rpc) = *FROM_ENV;
        match protocol {
            Protocol::Http => http,
            Protocol::Grpc => rpc,
        }
    }
}

const VARIABLE: &str = "OTEL_SEMCONV_STABILITY_OPT_IN";

static FROM_ENV: LazyLock<(Generation, Generation)> = LazyLock::new(|| {
    let list = variable(VARIABLE).unwrap_or_default();
    for unknown in unknown(&list) {
        warn_variable(
            VARIABLE,
            unknown,
            "for HTTP and RPC there are http, http/dup, http/old, rpc, rpc/dup and rpc/old; the current \
             conventions are used",
        );
    }
    (pick(&list, "http"), pick(&list, "rpc"))
});

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// `area/dup` takes precedence at any position, as the conventions require.
fn pick(list: &str, area: &str) -> Generation {
    let has = |mode: &str| {
        entries(list).any(|entry| entry.strip_prefix(area).is_some_and(|rest| rest == mode))
    };
    if has("/dup") {
        Generation::Both
    } else if has("/old") && !has("") {
        Generation::Old
    } else {
        Generation::Current
    }
}

/// Invalid entries for HTTP or RPC. Entries for other areas belong to other libraries.
fn unknown(list: &str) -> impl Iterator<Item = &str> {
    entries(list).filter(|entry| {
        let (area, mode) = entry.split_once('/').unwrap_or((entry, ""));
        matches!(area, "http" | "rpc") && !matches!(mode, "" | "dup" | "old")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_list_of_the_variable() {
        for (list, http, rpc) in [
            ("", Generation::Current, Generation::Current),
            ("http", Generation::Current, Generation::Current),
            ("http/dup", Generation::Both, Generation::Current),
            ("http,http/dup", Generation::Both, Generation::Current),
            (" rpc/old , http/old", Generation::Old, Generation::Old),
            ("rpc/old,rpc", Generation::Current, Generation::Current),
            (
                "database/dup,httpx/dup",
                Generation::Current,
                Generation::Current,
            ),
        ] {
            assert_eq!(
                (pick(list, "http"), pick(list, "rpc")),
                (http, rpc),
                "{list}"
            );
        }
    }

    #[test]
    fn reports_only_unknown_http_and_rpc_entries() {
        let list = "http/dpu,database/dup,rpc/new,http,gen_ai_latest";
        assert_eq!(unknown(list).collect::<Vec<_>>(), ["http/dpu", "rpc/new"]);
    }
}
