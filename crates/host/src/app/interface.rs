//! Which interface a callable speaks: WSGI's two arguments, or ASGI 3's three and a coroutine.

use lictor_core::config::Interface as Wanted;
use lictor_core::observe::{Failure, FailureKind};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// What a loaded app is served as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// PEP 3333.
    Wsgi,
    /// ASGI 3.
    Asgi,
}

impl Interface {
    /// As `lictor status` shows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wsgi => "wsgi",
            Self::Asgi => "asgi",
        }
    }
}

/// `CO_VARARGS` and `CO_COROUTINE` of `code.h`. Asked here instead of by `inspect`, which would bring
/// a megabyte of modules into every vassal.
const TAKES_MORE: u32 = 0x04;
const IS_COROUTINE: u32 = 0x80;
/// More wrappers than this around a function are not looked through.
const WRAPPER_LIMIT: usize = 8;

/// `scope`, `receive` and `send`.
const ASGI_ARGUMENTS: u32 = 3;
/// `scope` alone, for a function that gives another of two.
const ASGI_2_ARGUMENTS: u32 = 1;

/// Decides, or says why neither will do. `named` is the app as its author knows it.
pub(super) fn interface_of(
    callable: &Bound<'_, PyAny>,
    wanted: Wanted,
    named: &str,
) -> Result<Interface, Failure> {
    if wanted == Wanted::Wsgi {
        return Ok(Interface::Wsgi);
    }
    let call = Code::of(callable.clone());
    let inner = callable.getattr("__call__").ok().and_then(Code::of);
    if callable.is_instance_of::<PyType>() && inner.is_some_and(|inner| inner.is_coroutine) {
        let message = format!("`{named}` is a class whose instances are coroutine functions");
        let hint = "hint: name an instance of it; an ASGI 2 app can be wrapped with \
                    `asgiref.compatibility.guarantee_single_callable`";
        return Err(Failure::new(FailureKind::Import, message, hint));
    }
    if call.is_some_and(|call| !call.is_coroutine && call.arguments == Some(ASGI_2_ARGUMENTS)) {
        let message = format!(
            "`{named}` takes one argument, as ASGI 2 apps do; WSGI apps take two, ASGI 3 apps three"
        );
        let hint = "hint: wrap it with `asgiref.compatibility.guarantee_single_callable`";
        return Err(Failure::new(FailureKind::Import, message, hint));
    }
    let is_asgi = |code: Option<Code>| {
        code.is_some_and(|code| code.is_coroutine || code.arguments == Some(ASGI_ARGUMENTS))
    };
    if wanted == Wanted::Asgi || is_asgi(call) || is_asgi(inner) {
        Ok(Interface::Asgi)
    } else {
        Ok(Interface::Wsgi)
    }
}

/// What a Python function says of itself.
#[derive(Clone, Copy)]
struct Code {
    is_coroutine: bool,
    /// How many arguments it takes, if it takes exactly so many.
    arguments: Option<u32>,
}

impl Code {
    /// Looks through bound methods and `functools.partial`.
    fn of(mut object: Bound<'_, PyAny>) -> Option<Self> {
        let mut is_partial = false;
        let mut is_bound = false;
        for _ in 0..WRAPPER_LIMIT {
            // Bound methods hand out the attributes of their functions.
            if let Ok(function) = object.getattr("__func__") {
                is_bound = true;
                object = function;
            } else if let Ok(code) = object.getattr("__code__") {
                let flags: u32 = code.getattr("co_flags").ok()?.extract().ok()?;
                let count: u32 = code.getattr("co_argcount").ok()?.extract().ok()?;
                let has_defaults = object
                    .getattr("__defaults__")
                    .is_ok_and(|defaults| !defaults.is_none());
                let is_exact = !is_partial && !has_defaults && flags & TAKES_MORE == 0;
                return Some(Self {
                    is_coroutine: flags & IS_COROUTINE != 0,
                    arguments: is_exact.then_some(count.saturating_sub(u32::from(is_bound))),
                });
            } else {
                object = object.getattr("func").ok()?;
                is_partial = true;
            }
        }
        None
    }
}
