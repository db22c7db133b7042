//! The marker in a message's body, by which receivers recognise it without parsing JSON.
//!
//! `LT<run>.<sequence>.<sent µs>.`: the run keeps older events of the room apart, the sequence
//! number identifies the message, and the time is the generator's clock before the send.

use memchr::memmem::Finder;

/// Writes and finds the markers of one measurement.
#[derive(Clone, Debug)]
pub struct Markers {
    prefix: String,
    finder: Finder<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub sequence: u32,
    pub sent_us: u64,
}

impl Markers {
    /// `run` must not occur in any other text that the server sends.
    pub fn new(run: &str) -> Self {
        let prefix = format!("LT{run}.");
        let finder = Finder::new(prefix.as_bytes()).into_owned();
        Self { prefix, finder }
    }

    /// A complete `m.room.message` content of about `bytes` bytes.
    pub fn content(&self, marker: Marker, bytes: usize) -> String {
        let head = format!(r#"{{"msgtype":"m.text","body":"{}{}.{}."#, self.prefix, marker.sequence, marker.sent_us);
        let padding = bytes.saturating_sub(head.len() + 2);
        format!("{head}{:x<padding$}\"}}", "")
    }

    /// A transaction id of its own for each message.
    pub fn transaction(&self, sequence: u32) -> String {
        format!("m{}{sequence}", &self.prefix[2..])
    }

    /// All markers in the frame, in its order.
    pub fn scan<'a>(&'a self, frame: &'a [u8]) -> impl Iterator<Item = Marker> + 'a {
        self.finder.find_iter(frame).filter_map(|at| parse(&frame[at + self.prefix.len()..]))
    }
}

fn parse(text: &[u8]) -> Option<Marker> {
    let (sequence, rest) = number(text)?;
    let (sent_us, _) = number(rest)?;
    Some(Marker { sequence: u32::try_from(sequence).ok()?, sent_us })
}

/// A decimal number that ends with a dot, and what follows the dot.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().take(21).position(|b| *b == b'.')?;
    let digits = std::str::from_utf8(&text[..end]).ok()?;
    Some((digits.parse().ok()?, &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn marker(sequence: u32, sent_us: u64) -> Marker {
        Marker { sequence, sent_us }
    }

    #[test]
    fn markers_are_found_in_the_order_of_the_frame() {
        let markers = Markers::new("abc");
        let frame =
            [marker(7, 123), marker(3, 99)].map(|m| format!(r#"{{"content":{}}}"#, markers.content(m, 80))).join(",");
        let found: Vec<_> = markers.scan(frame.as_bytes()).collect();
        assert_eq!(found, [marker(7, 123), marker(3, 99)]);
    }

    #[test]
    fn markers_of_another_run_are_not_ours() {
        let other = Markers::new("abd").content(marker(1, 1), 80);
        assert_eq!(Markers::new("abc").scan(other.as_bytes()).count(), 0);
    }

    #[test]
    fn a_truncated_or_garbled_marker_is_ignored() {
        let markers = Markers::new("abc");
        for frame in ["LTabc.", "LTabc.1", "LTabc.1.2", "LTabc.x.2.", "LTabc.99999999999.2."] {
            assert_eq!(markers.scan(frame.as_bytes()).count(), 0, "{frame}");
        }
    }

    #[test]
    fn the_content_is_json_of_the_wanted_size() {
        let content = Markers::new("abc").content(marker(1, 2), 120);
        assert_eq!(content.len(), 120);
        let json: serde_json::Value = serde_json::from_str(&content).unwrap();
        assert!(json["body"].as_str().unwrap().starts_with("LTabc.1.2.xxx"));
    }
}
