//! Cycles of imports between the files of a crate.
//!
//! A file imports another if it names one of its items in a `use` line. An item that is imported
//! through a re-export counts as imported from the file that defines it. A module and its
//! submodules may import from each other: a submodule is a part of its module.

use std::collections::{BTreeMap, BTreeSet};

use testkit::sources::{self, File};

const FOLDERS: [&str; 3] = ["producer-sdk/src/", "worker/ledger/src/", "worker/src/"];

/// The path of a module or an item, from the root of the crate.
type Path = Vec<String>;

/// The modules of a crate and their imports.
#[derive(Default)]
struct Crate {
    modules: BTreeSet<Path>,
    /// Module, and the path that it imports.
    imports: Vec<(Path, Path)>,
    /// Where a re-exported name is defined, or re-exported in turn.
    reexports: BTreeMap<Path, Path>,
}

impl Crate {
    fn new<'a>(folder: &str, files: impl Iterator<Item = &'a File> + Clone) -> Self {
        let modules: BTreeSet<Path> = files
            .clone()
            .map(|file| module(folder, &file.path))
            .collect();
        let mut found = Self {
            modules,
            ..Self::default()
        };
        for file in files {
            let module = module(folder, &file.path);
            for (is_public, tree) in uses(file) {
                for (path, name) in leaves(&tree) {
                    let Some(path) = found.absolute(&module, &path) else {
                        continue;
                    };
                    if is_public {
                        let exported = [module.clone(), vec![name]].concat();
                        found.reexports.insert(exported, path.clone());
                    }
                    found.imports.push((module.clone(), path));
                }
            }
        }
        found
    }

    /// The path from the root of the crate; `None` if it leads to another crate.
    fn absolute(&self, module: &Path, path: &[String]) -> Option<Path> {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let base = &module[..module.len().saturating_sub(ups)];
        let (base, rest): (&[String], &[String]) = match path.first()?.as_str() {
            "crate" => (&[], &path[1..]),
            "self" => (base, &path[1..]),
            "super" => (base, &path[ups..]),
            child => {
                let child = [base, &[child.to_owned()]].concat();
                if !self.modules.contains(&child) {
                    return None;
                }
                (base, path)
            }
        };
        Some([base, rest].concat())
    }

    /// The module that defines an item.
    fn definition(&self, mut item: Path) -> Path {
        // A re-export may lead to another one.
        for _ in 0..self.reexports.len() {
            let replaced = (1..=item.len()).find_map(|length| {
                // A module and a re-exported function may have the same name.
                let is_module = length < item.len() && self.modules.contains(&item[..length]);
                let target = self.reexports.get(&item[..length]).filter(|_| !is_module)?;
                Some([target, &item[length..]].concat())
            });
            match replaced {
                Some(replaced) if replaced != item => item = replaced,
                _ => break,
            }
        }
        while !item.is_empty() && !self.modules.contains(&item) {
            item.pop();
        }
        item
    }

    /// Modules that import each other, each group in one line.
    fn cycles(&self) -> Vec<String> {
        let mut graph: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
        for (module, path) in &self.imports {
            let target = self.definition(path.clone());
            if !module.starts_with(&target) && !target.starts_with(module) {
                graph.entry(module.clone()).or_default().insert(target);
            }
        }
        let reachable: BTreeMap<&Path, BTreeSet<&Path>> = graph
            .keys()
            .map(|module| (module, reachable(&graph, module)))
            .collect();
        let mutual = |a: &Path, b: &Path| {
            reachable[a].contains(b) && reachable.get(b).is_some_and(|from| from.contains(a))
        };
        let groups: BTreeSet<Vec<String>> = graph
            .keys()
            .map(|module| graph.keys().filter(|other| mutual(module, other)))
            .map(|group| group.map(|path| path.join("::")).collect())
            .collect();
        let cyclic = groups.into_iter().filter(|group| !group.is_empty());
        cyclic.map(|group| group.join(", ")).collect()
    }
}

/// The modules to which the imports of `start` lead, directly or through others.
fn reachable<'a>(graph: &'a BTreeMap<Path, BTreeSet<Path>>, start: &Path) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Path> = graph[start].iter().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(graph.get(module).into_iter().flatten());
        }
    }
    found
}

/// The path of the module in a file. The root of a crate has the empty path.
fn module(folder: &str, file: &str) -> Path {
    let path = file.trim_start_matches(folder).trim_end_matches(".rs");
    let mut parts: Path = path.split('/').map(str::to_owned).collect();
    if parts
        .last()
        .is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main"))
    {
        parts.pop();
    }
    parts
}

/// The `use` declarations of a file, without those of its tests: whether it is a re-export, and its
/// tree without spaces.
fn uses(file: &File) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut lines = file.text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            let item = lines.find(|line| !line.starts_with("#["));
            if item.is_some_and(|item| item.ends_with(';')) {
                continue;
            }
            break;
        }
        let Some((visibility, tree)) = line.split_once("use ") else {
            continue;
        };
        let visibility = visibility.trim_end();
        if !matches!(visibility, "" | "pub" | "pub(crate)" | "pub(super)") {
            continue;
        }
        let mut tree = tree.to_owned();
        while !tree.ends_with(';') {
            match lines.next() {
                Some(line) => tree.push_str(line),
                None => break,
            }
        }
        // Keeps the new name of a renamed import apart.
        let tree = tree.replace(" as ", "@").replace([' ', ';'], "");
        found.push((!visibility.is_empty(), tree));
    }
    found
}

/// The paths in a tree of imports, each with the name that it gets.
fn leaves(tree: &str) -> Vec<(Path, String)> {
    let Some((prefix, list)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once('@').unwrap_or((tree, ""));
        let mut parts: Path = path.split("::").map(str::to_owned).collect();
        if parts
            .last()
            .is_some_and(|last| matches!(last.as_str(), "self" | "*"))
            && parts.len() > 1
        {
            parts.pop();
        }
        let name = parts.last().map_or(alias, String::as_str);
        let name = if alias.is_empty() { name } else { alias };
        return vec![(parts.clone(), name.to_owned())];
    };
    let list = list.strip_suffix('}').unwrap_or(list);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (end, c) in list.char_indices().chain([(list.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if start < end {
                    found.extend(leaves(&format!("{prefix}{}", &list[start..end])));
                }
                start = end + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = sources::files("rs");
    let mut cycles = Vec::new();
    for folder in FOLDERS {
        let inside = |file: &&File| file.path.starts_with(folder) && !file.is_test();
        let found = Crate::new(folder, files.iter().filter(inside));
        assert!(found.imports.len() > 50, "{folder}: are imports read?");
        cycles.extend(found.cycles());
    }
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn a_circle_of_imports_is_found() {
    let cycles = |sources: &[(&str, &str)]| {
        let files: Vec<File> = sources
            .iter()
            .map(|(path, text)| File {
                path: format!("src/{path}.rs"),
                text: (*text).to_owned(),
            })
            .collect();
        Crate::new("src/", files.iter()).cycles()
    };
    let direct = [
        ("a", "use super::b::B;\nuse super::{c, std::fmt};"),
        (
            "b",
            "use crate::{\n    x::Y,\n    a::{self, A as Other},\n};",
        ),
        ("c", "use super::d::D;"),
        ("d", "use std::fmt;"),
    ];
    assert_eq!(cycles(&direct), ["a, b"]);
    let through_a_reexport = [
        (
            "m/mod",
            "mod a;\npub use b::{B as Renamed};\npub(crate) use a::A;",
        ),
        ("m/a", "use super::Renamed;"),
        ("m/b", "use super::c::C;"),
        ("m/c", "use crate::m::A;"),
    ];
    assert_eq!(cycles(&through_a_reexport), ["m::a, m::b, m::c"]);
    let none = [
        ("m/mod", "use a::A;\npub struct Shared;"),
        ("m/a", "use super::Shared;\nuse super::b::B;"),
        ("m/b", "use super::Shared;\n#[cfg(test)]\nuse super::a::A;"),
        ("lib", "pub use m::Shared;"),
    ];
    assert_eq!(cycles(&none), Vec::<String>::new());
}
