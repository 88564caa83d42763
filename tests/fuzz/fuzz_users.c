/* Any octets as a users file: who was added is found by name and by its hash, and
 * nobody else is. */
#include <string.h>

#include "policy/auth/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_line(struct users *u, struct str line) {
    size_t before = users_count(u);
    enum users_line verdict = users_add_line(u, line);
    ENSURE(users_line_str(verdict) != NULL);
    if (verdict != USERS_LINE_OK) {
        ENSURE(users_count(u) == before);
        return;
    }
    struct users_fields fields;
    ENSURE(users_split_line(line, &fields) && str_equal(fields.realm, STR("r")));
    struct str name = fields.name;
    const struct user *user = users_find(u, name);
    ENSURE(user != NULL && str_equal(user->name, name) && str_is_utf8(name));
    ENSURE(name.len > 0 && name.len <= USERS_NAME_MAX);
    enum hash_alg alg = fields.hex.len == 32       ? HASH_MD5
                        : fields.algorithm.len > 0 ? HASH_SHA512_256
                                                   : HASH_SHA256;
    ENSURE(user->has[alg] && fields.hex.len == 2 * hash_len(alg));
    ENSURE(users_count(u) >= before && users_count(u) <= before + 1);
    /* The same line again never adds anything. */
    ENSURE(users_add_line(u, line) == USERS_LINE_REPEATED);
}

static void check_hashes(const struct users *u, struct hasher *h, const struct user *user) {
    for (int i = 0; i < HASH_ALGS; i++) {
        enum hash_alg alg = (enum hash_alg)i;
        const struct str parts[] = {user->name, STR(":r")};
        uint8_t hash[HASH_MAX_LEN];
        ENSURE(hash_parts(h, alg, parts, ARRAY_LEN(parts), hash));
        ENSURE(users_find_hashed(u, alg, hash) == (user->has[alg] ? user : NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t key[2] = {1, 2};
    struct users *u = users_new(STR("r"), key);
    struct str rest = {(const char *)data, size};
    struct str line;
    while (size > 0 && str_split(&rest, '\n', &line)) add_line(u, line);
    const struct user_limits limits = {.md5_is_off = true, .disabled = true, .ends_ms = size};
    if (users_count(u) > 0) {
        const struct user *first = users_at(u, 0);
        ENSURE(users_limit(u, first->name, &limits) && !first->has[HASH_MD5]);
    }
    ENSURE(!users_limit(u, STR("no:name"), &limits));
    struct hasher *h = hasher_new();
    users_hash_names(u, h);
    for (size_t i = 0; i < users_count(u); i++) {
        ENSURE(users_find(u, users_at(u, i)->name) == users_at(u, i));
        check_hashes(u, h, users_at(u, i));
    }
    hasher_free(h);
    users_free(u);
    return 0;
}
