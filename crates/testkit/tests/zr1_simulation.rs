//! Short histories of every row of the simulator's table (forward-secrecy 5.3); the long ones are printed by
//! `cargo run --profile native -p zwiebel-testkit --example zr1_table`.
#![allow(clippy::panic, reason = "tests")]

use zwiebel_testkit::zr1_sim::{Faults, Tally, histories, rows};

fn row(name: &str, seed: u64) -> (Faults, Tally) {
    let (_, faults) = rows().into_iter().find(|(row, _)| *row == name).unwrap_or_else(|| panic!("no row {name}"));
    (faults, histories(seed, 1, 14, faults))
}

/// Nothing unacknowledged is lost, nothing is shown twice, no device is left out, and in the end there is peace.
fn peaceful(name: &str, seed: u64) -> Tally {
    let (_, tally) = row(name, seed);
    assert_eq!((tally.lost, tally.twice, tally.missing), (0, 0, 0), "{name}: {tally:?}");
    assert_eq!((tally.late_resets, tally.agreeing), (0, tally.pairs), "{name}: {tally:?}");
    assert!(tally.messages >= 14 && tally.pairs > 0, "{name}: {tally:?}");
    tally
}

#[test]
fn without_faults_there_are_no_resets() {
    assert_eq!(peaceful("none", 11).resets, 0);
}

#[test]
fn lost_stores_are_made_good() {
    peaceful("10 % of stores vanish silently", 21);
}

#[test]
fn dying_anywhere_loses_and_doubles_nothing() {
    assert!(peaceful("crashes at every point", 31).faults > 0);
}

#[test]
fn restored_devices_get_what_nobody_acknowledged() {
    peaceful("restores from the words", 41);
}

#[test]
fn wrong_clocks_do_not_part_devices() {
    peaceful("clocks wrong by up to 30 minutes", 51);
}

#[test]
fn a_clock_ahead_parts_nobody_for_long() {
    peaceful("one clock 3 hours ahead, then right", 61);
}

#[test]
fn a_clock_behind_parts_nobody_for_long() {
    peaceful("one clock 5 days behind, then right", 71);
}

#[test]
fn nodes_that_hide_lists_only_delay() {
    peaceful("nodes hide and age the outbox", 81);
}

#[test]
fn mail_that_is_withheld_only_comes_later() {
    peaceful("nodes withhold mail and witnesses", 85);
}

#[test]
fn mail_of_devices_whose_list_is_late_is_held_and_released() {
    peaceful("mail of new devices before their list", 45);
}

#[test]
fn lists_written_at_once_are_merged() {
    peaceful("two devices write the list at once", 47);
}

#[test]
fn a_clock_years_ahead_parts_nobody_for_long() {
    peaceful("one clock 2 years ahead, then right", 75);
}

#[test]
fn absences_longer_than_prekeys_last() {
    peaceful("all away for days", 91);
}

#[test]
fn everything_at_once() {
    peaceful("lost, crashed, restored, equivocating", 101);
}

#[test]
fn noticed_rollbacks_lose_nothing_unacknowledged() {
    assert!(peaceful("rollbacks, all detected", 112).faults > 0);
}
