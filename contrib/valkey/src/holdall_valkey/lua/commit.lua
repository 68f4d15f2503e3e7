-- Compare the version and move, or change nothing. KEYS: the head, then the lane keys that ARGV names by number.
-- ARGV[1]: cmsgpack of {expect, version, changed, expires, not_after, stamp, lanes, marks, write, erase}; numbers are
-- strings, since Lua's would lose digits. A mark is kept as its score and the stamp of its entry in the index; 'n' is
-- the stamp of the entry by name. Answers {0, version found}, {1, [mark, stamp of its old entry, ...]} or {2}: too late.
local head = KEYS[1]
local asked = cmsgpack.unpack(ARGV[1])
local now = redis.call('TIME')
if tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) > tonumber(asked.not_after) then
    return {2}
end
local found = redis.call('HGET', head, 'v') or '0'
if found ~= asked.expect then
    return {0, found}
end
local old = {}
for _, mark in ipairs(asked.marks) do
    local kept = redis.call('HGET', head, 'M' .. mark[1])
    if kept then
        old[#old + 1] = mark[1]
        old[#old + 1] = string.match(kept, ' (.*)$')
    end
    if mark[2] == '' then
        redis.call('HDEL', head, 'M' .. mark[1])
    else
        redis.call('HSET', head, 'M' .. mark[1], mark[2] .. ' ' .. asked.stamp)
    end
end
if found == '0' then
    redis.call('HSET', head, 'n', asked.stamp)
end
for _, lane in ipairs(asked.lanes) do
    if lane[3] == '' then
        redis.call('HDEL', head, 'L' .. lane[1])
        redis.call('UNLINK', KEYS[lane[2]])
    else
        redis.call('HSET', head, 'L' .. lane[1], lane[3])
    end
end
for _, span in ipairs(asked.erase) do
    local at = span[2]
    while at < span[3] do
        local positions = {}
        while at < span[3] and #positions < 1000 do
            positions[#positions + 1] = string.format('%.0f', at)
            at = at + 1
        end
        redis.call('HDEL', KEYS[span[1]], unpack(positions))
    end
end
for _, record in ipairs(asked.write) do
    redis.call('HSET', KEYS[record[1]], record[2], record[3])
end
redis.call('HSET', head, 'v', asked.version, 'c', asked.changed, 'e', asked.expires)
return {1, old}
