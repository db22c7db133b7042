-- Appends a batch of commands to the log of one shard, in one call that commits by itself: a node that is killed or cut
-- off meanwhile cannot hold the shard. crates/store/src/postgres/batch.rs has the other side: the order of arguments
-- and what they mean.
--
-- Commands stand in arrays, one element each; what a command has several of (guards, events, writes) stands in arrays of
-- its own, in the order of the commands, with their number in the command's element. Rooms are meant by their index.
--
-- A command that was done before, that was decided on outdated state, or whose room is not there, is answered and
-- changes nothing. Any other failure undoes the whole batch: its commands are then tried one by one.
create or replace function commit_batch_1(
  the_shard bigint,
  c_ts bigint[], c_day bigint[], c_user text[], c_key bytea[], c_logged bigint[], c_room bigint[], c_version text[], c_creator text[],
  c_decided bigint[], c_epoch bigint[], c_changes text[], c_guards bigint[], c_events bigint[], c_writes bigint[],
  room_ids text[],
  g_type text[], g_state_key text[], g_seq bigint[],
  e_id text[], e_type text[], e_state_key text[], e_sender text[], e_device text[], e_txn text[], e_notifies bigint[],
  e_ts bigint[], e_json text[],
  r_command bigint[], r_user text[], r_kind text[], r_thread text[], r_event text[], r_nth bigint[], r_seq bigint[],
  r_count bigint[], r_ts bigint[],
  m_command bigint[], m_user text[], m_nth bigint[],
  w_sql text[], w_params text[], w_expect bigint[],
  out the_epoch bigint, out heads bigint[], out c_status text[], out c_pos bigint[], out c_answer text[],
  out e_seq bigint[], out e_count bigint[], out w_rows bigint[]
) language plpgsql as $function$
declare
  commands constant int := cardinality(c_ts);
  new_head bigint;
  -- By room: the numbers of its newest event and newest state event, how many notify, the position of its last change.
  room_seq bigint[]; room_state_seq bigint[]; room_count bigint[]; room_pos bigint[];
  -- By event: where it goes.
  e_room bigint[] := array_fill(null::bigint, array[cardinality(e_id)]);
  e_pos bigint[] := e_room;
  -- By command: the number of its first event.
  c_first bigint[] := array_fill(0::bigint, array[commands]);
  guards int := 0; events int := 0; writes int := 0;
  this_room int; this_pos bigint; last int; changed bigint; outdated bool;
begin
  perform 1 from shard where shard.shard = the_shard for update;
  if not found then
    raise exception 'there is no shard %', the_shard;
  end if;
  -- Each statement from here on has a snapshot of its own, taken under the lock.
  select s.head, s.epoch into new_head, the_epoch from shard s where s.shard = the_shard;
  select array_agg(h.head order by h.shard) into heads from shard h;
  select array_agg(r.seq order by u.n), array_agg(r.state_seq order by u.n), array_agg(r.count order by u.n),
         array_agg(r.pos order by u.n)
    into room_seq, room_state_seq, room_count, room_pos
    from unnest(room_ids) with ordinality u(id, n) left join room r on r.shard = the_shard and r.room_id = u.id;
  select array_agg(case when t.key is null then 'new' else 'done' end order by u.n),
         array_agg(t.pos order by u.n), array_agg(t.event_id order by u.n)
    into c_status, c_pos, c_answer
    from unnest(c_user, c_key, c_day) with ordinality u(user_id, key, day, n)
    left join lateral (
      select t.key, t.pos, t.event_id from txn t
      where t.shard = the_shard and t.user_id = u.user_id and t.key = u.key
        and t.day in (u.day - 1, u.day, u.day + 1)
      limit 1) t on true;
  e_seq := e_room;
  e_count := e_room;
  w_rows := array_fill(null::bigint, array[cardinality(w_sql)]);

  for command in 1 .. commands loop
    this_room := c_room[command];
    if c_status[command] = 'new' and this_room > 0 and room_seq[this_room] is null and c_version[command] is null then
      c_status[command] := 'no room';
    elsif c_status[command] = 'new' and c_guards[command] > 0 and c_epoch[command] not in (0, the_epoch) then
      c_status[command] := 'stale';
    elsif c_status[command] = 'new' and c_guards[command] > 0 and room_state_seq[this_room] > c_decided[command] then
      select count(*) > 0 into outdated
        from unnest(g_type[guards + 1 : guards + c_guards[command]], g_state_key[guards + 1 : guards + c_guards[command]],
                    g_seq[guards + 1 : guards + c_guards[command]]) g(type, state_key, seq)
        left join state s on s.shard = the_shard and s.room_id = room_ids[this_room] and s.type = g.type
                         and s.state_key = g.state_key
        where coalesce(s.seq, 0) <> g.seq;
      if outdated then
        c_status[command] := 'stale';
      end if;
    end if;
    guards := guards + c_guards[command];
    if c_status[command] <> 'new' then
      events := events + c_events[command];
      writes := writes + c_writes[command];
      continue;
    end if;

    if c_logged[command] = 1 then
      new_head := new_head + 1;
      this_pos := new_head;
    else
      this_pos := 0;
    end if;
    c_pos[command] := this_pos;
    if c_version[command] is not null then
      insert into room (shard, room_id, version, creator, seq, state_seq, count, pos, created_ts)
      values (the_shard, room_ids[this_room], c_version[command], c_creator[command], 0, 0, 0, 0, c_ts[command]);
      room_seq[this_room] := 0; room_state_seq[this_room] := 0; room_count[this_room] := 0;
    end if;
    if this_room > 0 then
      room_pos[this_room] := this_pos;
    end if;
    last := events + c_events[command];
    c_first[command] := case when c_events[command] > 0 then room_seq[this_room] + 1 else 0 end;
    for e in events + 1 .. last loop
      room_seq[this_room] := room_seq[this_room] + 1;
      room_count[this_room] := room_count[this_room] + e_notifies[e];
      e_room[e] := this_room; e_pos[e] := this_pos; e_seq[e] := room_seq[this_room]; e_count[e] := room_count[this_room];
      if e_state_key[e] is not null then
        room_state_seq[this_room] := room_seq[this_room];
        insert into state (shard, room_id, type, state_key, seq, pos)
        values (the_shard, room_ids[this_room], e_type[e], e_state_key[e], room_seq[this_room], this_pos)
        on conflict (shard, room_id, type, state_key) do update set seq = excluded.seq, pos = excluded.pos;
      end if;
    end loop;
    for w in writes + 1 .. writes + c_writes[command] loop
      execute w_sql[w] using w_params[w]::text[], this_pos, e_seq[events + 1 : last], e_count[events + 1 : last];
      get diagnostics changed = row_count;
      w_rows[w] := changed;
      if w_expect[w] >= 0 and changed <> w_expect[w] then
        raise exception using errcode = 'CB001', message = (w - writes - 1)::text;
      end if;
    end loop;
    if c_logged[command] = 0 then
      c_answer[command] := array_to_string(w_rows[writes + 1 : writes + c_writes[command]], ',');
    else
      c_answer[command] := coalesce(e_id[case when last > events then events + 1 end], '');
    end if;
    events := last;
    writes := writes + c_writes[command];
  end loop;

  if cardinality(e_id) > 0 then
    insert into event (shard, room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json)
    select the_shard, room_ids[u.room], u.seq, u.pos, u.id, u.type, u.state_key, u.sender, u.device, u.txn, u.count, u.ts, u.json
      from unnest(e_room, e_seq, e_pos, e_id, e_type, e_state_key, e_sender, e_device, e_txn, e_count, e_ts, e_json)
        u(room, seq, pos, id, type, state_key, sender, device, txn, count, ts, json)
      where u.pos is not null;
  end if;
  insert into log (shard, pos, room_id, seq, events, changes, ts)
  select the_shard, u.pos, case when u.events > 0 then room_ids[u.room] end, u.first, u.events, u.changes, u.ts
    from unnest(c_status, c_logged, c_pos, c_room, c_first, c_events, c_changes, c_ts)
      u(status, logged, pos, room, first, events, changes, ts)
    where u.status = 'new' and u.logged = 1;
  insert into txn (shard, day, user_id, key, event_id, pos)
  select the_shard, u.day, u.user_id, u.key, u.answer, u.pos
    from unnest(c_status, c_day, c_user, c_key, c_answer, c_pos) u(status, day, user_id, key, answer, pos)
    where u.status = 'new';
  if cardinality(r_command) > 0 then
    -- Who is named twice in a batch has read up to the later event: one row cannot be set twice.
    insert into receipt (shard, room_id, user_id, kind, thread, event_id, seq, count, pos, ts)
    select distinct on (r.room_id, r.user_id, r.kind, r.thread) the_shard, r.*
      from (
        select room_ids[c_room[u.command]] as room_id, u.user_id, u.kind, u.thread,
               case when u.nth > 0 then e_id[u.nth] else u.event end,
               case when u.nth > 0 then e_seq[u.nth] else u.seq end as seq,
               case when u.nth > 0 then e_count[u.nth] else u.count end, c_pos[u.command], u.ts
          from unnest(r_command, r_user, r_kind, r_thread, r_event, r_nth, r_seq, r_count, r_ts)
            u(command, user_id, kind, thread, event, nth, seq, count, ts)
          where c_status[u.command] = 'new') r
      order by r.room_id, r.user_id, r.kind, r.thread, r.seq desc
    on conflict (shard, room_id, user_id, kind, thread) do update
      set event_id = excluded.event_id, seq = excluded.seq, count = excluded.count, pos = excluded.pos, ts = excluded.ts
      where excluded.seq > receipt.seq;
  end if;
  if cardinality(m_command) > 0 then
    insert into mention (shard, room_id, user_id, seq)
    select the_shard, room_ids[c_room[u.command]], u.user_id, e_seq[u.nth]
      from unnest(m_command, m_user, m_nth) u(command, user_id, nth)
      where c_status[u.command] = 'new'
    on conflict do nothing;
  end if;
  update room set seq = u.seq, state_seq = u.state_seq, count = u.count, pos = u.pos
    from unnest(room_ids, room_seq, room_state_seq, room_count, room_pos) u(id, seq, state_seq, count, pos)
    where room.shard = the_shard and room.room_id = u.id and u.seq is not null and room.pos is distinct from u.pos;
  update shard s set head = new_head where s.shard = the_shard and s.head <> new_head;
end
$function$;
