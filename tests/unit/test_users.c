/* Lines of a users file, and finding who is in it. */
#include "policy/auth/users.h"
#include "tests/unit/auth_helper.h"

#define MD5_HEX "0123456789abcdef0123456789ABCDEF"
#define SHA_HEX MD5_HEX MD5_HEX
#define NO_HEX  "ghijklmnopqrstuv"

static void lines(void **state) {
    (void)state;
    char long_name[512];
    memset(long_name, 'x', 256);
    (void)snprintf(long_name + 255, sizeof(long_name) - 255, ":" REALM ":" MD5_HEX);
    static const struct {
        const char *line;
        enum users_line want;
    } rows[] = {
        {"alice:" REALM ":" MD5_HEX, USERS_LINE_OK},
        {"alice:" REALM ":" SHA_HEX, USERS_LINE_OK},
        {"alice:" REALM ":" MD5_HEX, USERS_LINE_REPEATED},
        {"alice:" REALM ":" SHA_HEX, USERS_LINE_REPEATED},
        {"Alice:" REALM ":" SHA_HEX, USERS_LINE_OK},
        {"J\xc3\xa4s\xc3\xb8n Doe:" REALM ":" SHA_HEX, USERS_LINE_OK},
        {"two words:" REALM ":" SHA_HEX, USERS_LINE_OK},
        {"", USERS_LINE_EMPTY},
        {" \t ", USERS_LINE_EMPTY},
        {"# a comment: with: colons", USERS_LINE_EMPTY},
        {"alice", USERS_LINE_MALFORMED},
        {"alice:" MD5_HEX, USERS_LINE_MALFORMED},
        {":" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"a:b:" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"a\xff:" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"a\x01:" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"a\x7f:" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"a\xc2\x85:" REALM ":" MD5_HEX, USERS_LINE_BAD_NAME}, /* NEL, a C1 control */
        {"a\xc2\xa0:" REALM ":" MD5_HEX, USERS_LINE_OK},
        {"carol:other realm:" MD5_HEX, USERS_LINE_BAD_REALM},
        {"carol:" REALM "m:" MD5_HEX, USERS_LINE_BAD_REALM},
        {"carol::" MD5_HEX, USERS_LINE_BAD_REALM},
        {"carol:" REALM ":", USERS_LINE_BAD_HASH},
        {"carol:" REALM ":secret", USERS_LINE_BAD_HASH},
        {"carol:" REALM ":" MD5_HEX "0", USERS_LINE_BAD_HASH},
        {"carol:" REALM ":" MD5_HEX " ", USERS_LINE_BAD_HASH},
        {"carol:" REALM ":" NO_HEX NO_HEX, USERS_LINE_BAD_HASH},
        {"alice:" REALM ":SHA-512-256:" SHA_HEX, USERS_LINE_OK},
        {"alice:" REALM ":SHA-512-256:" SHA_HEX, USERS_LINE_REPEATED},
        {"carol:" REALM ":SHA-512-256:" MD5_HEX, USERS_LINE_BAD_HASH},
        {"carol:" REALM ":sha-512-256:" SHA_HEX, USERS_LINE_BAD_NAME},
        {"carol:" REALM ":SHA-256:" SHA_HEX, USERS_LINE_BAD_NAME},
        {"carol:other:SHA-512-256:" SHA_HEX, USERS_LINE_BAD_REALM},
        {":" REALM ":SHA-512-256:" SHA_HEX, USERS_LINE_BAD_NAME},
        {"carol:SHA-512-256:" SHA_HEX, USERS_LINE_BAD_REALM},
        {"carol:" REALM
         ":SHA-512-256:c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a",
         USERS_LINE_BAD_HASH},
        /* lighttpd's fourth field */
        {"Bob:" REALM ":" SHA_HEX ":" SHA_HEX, USERS_LINE_OK},
        {"Bob:" REALM ":" MD5_HEX ":" MD5_HEX, USERS_LINE_OK},
        {"Bob:" REALM ":" MD5_HEX, USERS_LINE_REPEATED},
        {"carol:" REALM ":" MD5_HEX ":" SHA_HEX, USERS_LINE_BAD_NAME},
        {"carol:" REALM ":" MD5_HEX ":", USERS_LINE_BAD_NAME},
        {"carol:" REALM ":" MD5_HEX ":" NO_HEX NO_HEX, USERS_LINE_BAD_NAME},
        {"carol:other:" MD5_HEX ":" MD5_HEX, USERS_LINE_BAD_REALM},
        {"a:b:" REALM ":" MD5_HEX ":" MD5_HEX, USERS_LINE_BAD_NAME},
        {"carol:" REALM ":d41d8cd98f00b204e9800998ecf8427e", USERS_LINE_BAD_HASH},
        {"carol:" REALM ":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
         USERS_LINE_BAD_HASH},
    };
    struct users *u = users_new(STR(REALM), test_hash_key);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum users_line got = users_add_line(u, str_of(rows[i].line));
        if (got != rows[i].want)
            fail_msg("%s: %s, not %s", rows[i].line, users_line_str(got),
                     users_line_str(rows[i].want));
    }
    assert_int_equal(users_add_line(u, str_of(long_name)), USERS_LINE_OK);
    memmove(long_name + 1, long_name, strlen(long_name) + 1);
    assert_int_equal(users_add_line(u, str_of(long_name)), USERS_LINE_BAD_NAME);
    assert_int_equal(users_count(u), 7);
    assert_null(users_find(u, STR("carol")));
    users_free(u);
}

static void both_hashes_belong_to_one_user(void **state) {
    (void)state;
    struct users *u = users_new(STR(REALM), test_hash_key);
    uint8_t first[4] = {0x01, 0x23, 0x45, 0x67};
    assert_int_equal(users_add_line(u, STR("bob:" REALM ":" SHA_HEX)), USERS_LINE_OK);
    assert_int_equal(users_add_line(u, STR("alice:" REALM ":" MD5_HEX)), USERS_LINE_OK);
    assert_int_equal(users_add_line(u, STR("bob:" REALM ":" MD5_HEX)), USERS_LINE_OK);
    const struct user *bob = users_find(u, STR("bob"));
    const struct user *alice = users_find(u, STR("alice"));
    assert_ptr_equal(bob, users_at(u, 0));
    assert_ptr_equal(alice, users_at(u, 1));
    assert_true(bob->has[HASH_MD5] && bob->has[HASH_SHA256] && !bob->has[HASH_SHA512_256]);
    assert_true(alice->has[HASH_MD5] && !alice->has[HASH_SHA256]);
    assert_memory_equal(alice->ha1[HASH_MD5], first, sizeof(first));
    assert_memory_equal(bob->ha1[HASH_SHA256] + 16, first, sizeof(first));
    users_free(u);
    users_free(NULL);
}

static void V17_names_are_found_byte_for_byte(void **state) {
    (void)state;
    struct users *u = users_new(STR(REALM), test_hash_key);
    char line[256];
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(line, sizeof(line), "user%u:" REALM ":" MD5_HEX, i);
        assert_int_equal(users_add_line(u, str_of(line)), USERS_LINE_OK);
    }
    assert_int_equal(users_count(u), 3000);
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(line, sizeof(line), "user%u", i);
        assert_ptr_equal(users_find(u, str_of(line)), users_at(u, i));
    }
    assert_null(users_find(u, STR("user3000")));
    assert_null(users_find(u, STR("User1")));
    assert_null(users_find(u, STR("user")));
    assert_null(users_find(u, STR("")));
    assert_null(users_find(u, (struct str){"user1", 6}));
    users_free(u);
}

static void V16_names_are_found_by_their_hash(void **state) {
    (void)state;
    struct users *u = users_new(STR(REALM), test_hash_key);
    struct hasher *h = hasher_new();
    char line[256], name[16];
    uint8_t hash[HASH_MAX_LEN];
    for (unsigned i = 0; i < 3000; i++) {
        (void)snprintf(line, sizeof(line), "user%u:" REALM ":%s", i, i % 2 ? MD5_HEX : SHA_HEX);
        assert_int_equal(users_add_line(u, str_of(line)), USERS_LINE_OK);
    }
    assert_null(users_find_hashed(u, HASH_MD5, hash)); /* before they are hashed */
    users_hash_names(u, h);
    for (unsigned i = 0; i < 3001; i++) {
        (void)snprintf(name, sizeof(name), "user%u", i);
        const struct str parts[] = {str_of(name), STR(":" REALM)};
        for (int alg = 0; alg < HASH_ALGS; alg++) {
            assert_true(hash_parts(h, (enum hash_alg)alg, parts, 2, hash));
            bool here = i < 3000 && alg == (i % 2 ? HASH_MD5 : HASH_SHA256);
            assert_ptr_equal(users_find_hashed(u, (enum hash_alg)alg, hash),
                             here ? users_at(u, i) : NULL);
        }
    }
    hasher_free(h);
    users_free(u);
}

static void limits_take_away(void **state) {
    (void)state;
    struct users *u = users_new(STR(REALM), test_hash_key);
    struct hasher *h = hasher_new();
    const struct user_limits no_md5 = {.md5_is_off = true, .ends_ms = 17};
    const struct user_limits disabled = {.disabled = true};
    static const uint8_t nothing[HASH_MAX_LEN];
    uint8_t hash[HASH_MAX_LEN];
    assert_int_equal(users_add_line(u, STR("bob:" REALM ":" MD5_HEX)), USERS_LINE_OK);
    assert_int_equal(users_add_line(u, STR("bob:" REALM ":" SHA_HEX)), USERS_LINE_OK);
    assert_true(users_limit(u, STR("bob"), &no_md5));
    assert_false(users_limit(u, STR("Bob"), &disabled));
    const struct user *bob = users_find(u, STR("bob"));
    assert_true(bob->limits.md5_is_off && bob->limits.ends_ms == 17 && !bob->limits.disabled);
    assert_true(!bob->has[HASH_MD5] && bob->has[HASH_SHA256]);
    assert_memory_equal(bob->ha1[HASH_MD5], nothing, sizeof(nothing));
    users_hash_names(u, h);
    const struct str parts[] = {STR("bob:" REALM)};
    assert_true(hash_parts(h, HASH_MD5, parts, 1, hash));
    assert_null(users_find_hashed(u, HASH_MD5, hash));
    assert_true(hash_parts(h, HASH_SHA256, parts, 1, hash));
    assert_ptr_equal(users_find_hashed(u, HASH_SHA256, hash), bob);
    hasher_free(h);
    users_free(u);
}

static void verdicts_have_words(void **state) {
    (void)state;
    for (int i = 0; i <= USERS_LINE_REPEATED; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(users_line_str((enum users_line)i),
                                    users_line_str((enum users_line)j));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(both_hashes_belong_to_one_user),
        cmocka_unit_test(V17_names_are_found_byte_for_byte),
        cmocka_unit_test(V16_names_are_found_by_their_hash),
        cmocka_unit_test(limits_take_away),
        cmocka_unit_test(verdicts_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
