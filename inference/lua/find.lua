-- ARGV: id, shop.
return snapshot(ARGV[1], ARGV[2])
