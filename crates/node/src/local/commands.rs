//! What can be typed into a running network: `stop N`, `start N`, `clock +25h`, `status`, `quit`. One line in, one line out.

use super::Network;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Close a node.
    Stop(usize),
    /// Open it again.
    Start(usize),
    /// Move all clocks, ms.
    Clock(i64),
    /// All nodes deny what accounts publish, or stop doing so. For tests.
    #[cfg(feature = "tap")]
    Hide(bool),
    /// Say what runs.
    Status,
    /// End.
    Quit,
}

/// Reads a command.
///
/// # Errors
/// The text after `error `.
pub fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_whitespace();
    let (name, argument) = (words.next().unwrap_or_default(), words.next());
    if words.next().is_some() {
        return Err("too many words".to_owned());
    }
    let number = || -> Result<usize, String> {
        argument.and_then(|text| text.parse().ok()).ok_or_else(|| format!("{name} needs the number of a node"))
    };
    match (name, argument) {
        ("stop", _) => number().map(Command::Stop),
        ("start", _) => number().map(Command::Start),
        ("clock", Some(text)) => {
            duration(text).map(Command::Clock).ok_or_else(|| "clock needs a span like +25h, -3h, +15d".to_owned())
        }
        ("clock", None) => Err("clock needs a span like +25h, -3h, +15d".to_owned()),
        #[cfg(feature = "tap")]
        ("hide", Some(word @ ("on" | "off"))) => Ok(Command::Hide(word == "on")),
        ("status", None) => Ok(Command::Status),
        ("quit", None) => Ok(Command::Quit),
        _ => Err("known commands: stop N, start N, clock +25h, status, quit".to_owned()),
    }
}

/// `+25h` and the like in ms; units ms, s, m, h, d.
fn duration(text: &str) -> Option<i64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(split)?;
    let factor: i64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

/// Does it; the line to answer.
pub async fn run(network: &mut Network, command: Command) -> String {
    match command {
        Command::Stop(number) => match network.stop_node(number).await {
            Ok(true) => format!("ok node {number} stopped"),
            Ok(false) => format!("ok node {number} was not running"),
            Err(error) => format!("error {error}"),
        },
        Command::Start(number) => match network.start_node(number).await {
            Ok(true) => format!("ok node {number} started"),
            Ok(false) => format!("ok node {number} was running"),
            Err(error) => format!("error {error}"),
        },
        Command::Clock(by) => format!("ok clock offset {} ms", network.move_clock(by).await),
        #[cfg(feature = "tap")]
        Command::Hide(on) => {
            crate::tap::hide_outboxes(on);
            "ok".to_owned()
        }
        Command::Status => network.status().await.to_string(),
        Command::Quit => "ok bye".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(parse("stop 3"), Ok(Command::Stop(3)));
        assert_eq!(parse(" start  10 "), Ok(Command::Start(10)));
        assert_eq!(parse("clock +25h"), Ok(Command::Clock(90_000_000)));
        assert_eq!(parse("clock -3h"), Ok(Command::Clock(-10_800_000)));
        assert_eq!(parse("clock +15d"), Ok(Command::Clock(1_296_000_000)));
        assert_eq!(parse("status"), Ok(Command::Status));
        assert_eq!(parse("quit"), Ok(Command::Quit));
        for bad in
            ["", "stop", "stop x", "clock", "clock 5", "clock +1y", "stop 1 2", "dance", "clock +99999999999999d"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
