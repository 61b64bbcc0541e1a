-- KEYS: the session, the sets that name it. ARGV: member, sealed, version, idle, ends, now.
keep(KEYS, ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
return 1
