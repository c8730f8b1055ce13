//! The layers: where they can be placed, and their options.

mod are_switched_off;
mod filters;
mod headers_are_captured_by_list_alone;
mod hooks;
mod opt_ins;
mod places_where_layers_go;
mod readme;
mod trusted_proxies;
