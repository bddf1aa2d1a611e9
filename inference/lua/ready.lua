-- Workers that are alive and have their model loaded. ARGV: now or ''.
local now = text(clock(ARGV[1]))
redis.call('ZREMRANGEBYSCORE', OURS .. ':ready', '-inf', now)
return redis.call('ZCARD', OURS .. ':ready')
