-- The next members of an index behind a place in it. KEYS: the index. ARGV: score, member, how many, 'asc' or 'desc';
-- an empty score begins at the end that the walk starts from; no entry is the member itself. Members of one score are in the order of their bytes.
local key, count, down = KEYS[1], tonumber(ARGV[3]), ARGV[4] == 'desc'
local size = redis.call('ZCARD', key)
local place = down and size or 0
if ARGV[1] ~= '' then
    local low = redis.call('ZCOUNT', key, '-inf', '(' .. ARGV[1])
    local high = low + redis.call('ZCOUNT', key, ARGV[1], ARGV[1])
    while low < high do -- the first member that is behind the place
        local middle = math.floor((low + high) / 2)
        local member = redis.call('ZRANGE', key, middle, middle)[1]
        if member < ARGV[2] then
            low = middle + 1
        else
            high = middle
        end
    end
    place = low
end
if down then
    if place == 0 then
        return {}
    end
    local first = math.max(place - count, 0)
    local found = redis.call('ZRANGE', key, first, place - 1, 'WITHSCORES')
    local turned = {}
    for at = #found - 1, 1, -2 do
        turned[#turned + 1] = found[at]
        turned[#turned + 1] = found[at + 1]
    end
    return turned
end
return redis.call('ZRANGE', key, place, place + count - 1, 'WITHSCORES')
