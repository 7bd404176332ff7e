//! What is decided about files, without looking at any: pure functions over plain values.
//!
//! Which file a path stands for, which of its encodings a client takes, whether it has it already,
//! which part it wants, and what the head of the answer says. The root package tests these files.

pub(crate) mod coding;
pub(crate) mod compressible;
pub(crate) mod conditions;
pub(crate) mod content_type;
pub(crate) mod expires;
pub(crate) mod list;
pub(crate) mod multipart;
pub(crate) mod plan;
pub(crate) mod range;
pub(crate) mod route;
