//! The files for operators, read as text: what would be found out only on somebody's server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

const CONTAINER: &str = include_str!("../../../packaging/Containerfile");
const UNIT: &str = include_str!("../../../packaging/zwiebel-node.service");
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

/// Instructions with their continuation lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = CONTAINER.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(word, rest)| (word.to_owned(), rest.to_owned())).collect()
}

fn all<'a>(instructions: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect()
}

#[test]
fn the_container_file_is_sound() {
    let instructions = instructions();
    let known = ["FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
    assert!(instructions.iter().all(|(word, _)| known.contains(&word.as_str())), "{instructions:?}");
    for image in all(&instructions, "FROM") {
        let image = image.split(' ').next().unwrap();
        let tag = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag")).1;
        assert!(tag != "latest" && image.starts_with("docker.io/library/"), "{image}");
    }
    let channel = TOOLCHAIN.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap();
    let release: Vec<&str> = channel.trim_end_matches('"').split('.').take(2).collect();
    assert!(all(&instructions, "FROM")[0].contains(&format!("rust:{}-", release.join("."))), "not our toolchain");
    for run in all(&instructions, "RUN").iter().filter(|run| run.contains("apt-get install")) {
        for needed in ["apt-get update &&", "--yes", "--no-install-recommends", "rm -rf /var/lib/apt/lists/*"] {
            assert!(run.contains(needed), "{needed} is missing in: {run}");
        }
    }
    assert!(all(&instructions, "RUN").iter().any(|run| run.contains("cargo build --locked")));
    let user: u32 = all(&instructions, "USER")[0].parse().unwrap();
    assert!(user >= 1000, "not root, and a number so that the host can check it");
    for (word, rest) in instructions.iter().filter(|(word, _)| word == "ENTRYPOINT" || word == "CMD") {
        let parts: Vec<String> = serde_json::from_str(rest).unwrap_or_else(|_| panic!("{word} is no JSON array"));
        assert!(!parts.is_empty());
    }
    let last = all(&instructions, "FROM").len();
    assert_eq!(last, 2, "what builds is not what runs");
}

#[test]
fn the_unit_runs_without_privileges() {
    let value = |name: &str| UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    for section in ["[Unit]", "[Service]", "[Install]"] {
        assert_eq!(UNIT.lines().filter(|line| *line == section).count(), 1, "{section}");
    }
    assert!(value("ExecStart").unwrap().starts_with("/usr/local/bin/zwiebel node --config /etc/zwiebel/node.toml"));
    assert_eq!(value("CapabilityBoundingSet"), Some(""));
    for name in ["DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute"] {
        assert_eq!(value(name), Some("yes"), "{name}");
    }
    assert_eq!((value("ProtectSystem"), value("UMask")), (Some("strict"), Some("0077")));
    let data = value("ExecStart").unwrap().rsplit(' ').next().unwrap();
    let writable = value("StateDirectory").unwrap().split(' ').any(|folder| data == format!("/var/lib/{folder}"));
    assert!(writable, "{data} must be the state directory");
    let stop: u64 = value("TimeoutStopSec").unwrap().parse().unwrap();
    assert!(stop > 10, "requests at work get ten seconds to end");
}
