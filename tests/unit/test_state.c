/* Files of the state directory: modes, the key's form, its rotation. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/run/state.h"

#define NOW 1800000000u

struct fixture {
    char dir[64];
    char error[256];
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    memcpy(f->dir, "/tmp/phonegate-state-XXXXXX", 28);
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static void remove_file(const char *dir, const char *name) {
    char *path = state_path(dir, name);
    assert_true(unlink(path) == 0 || errno == ENOENT);
    free(path);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    remove_file(f->dir, STATE_NONCE_KEY);
    remove_file(f->dir, "other");
    assert_int_equal(rmdir(f->dir), 0); /* nothing is left behind */
    free(f);
    return 0;
}

static bool keys_at(struct fixture *f, const char *shared, uint64_t now_s,
                    struct nonce_keys *keys) {
    return state_nonce_keys(str_of(f->dir), str_of(shared), now_s, keys, f->error,
                            sizeof(f->error));
}

static void write_file(struct fixture *f, const char *name, const char *text, mode_t mode) {
    assert_true(state_write(f->dir, name, str_of(text), f->error, sizeof(f->error)));
    char *path = state_path(f->dir, name);
    assert_int_equal(chmod(path, mode), 0);
    free(path);
}

static void V28_the_directory_is_ours_alone(void **state) {
    struct fixture *f = *state;
    struct stat st;
    char *sub = state_path(f->dir, "new");
    assert_true(state_open(sub, f->error, sizeof(f->error)));
    assert_int_equal(stat(sub, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(state_open(sub, f->error, sizeof(f->error)));
    static const mode_t wide[] = {0701, 0710, 0704, 0740, 0777};
    for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
        assert_int_equal(chmod(sub, wide[i]), 0);
        assert_false(state_open(sub, f->error, sizeof(f->error)));
    }
    assert_int_equal(rmdir(sub), 0);
    free(sub);
    write_file(f, "other", "", 0600);
    char *file = state_path(f->dir, "other");
    char *below = state_path(file, "dir");
    assert_false(state_open(file, f->error, sizeof(f->error)));
    assert_false(state_open(below, f->error, sizeof(f->error)));
    free(file);
    free(below);
}

static void V28_the_key_stays(void **state) {
    struct fixture *f = *state;
    struct nonce_keys first = {.made_s = 0}, second = {.made_s = 0};
    struct stat st;
    assert_true(keys_at(f, "", NOW, &first));
    assert_true(keys_at(f, "", NOW + STATE_KEY_AGE_S, &second));
    assert_memory_equal(first.current, second.current, NONCE_KEY_LEN);
    assert_false(second.has_previous);
    assert_int_equal(second.made_s, NOW);
    char *path = state_path(f->dir, STATE_NONCE_KEY);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    free(path);
}

static void V28_the_key_changes_with_an_overlap(void **state) {
    struct fixture *f = *state;
    struct nonce_keys keys[3] = {{.made_s = 0}};
    for (uint64_t i = 0; i < 3; i++)
        assert_true(keys_at(f, "", NOW + i * (STATE_KEY_AGE_S + 1), &keys[i]));
    for (size_t i = 1; i < 3; i++) {
        assert_true(keys[i].has_previous);
        assert_memory_equal(keys[i].previous, keys[i - 1].current, NONCE_KEY_LEN);
        assert_memory_not_equal(keys[i].current, keys[i - 1].current, NONCE_KEY_LEN);
    }
    /* A clock that went back: as old as can be. */
    struct nonce_keys back = {.made_s = 0};
    assert_true(keys_at(f, "", NOW, &back));
    assert_memory_equal(back.previous, keys[2].current, NONCE_KEY_LEN);
}

static void V28_a_key_in_memory_changes_as_well(void **state) {
    (void)state;
    char error[256];
    struct nonce_keys keys = {.made_s = 0}, before;
    assert_true(state_nonce_keys(STR_NONE, STR_NONE, NOW, &keys, error, sizeof(error)));
    before = keys;
    assert_true(state_nonce_keys(STR_NONE, STR_NONE, NOW + 1, &keys, error, sizeof(error)));
    assert_memory_equal(&before, &keys, sizeof(keys));
    assert_true(state_nonce_keys(STR_NONE, STR_NONE, NOW + STATE_KEY_AGE_S + 1, &keys, error,
                                 sizeof(error)));
    assert_memory_equal(keys.previous, before.current, NONCE_KEY_LEN);
}

static void V28_a_bad_key_file_is_an_error(void **state) {
    struct fixture *f = *state;
    struct nonce_keys keys = {.made_s = 0};
    write_file(f, STATE_NONCE_KEY, "0123\n", 0600);
    assert_false(keys_at(f, "", NOW, &keys));
    assert_non_null(strstr(f->error, "64 hexadecimal digits"));
    char hex[66];
    memset(hex, 'a', 64);
    memcpy(hex + 64, "\n", 2);
    write_file(f, STATE_NONCE_KEY, hex, 0604);
    assert_false(keys_at(f, "", NOW, &keys));
    assert_non_null(strstr(f->error, "chmod"));
    assert_null(strstr(f->error, "aaaa"));
}

static void V28_a_shared_key_is_only_read(void **state) {
    struct fixture *f = *state;
    struct nonce_keys keys = {.made_s = 0};
    char text[140];
    memset(text, 'b', sizeof(text));
    memcpy(text + 64, "\n", 2);
    write_file(f, "other", text, 0600);
    char *path = state_path(f->dir, "other");
    assert_true(keys_at(f, path, NOW, &keys));
    assert_int_equal(keys.current[0], 0xbb);
    assert_false(keys.has_previous);
    text[65] = 'c';
    memset(text + 65, 'c', 64);
    text[129] = '\0';
    write_file(f, "other", text, 0600);
    assert_true(keys_at(f, path, NOW + 10 * STATE_KEY_AGE_S, &keys));
    assert_true(keys.has_previous);
    assert_int_equal(keys.previous[31], 0xcc);
    remove_file(f->dir, "other");
    assert_false(keys_at(f, path, NOW, &keys));
    free(path);
    char *own = state_path(f->dir, STATE_NONCE_KEY);
    assert_int_not_equal(access(own, F_OK), 0);
    free(own);
}

static void the_form_of_a_key_file(void **state) {
    (void)state;
    char hex[65], text[512], error[64];
    struct nonce_keys keys;
    memset(hex, 'e', 64);
    hex[64] = '\0';
    static const struct {
        const char *before, *after;
        bool good;
    } rows[] = {
        {"", "", true},      {"", "\n", true},
        {"", "\r\n", true},  {"", " 17\n", true},
        {"", " ", false},    {"", " x\n", false},
        {"", "0\n", false},  {"", " 999999999999999\n", false},
        {" ", "\n", false},  {"", "\n\n", false},
        {"", "\nff", false}, {"\n", "\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(text, sizeof(text), "%s%s%s", rows[i].before, hex, rows[i].after);
        assert_int_equal(nonce_key_parse(str_of(text), &keys, error, sizeof(error)), rows[i].good);
    }
    (void)snprintf(text, sizeof(text), "%s 5\n%s 3\n", hex, hex);
    assert_true(nonce_key_parse(str_of(text), &keys, error, sizeof(error)));
    assert_true(keys.has_previous && keys.made_s == 5);
    (void)snprintf(text, sizeof(text), "%s\n%s\n%s\n", hex, hex, hex);
    assert_false(nonce_key_parse(str_of(text), &keys, error, sizeof(error)));
    assert_false(nonce_key_parse(STR_NONE, &keys, error, sizeof(error)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(V28_the_directory_is_ours_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(V28_the_key_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(V28_the_key_changes_with_an_overlap, setup, teardown),
        cmocka_unit_test(V28_a_key_in_memory_changes_as_well),
        cmocka_unit_test_setup_teardown(V28_a_bad_key_file_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(V28_a_shared_key_is_only_read, setup, teardown),
        cmocka_unit_test(the_form_of_a_key_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
