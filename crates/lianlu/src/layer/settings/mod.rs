//! The options of a layer, by subject.

mod attributes;
mod conventions;
mod errors;
mod metrics;
mod propagation;
mod providers;
mod streams;
mod which_calls;
