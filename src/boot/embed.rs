//! `lictor __embed`: opens the vassal's libpython, initializes it as that virtualenv's own
//! interpreter would, and loads the host library.
//!
//! `PyConfig` is not in the stable ABI and its layout differs from version to version, but its
//! functions are in every libpython since 3.8. So it is an opaque buffer here, and everything is
//! said through `argv`: its first element is the virtualenv's `bin/python`, from which CPython
//! finds `sys.prefix`, `sys.executable` and the site-packages (PEP 587, PEP 405).

use std::ffi::{CStr, CString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use lictor_core::ipc::{Channel, Handover, Hosting, MasterMessage};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::adopt;

use super::execute::load_line;

/// Larger than `PyConfig` of any version (3.13: 560 bytes), and aligned as any struct is.
#[repr(C, align(16))]
struct OpaqueConfig([u8; 8192]);

/// `PyStatus` of `initconfig.h`: its four fields are the same in all versions.
#[repr(C)]
struct PyStatus {
    kind: c_int,
    function: *const c_char,
    message: *const c_char,
    exit_code: c_int,
}

type InitConfig = unsafe extern "C" fn(*mut OpaqueConfig);
type SetArguments =
    unsafe extern "C" fn(*mut OpaqueConfig, isize, *const *const c_char) -> PyStatus;
type Initialize = unsafe extern "C" fn(*const OpaqueConfig) -> PyStatus;
type RunString = unsafe extern "C" fn(*const c_char, *mut std::ffi::c_void) -> c_int;

/// Why the library could not be used.
#[derive(Debug, thiserror::Error)]
enum EmbedError {
    #[error("the number of the handover document is missing or wrong")]
    NoDocument,
    #[error("could not open the interpreter's library `{0}`: {1}")]
    Open(String, libloading::Error),
    #[error("`{0}` is not a usable libpython: {1}")]
    Symbol(String, libloading::Error),
    #[error("`{0}` could not start: {1}")]
    Initialize(String, String),
}

/// Runs the interpreter until the app's processes leave. `argument` is the document's number.
pub(crate) fn embed(argument: Option<&str>) -> ExitCode {
    let Some((handover, hosting)) = argument.and_then(read_handover) else {
        return ExitCode::FAILURE;
    };
    match run(&hosting) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&handover, &hosting, &error);
            ExitCode::FAILURE
        }
    }
}

fn read_handover(argument: &str) -> Option<(Handover, Hosting)> {
    // The host adopts the descriptor later; here it is only looked at, through /proc.
    let number: i32 = argument.parse().ok()?;
    let file = std::fs::File::open(format!("/proc/self/fd/{number}")).ok()?;
    let (handover, _document) = Handover::read(file.into()).ok()?;
    let hosting = handover.hosting.clone()?;
    Some((handover, hosting))
}

fn report(handover: &Handover, hosting: &Hosting, error: &EmbedError) {
    let hint = format!(
        "hint: try the interpreter by hand: `{} -c pass`; vassal file `{}`",
        hosting.executable.display(),
        handover.file
    );
    if let Ok(fd) = adopt(hosting.channel_fd) {
        let failure = Failure::new(FailureKind::Python, error.to_string(), hint);
        // If the emperor does not listen, it sees the exit.
        drop(Channel::from_fd(fd).send(&MasterMessage::Failed(failure), &[]));
    }
}

fn run(hosting: &Hosting) -> Result<(), EmbedError> {
    let Some(path) = &hosting.library else {
        return Err(EmbedError::NoDocument);
    };
    let name = path.display().to_string();
    #[expect(unsafe_code, reason = "opening a library runs its initializers")]
    // SAFETY: this process is the tenant's own already: the library is the one that the vassal's
    // interpreter is linked to and can do nothing that the app could not do.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| EmbedError::Open(name.clone(), error))?;
    let python =
        Functions::find(&library).map_err(|error| EmbedError::Symbol(name.clone(), error))?;
    python
        .initialize(hosting)
        .map_err(|error| EmbedError::Initialize(name.clone(), error))?;
    let code = CString::new(load_line(hosting)).unwrap_or_default();
    #[expect(unsafe_code, reason = "libpython is only known at run time")]
    // SAFETY: the interpreter is initialized and this thread is its main thread, attached; `code`
    // lives through the call; null flags are allowed by `PyRun_SimpleStringFlags`.
    let result = unsafe { (python.run_string)(code.as_ptr(), std::ptr::null_mut()) };
    if result == 0 {
        return Ok(());
    }
    // SystemExit ends the process inside the call; this is an exception, printed to stderr.
    Err(EmbedError::Initialize(
        name,
        "the host library could not be loaded".to_owned(),
    ))
}

/// What is needed of a libpython.
struct Functions {
    init_config: InitConfig,
    set_arguments: SetArguments,
    initialize: Initialize,
    run_string: RunString,
}

impl Functions {
    fn find(library: &Library) -> Result<Self, libloading::Error> {
        #[expect(unsafe_code, reason = "libpython is only known at run time")]
        #[expect(
            clippy::multiple_unsafe_ops_per_block,
            reason = "one argument for the four"
        )]
        // SAFETY: the four functions have had these signatures since CPython 3.8 (`initconfig.h`,
        // `pythonrun.h`), and the library stays open until the process ends.
        unsafe {
            Ok(Self {
                init_config: *library.get(c"PyConfig_InitPythonConfig")?,
                set_arguments: *library.get(c"PyConfig_SetBytesArgv")?,
                initialize: *library.get(c"Py_InitializeFromConfig")?,
                run_string: *library.get(c"PyRun_SimpleStringFlags")?,
            })
        }
    }

    fn initialize(&self, hosting: &Hosting) -> Result<(), String> {
        let executable = CString::new(hosting.executable.as_os_str().as_bytes())
            .map_err(|_nul| "its path contains a NUL byte".to_owned())?;
        let arguments = [executable.as_ptr()];
        let mut config = Box::new(OpaqueConfig([0; 8192]));
        let config: *mut OpaqueConfig = &raw mut *config;
        #[expect(unsafe_code, reason = "libpython is only known at run time")]
        #[expect(
            clippy::multiple_unsafe_ops_per_block,
            reason = "one argument for the three"
        )]
        // SAFETY: the buffer is larger than any `PyConfig`, zeroed and lives through the calls;
        // `arguments` holds one NUL-terminated string, which CPython copies. The config is not
        // cleared: the process keeps its interpreter until it ends.
        let status = unsafe {
            (self.init_config)(config);
            let status = (self.set_arguments)(config, 1, arguments.as_ptr());
            if status.kind == 0 {
                (self.initialize)(config)
            } else {
                status
            }
        };
        if status.kind == 0 {
            Ok(())
        } else {
            Err(status.text())
        }
    }
}

impl PyStatus {
    fn text(&self) -> String {
        if self.message.is_null() {
            return "no reason given".to_owned();
        }
        #[expect(unsafe_code, reason = "the message is a C string")]
        // SAFETY: a status that is not null points to a static, NUL-terminated string.
        let text = unsafe { CStr::from_ptr(self.message) };
        text.to_string_lossy().into_owned()
    }
}
