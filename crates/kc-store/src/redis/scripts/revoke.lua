-- KEYS: the stream; the hash of not-befores. ARGV: sealed, for how many milliseconds to keep it, the not-before's issuer.
local time = redis.call('TIME')
local oldest = math.max(time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2], 0)
local id = redis.call('XADD', KEYS[1], 'MINID', '=', string.format('%.0f', oldest), '*', 'sealed', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] then redis.call('HSET', KEYS[2], ARGV[3], ARGV[1]) end
return id
