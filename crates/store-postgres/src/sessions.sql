-- A session under the key that it was made with. Values are parallel arrays: a commit is one row.
create @kept table if not exists @.sessions (
    first_key bytea primary key,
    key bytea not null,
    key_since bigint not null,
    user_key bytea,
    user_since bigint not null,
    version bigint not null,
    created bigint not null,
    seen bigint not null,
    idle bigint not null,
    ends bigint not null,
    -- When to look whether it is over. A touch leaves it, and so changes no index.
    look bigint not null,
    old_keys bytea[] not null,
    old_until bigint[] not null,
    old_opens boolean[] not null,
    bytes bigint not null,
    names bytea[] not null,
    vals bytea[] not null
) with (fillfactor = 80);

create index if not exists sessions_users on @.sessions (user_key, first_key)
    where user_key is not null;
create index if not exists sessions_look on @.sessions (look);

-- Where every key leads: to a session, or to what is left of one until some time.
create @kept table if not exists @.session_keys (
    key bytea primary key,
    session bytea,
    until bigint
);

create index if not exists session_tombstones on @.session_keys (until) where session is null;

create or replace function @.session_over(s @.sessions) returns bigint
immutable language sql as $$
    select least(@.after(s.seen, s.idle), s.ends)
$$;

-- Which way a key leads to a session: 3 it is its own, 2 it is an old one that opens it, 1 it is known,
-- 0 none.
create or replace function @.session_way(s @.sessions, k bytea, now bigint) returns int
immutable language sql as $$
    select case
        when s.key = k then 3
        when s.old_until[array_position(s.old_keys, k)] > now
            then case when s.old_opens[array_position(s.old_keys, k)] then 2 else 1 end
        when s.first_key = k then 1
        else 0
    end
$$;

-- Ends a session whose row is locked, and leaves tombstones where it still has a time to run.
create or replace function @.session_end(s @.sessions, now bigint) returns void
volatile language plpgsql as $$
begin
    if @.session_over(s) > now then
        update @.session_keys x
            set session = null, until = least(s.ends, @.after(now, 86400000000))
            where x.key = any (s.old_keys || s.key || s.first_key)
                and x.session = s.first_key and @.session_way(s, x.key, now) > 0;
    end if;
    delete from @.session_keys x
        where x.key = any (s.old_keys || s.key || s.first_key) and x.session = s.first_key;
    delete from @.sessions r where r.first_key = s.first_key;
end
$$;

-- `SessionRecord::apply` of panoply-core, said in SQL.
--
-- Locks are taken in one order: keys that are to lead elsewhere and a user whose sessions are counted, by
-- number; then rows of sessions, by their first keys. A row of a key changes only under the lock of the
-- session to which it leads or, to lead to one, under its own. So nobody waits in a circle.
create or replace function @.session_commit(
    k bytea, makes boolean, new_idle bigint, new_life bigint, new_names bytea[], new_vals bytea[],
    user_does int, new_user bytea, most bigint, new_key bytea, grace bigint, keeps boolean,
    expected bigint, room bigint
) returns bigint[]
volatile language plpgsql as $$
declare
    done constant int := 0; gone constant int := 1; stale constant int := 2; taken constant int := 3;
    too_large constant int := 4;
    many constant int := coalesce(array_length(new_names, 1), 0);
    lock_number bigint; now bigint; ids bytea[]; way int; cycles boolean := false; evicted bigint := 0;
    s @.sessions; other @.sessions; x @.session_keys; had_bytes bigint := 0;
    soon bigint; settles boolean; lost boolean; known bigint;
    o_keys bytea[]; o_until bigint[]; o_opens boolean[]; surplus int;
begin
    if makes or new_key is not null or most is not null then
        for lock_number in
            select distinct ('x' || encode(substr(l, 1, 8), 'hex'))::bit(64)::bigint
            from unnest(array[k, new_key, case when most is not null then new_user end]) as l
            where l is not null order by 1
        loop
            perform pg_advisory_xact_lock(lock_number);
        end loop;
        -- No key that is locked comes to lead elsewhere, and no session becomes the user's.
        ids := array(select r.session from @.session_keys r
            where r.key in (k, new_key) and r.session is not null);
        if most is not null then
            ids := ids || array(select r.first_key from @.sessions r where r.user_key = new_user);
        end if;
        perform 1 from @.sessions r where r.first_key = any (ids) order by r.first_key for update;
        now := @.moment();
        select * into x from @.session_keys r where r.key = k;
        select * into s from @.sessions r where r.first_key = x.session;
    else
        select r.* into s from @.session_keys l join @.sessions r on r.first_key = l.session
            where l.key = k for update of r;
        now := @.moment();
    end if;
    way := case when s.first_key is null or @.session_over(s) <= now then 0
        else @.session_way(s, k, now) end;
    if makes then
        if way > 0 then return array[taken]; end if;
        if x.session is null and x.until > now then return array[gone]; end if;
        if s.first_key is not null and @.session_over(s) <= now then
            perform @.session_end(s, now);
        end if;
        s := null;
        s.first_key := k; s.key := k; s.key_since := now; s.user_since := now; s.version := 1;
        s.created := now; s.idle := 0; s.ends := now; s.bytes := 0; s.names := '{}'; s.vals := '{}';
        s.old_keys := '{}'; s.old_until := '{}'; s.old_opens := '{}';
    else
        if way < 2 then return array[gone]; end if;
        if expected <> s.version then return array[stale]; end if;
    end if;
    if many > 0 then
        had_bytes := s.bytes;
        select coalesce(array_agg(m.n), '{}'), coalesce(array_agg(m.v), '{}'),
                coalesce(sum(length(m.n) + length(m.v)), 0)
            into s.names, s.vals, s.bytes
            from (
                select distinct on (e.n) e.n, e.v from (
                    select a.n, a.v, 0 as turn from unnest(s.names, s.vals) as a (n, v)
                    union all
                    select b.n, b.v, 1 from unnest(new_names, new_vals) as b (n, v)
                ) e order by e.n, e.turn desc
            ) m where m.v is not null;
        if s.bytes > room and s.bytes > had_bytes then return array[too_large, s.bytes]; end if;
    end if;
    -- By an old key only where the answer with the current one was lost.
    soon := @.after(now, grace);
    lost := not makes and keeps and way = 2 and now - s.key_since >= grace
        and s.old_until[array_position(s.old_keys, k)] > soon;
    settles := not makes and keeps and new_key is not distinct from k;
    cycles := new_key is not null and not makes and not settles and (not keeps or way = 3 or lost);
    settles := settles and way = 3;
    s.ends := coalesce(@.after(now, new_life), s.ends);
    if settles then
        s.old_until := array(select least(o.u, soon)
            from unnest(s.old_until) with ordinality as o (u, i) order by o.i);
    elsif cycles then
        select * into x from @.session_keys r where r.key = new_key;
        if x.session is null and x.until > now then return array[taken]; end if;
        if x.session is not null then
            select * into other from @.sessions r where r.first_key = x.session;
            if @.session_over(other) <= now then
                perform @.session_end(other, now);
            elsif @.session_way(other, new_key, now) > 0 then
                return array[taken];
            end if;
        end if;
        select coalesce(array_agg(o.k order by o.i), '{}'), coalesce(array_agg(o.u order by o.i), '{}'),
                coalesce(array_agg(o.p and keeps order by o.i), '{}')
            into o_keys, o_until, o_opens
            from (
                select a.k, case when lost then a.u else least(a.u, soon) end, a.p, a.i
                from unnest(s.old_keys, s.old_until, s.old_opens) with ordinality as a (k, u, p, i)
            ) as o (k, u, p, i)
            where o.u > now and not (lost and o.k = session_commit.k);
        known := case when keeps and grace > 0 then s.ends else soon end;
        if known > now then
            o_keys := o_keys || s.key; o_until := o_until || known; o_opens := o_opens || keeps;
        end if;
        if lost then
            -- The one that the client has comes last, and is the last to be forgotten.
            o_keys := o_keys || k;
            o_until := o_until || s.old_until[array_position(s.old_keys, k)];
            o_opens := o_opens || true;
        end if;
        surplus := greatest(cardinality(o_keys) - 8, 0);
        o_keys := o_keys[surplus + 1:]; o_until := o_until[surplus + 1:];
        o_opens := o_opens[surplus + 1:];
        delete from @.session_keys r
            where r.key = any (s.old_keys || s.key) and r.session = s.first_key
                and r.key <> s.first_key and r.key <> all (o_keys);
        insert into @.session_keys as r (key, session, until) values (new_key, s.first_key, null)
            on conflict (key) do update set session = excluded.session, until = null;
        s.key := new_key; s.key_since := now;
        s.old_keys := o_keys; s.old_until := o_until; s.old_opens := o_opens;
    end if;
    if user_does = 1 then
        s.user_key := new_user; s.user_since := now;
    elsif user_does = 2 then
        s.user_key := null;
    end if;
    if not makes and (many > 0 or user_does > 0) then s.version := s.version + 1; end if;
    s.seen := now;
    s.idle := coalesce(new_idle, s.idle);
    s.look := coalesce(least(s.look, @.session_over(s)), @.session_over(s));
    if makes then
        insert into @.session_keys as r (key, session, until) values (k, k, null)
            on conflict (key) do update set session = excluded.session, until = null;
        insert into @.sessions values (s.*);
    elsif many > 0 then
        update @.sessions r set
            key = s.key, key_since = s.key_since, user_key = s.user_key, user_since = s.user_since,
            version = s.version, seen = s.seen, idle = s.idle, ends = s.ends, look = s.look,
            old_keys = s.old_keys, old_until = s.old_until, old_opens = s.old_opens,
            bytes = s.bytes, names = s.names, vals = s.vals
            where r.first_key = s.first_key;
    else
        if user_does = 0 and not cycles and new_idle is null and new_life is null then
            -- A touch is not worth waiting for the disk.
            perform set_config('synchronous_commit', 'off', true);
        end if;
        update @.sessions r set
            key = s.key, key_since = s.key_since, user_key = s.user_key, user_since = s.user_since,
            version = s.version, seen = s.seen, idle = s.idle, ends = s.ends, look = s.look,
            old_keys = s.old_keys, old_until = s.old_until, old_opens = s.old_opens
            where r.first_key = s.first_key;
    end if;
    if user_does = 1 and most is not null then
        for other in
            select r.* from @.sessions r
            where r.first_key = any (ids) and r.user_key = new_user and r.first_key <> s.first_key
                and @.session_over(r) > now
            order by r.user_since desc, r.first_key desc offset greatest(most, 1) - 1
        loop
            perform @.session_end(other, now);
            evicted := evicted + 1;
        end loop;
    end if;
    return array[
        done, now, s.version, @.session_over(s), s.ends, cycles::int, evicted];
end
$$;

-- Ends the session that a key opens; or those of a user between two first keys, but not the one that the
-- key opens.
create or replace function @.session_destroy(k bytea, of_user bytea, lowest bytea, highest bytea)
returns bigint
volatile language plpgsql as $$
declare
    now bigint; opened bytea; ids bytea[]; s @.sessions; ended bigint := 0;
begin
    select r.session into opened from @.session_keys r where r.key = k;
    if of_user is null then
        ids := array[opened];
    else
        ids := array(select r.first_key from @.sessions r
            where r.user_key = of_user and r.first_key between lowest and highest) || opened;
    end if;
    perform 1 from @.sessions r where r.first_key = any (ids) order by r.first_key for update;
    now := @.moment();
    for s in
        select r.* from @.sessions r
        where r.first_key = any (ids) and @.session_over(r) > now
            and case
                when of_user is null then @.session_way(r, k, now) >= 2
                else r.user_key = of_user and r.first_key between lowest and highest
                    and (k is null or @.session_way(r, k, now) < 2)
            end
    loop
        perform @.session_end(s, now);
        ended := ended + 1;
    end loop;
    return ended;
end
$$;

-- Deletes some of what is over; one node at a time. Waits for nobody.
create or replace function @.session_sweep(most int) returns bigint
volatile language plpgsql as $$
declare
    now bigint; ids bytea[]; s @.sessions; swept bigint;
begin
    if not pg_try_advisory_xact_lock(7368620232) then return 0; end if;
    now := @.moment();
    perform set_config('synchronous_commit', 'off', true);
    delete from @.session_keys where ctid = any (array(
        select r.ctid from @.session_keys r
        where r.session is null and r.until <= now
        order by r.until limit most for update skip locked));
    get diagnostics swept = row_count;
    ids := array(
        select r.first_key from @.sessions r where r.look <= now
        order by r.look limit most for update skip locked);
    update @.sessions r set look = @.session_over(r)
        where r.first_key = any (ids) and @.session_over(r) > now;
    -- One by one, so that keys are found by their index however many there are.
    for s in
        select r.* from @.sessions r where r.first_key = any (ids) and @.session_over(r) <= now
    loop
        perform @.session_end(s, now);
    end loop;
    return greatest(swept, cardinality(ids));
end
$$;
