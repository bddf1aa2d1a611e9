-- Generations that a shop has taken of this month's quota. ARGV: now or '', shop.
return tonumber(redis.call('GET', (quota_of(ARGV[2], clock(ARGV[1])))) or '0')
