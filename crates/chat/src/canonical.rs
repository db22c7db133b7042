//! What JSON an event may hold: integers only, as room versions 6 and later demand of everything that is sent.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// The integers that every JSON reader keeps exact (Appendices, "Canonical JSON").
const MAX: i64 = (1 << 53) - 1;

/// Why the JSON may not stand in an event, if so. Reads it once and keeps nothing.
pub(crate) fn check(json: &str) -> Result<(), String> {
    serde_json::from_str::<Checked>(json).map(|_| ()).map_err(|error| error.to_string())
}

struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Check)
    }
}

struct Check;

impl<'de> Visitor<'de> for Check {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with integers between -2^53+1 and 2^53-1 only")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_i64<E: Error>(self, v: i64) -> Result<Checked, E> {
        if (-MAX..=MAX).contains(&v) { Ok(Checked) } else { Err(E::custom(format!("the number {v} is out of range"))) }
    }
    fn visit_u64<E: Error>(self, v: u64) -> Result<Checked, E> {
        if v <= MAX as u64 { Ok(Checked) } else { Err(E::custom(format!("the number {v} is out of range"))) }
    }
    fn visit_f64<E: Error>(self, v: f64) -> Result<Checked, E> {
        Err(E::custom(format!("the number {v} is not an integer")))
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_unit<E: Error>(self) -> Result<Checked, E> {
        Ok(Checked)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
        while seq.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        while map.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(Checked)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn integers_pass_and_other_numbers_do_not() {
        for json in [r#"{"a":1,"b":[-5,{"c":9007199254740991}],"d":"1.5","e":null}"#, "{}"] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
        for json in [r#"{"a":1.5}"#, r#"{"a":[1e3]}"#, r#"{"a":9007199254740992}"#, r#"{"a":-9007199254740992}"#] {
            assert!(check(json).is_err(), "{json}");
        }
    }
}
