//! Documents that are known beforehand: a folder of `.graphql` files, checked against the schema.
//!
//! An operation may use fragments of other files; its text is then followed by those. It is known by its name and by the
//! SHA-256 of that text. `bounds.toml` in the folder says how large numbers in variables may be:
//!
//! ```toml
//! [CompaniesPage]
//! first = 100
//! ```

mod compose;
mod validate;

use async_graphql::Variables;
use compose::{Composed, Source};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file in a folder of documents that bounds variables.
const BOUNDS: &str = "bounds.toml";

/// The largest number that each variable of an operation may hold.
type Bounds = BTreeMap<String, i64>;

/// Something wrong in a folder of documents, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFault {
    pub file: PathBuf,
    /// Line and column, from 1, where it is about a place.
    pub place: Option<(usize, usize)>,
    pub message: String,
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(formatter, ":{line}:{column}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// An operation that is known.
#[derive(Debug)]
pub struct KnownOperation {
    pub name: String,
    /// What is executed: the file's text, and the fragments of other files that it uses.
    pub text: String,
    /// SHA-256 of the text, in hex.
    pub hash: String,
    bounds: Bounds,
}

impl KnownOperation {
    /// The variable that exceeds its bound, and the bound.
    pub(crate) fn exceeded(&self, variables: &Variables) -> Option<(&str, i64)> {
        self.bounds.iter().find_map(|(name, most)| {
            let value = variables.get(name.as_str())?;
            let within = match value {
                async_graphql::Value::Number(number) => {
                    number.as_i64().is_some_and(|number| number <= *most)
                }
                // Of another type nothing is executed; null is not given.
                _ => true,
            };
            (!within).then_some((name.as_str(), *most))
        })
    }
}

/// Operations that are known by name and by hash.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    by_name: Arc<BTreeMap<String, Arc<KnownOperation>>>,
    by_hash: Arc<HashMap<String, Arc<KnownOperation>>>,
}

impl Documents {
    /// Reads a folder, and those in it; all that is wrong with it where something is.
    pub fn read(folder: &Path) -> Result<Self, Vec<DocumentFault>> {
        let sources = sources(folder).map_err(|error| vec![fault(folder, error.to_string())])?;
        let mut bounds = bounds(&folder.join(BOUNDS)).map_err(|fault| vec![fault])?;
        let (composed, mut faults) = compose::all(&sources);
        faults.extend(validate::all(&composed));
        let mut by_name = BTreeMap::new();
        let mut by_hash = HashMap::new();
        for document in composed {
            for operation in &document.operations {
                let known = Arc::new(KnownOperation {
                    name: operation.name.clone(),
                    hash: hash(&document.text),
                    text: document.text.clone(),
                    bounds: bounds.remove(&operation.name).unwrap_or_default(),
                });
                faults.extend(unknown_bounds(folder, &known, &operation.variables));
                by_hash.insert(known.hash.clone(), known.clone());
                if by_name.insert(operation.name.clone(), known).is_some() {
                    let message = format!("another operation is named {}", operation.name);
                    faults.push(document.fault(operation.position, message));
                }
            }
        }
        for name in bounds.keys() {
            let message = format!("no operation is named {name}");
            faults.push(fault(&folder.join(BOUNDS), message));
        }
        if by_name.is_empty() && faults.is_empty() {
            faults.push(fault(
                folder,
                "there is no .graphql file with an operation".to_owned(),
            ));
        }
        if faults.is_empty() {
            Ok(Self {
                by_name: Arc::new(by_name),
                by_hash: Arc::new(by_hash),
            })
        } else {
            Err(faults)
        }
    }

    /// All operations, by name.
    pub fn operations(&self) -> impl Iterator<Item = &KnownOperation> {
        self.by_name.values().map(AsRef::as_ref)
    }

    /// The operation of a name, or of a hash with or without `sha256:`.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<KnownOperation>> {
        let hash = id.strip_prefix("sha256:").unwrap_or(id);
        self.by_name.get(id).or_else(|| self.by_hash.get(hash))
    }

    /// The operation that would run of a text: by its name where it has several.
    pub(crate) fn of_text(&self, text: &str, name: Option<&str>) -> Option<&Arc<KnownOperation>> {
        let hash = hash(text);
        match name.and_then(|name| self.by_name.get(name)) {
            Some(named) if named.hash == hash => Some(named),
            _ => self.by_hash.get(&hash),
        }
    }
}

/// SHA-256 in hex.
pub(crate) fn hash(text: &str) -> String {
    use fmt::Write;
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text does not fail.
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

fn fault(file: &Path, message: String) -> DocumentFault {
    DocumentFault {
        file: file.to_owned(),
        place: None,
        message,
    }
}

/// Bounds of variables that the operation has not.
fn unknown_bounds(
    folder: &Path,
    operation: &KnownOperation,
    variables: &[String],
) -> Vec<DocumentFault> {
    let names = operation.bounds.keys();
    let unknown = names.filter(|name| !variables.contains(name));
    let fault = |name| {
        let message = format!("{} has no variable {name}", operation.name);
        fault(&folder.join(BOUNDS), message)
    };
    unknown.map(fault).collect()
}

fn bounds(file: &Path) -> Result<BTreeMap<String, Bounds>, DocumentFault> {
    match std::fs::read_to_string(file) {
        Ok(text) => toml::from_str(&text)
            .map_err(|error| fault(file, error.to_string().trim().replace('\n', "; "))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(fault(file, error.to_string())),
    }
}

/// The files of a folder and of those in it, by name.
fn sources(folder: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_document = path
                .extension()
                .is_some_and(|end| end == "graphql" || end == "gql");
            if path.is_dir() {
                folders.push(path);
            } else if is_document {
                let text = std::fs::read_to_string(&path)?;
                found.push(Source { file: path, text });
            }
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(found)
}

impl Composed {
    fn fault(&self, position: async_graphql::Pos, message: String) -> DocumentFault {
        let (file, line, column) = self.place(position);
        DocumentFault {
            file,
            place: Some((line, column)),
            message,
        }
    }
}
