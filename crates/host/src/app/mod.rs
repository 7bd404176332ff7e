//! The app as a Python object, and the Python that it finds around itself.

mod bytecode;
mod callable;
mod exit;
mod failure;
mod harakiri;
mod import;
mod interface;
mod load;
mod output;
mod surroundings;

pub(crate) use exit::{leave, run_exit_handlers};
pub(crate) use failure::failure_of;
pub(crate) use harakiri::arm_harakiri;
pub(crate) use interface::Interface;
pub(crate) use load::{Apps, load};
pub(crate) use surroundings::{prepare, python_version};
