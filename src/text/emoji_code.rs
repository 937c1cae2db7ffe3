//! The 64 pictures in which devices show a short code, with their names. Order and pictures must stay as they are: devices
//! with other versions of the app are compared with this one.

use crate::i18n::Lang;

/// Picture, English name, German name.
const ALL: [(&str, &str, &str); 64] = [
    ("🐶", "Dog", "Hund"),
    ("🐱", "Cat", "Katze"),
    ("🦁", "Lion", "Löwe"),
    ("🐴", "Horse", "Pferd"),
    ("🐷", "Pig", "Schwein"),
    ("🐘", "Elephant", "Elefant"),
    ("🐰", "Rabbit", "Hase"),
    ("🐼", "Panda", "Panda"),
    ("🐔", "Hen", "Huhn"),
    ("🐧", "Penguin", "Pinguin"),
    ("🐢", "Turtle", "Schildkröte"),
    ("🐟", "Fish", "Fisch"),
    ("🐙", "Octopus", "Krake"),
    ("🦋", "Butterfly", "Schmetterling"),
    ("🐝", "Bee", "Biene"),
    ("🐌", "Snail", "Schnecke"),
    ("🌷", "Tulip", "Tulpe"),
    ("🌳", "Tree", "Baum"),
    ("🌵", "Cactus", "Kaktus"),
    ("🍄", "Mushroom", "Pilz"),
    ("🌍", "Globe", "Erde"),
    ("🌙", "Moon", "Mond"),
    ("☀️", "Sun", "Sonne"),
    ("☁️", "Cloud", "Wolke"),
    ("⛄", "Snowman", "Schneemann"),
    ("🔥", "Fire", "Feuer"),
    ("🌈", "Rainbow", "Regenbogen"),
    ("☂️", "Umbrella", "Schirm"),
    ("🍌", "Banana", "Banane"),
    ("🍎", "Apple", "Apfel"),
    ("🍓", "Strawberry", "Erdbeere"),
    ("🍋", "Lemon", "Zitrone"),
    ("🥕", "Carrot", "Möhre"),
    ("🌽", "Corn", "Mais"),
    ("🧅", "Onion", "Zwiebel"),
    ("🍞", "Bread", "Brot"),
    ("🧀", "Cheese", "Käse"),
    ("🥚", "Egg", "Ei"),
    ("🎂", "Cake", "Torte"),
    ("☕", "Cup", "Tasse"),
    ("🎩", "Hat", "Hut"),
    ("👓", "Glasses", "Brille"),
    ("👑", "Crown", "Krone"),
    ("🧦", "Socks", "Socken"),
    ("🎒", "Backpack", "Rucksack"),
    ("🔑", "Key", "Schlüssel"),
    ("🔨", "Hammer", "Hammer"),
    ("✂️", "Scissors", "Schere"),
    ("✏️", "Pencil", "Stift"),
    ("📖", "Book", "Buch"),
    ("💡", "Light bulb", "Glühbirne"),
    ("⏰", "Clock", "Wecker"),
    ("🎁", "Gift", "Geschenk"),
    ("🎈", "Balloon", "Ballon"),
    ("🎸", "Guitar", "Gitarre"),
    ("🎺", "Trumpet", "Trompete"),
    ("🔔", "Bell", "Glocke"),
    ("⚽", "Ball", "Ball"),
    ("🏆", "Cup of victory", "Pokal"),
    ("🚲", "Bicycle", "Fahrrad"),
    ("🚂", "Train", "Zug"),
    ("✈️", "Aeroplane", "Flugzeug"),
    ("🚀", "Rocket", "Rakete"),
    ("⚓", "Anchor", "Anker"),
];

/// Picture and name of a number from 0 to 63.
#[must_use]
pub fn picture(number: u8, lang: Lang) -> (&'static str, &'static str) {
    let (picture, english, german) = ALL.get(usize::from(number)).copied().unwrap_or_default();
    (picture, if lang == Lang::De { german } else { english })
}
