//! The short way to a provider of lianlu's own; without the feature `pipeline` there is none to take.

#[cfg(feature = "pipeline")]
pub(super) use lianlu_sdk::direct::{Ending, Open, Users};

/// Nobody can have one.
#[cfg(not(feature = "pipeline"))]
#[derive(Debug)]
pub(super) enum Ending {}

#[cfg(not(feature = "pipeline"))]
#[derive(Debug)]
pub(super) enum Open {}

#[cfg(not(feature = "pipeline"))]
#[derive(Debug)]
pub(super) enum Users {}

#[cfg(not(feature = "pipeline"))]
impl Ending {
    pub(super) fn clear(&mut self) {
        match *self {}
    }
}
