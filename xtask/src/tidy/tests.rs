//! For every rule: a house in order, one violation planted in it, and the finding that must come.

use super::{Tree, findings, suites};
use crate::scratch::Scratch;

const MEMBER: &str = "edition.workspace = true\nrust-version.workspace = true\n\
                      license.workspace = true\nrepository.workspace = true\n";

/// A small repository in which tidy finds nothing.
struct House(Scratch);

impl House {
    fn new() -> Self {
        let house = Self(Scratch::new("tidy").unwrap());
        house.write("Cargo.toml", "[workspace]\n");
        house.write("Cargo.lock", "");
        house.package("xtask", "xtask", "publish = false\n", "");
        house.package("examples", "ipc-examples", "", "[dependencies]\nipc.workspace = true\n");
        house.package("crates/ipc", "ipc", "", "[dependencies]\nipc-pipe.workspace = true\n");
        house.package("crates/ipc-core", "ipc-core", "", "");
        house.package("crates/ipc-devkit", "ipc-devkit", "", "");
        house.package(
            "crates/ipc-pipe",
            "ipc-pipe",
            "",
            "[dependencies]\nipc-core.workspace = true\n[dev-dependencies]\n\
             ipc-devkit.workspace = true\n[package.metadata.ipc]\nunsafe-files = ['src/sys.rs']\n",
        );
        house.write("crates/ipc-pipe/src/sys.rs", "//! Calls.\nfn f() { unsafe { g() } }\n");
        house.write("xtask/src/main.rs", "//! x\n#![deny(unsafe_code)]\n");
        let page = "# Tests\n<!-- generated: suites -->\n\nNone yet.\n\n<!-- end -->\n\n\
                    <!-- generated: hazards -->\n\nNone yet.\n\n<!-- end -->\n";
        house.write("docs/testing.md", page);
        house
    }

    fn package(&self, folder: &str, name: &str, package: &str, rest: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n{MEMBER}{package}[lints]\n\
             workspace = true\n{rest}"
        );
        self.write(&format!("{folder}/Cargo.toml"), &manifest);
        self.write(&format!("{folder}/README.md"), "# Name\n");
        self.write(&format!("{folder}/CHANGELOG.md"), "# Changelog\n\n## 0.1.0 (unreleased)\n");
        self.write(&format!("{folder}/src/lib.rs"), "//! Name.\n#![deny(unsafe_code)]\n");
    }

    fn write(&self, file: &str, text: &str) {
        self.0.write(file, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} has no {from}");
        self.write(file, &text.replace(from, to));
    }

    fn tree(&self) -> Tree {
        Tree::load(self.0.path()).unwrap()
    }

    /// What tidy finds, as `path:line: rule`.
    fn finds(&self) -> Vec<String> {
        let short = |f: &super::Finding| format!("{}:{}: {}", f.path, f.line, f.rule);
        findings(&self.tree()).iter().map(short).collect()
    }
}

/// Plants one file in a house in order and expects one finding.
#[track_caller]
fn planted(file: &str, text: &str, expected: &str) {
    let house = House::new();
    house.write(file, text);
    assert_eq!(house.finds(), [format!("{file}:{expected}")]);
}

/// Plants one file in a house in order and expects that it stays in order.
#[track_caller]
fn harmless(file: &str, text: &str) {
    let house = House::new();
    house.write(file, text);
    assert_eq!(house.finds(), [""; 0]);
}

#[test]
fn a_house_in_order_has_no_findings() {
    assert_eq!(House::new().finds(), [""; 0]);
}

#[test]
fn every_file_starts_with_its_purpose() {
    for folder in ["crates/ipc-pipe/src", "crates/ipc-pipe/tests/it", "crates/ipc-pipe/benches"] {
        planted(&format!("{folder}/a.rs"), "\n//! Late.\n", "1: front-line");
    }
    planted("xtask/src/a.rs", "", "1: front-line");
    planted("examples/examples/a.rs", "fn main() {}\n", "1: front-line");
}

#[test]
fn files_have_a_length() {
    let long = |lines: usize| "//! Long.\n".to_owned() + &"\n".repeat(lines - 1);
    let root = "//! Long.\n#![deny(unsafe_code)]\n";
    let lib = "crates/ipc-pipe/src/lib.rs";
    harmless(lib, &(root.to_owned() + &"\n".repeat(118)));
    planted(lib, &(root.to_owned() + &"\n".repeat(119)), "121: file-length");
    planted("crates/ipc-core/src/sys.rs", &long(251), "251: file-length");
    planted("crates/ipc-core/src/a.rs", &long(401), "401: file-length");
    harmless("crates/ipc-core/src/a.rs", &long(400));
    harmless("crates/ipc-core/tests/it/a.rs", &long(600));
    planted("crates/ipc-core/tests/it/a.rs", &long(601), "601: file-length");
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", long(400), "\n".repeat(90));
    harmless("crates/ipc-core/src/a.rs", &tests);
}

#[test]
fn the_core_is_small() {
    let house = House::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        let text = "//! Long.\n".to_owned() + &"fn f() {}\n".repeat(399);
        house.write(&format!("crates/ipc-core/src/{name}.rs"), &text);
    }
    assert_eq!(house.finds(), ["crates/ipc-core/src:1: core-length"]);
    for name in ["a", "b", "c"] {
        let text = "//! Long.\n".to_owned() + &"// Explained.\n".repeat(399);
        house.write(&format!("crates/ipc-core/src/{name}.rs"), &text);
    }
    assert!(house.finds().is_empty(), "comments do not count");
}

#[test]
fn arrows_point_down() {
    for (folder, name, line) in [
        ("crates/ipc-pipe", "ipc-fifo", 9),
        ("crates/ipc-pipe", "ipc", 9),
        ("crates/ipc-pipe", "ipc-devkit", 9),
        ("crates/ipc-core", "ipc-pipe", 9),
        ("crates/ipc-devkit", "ipc-core", 9),
        ("crates/ipc", "ipc-core", 9),
        ("examples", "ipc-pipe", 9),
        ("xtask", "ipc", 10),
    ] {
        let house = House::new();
        let file = format!("{folder}/Cargo.toml");
        let dependency = format!("{name}.workspace = true\n[lints]");
        house.replace(&file, "[lints]", &format!("[target.'cfg(x)'.dependencies]\n{dependency}"));
        assert_eq!(house.finds(), [format!("{file}:{line}: arrow")]);
    }
}

#[test]
fn versions_and_policy_come_from_the_root() {
    let file = "crates/ipc-pipe/Cargo.toml";
    for (from, to, line) in [
        ("edition.workspace = true", "edition = '2024'", 4),
        ("rust-version.workspace = true", "rust-version = '1.85'", 5),
        ("license.workspace = true", "license = 'MIT'", 6),
        ("repository.workspace = true\n", "", 1),
        ("[lints]\nworkspace = true\n", "", 1),
        ("ipc-core.workspace = true", "ipc-core = { path = '../ipc-core' }", 11),
    ] {
        let house = House::new();
        house.replace(file, from, to);
        assert_eq!(house.finds(), [format!("{file}:{line}: inherit")], "{to}");
    }
}

#[test]
fn every_crate_has_its_texts() {
    for (file, line, rule) in [("README.md", 2, "readme"), ("CHANGELOG.md", 3, "changelog")] {
        let house = House::new();
        std::fs::remove_file(house.0.path().join("crates/ipc-devkit").join(file)).unwrap();
        assert_eq!(house.finds(), [format!("crates/ipc-devkit/Cargo.toml:{line}: {rule}")]);
    }
    let house = House::new();
    house.write("crates/ipc-pipe/CHANGELOG.md", "# Changelog\n\n## 10.1.0\n\n0.1.0 is near\n");
    assert_eq!(house.finds(), ["crates/ipc-pipe/Cargo.toml:3: changelog"]);
}

#[test]
fn unsafe_stays_where_it_is_listed() {
    let code = "//! a\nunsafe fn f() {}\n";
    planted("crates/ipc-pipe/src/a.rs", code, "2: unsafe-file");
    planted("crates/ipc-pipe/tests/it/a.rs", code, "2: unsafe-file");
    planted("crates/ipc-pipe/benches/main.rs", code, "2: unsafe-file");
    planted("examples/examples/a.rs", code, "2: unsafe-file");
    planted("crates/ipc-pipe/src/a.rs", "//! a\n#[unsafe(no_mangle)]\n", "2: unsafe-file");
    harmless("crates/ipc-pipe/src/a.rs", "//! unsafe\nlet a = \"unsafe\"; // unsafe\n");
    harmless("crates/ipc-pipe/src/a.rs", "//! a\n#![deny(unsafe_op_in_unsafe_fn)]\n");

    let house = House::new();
    house.write("crates/ipc-pipe/src/sys.rs", "//! Safe by now.\n");
    assert_eq!(house.finds(), ["crates/ipc-pipe/Cargo.toml:1: unsafe-file"]);
}

#[test]
fn crate_roots_deny_unsafe() {
    planted("crates/ipc/src/lib.rs", "//! a\n// #![deny(unsafe_code)]\n", "1: deny-unsafe");
    planted("xtask/src/main.rs", "//! a\n", "1: deny-unsafe");
    harmless("crates/ipc/src/lib.rs", "//! a\n#![forbid(unsafe_code)]\n");
}

#[test]
fn tests_do_not_sleep() {
    let file = "crates/ipc-pipe/tests/it/a.rs";
    planted(file, "//! a\nstd::thread::sleep(x);\n", "2: sleep");
    planted(file, "//! a\nrustix::thread::nanosleep(x);\n", "2: sleep");
    let reason = "#[expect(clippy::disallowed_methods, reason = \"time is the subject\")]";
    harmless(file, &format!("//! a\n{reason}\n\n\nthread::sleep(x);\n"));
    planted(file, &format!("//! a\n{reason}\n\n\n\nthread::sleep(x);\n"), "6: sleep");
    let module = "//! a\n#[cfg(test)]\nmod tests {\n    fn f() { thread::sleep(x); }\n}\n";
    planted("crates/ipc-pipe/src/a.rs", module, "4: sleep");
    harmless("crates/ipc-pipe/src/a.rs", "//! a\n// thread::sleep\nlet a = \"thread::sleep\";\n");
}

#[test]
fn exceptions_to_lints_say_why() {
    let file = "crates/ipc-pipe/src/a.rs";
    planted(file, "//! a\n#[allow(dead_code, reason = \"b\")]\n", "2: bare-allow");
    planted(file, "//! a\n#![allow(dead_code)]\n", "2: bare-allow");
    planted(file, "//! a\n#[expect(dead_code)]\n// reason\n", "2: bare-expect");
    harmless(file, "//! a\n#[expect(\n    dead_code,\n    reason = \"b\"\n)]\n");
}

#[test]
fn nothing_is_left_for_later() {
    let file = "crates/ipc-pipe/src/a.rs";
    planted(file, "//! a\ntodo!()\n", "2: unfinished");
    planted(file, "//! a\nunimplemented!(\"b\")\n", "2: unfinished");
    planted(file, "//! a\n#[ignore = \"b\"]\n", "2: ignored-test");
    planted(file, "//! a\n/* FIXME */\n", "2: note");
    planted(file, "//! a\n// XXX later\n", "2: note");
    planted(file, concat!("//! a\n// TO", "DO: b\n"), "2: note");
    planted("docs/a.md", concat!("TO", "DO: b\n"), "1: note");
    harmless(file, "//! a\nlet a = \"todo!( FIXME /tmp/XXXXXX\"; // todo!()\n");
}

#[test]
fn no_path_of_one_machine() {
    for start in [concat!("/wo", "rk/"), concat!("/ho", "me/")] {
        planted("docs/a.md", &format!("see {start}a\n"), "1: machine-path");
        let file = "crates/ipc-pipe/src/a.rs";
        planted(file, &format!("//! a\nlet a = \"{start}b\";\n"), "2: machine-path");
        harmless("docs/a.md", &format!("see net{start}a\n"));
    }
}

#[test]
fn generated_tables_are_current() {
    let house = House::new();
    let text = "//! a\n\n/// P2: full | partial.\n/// More.\n#[test]\nfn ltp_pipe12() {}\n\n\
                /// X10, P3: seen.\n#[test]\n#[cfg(x)]\nfn posix_read_1() {}\n\n\
                /// No label: here.\n#[test]\nfn other() {}\n\n/// P9: a helper.\nfn ltp_no() {}\n";
    house.write("crates/ipc-pipe/tests/it/suites.rs", text);
    let page = "docs/testing.md";
    assert_eq!(house.finds(), [format!("{page}:2: tables"), format!("{page}:8: tables")]);

    suites::fix(&house.tree()).unwrap();
    assert_eq!(house.finds(), [""; 0]);
    assert_eq!(
        house.read(page),
        "# Tests\n<!-- generated: suites -->\n\n\
         | crate | test | property |\n|---|---|---|\n\
         | ipc-pipe | `ltp_pipe12` | P2: full \\| partial. |\n\
         | ipc-pipe | `posix_read_1` | X10, P3: seen. |\n\n<!-- end -->\n\n\
         <!-- generated: hazards -->\n\n\
         | hazard | crate | test |\n|---|---|---|\n\
         | X10 | ipc-pipe | `suites::posix_read_1` |\n\
         | P2 | ipc-pipe | `suites::ltp_pipe12` |\n\
         | P3 | ipc-pipe | `suites::posix_read_1` |\n\n<!-- end -->\n"
    );

    house.write(page, "# Tests\n");
    assert_eq!(house.finds(), [format!("{page}:1: tables"), format!("{page}:1: tables")]);
}
