-- What nearly all decisions are: one reservation that locks nobody, of a counter that nobody has
-- locked. It needs none of what follows and takes half of the time; whatever else there is falls
-- through. What it says and keeps is the same to the byte.
local single = #ARGV == 1 and string.sub(ARGV[1], 1, 2)
if single == '\1\0' or single == '\1\2' then
  local points, period, cost = struct.unpack('<xxi8xxxxxxxxi8xxxxxxxxxxxxxxxxi8', ARGV[1])
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local key = KEYS[2]
  local text = redis.call('MGET', key)[1]
  local count, window, lock, strikes = 0, 0, 0, 0
  if text then count, window, lock, strikes = struct.unpack('<i8i8i8B', text) end
  local stands = window > now
  if not stands then count, window = 0, 0 end
  local total = math.min(count + cost, 9007199254740991)
  local locks = single == '\1\2' and total >= points
  local ends = stands and window or math.min(now + period, 9007199254740992)
  -- What never ends, or has ended already, is kept otherwise.
  local keeps = stands or (ends > now and ends < 9007199254740992)
  if lock == 0 and strikes == 0 and cost > 0 and keeps and not locks then
    if total > points then
      return struct.pack('<i8BBi8i8i8i8', now, 0, stands and 2 or 0, count, ends, window, -1)
    end
    local kept = struct.pack('<i8i8i8B', total, ends, 0, 0)
    if stands then
      -- The end of a window does not move, and a time costs more to say than all else.
      redis.call('SET', key, kept, 'KEEPTTL')
    else
      redis.call('SET', key, kept, 'PXAT', math.ceil(ends / 1000))
    end
    return struct.pack('<i8BBi8i8i8i8', now, 1, stands and 3 or 5, total, ends, ends, -1)
  end
end

