//! Between the devices of one account: a new one presents itself to the others, is compared by its emoji, and is given
//! what was said before it came (5.4).

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::zr1::content::Message;
use zwiebel_proto::zr1::link;
use zwiebel_proto::zr1::manifest::DeviceEntry;

use super::rows::{Device, OutKind, OutRow};
use super::targets::target;
use super::{Event, Manager, Moment};

impl Manager {
    /// The seven emoji by which a device of the account is recognised, as numbers from 0 to 63: both screens show the
    /// same. Costly (16 MiB). `None` if it is not listed.
    ///
    /// Slot and endorsement are what other devices wrote into the entry, so they are left out of the comparison.
    #[must_use]
    pub fn device_code(&self, device: &DeviceId) -> Option<[u8; 7]> {
        let entry = self.own_list()?.device(device)?;
        link::emoji_code(&DeviceEntry {
            slot: 0,
            says_endorsed: false,
            endorser: DeviceId([0; 16]),
            endorsement: [0; 64],
            ..*entry
        })
    }

    /// This device's code was scanned: it shows the others what the scanner gave it, in its first greeting.
    pub const fn show_token(&mut self, token_hash: Option<[u8; 32]>) {
        self.live.token_hash = token_hash;
    }

    /// A device presents itself; its account is looked up. One of our own may show a token.
    pub(super) fn greeted(&mut self, device: Device, message: &Message, now: u64) {
        self.want(device.0, now, 2);
        let token = message.sync.as_deref().and_then(|sync| sync.try_into().ok());
        if let Some(token_hash) = token.filter(|_| self.is_own(&device.0)) {
            self.emit(Event::LinkShown { device: device.1, token_hash });
        }
    }

    /// Sends a part of the history to another device of the account: once, and again until that device has it. At most
    /// [`super::MAX_HISTORY_PART`] bytes. Nothing happens if the device is not listed.
    pub fn send_history(&mut self, device: DeviceId, part: Vec<u8>, m: &mut Moment<'_>) {
        if part.len() > super::MAX_HISTORY_PART || self.own_list().is_none_or(|list| list.device(&device).is_none()) {
            return;
        }
        let mut id = [0; 16];
        m.rng.fill_bytes(&mut id);
        let number = self.next_number();
        let targets = vec![target((self.own, device.0), 0)];
        let row = OutRow { targets, ..OutRow::new(id, self.own, OutKind::History, part, m.now_ms) };
        self.out.insert(number, row);
        self.save_out(number);
        self.pump(m);
    }

    /// A part of the history came from another device of ours: taken once, acknowledged always.
    pub(super) fn take_history(&mut self, device: Device, message: &Message, m: &mut Moment<'_>) {
        let Some(part) = message.sync.clone().filter(|_| self.is_own(&device.0)) else { return };
        if self.take_name(&device.0, &device.0, message, m.now_ms) {
            self.emit(Event::History { part });
        }
        self.owe_ack(device, message.id.0, m);
    }
}
