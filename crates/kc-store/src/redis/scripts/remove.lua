-- KEYS: the session. ARGV: member.
return forget(KEYS[1], ARGV[1])
