-- Puts one text in the place of another. KEYS: where. ARGV: whether something is there before, what;
-- whether something is there then, what, and for how many milliseconds.
local found = redis.call('GET', KEYS[1])
if ARGV[1] == '1' and found ~= ARGV[2] or ARGV[1] == '0' and found then return 0 end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
else
  redis.call('DEL', KEYS[1])
end
return 1
