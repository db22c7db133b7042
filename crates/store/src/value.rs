//! The three column types (bigint, text, bytea) and how rows and parameters carry them.

use std::error::Error as StdError;

use bytes::BytesMut;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql as Postgres, Type};

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

impl Value {
    /// A text with a NUL character, which PostgreSQL cannot store: refused on every engine, so that all behave alike.
    pub(crate) fn is_unstorable(&self) -> bool {
        matches!(self, Self::Text(text) if text.contains('\0'))
    }
}

const LATE: &str = "a value that only a commit knows was used outside of one";

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(v) => ToSqlOutput::Borrowed(ValueRef::Integer(*v)),
            Self::Text(v) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Self::Blob(v) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
            Self::Pos | Self::Seq(_) | Self::Count(_) => {
                return Err(rusqlite::Error::ToSqlConversionFailure(LATE.into()));
            }
        })
    }
}

impl Postgres for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            // A literal beside it in the query makes PostgreSQL take the parameter for one of its size.
            Self::Int(v) if *ty == Type::INT4 => Postgres::to_sql(&i32::try_from(*v)?, ty, out),
            Self::Int(v) => Postgres::to_sql(v, ty, out),
            Self::Text(v) => Postgres::to_sql(v, ty, out),
            Self::Blob(v) => Postgres::to_sql(v, ty, out),
            Self::Pos | Self::Seq(_) | Self::Count(_) => Err(LATE.into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::TEXT | Type::BYTEA)
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The parameters `$1, $2, …` of a statement, in order: `params![a, b]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

/// One row of an answer.
pub struct Row<'a>(Engine<'a>);

enum Engine<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// SQL null.
    Null,
    /// bigint
    Int(i64),
    /// text
    Text(&'a str),
    /// bytea
    Blob(&'a [u8]),
}

impl<'a> Row<'a> {
    pub(crate) fn sqlite(row: &'a rusqlite::Row<'a>) -> Self {
        Self(Engine::Sqlite(row))
    }

    pub(crate) fn postgres(row: &'a tokio_postgres::Row) -> Self {
        Self(Engine::Postgres(row))
    }

    /// The column at `index`, counted from 0.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        let damaged = |message| Error::Column { column: index, message };
        T::from_column(self.column(index).map_err(damaged)?).map_err(damaged)
    }

    fn column(&self, index: usize) -> Result<Column<'_>, String> {
        match self.0 {
            Engine::Sqlite(row) => match row.get_ref(index).map_err(|e| e.to_string())? {
                ValueRef::Null => Ok(Column::Null),
                ValueRef::Integer(v) => Ok(Column::Int(v)),
                ValueRef::Text(v) => std::str::from_utf8(v).map(Column::Text).map_err(|e| e.to_string()),
                ValueRef::Blob(v) => Ok(Column::Blob(v)),
                ValueRef::Real(_) => Err("a floating-point number".into()),
            },
            Engine::Postgres(row) => {
                let ty = row.columns().get(index).ok_or("there is no such column")?.type_();
                let column = match *ty {
                    Type::INT8 => row.try_get::<_, Option<i64>>(index).map(|v| v.map(Column::Int)),
                    Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|v| v.map(|v| Column::Int(v.into()))),
                    Type::TEXT => row.try_get::<_, Option<&str>>(index).map(|v| v.map(Column::Text)),
                    Type::BYTEA => row.try_get::<_, Option<&[u8]>>(index).map(|v| v.map(Column::Blob)),
                    _ => return Err(format!("a column of type {ty}")),
                };
                column.map(|column| column.unwrap_or(Column::Null)).map_err(|e| e.to_string())
            }
        }
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column, or says what stood there instead.
    fn from_column(column: Column<'_>) -> Result<Self, String>;
}

fn unexpected<T>(column: Column<'_>) -> Result<T, String> {
    Err(format!("found {column:?}"))
}

impl FromColumn for i64 {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        if let Column::Int(v) = column { Ok(v) } else { unexpected(column) }
    }
}
impl FromColumn for bool {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        i64::from_column(column).map(|v| v != 0)
    }
}
impl FromColumn for String {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        if let Column::Text(v) = column { Ok(v.to_owned()) } else { unexpected(column) }
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        if let Column::Blob(v) = column { Ok(v.to_vec()) } else { unexpected(column) }
    }
}
impl FromColumn for std::sync::Arc<str> {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        if let Column::Text(v) = column { Ok(v.into()) } else { unexpected(column) }
    }
}
impl FromColumn for std::sync::Arc<serde_json::value::RawValue> {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        let text = String::from_column(column)?;
        serde_json::value::RawValue::from_string(text).map(Into::into).map_err(|e| e.to_string())
    }
}
impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(column: Column<'_>) -> Result<Self, String> {
        match column {
            Column::Null => Ok(None),
            column => T::from_column(column).map(Some),
        }
    }
}
