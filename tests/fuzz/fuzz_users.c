/* Any octets as a users file: who was added is found by name and nobody else is. */
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
    size_t colon = str_find(line, ':', 0);
    struct str name = str_part(line, 0, colon);
    const struct user *user = users_find(u, name);
    ENSURE(user != NULL && str_equal(user->name, name) && str_is_utf8(name));
    ENSURE(name.len > 0 && name.len <= USERS_NAME_MAX);
    ENSURE(user->has[HASH_MD5] || user->has[HASH_SHA256]);
    ENSURE(users_count(u) >= before && users_count(u) <= before + 1);
    /* The same line again never adds anything. */
    ENSURE(users_add_line(u, line) == USERS_LINE_REPEATED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t key[2] = {1, 2};
    struct users *u = users_new(STR("r"), key);
    struct str rest = {(const char *)data, size};
    struct str line;
    while (size > 0 && str_split(&rest, '\n', &line)) add_line(u, line);
    for (size_t i = 0; i < users_count(u); i++)
        ENSURE(users_find(u, users_at(u, i)->name) == users_at(u, i));
    users_free(u);
    return 0;
}
