//! What the clients believe of the rooms, to choose what to do next. It need not be right: nothing is checked against it.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use super::{
    history::{Action, Moderation, Who},
    random::Random,
};

/// Rooms at most.
const ROOMS: usize = 24;
/// Events that are kept of each room, to be redacted or marked as read.
const RECENT: usize = 12;

/// What all clients believe.
pub struct World {
    clients: Vec<Who>,
    rooms: Mutex<Vec<Room>>,
    numbers: AtomicU64,
}

/// A room.
struct Room {
    id: String,
    /// The client who made it, the only one who may moderate. It stays.
    owner: usize,
    /// Its person.
    keeper: String,
    members: BTreeSet<String>,
    banned: BTreeSet<String>,
    recent: Vec<(usize, String)>,
}

/// What a client can do next.
#[derive(Clone, Copy)]
enum Choice {
    Send,
    ToDevice,
    Read,
    History,
    Topic,
    Join,
    Leave,
    Moderate(Moderation),
    Redact,
    AccountData,
    Tag,
    Members,
    State,
    Create,
}

const CHOICES: [(usize, Choice); 17] = [
    (50, Choice::Send),
    (10, Choice::ToDevice),
    (7, Choice::Read),
    (6, Choice::History),
    (4, Choice::Topic),
    (6, Choice::Join),
    (3, Choice::Leave),
    (8, Choice::Moderate(Moderation::Invite)),
    (8, Choice::Moderate(Moderation::Kick)),
    (8, Choice::Moderate(Moderation::Ban)),
    (10, Choice::Moderate(Moderation::Unban)),
    (3, Choice::Redact),
    (4, Choice::AccountData),
    (3, Choice::Tag),
    (2, Choice::Members),
    (2, Choice::State),
    (1, Choice::Create),
];

impl World {
    /// Without rooms.
    #[must_use]
    pub fn new(clients: Vec<Who>) -> Self {
        Self { clients, rooms: Mutex::default(), numbers: AtomicU64::new(1) }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<Room>) -> T) -> T {
        look(&mut self.rooms.lock().expect("nobody panics while holding it"))
    }

    /// A number that nobody else gets.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, SeqCst)
    }

    /// The rooms with their owners.
    #[must_use]
    pub fn rooms(&self) -> Vec<(String, usize)> {
        self.with(|rooms| rooms.iter().map(|room| (room.id.clone(), room.owner)).collect())
    }

    /// A room was made.
    pub fn add_room(&self, id: &str, owner: usize) {
        let keeper = self.clients[owner].user.clone();
        let members = [keeper.clone()].into();
        let room = Room { id: id.to_owned(), owner, keeper, members, banned: BTreeSet::new(), recent: Vec::new() };
        self.with(|rooms| rooms.push(room));
    }

    /// Something was done.
    pub fn learn(&self, client: usize, room_id: &str, action: &Action, made: Option<&str>) {
        let user = self.clients[client].user.clone();
        if let (Action::Create, Some(id)) = (action, made) {
            return self.add_room(id, client);
        }
        self.with(|rooms| {
            let Some(room) = rooms.iter_mut().find(|room| room.id == room_id) else { return };
            match (action, made) {
                (Action::Send(_), Some(event)) => {
                    room.recent.push((client, event.to_owned()));
                    if room.recent.len() > RECENT {
                        room.recent.remove(0);
                    }
                }
                (Action::Join, _) => drop(room.members.insert(user)),
                (Action::Leave, _) => drop(room.members.remove(&user)),
                (Action::Moderate(Moderation::Kick, whom), _) => drop(room.members.remove(whom)),
                (Action::Moderate(Moderation::Ban, whom), _) => {
                    room.members.remove(whom);
                    room.banned.insert(whom.clone());
                }
                (Action::Moderate(Moderation::Unban, whom), _) => drop(room.banned.remove(whom)),
                _ => {}
            }
        });
    }

    /// What the client does next, if what was rolled can be done: the room (empty for none) and the action.
    pub fn choose(&self, client: usize, random: &mut Random) -> Option<(String, Action)> {
        let (user, choice, number) = (&self.clients[client].user, random.weighted(&CHOICES), self.number());
        if let Choice::AccountData = choice {
            return Some((String::new(), Action::AccountData(format!("org.example.client{client}"), number)));
        }
        self.with(|rooms| {
            if let Choice::Create = choice {
                return (rooms.len() < ROOMS).then_some((String::new(), Action::Create));
            }
            let mine: Vec<_> = rooms.iter().filter(|room| room.suits(choice, client, user)).collect();
            // Who has no business there tries too.
            let room = match random.one_in(12) && !matches!(choice, Choice::Leave | Choice::Moderate(_)) {
                true => random.pick(rooms)?,
                false => *random.pick(&mine)?,
            };
            Some((room.id.clone(), self.action(room, choice, (client, number), random)?))
        })
    }

    fn action(
        &self,
        room: &Room,
        choice: Choice,
        (client, number): (usize, u64),
        random: &mut Random,
    ) -> Option<Action> {
        let owner = &self.clients[room.owner].user;
        let other = |random: &mut Random, among: Vec<&String>| {
            let others: Vec<_> = among.into_iter().filter(|user| *user != owner).collect();
            random.pick(&others).map(|user| (*user).clone())
        };
        Some(match choice {
            Choice::Send => Action::Send(format!("m{number}")),
            Choice::ToDevice => {
                let to = self.clients.iter().filter(|who| room.members.contains(&who.user)).collect::<Vec<_>>();
                let to = random.pick(&to)?;
                Action::ToDevice(to.user.clone(), to.device.clone(), number)
            }
            Choice::Read => Action::Read(random.pick(&room.recent)?.1.clone()),
            Choice::Redact => {
                let own: Vec<_> = room.recent.iter().filter(|(sender, _)| *sender == client).collect();
                Action::Redact(random.pick(&own)?.1.clone(), format!("r{number}"))
            }
            Choice::Topic => Action::Topic(format!("topic {number}")),
            Choice::Join => Action::Join,
            Choice::Leave => Action::Leave,
            Choice::Tag => Action::Tag(format!("u.client{client}"), number),
            Choice::History => Action::History,
            Choice::Members => Action::Members,
            Choice::State => Action::State,
            Choice::Moderate(Moderation::Invite) => {
                let strangers = self.clients.iter().map(|who| &who.user).filter(|user| !room.members.contains(*user));
                Action::Moderate(Moderation::Invite, other(random, strangers.collect())?)
            }
            Choice::Moderate(Moderation::Unban) => {
                Action::Moderate(Moderation::Unban, other(random, room.banned.iter().collect())?)
            }
            Choice::Moderate(moderation) => Action::Moderate(moderation, other(random, room.members.iter().collect())?),
            Choice::AccountData | Choice::Create => return None,
        })
    }
}

impl Room {
    /// Whether it is a room in which the client would do such a thing.
    fn suits(&self, choice: Choice, client: usize, user: &str) -> bool {
        let owns = self.owner == client;
        match choice {
            Choice::Join => !self.members.contains(user),
            // Whose other device has made the room stays too.
            Choice::Leave => self.members.contains(user) && self.keeper != user && self.members.len() > 4,
            Choice::Moderate(Moderation::Kick | Moderation::Ban) => owns && self.members.len() > 4,
            Choice::Moderate(_) | Choice::Topic => owns,
            _ => self.members.contains(user),
        }
    }
}
