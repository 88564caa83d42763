/* config_fixture.h: a directory with everything tests/vectors/config/base.cfg names. The test's
 * working directory is changed to it, so that messages show short names. */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/base/str.h"
#include "proxy/config/config.h"
#include "tests/unit/tls_fixture.h"

struct config_fixture {
    char dir[64];
    char *base, *model; /* texts of base.cfg and model.cfg */
    size_t reported;
    char messages[65536]; /* "error FILE:LINE: TEXT\n" ... */
    size_t len;
};

static inline void fixture_fail(const char *what) {
    perror(what);
    abort();
}

static inline char *fixture_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fixture_fail(path);
    char *text = calloc(1, 1 << 20);
    if (text == NULL || fread(text, 1, (1 << 20) - 1, file) == 0) fixture_fail(path);
    (void)fclose(file);
    return text;
}

/* Write a file of the fixture, replacing what was there. */
static inline void fixture_write(const char *path, mode_t mode, const char *text, size_t len) {
    (void)unlink(path);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(text, 1, len, file) != len || fclose(file) != 0) fixture_fail(path);
    if (chmod(path, mode) != 0) fixture_fail(path);
}

static inline void fixture_put(const char *path, mode_t mode, const char *text) {
    fixture_write(path, mode, text, strlen(text));
}

static inline void fixture_make_dir(const char *path) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) fixture_fail(path);
}

/* A CA; a certificate of its own making that covers both names; one signed by itself; one that is
 * over; and a key that belongs to none. */
static inline void fixture_certificates(void) {
    char path[128];
    EVP_PKEY *ca_key = fixture_ec_key(), *key = fixture_ec_key(), *other = fixture_ec_key();
    const char *names = "DNS:gate.example.com,DNS:*.phones.example.com";
    X509 *ca = fixture_cert_new((struct fixture_cert){.cn = "CA", .key = ca_key, .ca = true});
    X509 *good = fixture_cert_new((struct fixture_cert){
        .cn = "gate", .sans = names, .key = key, .issuer = ca, .issuer_key = ca_key});
    X509 *self = fixture_cert_new((struct fixture_cert){.cn = "self", .sans = names, .key = key});
    X509 *old = fixture_cert_new((struct fixture_cert){.cn = "old",
                                                       .sans = names,
                                                       .key = key,
                                                       .issuer = ca,
                                                       .issuer_key = ca_key,
                                                       .from_days = -20,
                                                       .to_days = -10});
    fixture_write_cert("tls", "ca.crt", ca, path);
    fixture_write_cert("tls", "gate.crt", good, path);
    fixture_write_cert("tls", "self.crt", self, path);
    fixture_write_cert("tls", "old.crt", old, path);
    fixture_write_key("tls", "gate.key", key, NULL, path);
    fixture_write_key("tls", "other.key", other, NULL, path);
    X509_free(ca);
    X509_free(good);
    X509_free(self);
    X509_free(old);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Everything but the certificates as it should be, whatever the last case did. */
static inline void fixture_reset(struct config_fixture *f) {
    if (chmod("tls/gate.key", 0600) != 0 || chmod("tls/other.key", 0600) != 0)
        fixture_fail("chmod");
    fixture_put("secrets/101", 0600, "correct horse\n");
    fixture_put("secrets/102", 0600, "battery staple\n");
    fixture_put("profiles/model.cfg", 0644, f->model);
    fixture_put("phonegate.cfg", 0644, f->base);
    fixture_put("users", 0600,
                "# people\n"
                "alice:phones.example.com:"
                "7a1f9f9a6e6e4da5e55ce25fcad3c6418a910e234071a352502efc5f6bc80344\n"
                "bob:phones.example.com:"
                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
}

static inline struct config_fixture *fixture_new(void) {
    struct config_fixture *f = calloc(1, sizeof(*f));
    if (f == NULL) fixture_fail("calloc");
    f->base = fixture_read("tests/vectors/config/base.cfg");
    f->model = fixture_read("tests/vectors/config/model.cfg");
    (void)unsetenv("STATE_DIRECTORY");
    if (chdir(fixture_dir_make(f->dir)) != 0) fixture_fail(f->dir);
    const char *const dirs[] = {"tls", "secrets", "profiles", "users.d", "conf.d"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) fixture_make_dir(dirs[i]);
    fixture_certificates();
    fixture_reset(f);
    return f;
}

static inline void fixture_free(struct config_fixture *f) {
    if (chdir("/") != 0) fixture_fail("/");
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    if (system(command) != 0) fixture_fail(command);
    free(f->base);
    free(f->model);
    free(f);
}

static inline void fixture_report(void *user, enum config_level level, const char *file,
                                  unsigned line, const char *text) {
    struct config_fixture *f = user;
    int more = snprintf(f->messages + f->len, sizeof(f->messages) - f->len, "%s %s:%u: %s\n",
                        level == CONFIG_ERROR ? "error" : "warning", file, line, text);
    if (more > 0 && f->len + (size_t)more < sizeof(f->messages)) f->len += (size_t)more;
    f->reported++;
}

/* Load phonegate.cfg; what is reported stands in f->messages. */
static inline enum config_result fixture_load(struct config_fixture *f, struct config **config) {
    f->len = f->reported = 0;
    f->messages[0] = '\0';
    return config_load("phonegate.cfg", fixture_report, f, config);
}

#endif
