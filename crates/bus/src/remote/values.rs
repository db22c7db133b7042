//! Small values with an expiry, as scripts: a hash of values and a sorted set of expiries for each kind. Both keys are
//! changed together and by the clock of Redis, and they expire with the last value.

use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, RedisError, Value, cmd, from_redis_value};

use super::names::Names;

/// Values with their ids.
pub(super) type Values = Vec<(String, Bytes)>;

/// Removes what has expired, then keeps a value.
const PUT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', key, ARGV[3])
  end
end";

const REMOVE: &str = r"
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])";

/// Id, value, id, value …
const ALL: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  local value = redis.call('HGET', KEYS[1], id)
  if value then
    all[#all + 1] = id
    all[#all + 1] = value
  end
end
return all";

pub(super) fn put(names: &Names, kind: &str, id: &str, value: &[u8], ttl: Duration) -> Cmd {
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, LONGEST_TTL_MS);
    script(PUT, names, kind).arg(id).arg(value).arg(ttl_ms).take()
}

pub(super) fn remove(names: &Names, kind: &str, id: &str) -> Cmd {
    script(REMOVE, names, kind).arg(id).take()
}

pub(super) fn all(names: &Names, kind: &str) -> Cmd {
    script(ALL, names, kind)
}

/// Reads the answer to [`all`].
pub(super) fn read(answer: Value) -> Result<Values, RedisError> {
    Ok(from_redis_value(answer)?)
}

/// A year: what Redis and the numbers of its scripts can hold is more.
const LONGEST_TTL_MS: u64 = 365 * 24 * 60 * 60 * 1000;

fn script(code: &str, names: &Names, kind: &str) -> Cmd {
    cmd("EVAL").arg(code).arg(2).arg(names.values(kind)).arg(names.expiries(kind)).take()
}
