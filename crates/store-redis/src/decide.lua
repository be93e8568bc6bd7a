-- Makes one decision: `Record` of panoply-core, said in Lua. KEYS: the index of blocks, then for
-- each operation its key and, where it has one, its member's. ARGV: the operations.
local MOST = NEVER - 1
local OPERATION = '<BBi8i8i8i8i8i8i8i8'
local HEAD = struct.size(OPERATION)
local RESERVE, REFUND, GCRA, CONSUME, ADD, BLOCK, SET, GET, FORGET = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function add(count, points)
  return math.max(math.min(count + points, MOST), -MOST)
end

local function over(record)
  local lock = record.lock
  if record.strikes > 0 then lock = math.min(lock + DAY, NEVER) end
  return math.max(record.window, lock)
end

-- How a counter stands, as it is answered.
local function told(allowed, existed, first, just, count, changes, window, lock, made)
  local flags = (allowed and 1 or 0) + (existed and 2 or 0) + (first and 4 or 0)
    + (lock > now and 8 or 0) + (just and 16 or 0)
  return struct.pack('<Bi8i8i8i8', flags, count, changes, window, made)
end

local function stands(record, before, allowed, first, just)
  if not record then return told(true, before, false, false, 0, 0, 0, 0, -1) end
  local window, lock = record.window, record.lock
  return told(allowed, before, first, just, record.count, math.max(window, lock), window, lock, -1)
end

local function copy(record)
  return {
    count = record and record.count or 0, window = record and record.window or 0,
    lock = record and record.lock or 0, strikes = record and record.strikes or 0,
  }
end

-- Everything but a reservation: what becomes of the record, whether it may be, what is told.
local function other(before, op)
  local action, a, b = op.action, op.a, op.b
  local function after(from, duration)
    return math.min(from + duration, NEVER)
  end

  -- one * other / by, rounded up, where the product need not be exact in a double.
  local function share(one, other, by)
    local product = one * other
    if product < NEVER then
      local rest = math.fmod(product, by)
      return (product - rest) / by + (rest > 0 and 1 or 0)
    end
    local whole, part = math.floor(one / by), math.fmod(one, by)
    local quotient, rest = 0, 0
    for bit = 52, 0, -1 do
      quotient, rest = quotient * 2, rest * 2
      if rest >= by then quotient, rest = quotient + 1, rest - by end
      if math.fmod(math.floor(other / 2 ^ bit), 2) == 1 then
        quotient, rest = quotient + whole, rest + part
        if rest >= by then quotient, rest = quotient + 1, rest - by end
      end
    end
    return math.min(quotient + (rest > 0 and 1 or 0), MOST)
  end

  if action == REFUND then
    if not before then return nil, true, stands(nil) end
    local record = copy(before)
    local same = record.window == b and record.window > now
    if same then record.count = math.max(add(record.count, op.counted and 0 or -a), 0) end
    local unearned = same and record.strikes > 0 and record.count < op.points
    if record.lock > now and (op.c == record.lock or unearned) then
      record.lock = 0
      record.strikes = math.max(record.strikes - 1, 0)
    end
    return record, true, stands(record, before, true)
  end
  if action == GCRA then
    local arrival = before and math.max(before.window, now) or now
    local reached, latest = after(arrival, b), after(now, op.period)
    local lock = before and before.lock or 0
    local locked = lock > now
    local allowed = reached <= latest and not locked
    local ends = allowed and reached or arrival
    local count = share(ends - now, math.max(op.points, 1), math.max(op.period, 1))
    local changes = ends
    if locked then
      changes = lock
    elseif not allowed then
      changes = after(now, reached - latest)
    end
    local state = told(allowed, before, not before, false, count, changes, 0, lock, -1)
    if not allowed then return before, false, state end
    return { count = count, window = ends, lock = lock, strikes = 0 }, true, state
  end
  if action == CONSUME or action == ADD then
    local record = copy(before)
    if not before then record.window = after(now, b >= 0 and b or op.period) end
    local earlier, just = record.count, false
    record.count = add(earlier, a)
    local crosses = earlier < op.threshold and record.count >= op.threshold
    if op.locks and crosses and record.lock <= now then
      local lock = after(now, math.min(op.shortest, op.longest))
      if record.window >= NEVER or record.window < lock then record.window = lock end
      record.lock = record.window
      just = true
    end
    local allowed = action == ADD or (record.count <= op.points and record.lock <= now)
    return record, allowed, stands(record, before, allowed, not before, just)
  end
  if action == BLOCK then
    local ends = after(now, b)
    local record = { count = op.threshold, window = ends, lock = ends, strikes = 0 }
    return record, true, stands(record, before, true, false, true)
  end
  if action == SET then
    local record = copy(before)
    record.count, record.window = a, after(now, b)
    return record, true, stands(record, before, true)
  end
  if action == FORGET then return nil, true, stands(nil, before) end
  return before, true, stands(before, before, true)
end

local function is_counted(member, set, action, window)
  if member and (member.count <= 0 or member.window <= now) then member = nil end
  if action == RESERVE then
    return member ~= nil and set ~= nil and member.window == set.window
  end
  return member == nil or member.count > 1 or member.window ~= window
end

local function apply_member(member, set, action, window)
  if member and member.window <= now then member = nil end
  if action == RESERVE then
    local count = member and member.window == set.window and member.count or 0
    return { count = add(count, 1), window = set.window, lock = 0, strikes = 0 }
  end
  if not member then return nil end
  if member.window == window then member.count = add(member.count, -1) end
  return member.count > 0 and member or nil
end

local function save(key, record, kept, before)
  local ends = record and over(record) or 0
  if ends > now then
    local text = struct.pack(RECORD, record.count, record.window, record.lock, record.strikes)
    if before and over(before) == ends then
      -- To say a time costs more than the rest of the call.
      redis.call('SET', key, text, 'KEEPTTL')
    elseif ends >= NEVER then
      redis.call('SET', key, text)
    else
      redis.call('SET', key, text, 'PXAT', math.ceil(ends / 1000))
    end
  elseif kept then
    redis.call('DEL', key)
  end
end

local kept = #KEYS > 1 and redis.call('MGET', unpack(KEYS, 2)) or {}
-- By the number of the operation; false for what is not there.
local places, befores, records, members, allows, answer = {}, {}, {}, {}, {}, { '' }
local granted, place = true, 0
for number, text in ipairs(ARGV) do
  local action, flags, points, threshold, period, shortest, longest, a, b, c =
    struct.unpack(OPERATION, text)
  place = place + 1
  places[number] = place
  local before = unpacked(kept[place])
  if before and over(before) <= now then before = nil end
  local counted = false
  if flags % 2 == 1 then
    place = place + 1
    local member = unpacked(kept[place])
    counted = is_counted(member, before, action, b)
    members[number] = { record = member, action = action, window = b }
  end
  local record, allowed, state
  if action == RESERVE then
    local count, window, lock, strikes = 0, 0, 0, 0
    if before then
      count, window, lock, strikes = before.count, before.window, before.lock, before.strikes
    end
    local first = window <= now
    if first then count = 0 end
    local cost = counted and 0 or a
    local total = add(count, cost)
    local refused
    if lock > now then
      refused = lock
    elseif cost > 0 and total > points and not (flags >= 2 and count >= points) then
      refused = first and math.min(now + period, NEVER) or window
    end
    record, allowed = before, not refused
    if refused then
      state = told(false, before, false, false, count, refused, window, lock, -1)
    elseif a == 0 then
      state = told(true, before, false, false, count, math.max(window, lock), window, lock, -1)
    else
      local made = -1
      if first then window = math.min(now + period, NEVER) end
      if flags >= 2 and cost > 0 and total >= points then
        made = math.min(now + math.min(shortest * 2 ^ strikes, longest), NEVER)
        lock, strikes = made, math.min(strikes + 1, 31)
      end
      record = { count = total, window = window, lock = lock, strikes = strikes }
      local changes = math.max(window, lock)
      state = told(true, before, first, made >= 0, total, changes, window, lock, made)
    end
  else
    record, allowed, state = other(before, {
      action = action, locks = flags >= 2, points = points, threshold = threshold,
      period = period, shortest = shortest, longest = longest, a = a, b = b, c = c,
      counted = counted,
    })
  end
  if not allowed and (action == RESERVE or action == GCRA) then granted = false end
  befores[number], records[number] = before or false, record or false
  allows[number], answer[number + 1] = allowed, state
end

for number, record in ipairs(records) do
  local before = befores[number]
  if granted then
    local at = places[number]
    if record ~= before then
      local key = KEYS[at + 1]
      save(key, record, kept[at], before)
      local earlier = before and before.lock > now and before.lock
      local locked = record and record.lock > now and record.lock
      if locked and locked ~= earlier then
        announce(string.sub(key, -16), locked, string.sub(ARGV[number], HEAD + 1))
      elseif earlier and not locked then
        lift(string.sub(key, -16))
      end
    end
    local member = members[number]
    if member and record then
      local becomes = apply_member(member.record, record, member.action, member.window)
      save(KEYS[at + 2], becomes, kept[at + 1])
    end
  elseif allows[number] then
    -- Nothing is done, so it stands as it stood.
    answer[number + 1] = stands(before, before, true)
  end
end
answer[1] = struct.pack('<i8B', now, granted and 1 or 0)
return table.concat(answer)
