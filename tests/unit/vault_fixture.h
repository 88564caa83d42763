/* vault_fixture.h: a directory with a key, and vaults in it. */
#ifndef TESTS_UNIT_VAULT_FIXTURE_H
#define TESTS_UNIT_VAULT_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/vault/vault.h"

#define VAULT_TEXT_MAX 8192

struct vault_fixture {
    char dir[64], path[80], key[80], error[512];
    struct vault_key_source source;
};

static inline void vault_fixture_write(const char *path, const void *text, size_t len,
                                       mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static inline size_t vault_fixture_read(const char *path, char text[VAULT_TEXT_MAX]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, text, VAULT_TEXT_MAX);
    assert_in_range(len, 0, VAULT_TEXT_MAX - 1);
    close(fd);
    return (size_t)len;
}

static inline void vault_fixture_init(struct vault_fixture *f) {
    static const char key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
    memcpy(f->dir, "/tmp/phonegate-vault-XXXXXX", 28);
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/vault", f->dir);
    snprintf(f->key, sizeof(f->key), "%s/key", f->dir);
    vault_fixture_write(f->key, key, sizeof(key) - 1, 0600);
    f->source = (struct vault_key_source){VAULT_KEY_FILE, f->key};
}

/* Also says that no other file is left behind. */
static inline void vault_fixture_deinit(struct vault_fixture *f) {
    unlink(f->path);
    unlink(f->key);
    assert_int_equal(rmdir(f->dir), 0);
}

static inline struct vault *vault_fixture_open(struct vault_fixture *f, bool create) {
    struct vault *v = vault_open(f->path, &f->source, create, f->error, sizeof(f->error));
    if (v == NULL) fail_msg("%s", f->error);
    return v;
}

static inline void vault_fixture_commit(struct vault_fixture *f, struct vault *v) {
    if (!vault_commit(v, f->error, sizeof(f->error))) fail_msg("%s", f->error);
}

/* Three records of two phones. */
static inline void vault_fixture_fill(struct vault_fixture *f) {
    struct vault *v = vault_fixture_open(f, true);
    assert_true(vault_put(v, STR("101"), STR("http_pass"), VAULT_CURRENT, STR("first-secret")));
    assert_true(vault_put(v, STR("101"), STR("http_pass"), VAULT_CANDIDATE, STR("next-secret")));
    assert_true(vault_put(v, STR("102"), STR("http_pass"), VAULT_CURRENT, STR("other-secret")));
    vault_fixture_commit(f, v);
    vault_close(v);
}

/* The value, or "" where there is none. */
static inline struct str vault_fixture_get(const struct vault *v, const char *phone,
                                           enum vault_which which) {
    struct str value = STR("");
    if (!vault_get(v, str_of(phone), STR("http_pass"), which, &value)) return STR("");
    return value;
}

#endif
