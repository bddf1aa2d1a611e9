-- A shopper has something here. ARGV: now or '', shop, owner, what, its term in seconds.
note(ARGV[2], ARGV[3], ARGV[4], clock(ARGV[1]), tonumber(ARGV[5]))
return 1
