-- KEYS: the session. ARGV: member, idle, now.
local ends = tonumber(fields(KEYS[1], 'ends')[1])
if not ends then return 0 end
local left = math.min(tonumber(ARGV[2]), ends) - tonumber(ARGV[3])
if left <= 0 then return forget(KEYS[1], ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], left)
redis.call('HSET', KEYS[1], 'idle', ARGV[2])
return 1
