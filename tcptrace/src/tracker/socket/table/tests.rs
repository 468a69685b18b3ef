//! The table against a slow and obvious one: all sockets in a vector, and who got which cookie and place last.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use proptest::{collection::vec, prelude::*};

use super::{Key, Table};
use crate::{
    address::{Endpoint, Tuple},
    record::SocketId,
    tcp::TcpState,
    tracker::socket::{Socket, SocketKeys},
};

#[derive(Clone, Debug)]
enum Operation {
    Insert(Option<u64>, Option<u64>, u16),
    Remove(usize),
    Cookie(usize, u64, bool),
    Pointer(usize, Option<u64>),
    Tuple(usize, u16),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let maybe = || proptest::option::of(0..6_u64);
    vec(
        prop_oneof![
            3 => (maybe(), maybe(), 0..4_u16).prop_map(|(cookie, pointer, port)| Operation::Insert(cookie, pointer, port)),
            2 => any::<usize>().prop_map(Operation::Remove),
            1 => (any::<usize>(), 0..6_u64, any::<bool>()).prop_map(|(who, cookie, polite)| Operation::Cookie(who, cookie, polite)),
            1 => (any::<usize>(), maybe()).prop_map(|(who, pointer)| Operation::Pointer(who, pointer)),
            1 => (any::<usize>(), 0..4_u16).prop_map(|(who, port)| Operation::Tuple(who, port)),
        ],
        0..200,
    )
}

fn tuple(port: u16) -> Tuple {
    Tuple { local: Endpoint::from_bytes([7; 16], port), ..Tuple::NOBODY }
}

#[derive(Default)]
struct Model {
    /// All sockets, by age.
    all: Vec<(Key, SocketKeys)>,
    by_cookie: HashMap<u64, Key>,
    by_pointer: HashMap<u64, Key>,
    gone: Vec<Key>,
}

impl Model {
    fn pick(&mut self, who: usize) -> Option<&mut (Key, SocketKeys)> {
        let count = self.all.len();
        (count > 0).then(|| &mut self.all[who % count])
    }
}

fn forget(found: &mut HashMap<u64, Key>, number: Option<u64>, key: Key) {
    if let Some(number) = number.filter(|number| found.get(number) == Some(&key)) {
        found.remove(&number);
    }
}

proptest! {
    #[test]
    fn it_finds_what_a_plain_vector_finds(operations in operations()) {
        let (mut table, mut model) = (Table::default(), Model::default());
        for operation in operations {
            match operation {
                Operation::Insert(cookie, pointer, port) => {
                    let keys = SocketKeys { cookie, pointer, tuple: tuple(port) };
                    let id = cookie.map_or(SocketId::Serial(1), SocketId::Cookie);
                    let key = table.insert(Socket::new(id, TcpState::Close, None, keys));
                    prop_assert!(model.all.iter().map(|(key, _)| key).chain(&model.gone).all(|older| *older < key));
                    model.by_cookie.extend(cookie.map(|cookie| (cookie, key)));
                    model.by_pointer.extend(pointer.map(|pointer| (pointer, key)));
                    model.all.push((key, keys));
                }
                Operation::Remove(who) => {
                    let Some(&mut (key, keys)) = model.pick(who) else { continue };
                    prop_assert_eq!(table.remove(key).map(|socket| *socket.tuple()), Some(keys.tuple));
                    forget(&mut model.by_cookie, keys.cookie, key);
                    forget(&mut model.by_pointer, keys.pointer, key);
                    model.all.retain(|(other, _)| *other != key);
                    model.gone.push(key);
                }
                Operation::Cookie(who, cookie, polite) => {
                    let Some((key, keys)) = model.pick(who).filter(|(_, keys)| keys.cookie.is_none()) else { continue };
                    let key = *key;
                    keys.cookie = Some(cookie);
                    if polite {
                        table.set_cookie_unless_taken(key, cookie);
                        model.by_cookie.entry(cookie).or_insert(key);
                    } else {
                        table.set_cookie(key, cookie);
                        model.by_cookie.insert(cookie, key);
                    }
                }
                Operation::Pointer(who, pointer) => {
                    let Some((key, keys)) = model.pick(who) else { continue };
                    let (key, before) = (*key, std::mem::replace(&mut keys.pointer, pointer));
                    table.set_pointer(key, pointer);
                    forget(&mut model.by_pointer, before, key);
                    model.by_pointer.extend(pointer.map(|pointer| (pointer, key)));
                }
                Operation::Tuple(who, port) => {
                    let Some((key, keys)) = model.pick(who) else { continue };
                    keys.tuple = tuple(port);
                    table.set_tuple(*key, tuple(port));
                }
            }
            table.check();
            prop_assert_eq!(table.len(), model.all.len());
            prop_assert!(model.gone.iter().all(|key| table.get(*key).is_none()));
            for number in 0..6 {
                prop_assert_eq!(table.with_cookie(number), model.by_cookie.get(&number).copied());
                prop_assert_eq!(table.with_pointer(number), model.by_pointer.get(&number).copied());
            }
            for port in 0..4 {
                let mut found: Vec<_> = table.by_tuple.find_all(&table.slots, tuple(port)).map(|(key, _)| key).collect();
                found.sort_unstable();
                let there = model.all.iter().filter(|(_, keys)| keys.tuple == tuple(port));
                prop_assert_eq!(found, there.map(|(key, _)| *key).collect::<Vec<_>>());
            }
        }
    }
}

/// Time for each socket that is put in, searched for and taken out.
fn cost(count: u64, tuple_of: impl Fn(u64) -> Tuple) -> Duration {
    let mut table = Table::default();
    let keys = |number| SocketKeys { cookie: Some(number), pointer: Some(number), tuple: tuple_of(number) };
    let began = Instant::now();
    let all: Vec<_> = (0..count)
        .map(|number| {
            let socket = Socket::new(SocketId::Cookie(number), TcpState::SynSent, None, keys(number));
            let key = table.insert(socket);
            assert!(table.with_tuple(tuple_of(number)).any(|(found, _)| found == key));
            key
        })
        .collect();
    all.into_iter().for_each(|key| assert!(table.remove(key).is_some()));
    began.elapsed()
}

/// Clients without a port that all connect to one address, and listeners that share one: 60,000 are no dearer, each, than
/// as many that differ.
#[test]
fn equal_ends_cost_what_different_ones_do() {
    const COUNT: u64 = 60_000;
    let different =
        |number: u64| Tuple { local: Endpoint::from_bytes(u128::from(number).to_be_bytes(), 1), ..tuple(0) };
    // The best of some: others use the machine too.
    let best = |run: &dyn Fn() -> Duration| (0..5).map(|_| run()).min().unwrap();
    let (ordinary, equal) = (best(&|| cost(COUNT, different)), best(&|| cost(COUNT, |_| tuple(0))));
    assert!(equal < ordinary * 2, "{equal:?}, and {ordinary:?} where they differ");
}
