//! The groups and communities one is in (session-config 9.4): read only, carried along until groups are built.

use super::fields::{Fields, Notifications, Priority};
use super::tree::{self, Dict};
use super::{Config, ConfigKind, Kind};
use crate::storage_rpc::Namespace;

/// Marks the config of the groups.
#[derive(Debug, Clone, Copy)]
pub enum UserGroups {}

impl ConfigKind for UserGroups {
    const KIND: Kind = Kind { namespace: Namespace::USER_GROUPS, domain: "UserGroups", wrap: 4 };
}

/// What we are in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    Admin,
    /// The group is no more.
    Destroyed,
    /// Not answered yet.
    Invited,
    Kicked,
    Member,
}

/// A group.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// Prefix 03 and the group's key.
    pub id: [u8; 33],
    pub name: Option<String>,
    pub membership: Membership,
    pub priority: Priority,
    pub notifications: Notifications,
    pub mute_until_s: u64,
    pub joined_s: u64,
}

/// A room of a community.
#[derive(Clone, PartialEq, Eq)]
pub struct Community {
    pub base_url: String,
    /// The token as it was written when joining.
    pub room: String,
    pub key: [u8; 32],
    pub priority: Priority,
    pub notifications: Notifications,
    pub mute_until_s: u64,
    pub joined_s: u64,
}

impl Config<UserGroups> {
    /// The groups, in the order of their ids.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        tree::dict_at(self.data(), &[b"g"])
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| read_group(key, value.as_dict()?))
    }

    /// The rooms of communities.
    pub fn communities(&self) -> impl Iterator<Item = Community> {
        let servers = tree::dict_at(self.data(), &[b"o"]).into_iter().flatten();
        servers.filter_map(|(url, server)| read_server(url, server.as_dict()?)).flatten()
    }
}

fn read_group(key: &[u8], entry: &Dict) -> Option<Group> {
    let id: [u8; 33] = key.try_into().ok().filter(|id: &[u8; 33]| id.starts_with(&[3]))?;
    let fields = Fields(Some(entry));
    let membership = match fields.int(b"r") {
        Some(1) => Membership::Kicked,
        Some(2) => Membership::Destroyed,
        _ if fields.flag(b"i") => Membership::Invited,
        _ if fields.bytes(b"K").is_some_and(|seed| seed.len() == 32) => Membership::Admin,
        _ => Membership::Member,
    };
    Some(Group {
        id,
        name: fields.name(b"n"),
        membership,
        priority: fields.priority(),
        notifications: fields.notifications(),
        mute_until_s: fields.seconds(b"!"),
        joined_s: fields.seconds(b"j"),
    })
}

fn read_server<'a>(url: &[u8], server: &'a Dict) -> Option<impl Iterator<Item = Community> + use<'a>> {
    let base_url = std::str::from_utf8(url).ok()?.to_owned();
    let key: [u8; 32] = Fields(Some(server)).bytes(b"#")?.try_into().ok()?;
    let rooms = tree::dict_at(server, &[b"R"])?.iter();
    Some(rooms.filter_map(move |(token, room)| {
        let fields = Fields(Some(room.as_dict()?));
        let room = fields.name(b"n").or_else(|| String::from_utf8(token.clone()).ok())?;
        Some(Community {
            base_url: base_url.clone(),
            room,
            key,
            priority: fields.priority(),
            notifications: fields.notifications(),
            mute_until_s: fields.seconds(b"!"),
            joined_s: fields.seconds(b"j"),
        })
    }))
}
