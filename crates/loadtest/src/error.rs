//! What can go wrong with one request, counted by error code and never hidden.

use std::{collections::BTreeMap, fmt};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

/// One failed operation: the server's `errcode`, or one of ours (`TRANSPORT`, `HTTP_<status>`,
/// `BAD_ANSWER`).
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: String,
    pub detail: String,
}

impl Failure {
    pub fn transport(error: impl fmt::Display) -> Self {
        Self::new("TRANSPORT", error)
    }

    pub fn bad_answer(detail: impl fmt::Display) -> Self {
        Self::new("BAD_ANSWER", detail)
    }

    pub fn from_response(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct MatrixError {
            errcode: String,
            #[serde(default)]
            error: String,
        }
        match serde_json::from_slice::<MatrixError>(body) {
            Ok(e) => Self::new(&e.errcode, format!("{status}: {}{}", e.error, hint(status))),
            Err(_) => {
                Self::new(&format!("HTTP_{}", status.as_u16()), format!("an answer without errcode{}", hint(status)))
            }
        }
    }

    fn new(code: &str, detail: impl fmt::Display) -> Self {
        Self { code: code.to_owned(), detail: detail.to_string() }
    }
}

fn hint(status: StatusCode) -> &'static str {
    if status == StatusCode::TOO_MANY_REQUESTS {
        " (the server limits rates, so this would measure the limiter: start Chatbook with \
         examples/open-test-server.toml, or raise rc_message, rc_registration, rc_joins and \
         rc_login in Synapse's homeserver.yaml)"
    } else {
        ""
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Failure {}

/// How often each error code was seen, with the first example of each.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Errors(BTreeMap<String, Counted>);

#[derive(Clone, Debug, Serialize)]
struct Counted {
    count: u64,
    example: String,
}

impl Errors {
    pub fn count(&mut self, failure: Failure) {
        let example = failure.detail;
        self.0.entry(failure.code).or_insert(Counted { count: 0, example }).count += 1;
    }

    pub fn merge(&mut self, other: Self) {
        for (code, counted) in other.0 {
            self.0.entry(code).and_modify(|mine| mine.count += counted.count).or_insert(counted);
        }
    }

    pub fn total(&self) -> u64 {
        self.0.values().map(|c| c.count).sum()
    }

    /// One line per code, for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(code, c)| format!("{} × {code}: {}", c.count, c.example))
    }
}
