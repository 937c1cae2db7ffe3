//! The import table: which unit may name what. Cargo enforces it between crates; inside the browser app, and for things
//! of the standard library, this check does. It reads the sources as text: a word in a comment does not count.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use crate::process::root;
use crate::report::Counts;

/// A part of the tree and the words that must not occur in it.
struct Rule {
    /// A folder or a file without its ending: `src/vm` means `src/vm.rs` and `src/vm/`.
    unit: &'static str,
    /// Parts of it to which the rule does not apply.
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const CLOCKS: &[&str] = &["SystemTime", "Instant::now", "thread::sleep", "Date::now"];

const RULES: &[Rule] = &[
    Rule { unit: "crates/crypto/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule { unit: "crates/proto/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule { unit: "crates/engine/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule {
        unit: "crates/crypto/src",
        except: &[],
        words: &[
            "getrandom",
            "serde_json",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "tokio",
            "web_sys",
            "js_sys",
            "leptos",
            "async fn",
        ],
        why: "primitives do no I/O and draw no randomness of their own",
    },
    Rule {
        unit: "crates/proto/src",
        // A test that writes and compares its vector file.
        except: &["crates/proto/src/zr1/tests"],
        words: &[
            "getrandom",
            "zwiebel_engine",
            "zwiebel_node",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "tokio",
            "web_sys",
            "js_sys",
            "leptos",
            "async fn",
        ],
        why: "wire formats do no I/O and know nobody above them",
    },
    Rule {
        unit: "crates/engine/src",
        except: &[],
        words: &[
            "getrandom",
            "zwiebel_node",
            "std::fs",
            "std::net::Tcp",
            "std::net::Udp",
            "tokio",
            "web_sys",
            "js_sys",
            "leptos",
            "async fn",
            "HashMap",
            "HashSet",
        ],
        why: "the engine is a state machine without I/O, and replays must be exact",
    },
    Rule {
        unit: "crates/node/src",
        except: &["crates/node/src/bot"],
        words: &["zwiebel_engine", "zwiebel_testkit", "leptos", "web_sys"],
        why: "only the native driver of the engine knows the engine",
    },
    Rule {
        unit: "src/platform",
        except: &[],
        words: &["leptos", "reactive_stores", "crate::vm", "crate::ui", "crate::i18n"],
        why: "the platform layer does not know what is shown",
    },
    Rule {
        unit: "src",
        except: &["src/platform", "src/ui"],
        words: &["web_sys::", "idb::Database", "gloo_net", "gloo_timers", "getrandom::"],
        why: "only src/platform talks to the browser",
    },
    Rule {
        unit: "src/vm",
        except: &[],
        words: &["crate::platform", "crate::ui", "zwiebel_crypto", "web_sys", "view!"],
        why: "view models know neither the page nor the browser",
    },
    Rule {
        unit: "src/ui",
        except: &[],
        words: &["crate::platform::idb", "crate::driver", "zwiebel_crypto", "inner_html", "set_inner_html"],
        why: "views show a view model and do nothing else",
    },
    Rule {
        unit: "public",
        except: &[],
        words: &["innerHTML", "eval(", "document.write", "new Function", "http://", "https://"],
        why: "what is served runs nothing but itself and loads nothing from elsewhere",
    },
];

/// Longest source file; a longer one has more than one subject.
const LONGEST_FILE: usize = 800;

pub(crate) fn check() -> Result<Counts> {
    let mut broken = 0;
    for rule in RULES {
        for file in files_of(rule.unit)? {
            if rule.except.iter().any(|except| is_in(&file, except)) {
                continue;
            }
            broken += check_words(&file, rule)?;
        }
    }
    for unit in ["src", "crates"] {
        for file in files_of(unit)?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            broken += check_shape(&file)?;
        }
    }
    Ok(Counts::one(broken == 0))
}

fn check_words(file: &Path, rule: &Rule) -> Result<usize> {
    let text = fs::read_to_string(root().join(file))?;
    let mut broken = 0;
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for word in rule.words.iter().filter(|word| contains_word(code, word, line)) {
            println!("{}:{}: `{word}`: {}", file.display(), number + 1, rule.why);
            broken += 1;
        }
    }
    Ok(broken)
}

/// Addresses contain `//`, so they are looked for in the whole line.
fn contains_word(code: &str, word: &str, line: &str) -> bool {
    if word.ends_with("//") { line.contains(word) && !line.contains("www.w3.org") } else { code.contains(word) }
}

/// Every file says what it is, and is about one thing.
fn check_shape(file: &Path) -> Result<usize> {
    let text = fs::read_to_string(root().join(file))?;
    let generated = text.starts_with("// @generated");
    let mut broken = 0;
    let lines = text.lines().count();
    if lines > LONGEST_FILE && !generated && !file.ends_with("words.rs") {
        println!("{}: {lines} lines, the longest file allowed has {LONGEST_FILE}", file.display());
        broken += 1;
    }
    let is_test =
        file.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "examples")));
    if !is_test && !generated && !text.trim_start().starts_with("//!") {
        println!("{}: does not start with `//!`, saying what it is", file.display());
        broken += 1;
    }
    Ok(broken)
}

/// All source files of a unit, relative to the root.
fn files_of(unit: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let file = PathBuf::from(format!("{unit}.rs"));
    if root().join(&file).is_file() {
        found.push(file);
    }
    let mut folders = vec![PathBuf::from(unit)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs" || end == "js") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file belongs to a unit (`src/ui` holds `src/ui.rs` and everything in `src/ui/`).
fn is_in(file: &Path, unit: &str) -> bool {
    file.starts_with(unit) || file == Path::new(&format!("{unit}.rs"))
}
