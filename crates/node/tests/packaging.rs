//! The files for operators, read as text: what would be found out only on somebody's server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

const CONTAINER: &str = include_str!("../../../packaging/Containerfile");
const NODE_UNIT: &str = include_str!("../../../packaging/zwiebel-node.service");
const GATEWAY_UNIT: &str = include_str!("../../../packaging/zwiebel-gateway.service");
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

/// The settings of a unit file by name; a setting that stands twice is an error unless systemd adds them up.
fn settings(unit: &'static str) -> Vec<(&'static str, &'static str)> {
    let lines = unit.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
    let settings: Vec<(&str, &str)> = lines.map(|line| line.split_once('=').unwrap()).collect();
    for (at, (name, _)) in settings.iter().enumerate() {
        let twice = settings[..at].iter().any(|(other, _)| other == name);
        assert!(!twice || *name == "SystemCallFilter", "{name} stands twice");
    }
    settings
}

#[test]
fn the_units_run_without_privileges() {
    for (role, unit, capabilities) in [("node", NODE_UNIT, ""), ("gateway", GATEWAY_UNIT, "CAP_NET_BIND_SERVICE")] {
        let settings = settings(unit);
        let value = |name: &str| settings.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
        for section in ["[Unit]", "[Service]", "[Install]"] {
            assert_eq!(unit.lines().filter(|line| *line == section).count(), 1, "{section}");
        }
        let data = format!("/var/lib/zwiebel/{role}");
        let program = format!("/usr/local/bin/zwiebel {role} --config /etc/zwiebel/{role}.toml --data {data}");
        assert_eq!(value("ExecStart"), Some(program.as_str()));
        assert_eq!(value("CapabilityBoundingSet"), Some(capabilities));
        assert_eq!(value("AmbientCapabilities").unwrap_or_default(), capabilities);
        for name in ["DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute"] {
            assert_eq!(value(name), Some("yes"), "{role}: {name}");
        }
        assert_eq!((value("ProtectSystem"), value("UMask")), (Some("strict"), Some("0077")));
        let writable = value("StateDirectory").unwrap().split(' ').any(|folder| data == format!("/var/lib/{folder}"));
        assert!(writable, "{data} must be the state directory");
        let stop: u64 = value("TimeoutStopSec").unwrap().parse().unwrap();
        assert!(stop > 10, "requests at work get ten seconds to end");
    }
}

#[test]
fn what_the_files_start_is_what_the_program_understands() {
    let help = |role: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_zwiebel")).args([role, "--help"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let units = [NODE_UNIT, GATEWAY_UNIT].map(|unit| {
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/zwiebel ")).unwrap();
        start.split(' ').map(str::to_owned).collect::<Vec<_>>()
    });
    let container: Vec<String> = serde_json::from_str(all(&instructions(), "CMD")[0]).unwrap();
    for words in units.into_iter().chain([container]) {
        let help = help(&words[0]);
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag.as_str()), "{} has no {flag}", words[0]);
        }
    }
}
