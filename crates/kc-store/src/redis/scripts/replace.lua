-- KEYS: the session, the sets that name it. ARGV: member, sealed, version, idle, ends, now, the version before.
local before = fields(KEYS[1], 'version', 'idle')
if before[1] ~= ARGV[7] then return 0 end
local idle = math.max(tonumber(before[2]) or 0, tonumber(ARGV[4]))
-- Tokens that Keycloak has given out already must not be lost for want of room.
redis.call('PEXPIRE', KEYS[1], 1000)
keep(KEYS, ARGV[1], ARGV[2], ARGV[3], idle, tonumber(ARGV[5]), tonumber(ARGV[6]))
return 1
