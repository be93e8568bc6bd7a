-- Makes one decision: `Record` of panoply-core, said in Lua. KEYS: the index of blocks, then for
-- each operation its key and, where it has one, its member's. ARGV: the operations.
local MOST = NEVER - 1
local OPERATION = '<BBi8i8i8i8i8i8i8i8'
local HEAD = struct.size(OPERATION)
local STATE = '<Bi8i8i8i8'
local RESERVE, REFUND, GCRA, CONSUME, ADD, BLOCK, SET, GET, FORGET = 1, 2, 3, 4, 5, 6, 7, 8, 9

local function add(count, points)
  return math.max(math.min(count + points, MOST), -MOST)
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

local function over(record)
  local lock = record.strikes > 0 and after(record.lock, DAY) or record.lock
  return math.max(record.window, lock)
end

local function copy(record)
  if not record then return { count = 0, window = 0, lock = 0, strikes = 0 } end
  return {
    count = record.count, window = record.window, lock = record.lock, strikes = record.strikes,
  }
end

local function stand(record, existed)
  return {
    allowed = true, count = record.count, existed = existed ~= nil, locked = record.lock > now,
    changes = math.max(record.window, record.lock), window = record.window, lock = -1,
  }
end

local function absent(existed)
  return {
    allowed = true, count = 0, existed = existed ~= nil, changes = 0, window = 0, lock = -1,
  }
end

local function reserve(before, op, counted)
  local cost = counted and 0 or op.a
  local record = copy(before)
  local first = record.window <= now
  if first then record.count = 0 end
  local total = add(record.count, cost)
  local refused
  if record.lock > now then
    refused = record.lock
  else
    local again = op.locks and record.count >= op.points
    if cost > 0 and total > op.points and not again then
      refused = first and after(now, op.period) or record.window
    end
  end
  if refused then
    local state = stand(record, before)
    state.allowed, state.changes = false, refused
    return before, state
  end
  if op.a == 0 then return before, stand(record, before) end
  if first then record.window = after(now, op.period) end
  record.count = total
  local made = -1
  if op.locks and cost > 0 and total >= op.points then
    made = after(now, math.min(op.shortest * 2 ^ record.strikes, op.longest))
    record.lock = made
    record.strikes = math.min(record.strikes + 1, 31)
  end
  local state = stand(record, before)
  state.first, state.just, state.lock = first, made >= 0, made
  return record, state
end

local function refund(before, op, counted)
  if not before then return nil, absent() end
  local cost = counted and 0 or op.a
  local record = copy(before)
  local same = record.window == op.b and record.window > now
  if same then record.count = math.max(add(record.count, -cost), 0) end
  local made = op.c == record.lock
  local unearned = same and record.strikes > 0 and record.count < op.points
  if record.lock > now and (made or unearned) then
    record.lock = 0
    record.strikes = math.max(record.strikes - 1, 0)
  end
  return record, stand(record, before)
end

local function gcra(before, op)
  local points = math.max(op.points, 1)
  local arrival = before and math.max(before.window, now) or now
  local reached = after(arrival, op.b)
  local latest = after(now, op.period)
  local lock = before and before.lock or 0
  local locked = lock > now
  local allowed = reached <= latest and not locked
  local ends = allowed and reached or arrival
  local count = share(ends - now, points, math.max(op.period, 1))
  local state = {
    allowed = allowed, count = count, existed = before ~= nil, first = before == nil,
    locked = locked, window = 0, lock = -1,
  }
  if locked then
    state.changes = lock
  elseif allowed then
    state.changes = ends
  else
    state.changes = after(now, reached - latest)
  end
  if not allowed then return before, state end
  return { count = count, window = ends, lock = lock, strikes = 0 }, state
end

local function consume(before, op)
  local record = copy(before)
  if not before then record.window = after(now, op.b >= 0 and op.b or op.period) end
  local earlier = record.count
  record.count = add(earlier, op.a)
  local crosses = earlier < op.threshold and record.count >= op.threshold
  local just = false
  if op.locks and crosses and record.lock <= now then
    local lock = after(now, math.min(op.shortest, op.longest))
    if record.window >= NEVER or record.window < lock then record.window = lock end
    record.lock = record.window
    just = true
  end
  local state = stand(record, before)
  state.allowed = op.action == ADD or (record.count <= op.points and record.lock <= now)
  state.first, state.just = before == nil, just
  return record, state
end

local function apply(before, op, counted)
  local action = op.action
  if action == RESERVE then return reserve(before, op, counted) end
  if action == REFUND then return refund(before, op, counted) end
  if action == GCRA then return gcra(before, op) end
  if action == CONSUME or action == ADD then return consume(before, op) end
  if action == BLOCK then
    local ends = after(now, op.b)
    local record = { count = op.threshold, window = ends, lock = ends, strikes = 0 }
    local state = stand(record, before)
    state.just = true
    return record, state
  end
  if action == SET then
    local record = copy(before)
    record.count, record.window = op.a, after(now, op.b)
    return record, stand(record, before)
  end
  if action == FORGET then return nil, absent(before) end
  if before then return before, stand(before, before) end
  return nil, absent()
end

local function is_counted(member, set, op)
  if member and (member.count <= 0 or member.window <= now) then member = nil end
  if op.action == RESERVE then
    return member ~= nil and set ~= nil and member.window == set.window
  end
  return member == nil or member.count > 1 or member.window ~= op.b
end

local function apply_member(member, set, op)
  if member and member.window <= now then member = nil end
  if op.action == RESERVE then
    local count = member and member.window == set.window and member.count or 0
    return { count = add(count, 1), window = set.window, lock = 0, strikes = 0 }
  end
  if not member then return nil end
  if member.window == op.b then member.count = add(member.count, -1) end
  return member.count > 0 and member or nil
end

local function save(key, record, kept)
  local ends = record and over(record) or 0
  if ends > now then
    put(key, struct.pack(RECORD, record.count, record.window, record.lock, record.strikes), ends)
  elseif kept then
    redis.call('DEL', key)
  end
end

local kept = #KEYS > 1 and redis.call('MGET', unpack(KEYS, 2)) or {}
local plans, granted, place = {}, true, 0
for number, text in ipairs(ARGV) do
  local action, flags, points, threshold, period, shortest, longest, a, b, c =
    struct.unpack(OPERATION, text)
  local op = {
    action = action, locks = flags >= 2, points = points, threshold = threshold, period = period,
    shortest = shortest, longest = longest, a = a, b = b, c = c,
  }
  place = place + 1
  local plan = { op = op, place = place }
  local before = unpacked(kept[place])
  if before and over(before) <= now then before = nil end
  plan.before = before
  local counted = false
  if flags % 2 == 1 then
    place = place + 1
    plan.with_member, plan.member = true, unpacked(kept[place])
    counted = is_counted(plan.member, before, op)
  end
  plan.record, plan.state = apply(before, op, counted)
  if not plan.state.allowed and (action == RESERVE or action == GCRA) then granted = false end
  plans[number] = plan
end

if granted then
  for number, plan in ipairs(plans) do
    local before, record = plan.before, plan.record
    if record ~= before then
      local key = KEYS[plan.place + 1]
      save(key, record, kept[plan.place])
      local earlier = before and before.lock > now and before.lock
      local locked = record and record.lock > now and record.lock
      if locked and locked ~= earlier then
        announce(string.sub(key, -16), locked, string.sub(ARGV[number], HEAD + 1))
      elseif earlier and not locked then
        lift(string.sub(key, -16))
      end
    end
    if plan.with_member and record then
      local place = plan.place + 1
      save(KEYS[place + 1], apply_member(plan.member, record, plan.op), kept[place])
    end
  end
else
  for _, plan in ipairs(plans) do
    if plan.state.allowed then
      plan.state = plan.before and stand(plan.before, plan.before) or absent()
    end
  end
end

local answer = { struct.pack('<i8B', now, granted and 1 or 0) }
for number, plan in ipairs(plans) do
  local state = plan.state
  local flags = (state.allowed and 1 or 0) + (state.existed and 2 or 0) + (state.first and 4 or 0)
    + (state.locked and 8 or 0) + (state.just and 16 or 0)
  answer[number + 1] =
    struct.pack(STATE, flags, state.count, state.changes, state.window, state.lock)
end
return table.concat(answer)
