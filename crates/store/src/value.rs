//! The three column types (bigint, text, bytea) and how rows and parameters carry them.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::error::{Error, Result};

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL null.
    Null,
    /// bigint
    Int(i64),
    /// text
    Text(String),
    /// bytea
    Blob(Vec<u8>),
    /// The position of the commit this statement belongs to, known only under the shard's lock.
    Pos,
    /// The sequence number of the n-th event of the commit, known only under the shard's lock.
    Seq(usize),
    /// The room's count of notifying messages up to and including the n-th event of the commit.
    Count(usize),
}

macro_rules! value_from {
    ($($type:ty => |$v:ident| $make:expr),* $(,)?) => {$(
        impl From<$type> for Value { fn from($v: $type) -> Self { $make } }
    )*};
}
value_from! {
    i64 => |v| Self::Int(v),
    i32 => |v| Self::Int(v.into()),
    bool => |v| Self::Int(v.into()),
    &str => |v| Self::Text(v.to_owned()),
    &String => |v| Self::Text(v.clone()),
    String => |v| Self::Text(v),
    &std::sync::Arc<str> => |v| Self::Text(v.as_ref().to_owned()),
    &[u8] => |v| Self::Blob(v.to_vec()),
    Vec<u8> => |v| Self::Blob(v),
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}
impl<const N: usize> From<[u8; N]> for Value {
    fn from(v: [u8; N]) -> Self {
        Self::Blob(v.to_vec())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(v) => ToSqlOutput::Borrowed(ValueRef::Integer(*v)),
            Self::Text(v) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Self::Blob(v) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
            Self::Pos | Self::Seq(_) | Self::Count(_) => {
                let message = "a value that only a commit knows was used outside of one";
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        })
    }
}

/// The parameters `$1, $2, …` of a statement, in order: `params![a, b]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

/// One row of an answer.
pub struct Row<'a>(pub(crate) &'a rusqlite::Row<'a>);

impl Row<'_> {
    /// The column at `index`, counted from 0.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        T::from_column(self.0.get_ref(index)?).map_err(|message| Error::Column { column: index, message })
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column, or says what stood there instead.
    fn from_column(value: ValueRef<'_>) -> Result<Self, String>;
}

impl FromColumn for i64 {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_i64().map_err(|e| e.to_string())
    }
}
impl FromColumn for bool {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        i64::from_column(value).map(|v| v != 0)
    }
}
impl FromColumn for String {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_str().map(str::to_owned).map_err(|e| e.to_string())
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_blob().map(<[u8]>::to_vec).map_err(|e| e.to_string())
    }
}
impl FromColumn for std::sync::Arc<str> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        value.as_str().map(Into::into).map_err(|e| e.to_string())
    }
}
impl FromColumn for std::sync::Arc<serde_json::value::RawValue> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        let text = String::from_column(value)?;
        serde_json::value::RawValue::from_string(text).map(Into::into).map_err(|e| e.to_string())
    }
}
impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: ValueRef<'_>) -> Result<Self, String> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }
}
