//! Whether an interpreter is linked to a libpython, read from its ELF headers without running it.
//!
//! An interpreter that is linked to the library loses nothing by being embedded; a static one is
//! executed even where a libpython lies beside it, because it is the faster build.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::read::elf::FileHeader;
use object::{Endianness, ReadCache, elf};

use super::error::{PythonError, Version};
use super::venv::parse_version;

/// What an executable is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// Linked to this library, found beside the executable or left to the loader's search.
    Shared {
        /// Path, or the bare name for the dynamic loader to find.
        library: PathBuf,
        /// From the library's name.
        version: Option<Version>,
    },
    /// The interpreter is in the executable.
    Static,
    /// Not an ELF file: a script that stands before an interpreter.
    Script,
}

/// Looks at the executable `real`, a path without links.
pub(super) fn inspect(real: &Path) -> Result<Build, PythonError> {
    let failed = |source| PythonError::Read {
        path: real.to_owned(),
        source,
    };
    let mut file = File::open(real).map_err(failed)?;
    let mut magic = [0; 4];
    if file.read_exact(&mut magic).is_err() || magic != elf::ELFMAG {
        return Ok(Build::Script);
    }
    let linked = dynamic_entries(file)
        .map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
    let Some(name) = linked
        .needed
        .iter()
        .find(|name| name.starts_with("libpython"))
    else {
        return Ok(Build::Static);
    };
    let directories = linked.search.iter().map(|entry| expand_origin(entry, real));
    let beside = real
        .parent()
        .and_then(Path::parent)
        .map(|prefix| prefix.join("lib"));
    let library = directories
        .chain(beside)
        .map(|directory| directory.join(name))
        .find(|p| p.exists());
    Ok(Build::Shared {
        library: library.unwrap_or_else(|| PathBuf::from(name)),
        version: name.strip_prefix("libpython").and_then(parse_version),
    })
}

/// What the dynamic section says (`elf(5)`).
struct Linked {
    needed: Vec<String>,
    search: Vec<String>,
}

fn dynamic_entries(file: File) -> Result<Linked, object::read::Error> {
    let data = &ReadCache::new(file);
    let header = elf::FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let table = header.sections(endian, data)?.dynamic_table(endian, data)?;
    let mut linked = Linked {
        needed: Vec::new(),
        search: Vec::new(),
    };
    for entry in &table {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if entry.tag == elf::DT_NEEDED {
            linked.needed.push(text(table.string(entry)?));
        } else if entry.tag == elf::DT_RUNPATH || entry.tag == elf::DT_RPATH {
            linked
                .search
                .extend(text(table.string(entry)?).split(':').map(str::to_owned));
        }
    }
    Ok(linked)
}

fn expand_origin(entry: &str, real: &Path) -> PathBuf {
    let origin = real
        .parent()
        .unwrap_or(Path::new("/"))
        .display()
        .to_string();
    PathBuf::from(
        entry
            .replace("${ORIGIN}", &origin)
            .replace("$ORIGIN", &origin),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_libpython_is_static_and_text_is_a_script() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(inspect(&own).unwrap(), Build::Static);
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        assert_eq!(inspect(script.path()).unwrap(), Build::Script);
    }

    #[test]
    fn the_origin_of_a_search_path_is_the_executable_s_directory() {
        let real = Path::new("/opt/py/bin/python3.12");
        assert_eq!(
            expand_origin("$ORIGIN/../lib", real),
            Path::new("/opt/py/bin/../lib")
        );
    }
}
