//! The account data that is the same on all devices (session-config): what of it is stored here, and its way between
//! rows and configs. Knows nothing of requests: those are in [`crate::jobs::poll`], [`crate::jobs::push`] and
//! [`crate::jobs::renew`].
//!
//! Rows lead. Whatever changes a contact, a conversation or the profile marks its row as touched; at the end of the same
//! step [`write`] brings the configs up to it, so that row and dump are in one batch. What a poll brings is merged and
//! brought into the rows by [`apply`], again in one step.

mod apply;
mod status;
mod write;

use serde::{Deserialize, Serialize};
use zwiebel_proto::config::{
    Config, ConfigError, ConfigKind, Contacts, ConvoInfoVolatile, Object, UserGroups, UserProfile,
};
use zwiebel_proto::storage_rpc::Namespace;

use crate::batch::Table;
use crate::model::{Model, meta};
use crate::net::NodeSet;
use crate::outflow::Outflow;
use crate::row::{self, RowError};

pub(crate) use self::apply::CONFIG_TTL_MS;
pub(crate) use self::status::Status;

/// The namespaces, in the order they are asked for (session-config 8).
pub(crate) const NAMESPACES: [Namespace; 4] =
    [Namespace::USER_PROFILE, Namespace::CONTACTS, Namespace::USER_GROUPS, Namespace::CONVERSATIONS];

/// The four configs of an account. The groups are only carried along.
#[derive(Default)]
pub(crate) struct Configs {
    pub(crate) profile: Config<UserProfile>,
    pub(crate) contacts: Config<Contacts>,
    pub(crate) volatile: Config<ConvoInfoVolatile>,
    pub(crate) groups: Config<UserGroups>,
    pub(crate) row: SyncRow,
    /// A dump could not be used; the rows are written into the configs again.
    damaged: bool,
}

/// Single row `sync`. Times are network time in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncRow {
    /// The rows have been written into the configs once. False for accounts older than the configs.
    pub(crate) seeded: bool,
    /// When everything was last known to be in the network.
    pub(crate) last_ms: Option<u64>,
    /// When the messages of a namespace were last given their full time to live.
    pub(crate) renewed: Vec<(i16, u64)>,
    /// Something had been lost and was put back; not acknowledged yet.
    pub(crate) put_back: bool,
    /// When the newest contacts taken in were stored.
    pub(crate) contacts_ms: u64,
}

impl SyncRow {
    pub(crate) fn renewed_ms(&self, namespace: Namespace) -> Option<u64> {
        self.renewed.iter().find(|(n, _)| *n == namespace.0).map(|(_, at)| *at)
    }

    /// Never goes backwards. True if it moved.
    pub(crate) fn renew(&mut self, namespace: Namespace, at: u64) -> bool {
        match self.renewed.iter_mut().find(|(n, _)| *n == namespace.0) {
            Some((_, known)) if *known >= at => false,
            Some((_, known)) => {
                *known = at;
                true
            }
            None => {
                self.renewed.push((namespace.0, at));
                true
            }
        }
    }
}

impl Configs {
    /// Those of an account that has no rows from before.
    pub(crate) fn fresh() -> Self {
        Self { row: SyncRow { seeded: true, ..SyncRow::default() }, ..Self::default() }
    }

    pub(crate) fn object(&self, namespace: Namespace) -> Option<&Object> {
        match namespace {
            Namespace::USER_PROFILE => Some(&self.profile),
            Namespace::CONTACTS => Some(&self.contacts),
            Namespace::CONVERSATIONS => Some(&self.volatile),
            Namespace::USER_GROUPS => Some(&self.groups),
            _ => None,
        }
    }

    pub(crate) fn object_mut(&mut self, namespace: Namespace) -> Option<&mut Object> {
        match namespace {
            Namespace::USER_PROFILE => Some(&mut self.profile),
            Namespace::CONTACTS => Some(&mut self.contacts),
            Namespace::CONVERSATIONS => Some(&mut self.volatile),
            Namespace::USER_GROUPS => Some(&mut self.groups),
            _ => None,
        }
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        NAMESPACES.into_iter().filter_map(|namespace| self.object(namespace))
    }

    pub(crate) fn needs_push(&self) -> bool {
        self.objects().any(Object::needs_push)
    }

    /// Takes in a dump; `false`: the key is none of a dump. A dump that cannot be used is as good as none: the network's
    /// copy and the rows make it anew.
    pub(crate) fn load(&mut self, key: &[u8], bytes: &[u8]) -> Result<bool, RowError> {
        let Some(namespace) = NAMESPACES.into_iter().find(|namespace| meta::config(*namespace) == key) else {
            return Ok(false);
        };
        let dump: Vec<u8> = row::decode(Table::Meta, bytes)?;
        let loaded = match namespace {
            Namespace::USER_PROFILE => load_into(&mut self.profile, &dump),
            Namespace::CONTACTS => load_into(&mut self.contacts, &dump),
            Namespace::CONVERSATIONS => load_into(&mut self.volatile, &dump),
            _ => load_into(&mut self.groups, &dump),
        };
        if let Err(error) = loaded {
            tracing::warn!(%error, %namespace, "a stored config cannot be used and is made anew");
            self.damaged = true;
            self.row.seeded = false;
        }
        Ok(true)
    }

    pub(crate) const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Writes the dumps that are out of date.
    fn put_dumps(&mut self, out: &mut Outflow) {
        for namespace in NAMESPACES {
            if let Some(object) = self.object_mut(namespace).filter(|object| object.needs_dump()) {
                let dump = object.dump();
                Model::put_meta(out, &meta::config(namespace), &dump);
            }
        }
    }

    pub(crate) fn put_row(&self, out: &mut Outflow) {
        Model::put_meta(out, meta::SYNC, &self.row);
    }
}

fn load_into<K: ConfigKind>(config: &mut Config<K>, dump: &[u8]) -> Result<(), ConfigError> {
    *config = Config::load(dump)?;
    Ok(())
}

/// What a restart forgets.
#[derive(Default)]
pub(crate) struct Syncing {
    /// Members that gave everything they have of a namespace, in this run.
    polled: Vec<(Namespace, NodeSet)>,
    /// Data of a newer client was seen.
    pub(crate) newer: bool,
    pub(crate) status: Status,
}

impl Syncing {
    pub(crate) fn answered(&mut self, namespace: Namespace, member: zwiebel_crypto::keys::Ed25519Public) {
        match self.polled.iter_mut().find(|(n, _)| *n == namespace) {
            Some((_, members)) => {
                members.insert(member);
            }
            None => self.polled.push((namespace, NodeSet::from([member]))),
        }
    }

    pub(crate) fn is_polled(&self, namespace: Namespace) -> bool {
        self.polled.iter().any(|(n, _)| *n == namespace)
    }

    pub(crate) fn all_polled(&self) -> bool {
        NAMESPACES.into_iter().all(|namespace| self.is_polled(namespace))
    }
}
