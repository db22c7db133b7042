//! Files that people share: kept on disk or in an object store, streamed in and out, and their thumbnails.
//!
//! Only this crate knows object stores and image formats. It knows neither users nor HTTP: a file has an id, which the
//! caller has checked ([`valid_id`]), and under it objects with names.

mod error;
mod storage;
mod thumbnail;
mod thumbnailer;

pub use error::{Error, Result};
pub use storage::{ByteStream, MARK, Storage, valid_id};
pub use thumbnail::{Limits, Method, Size};
pub use thumbnailer::Thumbnailer;
