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

/// What the core gets as parameters, or leaves to its drivers.
const CLOCKS: &[&str] = &["SystemTime", "Instant::now", "thread::sleep", "Date::now"];
const OUTSIDE: &[&str] =
    &["getrandom", "std::fs", "std::net::Tcp", "std::net::Udp", "tokio", "web_sys", "js_sys", "leptos", "async fn"];

const RULES: &[Rule] = &[
    Rule { unit: "crates/crypto/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule { unit: "crates/proto/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule { unit: "crates/engine/src", except: &[], words: CLOCKS, why: "the core reads no clock" },
    Rule {
        unit: "crates/crypto/src",
        except: &[],
        words: OUTSIDE,
        why: "primitives do no I/O and draw no randomness of their own",
    },
    Rule {
        unit: "crates/proto/src",
        // A test that writes and compares its vector file.
        except: &["crates/proto/src/zr1/tests"],
        words: OUTSIDE,
        why: "wire formats do no I/O and draw no randomness of their own",
    },
    Rule { unit: "crates/engine/src", except: &[], words: OUTSIDE, why: "the engine is a state machine without I/O" },
    Rule {
        unit: "crates/engine/src",
        except: &[],
        words: &["HashMap", "HashSet"],
        why: "replays must be exact, in the order of things too",
    },
    Rule {
        unit: "crates/crypto/src",
        except: &[],
        words: &["serde_json", "zwiebel_"],
        why: "primitives know no format and nobody above them",
    },
    Rule {
        unit: "crates/proto/src",
        except: &[],
        words: &["zwiebel_engine", "zwiebel_node", "zwiebel_testkit"],
        why: "wire formats know nobody above them",
    },
    Rule {
        unit: "crates/engine/src",
        except: &[],
        words: &["zwiebel_node", "zwiebel_testkit"],
        why: "the engine knows neither nodes nor simulations",
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
        words: &["leptos", "crate::vm", "crate::ui", "crate::i18n"],
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
        words: &[
            "crate::platform",
            "crate::driver",
            "crate::worker",
            "crate::ui",
            "zwiebel_crypto",
            "web_sys",
            "view!",
        ],
        why: "view models know neither the page nor the browser",
    },
    Rule {
        unit: "src/ui",
        except: &[],
        words: &[
            "crate::platform::http",
            "crate::platform::idb",
            "crate::driver",
            "crate::worker",
            "zwiebel_crypto",
            "zwiebel_engine",
            "zwiebel_proto",
            "inner_html",
        ],
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
const LONGEST_FILE: usize = 650;

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
    for unit in ["src", "crates", "tests"] {
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
    let mut broken = 0;
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        println!("{}: {lines} lines, the longest file allowed has {LONGEST_FILE}", file.display());
        broken += 1;
    }
    if !text.starts_with("//!") {
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
