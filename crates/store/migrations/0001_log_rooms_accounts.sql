-- Columns are bigint, text or bytea only; times are milliseconds. `clustered` is replaced per engine (see dialect.rs).
create table shard (shard bigint not null primary key, epoch bigint not null, head bigint not null);

-- The server that the store belongs to: one row. `cluster` tells stores apart that share a bus; `secret` signs what
-- clients carry from one node to the other.
create table identity (id bigint not null primary key, server_name text not null, cluster text not null, secret bytea not null);

-- The nodes that serve the store, each as it last said of itself: `report` is JSON.
create table node (node_id text not null primary key, seen_ts bigint not null, report text not null);

-- One row per commit: the number of its first event in the room and how many there are (0 and 0 if none), and its other
-- changes as JSON.
create table log (shard bigint not null, pos bigint not null, room_id text, seq bigint not null, events bigint not null, changes text, ts bigint not null, primary key (shard, pos)) clustered;

-- The newest event's number, the newest state event's, how many events notify, and the position of the last change.
create table room (shard bigint not null, room_id text not null, version text not null, creator text not null, seq bigint not null, state_seq bigint not null, count bigint not null, pos bigint not null, created_ts bigint not null, primary key (shard, room_id)) clustered;

-- Not clustered by room: rows are added at the end, in the order of the log, whatever their room. Kept by room, each event
-- would write a page of its own, and often split it.
create table event (
  shard bigint not null, room_id text not null, seq bigint not null, pos bigint not null,
  event_id text not null, type text not null, state_key text, sender text not null,
  device_id text, txn_id text, count bigint not null, ts bigint not null, json text not null,
  primary key (shard, room_id, seq));
create unique index event_by_id on event (shard, event_id);
create index event_state_history on event (shard, room_id, type, state_key, seq) where state_key is not null;
create index event_state_seq on event (shard, room_id, seq) where state_key is not null;

create table state (shard bigint not null, room_id text not null, type text not null, state_key text not null, seq bigint not null, pos bigint not null, primary key (shard, room_id, type, state_key)) clustered;

-- Projection of member in the user's shard: which rooms a user has anything to do with. `pos` is in the room's shard: where
-- this membership began.
create table user_room (shard bigint not null, user_id text not null, room_id text not null, membership text not null, pos bigint not null, forgotten bigint not null, primary key (shard, user_id, room_id)) clustered;

-- kind: m.read, m.read.private, or own (the sender of an event has read up to it). thread: '' for none.
create table receipt (shard bigint not null, room_id text not null, user_id text not null, kind text not null, thread text not null, event_id text not null, seq bigint not null, count bigint not null, pos bigint not null, ts bigint not null, primary key (shard, room_id, user_id, kind, thread)) clustered;

create table mention (shard bigint not null, room_id text not null, user_id text not null, seq bigint not null, primary key (shard, room_id, user_id, seq)) clustered;

-- Commands that were done, for two days: `day` counts days since 1970, `key` is TxnKey::digest, `pos` the commit's
-- position. A command without a transaction id of a client's has one of its node's, of no user; `event_id` is then what
-- it answered.
create table txn (shard bigint not null, day bigint not null, user_id text not null, key bytea not null, event_id text not null, pos bigint not null, primary key (shard, day, user_id, key)) clustered;

create table account_data (shard bigint not null, user_id text not null, room_id text not null, type text not null, json text not null, pos bigint not null, primary key (shard, user_id, room_id, type)) clustered;

create table to_device (shard bigint not null, user_id text not null, device_id text not null, pos bigint not null, idx bigint not null, json text not null, primary key (shard, user_id, device_id, pos, idx)) clustered;

create table alias (alias text not null primary key, room_id text not null, creator text not null, ts bigint not null);
create index alias_by_room on alias (room_id);

-- Rooms in the public room list.
create table directory (room_id text not null primary key, ts bigint not null);

create table filter (user_id text not null, filter_id text not null, json text not null, primary key (user_id, filter_id)) clustered;

-- `profile` holds the fields beside the two columns, as a JSON object; `search` is what people are found by, in lower case.
-- erased_ts: when the user, now gone, asked that what they said be erased.
create table users (
  user_id text not null primary key, password_hash text, admin bigint not null, deactivated bigint not null,
  displayname text, avatar_url text, profile text not null, search text not null, created_ts bigint not null,
  erased_ts bigint);

create table device (
  user_id text not null, device_id text not null, display_name text, last_seen_ts bigint not null, last_seen_ip text not null,
  created_ts bigint not null, primary key (user_id, device_id)) clustered;

-- Tokens are stored as SHA-256 only. refresh_hash is null for sessions without refresh tokens; previous is the
-- session that this one, made by refreshing it, replaces as soon as it is used.
create table session (
  token_hash bytea not null primary key, user_id text not null, device_id text not null, expires_ts bigint,
  refresh_hash bytea, previous bytea, created_ts bigint not null);
create index session_by_device on session (user_id, device_id);
create unique index session_by_refresh on session (refresh_hash) where refresh_hash is not null;
create index session_by_previous on session (previous) where previous is not null;

create table registration_token (token text not null primary key, uses_allowed bigint, used bigint not null, expires_ts bigint, created_ts bigint not null);

-- object and size: null until the content is there; until then expires_ts is set. reserved: made without content, which
-- its owner uploads later.
create table media (
  media_id text not null primary key, user_id text not null, reserved bigint not null, content_type text, filename text,
  object text, size bigint, created_ts bigint not null, expires_ts bigint);
create index media_by_user on media (user_id, created_ts);
create index media_unfinished on media (expires_ts) where expires_ts is not null;
