-- What the scripts on sessions share. A session is a hash; the sorted sets that name it hold it until it ends for good.
--
-- A Redis that is full refuses a script whose first change needs room, and none that has changed something already. So what
-- makes a session begins with such a change, and what keeps or ends one begins with another.

-- These fields of a session; none of them when there is no session, or the key holds something else, which is said too.
local function fields(session, ...)
  local got = redis.pcall('HMGET', session, ...)
  if got.err then return {}, true end
  return got, false
end

-- Away with a session, out of the sets that name it too; how many there were.
local function forget(session, member)
  local names = fields(session, 'name1', 'name2')
  local gone = redis.call('DEL', session)
  for i = 1, 2 do
    if names[i] then redis.pcall('ZREM', names[i], member) end
  end
  return gone
end

-- Keeps a session, unless its time is up. First its names: one that is not named cannot be logged out.
local function keep(keys, member, sealed, version, idle, ends, now)
  local session = keys[1]
  local left = math.min(idle, ends) - now
  if left <= 0 then return forget(session, member) end
  local names, foreign = fields(session, 'name1', 'name2')
  for i = 2, #keys do
    redis.call('ZADD', keys[i], ends, member)
    redis.call('ZREMRANGEBYSCORE', keys[i], '-inf', now)
    local last = redis.call('ZRANGE', keys[i], -1, -1, 'WITHSCORES')
    redis.call('PEXPIRE', keys[i], tonumber(last[2]) - now)
  end
  for i = 1, 2 do
    if names[i] and names[i] ~= keys[2] and names[i] ~= keys[3] then
      redis.pcall('ZREM', names[i], member)
    end
  end
  if foreign then redis.call('DEL', session) end
  redis.call('HSET', session, 'sealed', sealed, 'version', version, 'idle', idle, 'ends', ends,
    'name1', keys[2] or '', 'name2', keys[3] or '')
  redis.call('PEXPIRE', session, left)
end

