-- What both scripts say of keys, times and blocks. All of their times are microseconds by the
-- server's clock, exact up to 2^53; what never comes is 2^53.
--
-- A script runs from its first line each time, and a function that is made costs a tenth of a
-- microsecond: what is seldom needed is made where it is needed.
local NEVER = 9007199254740992
local DAY = 86400000000
local RECORD = '<i8i8i8B'

local blocks = KEYS[1]
local root = string.sub(blocks, 1, -7)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function unpacked(text)
  if not text then return nil end
  local count, window, lock, strikes = struct.unpack(RECORD, text)
  return { count = count, window = window, lock = lock, strikes = strikes }
end

-- The client's address in a note: its length stands in the second byte.
local function address(note)
  return string.sub(note, 3, 2 + string.byte(note, 2))
end

local function announce(id, lock, note)
  -- Two others are looked at, so that an index holds few more than what is in force. It ends with
  -- the last that it was given.
  local function file(index)
    redis.call('ZADD', index, 0, id)
    for _, other in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
      if redis.call('EXISTS', root .. 'n' .. other) == 0 then
        redis.call('ZREM', index, other)
      end
    end
    if lock >= NEVER then
      redis.call('PERSIST', index)
      return
    end
    local left = redis.call('PTTL', index)
    local fresh = left == -1 and redis.call('ZCARD', index) == 1
    if fresh or (left >= 0 and now + left * 1000 < lock) then
      redis.call('PEXPIREAT', index, math.ceil(lock / 1000) + 1)
    end
  end

  if lock >= NEVER then
    redis.call('SET', root .. 'n' .. id, note)
  else
    redis.call('SET', root .. 'n' .. id, note, 'PXAT', math.ceil(lock / 1000))
  end
  file(blocks)
  local client = address(note)
  if client ~= '' then file(root .. 'a' .. client) end
end

local function lift(id)
  local note = redis.call('GET', root .. 'n' .. id)
  redis.call('ZREM', blocks, id)
  if note then
    redis.call('DEL', root .. 'n' .. id)
    local client = address(note)
    if client ~= '' then redis.call('ZREM', root .. 'a' .. client, id) end
  end
end
