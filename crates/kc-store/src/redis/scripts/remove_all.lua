-- KEYS: the set that names them. ARGV: what stands before a member in the key of its session.
local gone = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  gone = gone + forget(ARGV[1] .. member, member)
end
redis.call('DEL', KEYS[1])
return gone
