-- Lists and releases blocks. ARGV: what, and of what.

local function locked(id)
  local note = redis.call('GET', root .. 'n' .. id)
  local record = note and unpacked(redis.call('GET', root .. 'c' .. id))
  if record and record.lock > now then return record, note end
  return nil
end

local function list(from, most)
  local found = {}
  while #found < most do
    local ids = redis.call('ZRANGEBYLEX', blocks, from, '+', 'LIMIT', 0, most - #found)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local record, note = locked(id)
      if record then
        local left = record.lock >= NEVER and NEVER or record.lock - now
        found[#found + 1] = id .. struct.pack('<i8i8', record.count, left) .. note
      else
        redis.call('ZREM', blocks, id)
      end
    end
    from = '(' .. ids[#ids]
  end
  return found
end

local function release(ids, client)
  local released = 0
  for _, id in ipairs(ids) do
    local record, note = locked(id)
    if record and (not client or address(note) == client) then
      redis.call('DEL', root .. 'c' .. id)
      lift(id)
      released = released + 1
    end
  end
  -- What is left of it is over.
  if client then redis.call('DEL', root .. 'a' .. client) end
  return released
end

-- Does once whatever a decision may come to do: what is not allowed here fails at the start.
local function probe()
  local key = root .. 'probe'
  redis.call('DEL', key)
  redis.call('MGET', key)
  redis.call('EXISTS', key)
  redis.call('SET', key, '', 'PXAT', math.ceil(now / 1000) + 60000)
  redis.call('GET', key)
  redis.call('DEL', key)
  redis.call('ZADD', key, 0, 'probe')
  redis.call('ZRANDMEMBER', key, 2)
  redis.call('ZRANGEBYLEX', key, '-', '+', 'LIMIT', 0, 1)
  redis.call('ZRANGE', key, 0, -1)
  redis.call('ZCARD', key)
  redis.call('PTTL', key)
  redis.call('PERSIST', key)
  redis.call('PEXPIREAT', key, math.ceil(now / 1000) + 60000)
  redis.call('ZREM', key, 'probe')
  return now
end

local what = ARGV[1]
if what == 'list' then return list(ARGV[2], tonumber(ARGV[3])) end
if what == 'id' then
  return release(redis.call('ZRANGEBYLEX', blocks, ARGV[2], ARGV[3]))
end
if what == 'client' then
  return release(redis.call('ZRANGE', root .. 'a' .. ARGV[2], 0, -1), ARGV[2])
end
return probe()
