// SPDX-License-Identifier: Apache-2.0

/// The transactions in Lua. All keys are named, so that they hold under ACLs and in a cluster; a document lies as its
/// digest (64 digits) and its bytes behind it, so that what a writer expects is compared without hashing here.
enum RedisScripts {
    /// KEYS: store, holder, epoch. ARGV: token, lease in ms, floor.
    static let acquire = RedisScript(
        name: "acquire",
        text: """
            local store = redis.call('GET', KEYS[1])
            if not store then return {'empty'} end
            local holder = redis.call('GET', KEYS[2])
            local record = redis.call('GET', KEYS[3])
            if holder and holder ~= ARGV[1] then return {'held', holder, record or ''} end
            if holder and record and string.match(record, ' (.*)$') == holder then
                redis.call('PEXPIRE', KEYS[2], ARGV[2])
                return {'won', record, store}
            end
            local number = 0
            if record then
                number = tonumber(string.match(record, '^%d+'))
                if not number then return {'garbage', record} end
            end
            number = math.max(number, tonumber(ARGV[3])) + 1
            record = string.format('%.0f', number) .. ' ' .. ARGV[1]
            redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
            redis.call('SET', KEYS[3], record)
            return {'won', record, store}
            """)

    /// KEYS: holder. ARGV: token, lease in ms.
    static let renew = RedisScript(
        name: "renew",
        text: """
            if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return 1
            """)

    /// KEYS: holder, changes. ARGV: token, the holder's path.
    static let release = RedisScript(
        name: "release",
        text: """
            if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
            redis.call('DEL', KEYS[1])
            redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000', '*', 'path', ARGV[2])
            return 1
            """)

    /// KEYS: store, epoch. ARGV: identity; floor, and its record or nothing. Answers the identity that is there
    /// afterwards.
    static let found = RedisScript(
        name: "found",
        text: """
            if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 and ARGV[3] ~= '' then
                local record = redis.call('GET', KEYS[2])
                local number = record and tonumber(string.match(record, '^%d+')) or 0
                if tonumber(ARGV[2]) > number then redis.call('SET', KEYS[2], ARGV[3]) end
            end
            return redis.call('GET', KEYS[1])
            """)

    /// KEYS: store, epoch, document. ARGV: field of the document's hash, or nothing.
    static let view = RedisScript(
        name: "view",
        text: """
            local document
            if ARGV[1] == '' then document = redis.call('GET', KEYS[3])
            else document = redis.call('HGET', KEYS[3], ARGV[1]) end
            return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), document}
            """)

    /// What a fenced write begins with. KEYS: store, holder, epoch. ARGV: identity, token, epoch record, or nothing.
    private static let fence = """
        local store = redis.call('GET', KEYS[1])
        if not store then return {'empty'} end
        if ARGV[2] ~= '' then
            local record = redis.call('GET', KEYS[3])
            if store ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] or record ~= ARGV[3] then
                return {'fenced', record or ''}
            end
        end

        """

    /// KEYS: store, holder, epoch, document, marks, changes. ARGV: identity, token, epoch record; field; what is
    /// expected: any, none or a digest; digest and bytes, or nothing to remove it; path and family.
    static let write = RedisScript(
        name: "write",
        text: fence + """
            local found
            if ARGV[4] == '' then found = redis.call('GET', KEYS[4])
            else found = redis.call('HGET', KEYS[4], ARGV[4]) end
            local digest = found and string.sub(found, 1, 64) or 'none'
            if ARGV[5] ~= 'any' and ARGV[5] ~= digest then return {'conflict', found} end
            if ARGV[6] == '' then
                if ARGV[4] == '' then redis.call('DEL', KEYS[4]) else redis.call('HDEL', KEYS[4], ARGV[4]) end
            else
                if ARGV[4] == '' then redis.call('SET', KEYS[4], ARGV[6])
                else redis.call('HSET', KEYS[4], ARGV[4], ARGV[6]) end
            end
            local id = redis.call('XADD', KEYS[6], 'MAXLEN', '~', '1000', '*', 'path', ARGV[7])
            redis.call('HSET', KEYS[5], ARGV[7], id)
            if ARGV[8] ~= '' then redis.call('HSET', KEYS[5], ARGV[8], id) end
            return {'accepted'}
            """)

    /// KEYS: store, blob, blobs. ARGV: digest, bytes.
    static let putBlob = RedisScript(
        name: "putBlob",
        text: """
            if redis.call('EXISTS', KEYS[1]) == 0 then return {'empty'} end
            redis.call('SETNX', KEYS[2], ARGV[2])
            redis.call('SADD', KEYS[3], ARGV[1])
            return {'accepted'}
            """)

    /// KEYS: store, holder, epoch, blob, blobs. ARGV: identity, token, epoch record, digest.
    static let deleteBlob = RedisScript(
        name: "deleteBlob",
        text: fence + """
            redis.call('DEL', KEYS[4])
            redis.call('SREM', KEYS[5], ARGV[4])
            return {'accepted'}
            """)

    /// KEYS: store, marks, changes. ARGV: path. Answers the identity, the path's mark, and the last change of all.
    static let mark = RedisScript(
        name: "mark",
        text: """
            local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', '1')
            return {redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1]), last[1] and last[1][1] or '0-0'}
            """)
}
