//! Addresses, hosts and secrets: who is trusted to say who called, where a context may go, and what is never shown.

pub(crate) mod bad_entry;
pub(crate) mod capture;
pub(crate) mod cidr;
pub(crate) mod forwarded;
pub(crate) mod host_list;
pub(crate) mod redact;
