-- Sessions: `SessionRecord` of panoply-core, said in Lua. All times are microseconds by the server's
-- clock, exact up to 2^53.
--
-- s<first> is a session under the key that it was made with: a hash of `m`, what is known of it, and
-- its values, `v` before each name. k<key> says where another key leads: to a first key, or to what
-- is left of a session, `T` and until when. u<user> has the first keys of a user's.
--
-- KEYS: the s or u of what is asked for. ARGV: what, and of what.
local HEAD = '<c32i8Bc32i8i8i8i8i8i8i8B'
local DAY = 86400000000
local DONE, GONE, STALE, TAKEN, LARGE = 0, 1, 2, 3, 4
local OWN, OLD, REPLACED, KNOWN, NONE = 3, 2, 1, 0, -1

local root = string.sub(KEYS[1], 1, -34)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- What nearly all calls are: a load by the key that the session has now. It needs none of what follows,
-- and reads its record with its values at once; whatever else there is falls through.
if ARGV[1] == 'load' then
  local key = ARGV[2]
  local first = redis.call('GET', root .. 'k' .. key) or key
  -- Nothing is found behind a tombstone.
  local fields = redis.call('HGETALL', root .. 's' .. first)
  for i = 1, #fields, 2 do
    local meta = fields[i] == 'm' and fields[i + 1]
    if meta and string.sub(meta, 1, 32) == key then
      local seen, idle, ends = struct.unpack('<i8i8i8', meta, 98)
      if math.min(seen + idle, ends) > now then return { OWN, now, first, meta, fields } end
    end
  end
end

local function millis(micros)
  return math.ceil(micros / 1000)
end

-- The session, unless it is over.
local function read(first)
  local text = redis.call('HGET', root .. 's' .. first, 'm')
  if not text then return nil end
  local r, has, count, at = { first = first, old = {} }, nil, nil, nil
  r.key, r.since, has, r.user, r.login, r.version, r.created, r.seen, r.idle, r.ends, r.bytes, count, at =
    struct.unpack(HEAD, text)
  if has == 0 then r.user = nil end
  if math.min(r.seen + r.idle, r.ends) <= now then return nil end
  for i = 1, count do
    local old = {}
    old.key, old.till, old.opens, at = struct.unpack('<c32i8B', text, at)
    r.old[i] = old
  end
  return r, text
end

local function way(r, key)
  if r.key == key then return OWN end
  for _, old in ipairs(r.old) do
    if old.key == key and old.till > now then return old.opens == 1 and OLD or REPLACED end
  end
  return r.first == key and KNOWN or NONE
end

-- What holds the key: a session, or a tombstone.
local function locate(key)
  local text = redis.call('GET', root .. 'k' .. key)
  if text and #text < 32 then
    return nil, struct.unpack('<i8', text, 2) > now
  end
  local r, meta = read(text or key)
  if r and way(r, key) == NONE then return nil, false end
  return r, false, meta
end

local what, key = ARGV[1], ARGV[2]

if what == 'load' then
  local r, _, meta = locate(key)
  if not r then return { NONE } end
  local found = way(r, key)
  if found < OLD then return { found } end
  return { found, now, r.first, meta, redis.call('HGETALL', root .. 's' .. r.first) }
end

local function write(r)
  local parts = { struct.pack(HEAD, r.key, r.since, r.user and 1 or 0, r.user or string.rep('\0', 32),
    r.login, r.version, r.created, r.seen, r.idle, r.ends, r.bytes, #r.old) }
  for _, old in ipairs(r.old) do
    parts[#parts + 1] = struct.pack('<c32i8B', old.key, old.till, old.opens)
  end
  local name = root .. 's' .. r.first
  redis.call('HSET', name, 'm', table.concat(parts))
  redis.call('PEXPIREAT', name, millis(math.min(r.seen + r.idle, r.ends)))
end

local function leave(r)
  if r.user then redis.call('ZREM', root .. 'u' .. r.user, r.first) end
end

-- Ends a session, and leaves tombstones where it still has a time to run.
local function finish(r)
  local till = math.min(r.ends, now + DAY)
  local function bury(one)
    redis.call('SET', root .. 'k' .. one, 'T' .. struct.pack('<i8', till), 'PXAT', millis(till))
  end
  bury(r.first)
  bury(r.key)
  for _, old in ipairs(r.old) do
    if old.till > now then bury(old.key) end
  end
  redis.call('DEL', root .. 's' .. r.first)
  leave(r)
end

-- The sessions of a user behind `from`; those that are over leave the index.
local function of_user(user, from, to, most, each)
  local index, found = root .. 'u' .. user, 0
  while found < most do
    local page = redis.call('ZRANGEBYLEX', index, from, to, 'LIMIT', 0, math.min(most - found, 1000))
    if #page == 0 then return end
    for _, first in ipairs(page) do
      local r, meta = read(first)
      if r and r.user == user then
        found = found + 1
        each(r, meta)
      else
        redis.call('ZREM', index, first)
      end
    end
    from = '(' .. page[#page]
  end
end

if what == 'list' then
  local listed = {}
  of_user(key, ARGV[3], '+', tonumber(ARGV[4]), function(r, meta)
    listed[#listed + 1] = r.first .. meta
  end)
  return { now, listed }
end

if what == 'end' then
  local r = locate(key)
  if not r or way(r, key) < OLD then return 0 end
  finish(r)
  return 1
end

if what == 'end-all' then
  local stays = ARGV[5] ~= '' and locate(ARGV[5])
  local ended = 0
  of_user(key, ARGV[3], ARGV[4], math.huge, function(r)
    if not stays or r.first ~= stays.first then
      finish(r)
      ended = ended + 1
    end
  end)
  return ended
end

-- What is left is a commit.
local creates, idle, life = ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
local does, user, most = ARGV[6], ARGV[7], tonumber(ARGV[8])
local to, grace, opens = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local expected, room, VALUES = ARGV[12], tonumber(ARGV[13]), 14

local r, tomb = locate(key)
if creates then
  if r then return { TAKEN } end
  if tomb then return { GONE } end
  r = { first = key, key = key, since = now, login = now, version = 1, created = now, seen = now,
    idle = 0, ends = now, bytes = 0, old = {} }
  -- What is left of one that is over.
  redis.call('DEL', root .. 's' .. key, root .. 'k' .. key)
else
  if not r or way(r, key) < OLD then return { GONE } end
  if expected ~= '' and tonumber(expected) ~= r.version then return { STALE } end
end

local name, bytes = root .. 's' .. r.first, r.bytes
for i = VALUES, #ARGV, 3 do
  local field = ARGV[i]
  if not creates and redis.call('HEXISTS', name, field) == 1 then
    bytes = bytes - #field + 1 - redis.call('HSTRLEN', name, field)
  end
  if ARGV[i + 1] == '1' then bytes = bytes + #field - 1 + #ARGV[i + 2] end
end
if bytes > room and bytes > r.bytes then return { LARGE, bytes } end
r.bytes = bytes

-- By an old key only where the answer with the current one was lost.
local soon, current = now + grace, r.key == key
local function lost()
  for _, old in ipairs(r.old) do
    if old.key == key then return old.opens == 1 and old.till > soon and now - r.since >= grace end
  end
end
local settles = opens == 1 and to == key and current and not creates
local cycles = to ~= '' and not creates and (opens == 0 or (to ~= key and (current or lost())))
if cycles then
  local other, buried = locate(to)
  if other or buried then return { TAKEN } end
end

-- Nothing is refused from here on.
for i = VALUES, #ARGV, 3 do
  if ARGV[i + 1] == '1' then
    redis.call('HSET', name, ARGV[i], ARGV[i + 2])
  elseif not creates then
    redis.call('HDEL', name, ARGV[i])
  end
end
if idle >= 0 then r.idle = idle end
if life >= 0 then r.ends = now + life end

local function points(one, till)
  if one ~= r.first then redis.call('SET', root .. 'k' .. one, r.first, 'PXAT', millis(till)) end
end

if settles or cycles and (opens == 0 or current) then
  for _, old in ipairs(r.old) do
    if old.till > soon then
      old.till = soon
      points(old.key, soon)
    end
  end
end
if cycles then
  local kept, own = {}, nil
  for _, old in ipairs(r.old) do
    if old.till > now then
      if opens == 0 then old.opens = 0 end
      if opens == 1 and old.key == key then own = old else kept[#kept + 1] = old end
    end
  end
  local till = opens == 1 and grace > 0 and r.ends or soon
  if till > now then
    kept[#kept + 1] = { key = r.key, till = till, opens = opens }
    points(r.key, till)
  else
    redis.call('DEL', root .. 'k' .. r.key)
  end
  -- The one that the client has comes last, and is the last to be forgotten.
  kept[#kept + 1] = own
  while #kept > 8 do
    redis.call('DEL', root .. 'k' .. table.remove(kept, 1).key)
  end
  r.old, r.key, r.since = kept, to, now
  redis.call('DEL', root .. 's' .. to)
end
if cycles or life >= 0 then points(r.key, r.ends) end

if does ~= 'keep' then
  leave(r)
  r.user = nil
end
if does == 'set' then r.user, r.login = user, now end
if not creates and (does ~= 'keep' or #ARGV >= VALUES) then r.version = r.version + 1 end
r.seen = now
write(r)

local evicted = 0
if r.user then
  local index = root .. 'u' .. r.user
  if does == 'set' then redis.call('ZADD', index, 0, r.first) end
  local left = redis.call('PTTL', index)
  if does == 'set' or life >= 0 then
    if left < 0 or now + left * 1000 < r.ends then redis.call('PEXPIREAT', index, millis(r.ends) + 1) end
  end
  if does == 'set' and most > 0 then
    local others = {}
    of_user(r.user, '-', '+', math.huge, function(other)
      if other.first ~= r.first then others[#others + 1] = other end
    end)
    -- Byte by byte: how texts compare depends on the server's locale.
    local function before(one, other)
      if one.login ~= other.login then return one.login < other.login end
      for i = 1, 32 do
        local a, b = string.byte(one.first, i), string.byte(other.first, i)
        if a ~= b then return a < b end
      end
      return false
    end
    table.sort(others, before)
    for i = 1, #others + 1 - most do
      finish(others[i])
      evicted = evicted + 1
    end
  end
end
return { DONE, r.version, now, math.min(r.seen + r.idle, r.ends), r.ends, cycles and 1 or 0, evicted }
