//! Network addresses and hosts: trusted proxies, outbound host lists, capture and redaction.

pub(crate) mod bad_entry;
pub(crate) mod capture;
pub(crate) mod cidr;
pub(crate) mod forwarded;
pub(crate) mod host_list;
pub(crate) mod redact;

pub use crate::layer::settings::capture::Capture;
pub use bad_entry::BadEntry;
pub use capture::HeaderCapture;
pub use forwarded::TrustedProxies;
pub use host_list::HostList;
