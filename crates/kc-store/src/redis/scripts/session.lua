-- What the scripts on sessions share. A session is a hash; the sorted sets that name it hold it until it ends for good.

-- These fields of a session; none of them when there is no session, or the key holds something else.
local function fields(session, ...)
  local got = redis.pcall('HMGET', session, ...)
  if got.err then return {} end
  return got
end

-- Away with a session, out of the sets that name it too; how many there were.
local function forget(session, member)
  local names = fields(session, 'name1', 'name2')
  for i = 1, 2 do
    if names[i] then redis.pcall('ZREM', names[i], member) end
  end
  return redis.call('DEL', session)
end

-- Keeps a session, unless its time is up. First the names: one that is not named cannot be logged out.
local function keep(keys, member, sealed, version, idle, ends, now)
  local left = math.min(idle, ends) - now
  if left <= 0 then return end
  for i = 2, #keys do
    redis.call('ZREMRANGEBYSCORE', keys[i], '-inf', now)
    redis.call('ZADD', keys[i], ends, member)
    local last = redis.call('ZRANGE', keys[i], -1, -1, 'WITHSCORES')
    redis.call('PEXPIRE', keys[i], tonumber(last[2]) - now)
    redis.call('HSET', keys[1], 'name' .. (i - 1), keys[i])
  end
  redis.call('HSET', keys[1], 'sealed', sealed, 'version', version, 'idle', idle, 'ends', ends)
  redis.call('PEXPIRE', keys[1], left)
end

