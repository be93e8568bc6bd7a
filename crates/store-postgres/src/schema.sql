create table if not exists @.format (version int not null);

create @unlogged table if not exists @.counters (
    key bytea primary key,
    count bigint not null,
    window_end bigint not null,
    lock_end bigint not null,
    strikes int not null,
    -- Only while it is locked: by which rule, and whom it stands for.
    rule text,
    subject int,
    address text
) with (fillfactor = 70);

create index if not exists blocks on @.counters (key) where rule is not null;

-- What never comes is the largest number there is.
create or replace function @.after(t bigint, d bigint) returns bigint
immutable language sql as $$
    select case when t > 9223372036854775807 - d then 9223372036854775807 else t + d end
$$;

create or replace function @.plus(a bigint, b bigint) returns bigint
immutable language sql as $$
    select greatest(least(a::numeric + b, 9223372036854775807), -9223372036854775807)::bigint
$$;

-- When nothing of a record matters any more: a lock is remembered for a day.
create or replace function @.over(window_end bigint, lock_end bigint, strikes int) returns bigint
immutable language sql as $$
    select greatest(
        window_end, case when strikes > 0 then @.after(lock_end, 86400000000) else lock_end end
    )
$$;

create or replace function @.moment() returns bigint
volatile language sql as $$
    select (extract(epoch from clock_timestamp()) * 1000000)::bigint
$$;

-- One decision; `Record` of panoply-core, said in SQL. Each operation has ten numbers: action, flags (1:
-- it locks), points, threshold, window, first lock, longest lock, and three of its own.
create or replace function @.decide(
    keys bytea[], members bytea[], numbers bigint[], rules text[], subjects int[], addresses text[]
) returns bigint[]
volatile language plpgsql as $$
declare
    never constant bigint := 9223372036854775807;
    to_reserve constant int := 1; to_refund constant int := 2; to_rate constant int := 3;
    to_consume constant int := 4; to_add constant int := 5; to_block constant int := 6;
    to_set constant int := 7; to_forget constant int := 9;
    many constant int := coalesce(array_length(keys, 1), 0);
    lock_number bigint; now bigint; granted boolean := true; durable boolean := false;
    i int; at int;
    action int; locks boolean; points bigint; threshold bigint; period bigint;
    shortest bigint; longest bigint; a bigint; b bigint; c bigint;
    -- The record before, and as it becomes.
    had boolean; had_count bigint; had_window bigint; had_lock bigint; had_strikes int;
    has boolean; n bigint; win bigint; lck bigint; strikes int;
    member_had boolean; member_count bigint; member_window bigint; counted boolean;
    cost bigint; total bigint; ends bigint; reached bigint; latest bigint; same boolean;
    allowed boolean; first boolean; just boolean; changes bigint; made bigint; changed boolean;
    w_changed boolean[]; w_has boolean[]; w_count bigint[]; w_window bigint[]; w_lock bigint[];
    w_strikes int[];
    b_had boolean[]; b_count bigint[]; b_window bigint[]; b_lock bigint[];
    m_write boolean[]; m_count bigint[]; m_window bigint[];
    s bigint[] := array[]::bigint[];
begin
    -- In one order, or two decisions could wait for each other.
    for lock_number in
        select distinct ('x' || encode(substr(k, 1, 8), 'hex'))::bit(64)::bigint
        from unnest(keys || members) as k where k is not null and k <> '' order by 1
    loop
        perform pg_advisory_xact_lock(lock_number);
    end loop;
    -- Only now, or time could run backwards from one decision to the next.
    now := @.moment();
    for i in 1..many loop
        at := (i - 1) * 10;
        action := numbers[at + 1]; locks := numbers[at + 2] = 1;
        points := numbers[at + 3]; threshold := numbers[at + 4]; period := numbers[at + 5];
        shortest := numbers[at + 6]; longest := numbers[at + 7];
        a := numbers[at + 8]; b := numbers[at + 9]; c := numbers[at + 10];
        select r.count, r.window_end, r.lock_end, r.strikes
            into had_count, had_window, had_lock, had_strikes
            from @.counters r where r.key = keys[i];
        had := found;
        if had and @.over(had_window, had_lock, had_strikes) <= now then had := false; end if;
        if not had then
            had_count := 0; had_window := 0; had_lock := 0; had_strikes := 0;
        end if;
        member_had := false; counted := false; member_count := 0; member_window := 0;
        if members[i] <> '' then
            select r.count, r.window_end into member_count, member_window
                from @.counters r where r.key = members[i];
            member_had := found and member_window > now;
            if action = to_reserve then
                counted := member_had and member_count > 0 and had and member_window = had_window;
            else
                counted := not (member_had and member_count > 0) or member_count > 1
                    or member_window <> b;
            end if;
        end if;
        has := had; n := had_count; win := had_window; lck := had_lock; strikes := had_strikes;
        allowed := true; first := false; just := false; made := -1; changed := false;
        changes := null;
        if action = to_reserve then
            cost := case when counted then 0 else a end;
            first := win <= now;
            if first then n := 0; end if;
            total := @.plus(n, cost);
            if lck > now then
                allowed := false; changes := lck;
            elsif cost > 0 and total > points and not (locks and n >= points) then
                allowed := false;
                changes := case when first then @.after(now, period) else win end;
            elsif a > 0 then
                changed := true; has := true;
                if first then win := @.after(now, period); end if;
                n := total;
                if locks and cost > 0 and total >= points then
                    made := @.after(now, least(
                        shortest::numeric * (2 ^ strikes::numeric), longest::numeric)::bigint);
                    lck := made; strikes := least(strikes + 1, 31); just := true;
                end if;
            end if;
            first := first and changed;
        elsif action = to_refund then
            if had then
                changed := true;
                same := win = b and win > now;
                if same then
                    n := greatest(@.plus(n, case when counted then 0 else -a end), 0);
                end if;
                if lck > now and (c = lck or (same and strikes > 0 and n < points)) then
                    lck := 0; strikes := greatest(strikes - 1, 0);
                end if;
            end if;
        elsif action = to_rate then
            ends := case when had then greatest(win, now) else now end;
            reached := @.after(ends, b);
            latest := @.after(now, period);
            allowed := reached <= latest and lck <= now;
            if allowed then ends := reached; end if;
            n := least(div((ends - now)::numeric * greatest(points, 1) + greatest(period, 1) - 1,
                greatest(period, 1)), never)::bigint;
            first := not had;
            changes := case when lck > now then lck when allowed then ends
                else @.after(now, reached - latest) end;
            if allowed then changed := true; has := true; win := ends; strikes := 0; end if;
        elsif action = to_consume or action = to_add then
            changed := true; has := true; first := not had;
            if first then
                win := @.after(now, case when b >= 0 then b else period end);
            end if;
            n := @.plus(had_count, a);
            if locks and had_count < threshold and n >= threshold and lck <= now then
                lck := @.after(now, least(shortest, longest));
                if win = never or win < lck then win := lck; end if;
                lck := win; just := true;
            end if;
            allowed := action = to_add or (n <= points and lck <= now);
        elsif action = to_block then
            changed := true; has := true; just := true;
            n := threshold; win := @.after(now, b); lck := win; strikes := 0;
        elsif action = to_set then
            changed := true; has := true; n := a; win := @.after(now, b);
        elsif action = to_forget then
            changed := true; has := false; n := 0; win := 0; lck := 0; strikes := 0;
        end if;
        if not allowed and (action = to_reserve or action = to_rate) then granted := false; end if;
        if changes is null then changes := greatest(win, lck); end if;
        if just or action in (to_reserve, to_refund, to_block, to_set, to_forget) then durable := true; end if;
        w_changed[i] := changed; w_has[i] := has; w_count[i] := n; w_window[i] := win;
        w_lock[i] := lck; w_strikes[i] := strikes;
        b_had[i] := had; b_count[i] := had_count; b_window[i] := had_window; b_lock[i] := had_lock;
        m_write[i] := false;
        if members[i] <> '' and has then
            m_write[i] := true;
            if action = to_reserve then
                m_count[i] := case when member_had and member_window = win
                    then @.plus(member_count, 1) else 1 end;
                m_window[i] := win;
            else
                m_write[i] := member_had;
                m_count[i] := case when member_window = b then member_count - 1
                    else member_count end;
                m_window[i] := member_window;
            end if;
        end if;
        s := s || array[
            allowed::int + 2 * had::int + 4 * first::int + 8 * (lck > now)::int + 16 * just::int,
            n, changes,
            case when action = to_rate then 0 else win end, made];
    end loop;
    if not granted then
        -- Nothing of it is done, and those that would have been stand as before.
        for i in 1..many loop
            at := (i - 1) * 5;
            if s[at + 1] % 2 = 1 then
                s[at + 1] := 1 + 2 * b_had[i]::int + 8 * (b_lock[i] > now)::int;
                s[at + 2] := b_count[i]; s[at + 3] := greatest(b_window[i], b_lock[i]);
                s[at + 4] := b_window[i]; s[at + 5] := -1;
            end if;
        end loop;
        return array[now, 0] || s;
    end if;
    if not durable then
        -- A rate is not worth waiting for the disk.
        perform set_config('synchronous_commit', 'off', true);
    end if;
    for i in 1..many loop
        if w_changed[i] then
            if w_has[i] and @.over(w_window[i], w_lock[i], w_strikes[i]) > now then
                insert into @.counters as r
                    (key, count, window_end, lock_end, strikes, rule, subject, address)
                values (
                    keys[i], w_count[i], w_window[i], w_lock[i], w_strikes[i],
                    case when w_lock[i] > now then rules[i] end,
                    case when w_lock[i] > now then subjects[i] end,
                    case when w_lock[i] > now then addresses[i] end)
                on conflict (key) do update set
                    count = excluded.count, window_end = excluded.window_end,
                    lock_end = excluded.lock_end, strikes = excluded.strikes,
                    -- Who was locked stays so under the name by which it was.
                    rule = case when excluded.rule is null then null
                        when r.lock_end = excluded.lock_end then coalesce(r.rule, excluded.rule)
                        else excluded.rule end,
                    subject = case when excluded.rule is null then null
                        when r.lock_end = excluded.lock_end then coalesce(r.subject, excluded.subject)
                        else excluded.subject end,
                    address = case when excluded.rule is null then null
                        when r.lock_end = excluded.lock_end then coalesce(r.address, excluded.address)
                        else excluded.address end;
            else
                delete from @.counters r where r.key = keys[i];
            end if;
        end if;
        if m_write[i] then
            if m_count[i] > 0 and m_window[i] > now then
                insert into @.counters as r (key, count, window_end, lock_end, strikes)
                values (members[i], m_count[i], m_window[i], 0, 0)
                on conflict (key) do update set
                    count = excluded.count, window_end = excluded.window_end;
            else
                delete from @.counters r where r.key = members[i];
            end if;
        end if;
    end loop;
    return array[now, 1] || s;
end
$$;

-- Lifts the locks between two keys, or of an address, and forgets what was counted.
create or replace function @.release(lowest bytea, highest bytea, client text) returns bigint
volatile language plpgsql as $$
declare
    found_key bytea; released bigint := 0; now bigint;
begin
    for found_key in
        select r.key from @.counters r
        where r.rule is not null and r.key between lowest and highest
            and (client is null or r.address = client)
        -- As decisions do it.
        order by ('x' || encode(substr(r.key, 1, 8), 'hex'))::bit(64)::bigint
    loop
        perform pg_advisory_xact_lock(
            ('x' || encode(substr(found_key, 1, 8), 'hex'))::bit(64)::bigint);
        now := @.moment();
        delete from @.counters r where r.key = found_key and r.lock_end > now;
        if found then released := released + 1; end if;
    end loop;
    return released;
end
$$;

-- Deletes some of what is over; one node at a time.
create or replace function @.sweep(most int) returns bigint
volatile language plpgsql as $$
declare
    now bigint; swept bigint;
begin
    if not pg_try_advisory_xact_lock(7368620231) then return 0; end if;
    now := @.moment();
    perform set_config('synchronous_commit', 'off', true);
    delete from @.counters where ctid = any (array(
        select r.ctid from @.counters r
        where @.over(r.window_end, r.lock_end, r.strikes) <= now
        limit most for update skip locked));
    get diagnostics swept = row_count;
    return swept;
end
$$;
