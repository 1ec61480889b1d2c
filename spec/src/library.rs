//! All YAML files of a checkout, found and read at run time: adding a file needs no Rust.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use crate::abi::Abi;
use crate::arch::Arch;
use crate::case::{Case, Scenario};
use crate::yaml::{self, Diagnostic};

/// The folder that holds `spec/`, `cases/` and `reports/`.
#[derive(Debug, Clone)]
pub struct Home(pub PathBuf);

impl Home {
    /// Finds the folder: the one asked for, `HYPERCHECK_HOME`, the nearest one at or above the working directory,
    /// or the checkout from which the program was built.
    ///
    /// # Errors
    /// A message that says where it was looked for and what to do.
    pub fn find(asked: Option<&Path>) -> Result<Self, String> {
        let is_home = |path: &Path| path.join("spec/abi").is_dir();
        let from_environment = std::env::var_os("HYPERCHECK_HOME").map(PathBuf::from);
        if let Some(path) = asked.map(Path::to_path_buf).or(from_environment) {
            return if is_home(&path) {
                Ok(Self(path))
            } else {
                Err(format!("{}: no folder spec/abi there; name the root of a hypercheck checkout", path.display()))
            };
        }
        let working = std::env::current_dir().unwrap_or_default();
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        working.ancestors().chain([built]).find(|path| is_home(path)).map(|path| Self(path.to_path_buf())).ok_or_else(
            || {
                format!(
                    "no folder with spec/abi at or above {}; go into a checkout, or set HYPERCHECK_HOME",
                    working.display()
                )
            },
        )
    }

    /// A path as a person would write it: relative to the home where it is inside.
    #[must_use]
    pub fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.0).unwrap_or(path).display().to_string()
    }
}

/// A file that was read, with its text for diagnostics.
#[derive(Debug, Clone)]
pub struct Read<T> {
    /// The contents.
    pub value: T,
    /// The path as shown to people.
    pub file: String,
    /// The text.
    pub text: Arc<str>,
}

impl<T> Read<T> {
    /// A diagnostic about `name`, whose value stands at `line`: at the name if it is found there or just above.
    #[must_use]
    pub fn trouble(&self, line: usize, name: &str, message: impl Into<String>) -> Diagnostic {
        let lines: Vec<&str> = self.text.lines().collect();
        let line = line.clamp(1, lines.len().max(1));
        let found = (line.saturating_sub(4)..line).rev().find_map(|n| {
            let text = lines.get(n)?;
            let bare = text.split('#').next().unwrap_or("");
            let at = bare.find(name)?;
            Some((n + 1, bare[..at].chars().count() + 1))
        });
        let (line, column) = found.unwrap_or((line, 1));
        Diagnostic::new(&self.file, &self.text, line, column, message)
    }
}

/// A case with the name under which it is known.
#[derive(Debug, Clone)]
pub struct NamedCase {
    /// `papr/H_CONFER/yield`: the path below `cases/` without its ending.
    pub stem: String,
    /// The file.
    pub read: Read<Case>,
}

/// Everything that is written as data.
#[derive(Debug, Default)]
pub struct Library {
    /// Architectures by short name.
    pub arches: IndexMap<String, Read<Arch>>,
    /// ABIs by short name.
    pub abis: IndexMap<String, Read<Abi>>,
    /// Cases in order of their names.
    pub cases: Vec<NamedCase>,
    shared: OnceLock<HashMap<String, Arc<Abi>>>,
}

/// Why a library could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// A file is not what it should be. All such files are listed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))]
    Bad(Vec<Diagnostic>),
    /// A folder or file could not be read.
    #[error("{path}: {error}; check the path and its permissions")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

/// All files below `folder` whose name ends in `.yaml`, sorted; none if the folder does not exist.
///
/// # Errors
/// If a folder or an entry cannot be read.
pub fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error| LibraryError::Unreadable { path: folder.display().to_string(), error };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

impl Library {
    /// Reads `spec/` and `cases/` of `home`.
    ///
    /// # Errors
    /// All files that cannot be read, not only the first.
    pub fn read(home: &Home) -> Result<Self, LibraryError> {
        let mut library = Self::read_spec(home)?;
        library.read_cases(home, &home.0.join("cases"))?;
        Ok(library)
    }

    /// Reads `spec/` of `home` alone.
    ///
    /// # Errors
    /// As for [`Library::read`].
    pub fn read_spec(home: &Home) -> Result<Self, LibraryError> {
        let mut library = Self::default();
        let mut bad = Vec::new();
        let arches = read_all::<Arch>(home, &yaml_files(&home.0.join("spec/arch"))?, &mut bad)?;
        let abis = read_all::<Abi>(home, &yaml_files(&home.0.join("spec/abi"))?, &mut bad)?;
        library.add(arches, abis, &mut bad);
        if bad.is_empty() { Ok(library) } else { Err(LibraryError::Bad(bad)) }
    }

    /// Reads files that are not on disk, each a path such as `spec/abi/papr.yaml` and its text. What a file holds
    /// follows from its path, as it does in a checkout.
    ///
    /// # Errors
    /// All files that cannot be read, not only the first.
    pub fn from_texts(files: &[(&str, &str)]) -> Result<Self, LibraryError> {
        let mut library = Self::default();
        let (mut arches, mut abis, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for (path, text) in files {
            let file = Path::new(path);
            if file.starts_with("spec/arch") {
                arches.extend(read_text(path, text, &mut bad));
            } else if file.starts_with("spec/abi") {
                abis.extend(read_text(path, text, &mut bad));
            } else if let Ok(name) = file.strip_prefix("cases") {
                let stem = name.with_extension("").to_string_lossy().replace('\\', "/");
                library.cases.extend(read_text(path, text, &mut bad).map(|read| NamedCase { stem, read }));
            }
        }
        library.add(arches, abis, &mut bad);
        library.cases.sort_by(|a, b| a.stem.cmp(&b.stem));
        if bad.is_empty() { Ok(library) } else { Err(LibraryError::Bad(bad)) }
    }

    /// Adds what was read, ABIs in order of their names. Of two of one name the second is bad.
    fn add(&mut self, arches: Vec<Read<Arch>>, mut abis: Vec<Read<Abi>>, bad: &mut Vec<Diagnostic>) {
        let twice = |file: &str, other: &str, name: &str| {
            (format!("a second `{name}`"), format!("{other} has it too, and {file} must differ"))
        };
        for arch in arches {
            if let Some(other) = self.arches.get(&arch.value.arch) {
                let (message, hint) = twice(&arch.file, &other.file, &arch.value.arch);
                bad.push(arch.trouble(1, "arch", message).hint(hint));
            }
            self.arches.insert(arch.value.arch.clone(), arch);
        }
        abis.sort_by(|a, b| (&a.value.abi, &a.file).cmp(&(&b.value.abi, &b.file)));
        for abi in abis {
            if let Some(other) = self.abis.get(&abi.value.abi) {
                let (message, hint) = twice(&abi.file, &other.file, &abi.value.abi);
                bad.push(abi.trouble(1, "abi", message).hint(hint));
            }
            self.abis.insert(abi.value.abi.clone(), abi);
        }
    }

    /// Reads the cases below `folder`, or the one case that `folder` is. Names are relative to `cases/` of `home`
    /// where the file is there, otherwise to the folder.
    ///
    /// # Errors
    /// As for [`Library::read`].
    pub fn read_cases(&mut self, home: &Home, folder: &Path) -> Result<(), LibraryError> {
        let mut bad = Vec::new();
        let root = home.0.join("cases");
        let root = if folder.starts_with(&root) { root } else { folder.to_path_buf() };
        let files = if folder.is_file() { vec![folder.to_path_buf()] } else { yaml_files(folder)? };
        let files: Vec<PathBuf> = files.into_iter().filter(|path| !path.starts_with(root.join("faults"))).collect();
        for (path, read) in files.iter().zip(read_each::<Case>(home, &files)?) {
            let inside = path.strip_prefix(&root).ok().filter(|path| !path.as_os_str().is_empty());
            let name = inside.unwrap_or_else(|| Path::new(path.file_name().unwrap_or_default()));
            let stem = name.with_extension("").to_string_lossy().replace('\\', "/");
            match read {
                Ok(read) => self.cases.push(NamedCase { stem, read }),
                Err(error) => bad.push(*error),
            }
        }
        if bad.is_empty() { Ok(()) } else { Err(LibraryError::Bad(bad)) }
    }

    /// An ABI to be kept by many: one copy, made when it is first asked for. Call it only when all files are read.
    #[must_use]
    pub fn shared(&self, abi: &str) -> Option<Arc<Abi>> {
        let copy = || self.abis.iter().map(|(name, abi)| (name.clone(), Arc::new(abi.value.clone()))).collect();
        self.shared.get_or_init(copy).get(abi).cloned()
    }

    /// All rows of all cases.
    pub fn scenarios(&self) -> impl Iterator<Item = Scenario> + '_ {
        self.cases.iter().flat_map(|case| case.read.value.scenarios(&case.stem, &case.read.file))
    }

    /// The call `name` of `abi`, or of the ABI named before a dot.
    #[must_use]
    pub fn call<'a>(&'a self, abi: &str, name: &'a str) -> Option<(&'a Abi, &'a str, &'a crate::abi::Call)> {
        let (abi, name) = name.split_once('.').unwrap_or((abi, name));
        let abi = &self.abis.get(abi)?.value;
        Some((abi, name, &abi.calls.get(name)?.value))
    }

    /// The clause `abi.name`.
    #[must_use]
    pub fn clause(&self, qualified: &str) -> Option<(&Abi, &crate::abi::Clause)> {
        let (abi, name) = qualified.split_once('.')?;
        let abi = &self.abis.get(abi)?.value;
        Some((abi, &abi.clauses.get(name)?.value))
    }

    /// All names that `requires` may use.
    #[must_use]
    pub fn features(&self) -> BTreeSet<&str> {
        let mut all = BTreeSet::new();
        for (name, arch) in &self.arches {
            all.insert(name.as_str());
            all.extend(arch.value.features.keys().map(String::as_str));
        }
        for (name, abi) in &self.abis {
            all.insert(name.as_str());
            all.extend(abi.value.conduits.values().flat_map(|conduit| conduit.on.iter().map(String::as_str)));
            for (name, call) in &abi.value.calls {
                all.insert(name.as_str());
                all.extend(call.set.as_deref());
            }
        }
        all
    }
}

fn read_text<T: serde::de::DeserializeOwned>(file: &str, text: &str, bad: &mut Vec<Diagnostic>) -> Option<Read<T>> {
    let read = yaml::parse(file, text).map(|value| Read { value, file: file.to_owned(), text: text.into() });
    read.map_err(|error| bad.push(*error)).ok()
}

fn read_each<T: serde::de::DeserializeOwned>(
    home: &Home,
    files: &[PathBuf],
) -> Result<Vec<Result<Read<T>, yaml::Error>>, LibraryError> {
    files
        .iter()
        .map(|path| {
            let file = home.show(path);
            let text = std::fs::read_to_string(path)
                .map_err(|error| LibraryError::Unreadable { path: file.clone(), error })?;
            Ok(yaml::parse(&file, &text).map(|value| Read { value, file, text: text.into() }))
        })
        .collect()
}

fn read_all<T: serde::de::DeserializeOwned>(
    home: &Home,
    files: &[PathBuf],
    bad: &mut Vec<Diagnostic>,
) -> Result<Vec<Read<T>>, LibraryError> {
    let mut good = Vec::new();
    for read in read_each(home, files)? {
        match read {
            Ok(read) => good.push(read),
            Err(error) => bad.push(*error),
        }
    }
    Ok(good)
}
