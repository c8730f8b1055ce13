//! The layers: where they can be placed, and their options.

mod captured_headers_and_urls;
mod filters;
mod hooks;
mod opt_ins;
mod placement;
mod readme;
mod trusted_proxies;
mod wrapped_service;
