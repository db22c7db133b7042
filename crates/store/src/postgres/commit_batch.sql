-- Appends a batch of commands to the logs of some shards, in one call that commits by itself: a node that is killed or
-- cut off meanwhile cannot hold them. crates/store/src/postgres/batch.rs has the other side: the order of arguments and
-- what they mean.
--
-- Commands stand in arrays, one element each; what a command has several of (guards, events, writes) stands in arrays of
-- its own, in the order of the commands, with their number in the command's element. Rooms are meant by their index.
-- Shards are numbered from 0, so the element of an array by shards is at the shard's number and one.
--
-- A command that was done before, that was decided on outdated state, or whose room is not there, is answered and
-- changes nothing. Any other failure undoes the whole batch. If a statement changes another number of rows than its
-- command expects, the error (CB001) says which: "COMMAND STATEMENT", counted from 0.
create or replace function commit_batch_1(
  shards bigint[],
  c_shard bigint[], c_ts bigint[], c_day bigint[], c_user text[], c_key bytea[], c_logged bigint[], c_room bigint[], c_version text[], c_creator text[],
  c_decided bigint[], c_epoch bigint[], c_changes text[], c_guards bigint[], c_events bigint[], c_writes bigint[],
  room_shards bigint[], room_ids text[],
  g_type text[], g_state_key text[], g_seq bigint[],
  e_id text[], e_type text[], e_state_key text[], e_sender text[], e_device text[], e_txn text[], e_notifies bigint[],
  e_ts bigint[], e_json text[],
  r_command bigint[], r_user text[], r_kind text[], r_thread text[], r_event text[], r_nth bigint[], r_seq bigint[],
  r_count bigint[], r_ts bigint[],
  m_command bigint[], m_user text[], m_nth bigint[],
  w_sql text[], w_params text[], w_expect bigint[],
  out epochs bigint[], out heads bigint[], out c_status text[], out c_pos bigint[], out c_answer text[],
  out e_seq bigint[], out e_count bigint[], out w_rows bigint[]
) language plpgsql as $function$
declare
  commands constant int := cardinality(c_ts);
  -- By shard.
  new_heads bigint[];
  -- By room: the numbers of its newest event and newest state event, how many notify, the position of its last change.
  room_seq bigint[]; room_state_seq bigint[]; room_count bigint[]; room_pos bigint[];
  -- By event: where it goes.
  e_room bigint[] := array_fill(null::bigint, array[cardinality(e_id)]);
  e_pos bigint[] := e_room;
  -- By command: the number of its first event.
  c_first bigint[] := array_fill(0::bigint, array[commands]);
  guards int := 0; events int := 0; writes int := 0;
  this_shard bigint; this_room int; this_pos bigint; last int; changed bigint; outdated bool;
begin
  -- In their order, so that two batches never wait for each other.
  perform 1 from shard s where s.shard = any(shards) order by s.shard for update;
  -- Each statement from here on has a snapshot of its own, taken under the locks.
  select array_agg(s.head order by s.shard), array_agg(s.epoch order by s.shard) into heads, epochs from shard s;
  new_heads := heads;
  select array_agg(r.seq order by n), array_agg(r.state_seq order by n), array_agg(r.count order by n), array_agg(r.pos order by n)
    into room_seq, room_state_seq, room_count, room_pos
    from generate_series(1, cardinality(room_ids)) n
    left join room r on r.shard = room_shards[n] and r.room_id = room_ids[n];
  select array_agg(case when t.key is null then 'new' else 'done' end order by c), array_agg(t.pos order by c),
         array_agg(t.event_id order by c)
    into c_status, c_pos, c_answer
    from generate_series(1, commands) c
    left join lateral (
      -- One look at the whole key for each day: joined in any other way, a plan may walk over all days.
      select t.* from generate_series(c_day[c] - 1, c_day[c] + 1) d(day), lateral (
        select t.key, t.pos, t.event_id from txn t
        where t.shard = c_shard[c] and t.day = d.day and t.user_id = c_user[c] and t.key = c_key[c]
        limit 1) t
      limit 1) t on true;
  e_seq := e_room;
  e_count := e_room;
  w_rows := array_fill(null::bigint, array[cardinality(w_sql)]);

  for command in 1 .. commands loop
    this_shard := c_shard[command];
    this_room := c_room[command];
    if c_status[command] = 'new' and c_guards[command] > 0 and c_epoch[command] not in (0, epochs[this_shard + 1]) then
      c_status[command] := 'stale';
    elsif c_status[command] = 'new' and this_room > 0 and room_seq[this_room] is null and c_version[command] is null then
      c_status[command] := 'no room';
    elsif c_status[command] = 'new' and c_guards[command] > 0 and room_state_seq[this_room] > c_decided[command] then
      select count(*) > 0 into outdated
        from unnest(g_type[guards + 1 : guards + c_guards[command]], g_state_key[guards + 1 : guards + c_guards[command]],
                    g_seq[guards + 1 : guards + c_guards[command]]) g(type, state_key, seq)
        left join state s on s.shard = this_shard and s.room_id = room_ids[this_room] and s.type = g.type
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
      this_pos := new_heads[this_shard + 1] + 1;
      new_heads[this_shard + 1] := this_pos;
    else
      this_pos := 0;
    end if;
    c_pos[command] := this_pos;
    if c_version[command] is not null then
      insert into room (shard, room_id, version, creator, seq, state_seq, count, pos, created_ts)
      values (this_shard, room_ids[this_room], c_version[command], c_creator[command], 0, 0, 0, 0, c_ts[command]);
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
        values (this_shard, room_ids[this_room], e_type[e], e_state_key[e], room_seq[this_room], this_pos)
        on conflict (shard, room_id, type, state_key) do update set seq = excluded.seq, pos = excluded.pos;
      end if;
    end loop;
    for w in writes + 1 .. writes + c_writes[command] loop
      execute w_sql[w] using w_params[w]::text[], this_pos, e_seq[events + 1 : last], e_count[events + 1 : last];
      get diagnostics changed = row_count;
      w_rows[w] := changed;
      if w_expect[w] >= 0 and changed <> w_expect[w] then
        raise exception using errcode = 'CB001', message = format('%s %s', command - 1, w - writes - 1);
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
    select room_shards[e_room[e]], room_ids[e_room[e]], e_seq[e], e_pos[e], e_id[e], e_type[e], e_state_key[e], e_sender[e],
           e_device[e], e_txn[e], e_count[e], e_ts[e], e_json[e]
      from generate_series(1, cardinality(e_id)) e
      where e_pos[e] is not null;
  end if;
  insert into log (shard, pos, room_id, seq, events, changes, ts)
  select c_shard[c], c_pos[c], case when c_events[c] > 0 then room_ids[c_room[c]] end, c_first[c], c_events[c], c_changes[c], c_ts[c]
    from generate_series(1, commands) c
    where c_status[c] = 'new' and c_logged[c] = 1;
  insert into txn (shard, day, user_id, key, event_id, pos)
  select c_shard[c], c_day[c], c_user[c], c_key[c], c_answer[c], c_pos[c]
    from generate_series(1, commands) c
    where c_status[c] = 'new';
  if cardinality(r_command) > 0 then
    -- Who is named twice in a batch has read up to the later event: one row cannot be set twice.
    insert into receipt (shard, room_id, user_id, kind, thread, event_id, seq, count, pos, ts)
    select distinct on (r.shard, r.room_id, r.user_id, r.kind, r.thread) r.*
      from (
        select c_shard[r_command[n]] as shard, room_ids[c_room[r_command[n]]] as room_id, r_user[n] as user_id, r_kind[n] as kind,
               r_thread[n] as thread, case when r_nth[n] > 0 then e_id[r_nth[n]] else r_event[n] end,
               case when r_nth[n] > 0 then e_seq[r_nth[n]] else r_seq[n] end as seq,
               case when r_nth[n] > 0 then e_count[r_nth[n]] else r_count[n] end, c_pos[r_command[n]], r_ts[n]
          from generate_series(1, cardinality(r_command)) n
          where c_status[r_command[n]] = 'new') r
      order by r.shard, r.room_id, r.user_id, r.kind, r.thread, r.seq desc
    on conflict (shard, room_id, user_id, kind, thread) do update
      set event_id = excluded.event_id, seq = excluded.seq, count = excluded.count, pos = excluded.pos, ts = excluded.ts
      where excluded.seq > receipt.seq;
  end if;
  if cardinality(m_command) > 0 then
    insert into mention (shard, room_id, user_id, seq)
    select c_shard[u.command], room_ids[c_room[u.command]], u.user_id, e_seq[u.nth]
      from unnest(m_command, m_user, m_nth) u(command, user_id, nth)
      where c_status[u.command] = 'new'
    on conflict do nothing;
  end if;
  update room set seq = room_seq[n], state_seq = room_state_seq[n], count = room_count[n], pos = room_pos[n]
    from generate_series(1, cardinality(room_ids)) n
    where room.shard = room_shards[n] and room.room_id = room_ids[n] and room_seq[n] is not null
      and room.pos is distinct from room_pos[n];
  update shard s set head = new_heads[s.shard + 1] where s.shard = any(shards) and s.head <> new_heads[s.shard + 1];
end
$function$;
